"""What happened to a document, and the record of it."""

from datetime import datetime

from msgspec import UNSET, Raw, Struct, UnsetType

from titan.codec.parts import Chunk, Parts
from titan.metamodel.kinds import Subject


class DocumentPut(Struct, frozen=True):
    """The document was created, or replaced as a whole."""

    parts: Parts
    created: bool


class DocumentRemoved(Struct, frozen=True):
    """The document was removed; its identifier is free again."""


class Rows(Struct, frozen=True):
    """What a change within a submodel writes of the state. What is not said stays as it is."""

    head: bytes | None = None
    """The whole document where it has no chunks."""
    chunks: tuple[tuple[int, Chunk], ...] = ()
    """Chunks by their ordinals, which go from 0 without a hole."""
    count: int = 0
    """How many chunks there are now."""
    anew: bool = False
    """Whether these are all there are; what there was before goes."""


class Changed(Struct, frozen=True):
    """Something within a submodel changed."""

    name: str
    """One of `CHANGES`."""
    path: str
    """The idShortPath of what changed; empty where several elements did, or the head."""
    body: bytes
    """The canonical JSON of what stands at the path now; empty where nothing does; a `Patch` of several."""
    rows: Rows
    blobs: bool = False
    """Whether there is a Blob anywhere, as far as is known."""


class Patch(Struct, frozen=True, omit_defaults=True):
    """What several elements of a submodel are now, or what is said of itself."""

    head: Raw | UnsetType = UNSET
    """The submodel without its elements; unset where nothing of that changed."""
    elements: dict[str, Raw] = {}
    """Top-level elements by their idShorts."""


Fact = DocumentPut | DocumentRemoved | Changed

CREATED, REPLACED, REMOVED = "created", "replaced", "removed"
ELEMENT_CREATED, ELEMENT_REPLACED, ELEMENT_REMOVED = "element-created", "element-replaced", "element-removed"
PATCHED = "patched"
CHANGES = frozenset({ELEMENT_CREATED, ELEMENT_REPLACED, ELEMENT_REMOVED, PATCHED})
"""Facts that tell of a part of their document."""


class Recorded(Struct, frozen=True):
    """A fact as it is handed to the journal: about which document, decided on which revision, by whom."""

    subject: Subject
    expected: int
    """The revision that the fact was decided on; 0 for a document that never was."""
    fact: Fact
    caller: str = ""
    trace: str = ""


class Event(Struct, frozen=True, array_like=True):
    """A fact with its position in the journal. Encoded as a MessagePack array wherever it travels."""

    position: int
    key: bytes
    kind: str
    id: str
    revision: int
    created: int
    """Position at which the document was created: its sort key in listings."""
    fact: str
    """`created`, `replaced`, `removed`, or one of `CHANGES`."""
    path: str
    chunk: int
    """Ordinal of the one chunk that changed; -1 where more did, or the head."""
    chunks: int
    """How many chunks the document has beside its head; 0 where the head is the whole."""
    blobs: bool
    """Whether a Blob with a value is in what the fact brought."""
    body: bytes
    """The whole document, or what stands at `path` now; empty for a removal, or where it was left in the journal."""
    caller: str
    trace: str
    at: datetime
    size: int = 0
    """Length of the body in bytes, also where the body itself was left in the journal."""
