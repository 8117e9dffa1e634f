"""The row of the read model for a document that stands, as the projector would have left it."""

from titan.codec.summary import summarise
from titan.events.project import Listed, facets
from titan.metamodel.kinds import KINDS
from titan.storage.rebuild import Stands


def listed(stands: Stands) -> Listed:
    """Project a document instead of an event. The head says all that can be found of it."""
    summary = summarise(KINDS[stands.kind], stands.head)
    return Listed(
        kind=stands.kind,
        sort=stands.created,
        key=stands.key,
        id=stands.id,
        id_short=summary.id_short,
        created_at=stands.created_at,
        updated_at=stands.updated_at,
        facets=facets(stands.kind, summary),
    )
