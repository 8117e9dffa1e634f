"""What clients saw: one record for each call, with its times."""

import threading
from typing import Literal

from msgspec import Struct

Kind = Literal["read", "put", "replace", "patch", "remove", "create"]
"""`put` creates or replaces; `replace` is a put with If-Match; `patch` changes the value of what is there."""

WRITES: frozenset[Kind] = frozenset({"put", "replace", "patch", "remove", "create"})
UNTOLD = 0
"""Status of a call that nobody knows the outcome of: no answer, a broken connection, or a 5xx."""


class Call(Struct, frozen=True, kw_only=True):
    """One call on one document."""

    client: str
    document: str
    kind: Kind
    where: str
    """Who was asked: the gateway, or a replica."""
    value: str = ""
    """What was written; no two writes write the same. Of a read, what it showed."""
    expected: int = 0
    """The revision in If-Match."""
    invoked: float
    returned: float
    """When the answer was there; infinite where there was none. On the monotonic clock."""
    status: int
    revision: int = 0
    """Out of the ETag of the answer; 0 where it has none."""
    visibility: str = ""
    """How far a write had come when it was answered."""
    position: int = 0
    """Of a write within the journal; 0 where the answer does not say."""

    @property
    def is_known(self) -> bool:
        """Whether its outcome is known."""
        return self.status != UNTOLD

    @property
    def is_done(self) -> bool:
        """Whether it is a write that was acknowledged."""
        return self.kind in WRITES and 200 <= self.status < 300


class Listed(Struct, frozen=True, kw_only=True):
    """A list of one client's own documents."""

    client: str
    documents: frozenset[str]
    invoked: float
    returned: float
    where: str = ""


class History:
    """Takes what several threads see."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        self.lists: list[Listed] = []
        self.torn: list[str] = []
        """Answers that were no document that anybody wrote, or that nobody should have been given."""

    def saw(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)

    def listed(self, listed: Listed) -> None:
        with self._lock:
            self.lists.append(listed)

    def tore(self, text: str) -> None:
        with self._lock:
            self.torn.append(text)

    def by_document(self) -> dict[str, list[Call]]:
        """The calls on each document, in the order in which they were made."""
        found: dict[str, list[Call]] = {}
        for call in sorted(self.calls, key=lambda call: call.invoked):
            found.setdefault(call.document, []).append(call)
        return found
