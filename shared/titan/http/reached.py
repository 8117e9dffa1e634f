"""Which document a path leads to, and by way of which other.

A submodel below a shell is the submodel of its repository, as long as the shell refers to it.
"""

from collections.abc import Sequence

from msgspec import Struct

from titan.codec.shells import refers_to
from titan.errors import NotFound
from titan.http.routes import Call
from titan.metamodel.kinds import KINDS, SHELL, SUBMODEL, Subject


class Reached(Struct, frozen=True):
    """A document, and the shell that it was reached by."""

    subject: Subject
    by: Subject | None

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Of everything that an answer about it depends on."""
        return (self.subject.key,) if self.by is None else (self.subject.key, self.by.key)

    def confirm(self, shell: Sequence[bytes] | None) -> None:
        """See whether the way is still there; `shell` is the document that it goes by, None where it is not there.

        Raises:
            NotFound: where the shell is not there, or does not refer to the submodel.
        """
        if self.by is None:
            return
        if shell is None:
            raise missing(self.by)
        if not refers_to(b"".join(shell), self.subject.id):
            raise NotFound(f"The shell {self.by.id!r} does not refer to a submodel {self.subject.id!r}.")


def reached(call: Call) -> Reached:
    """Say which document a request is about."""
    shell, submodel = call.named.get("aasIdentifier"), call.named.get("submodelIdentifier")
    if submodel is not None:
        return Reached(Subject(SUBMODEL, submodel), Subject(SHELL, shell) if shell is not None else None)
    return Reached(Subject(KINDS[call.operation.kind or ""], call.identifiers[0]), None)


def missing(subject: Subject) -> NotFound:
    """Say that there is no such document."""
    return NotFound(f"There is no {subject.kind.name} with the identifier {subject.id!r}.")
