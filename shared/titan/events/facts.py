"""What happened to a document, and the record of it."""

from datetime import datetime

from msgspec import Struct

from titan.codec.parts import Chunk, Parts
from titan.metamodel.kinds import Subject


class DocumentPut(Struct, frozen=True):
    """The document was created, or replaced as a whole."""

    parts: Parts
    created: bool


class DocumentRemoved(Struct, frozen=True):
    """The document was removed; its identifier is free again."""


class BranchPut(Struct, frozen=True):
    """Something below one top-level element of a large submodel changed."""

    path: str
    """The idShortPath of what changed."""
    body: bytes
    """The canonical JSON of what stands at the path now."""
    ordinal: int
    """Which chunk holds the branch."""
    chunk: Chunk
    """That chunk after the change."""
    blobs: bool = False
    """Whether a Blob with a value is in the chunk now."""


Fact = DocumentPut | DocumentRemoved | BranchPut

CREATED, REPLACED, REMOVED, BRANCH_PUT = "created", "replaced", "removed", "branch-put"


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
    """`created`, `replaced`, `removed` or `branch-put`."""
    path: str
    chunk: int
    """Ordinal of the chunk that changed; -1 where the whole document did."""
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
