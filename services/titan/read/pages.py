"""Pages of what stands in one document: elements of a submodel, references of a shell."""

from collections.abc import Sequence

from msgspec import Struct

from titan.codec.cursors import Gap, decode_gap, encode_gap, resume
from titan.http.requests import Query, page_limit


class Limits(Struct, frozen=True):
    """How many entries a page has."""

    default: int
    """Where the client does not say."""
    most: int


class Wanted(Struct, frozen=True):
    """Which page a client asks for."""

    limit: int
    gap: Gap | None

    def among(self, names: Sequence[str]) -> tuple[int, int]:
        """From which entry to which one that is not on the page any more."""
        start = resume(names, self.gap) if self.gap is not None else 0
        return start, min(start + self.limit, len(names))


def wanted(query: Query, limits: Limits) -> Wanted:
    """Read which page is asked for.

    Raises:
        Invalid: where the limit is no number from 1 up, or the cursor none of such a list.
    """
    cursor = query.first("cursor")
    limit = page_limit(query, default=limits.default, most=limits.most)
    return Wanted(limit, None if cursor is None else decode_gap(cursor))


def opening(names: Sequence[str], end: int) -> bytes:
    """The beginning of a page that ends before that entry, as far as its result."""
    cursor = b'"cursor":"%b"' % encode_gap(names, end).encode() if end < len(names) else b""
    return b'{"paging_metadata":{%b},"result":' % cursor
