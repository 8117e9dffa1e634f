"""Pages of what stands in one document: elements of a submodel, references of a shell."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

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

    def among(self, names: Sequence[str]) -> tuple[int, int, int]:
        """From which entry to which one that is not on the page any more, and what was given of the first already."""
        start, given = resume(names, self.gap) if self.gap is not None else (0, 0)
        return start, min(start + self.limit, len(names)), given


def wanted(query: Query, limits: Limits) -> Wanted:
    """Read which page is asked for.

    Raises:
        Invalid: where the limit is no number from 1 up, or the cursor none of such a list.
    """
    cursor = query.first("cursor")
    limit = page_limit(query, default=limits.default, most=limits.most)
    return Wanted(limit, None if cursor is None else decode_gap(cursor))


def opening(names: Sequence[str], end: int, *, given: int = 0) -> bytes:
    """The beginning of a page that ends before that entry, as far as its result.

    Args:
        names: Of all entries.
        end: Behind the last entry on the page.
        given: How many results of that last one are on pages by now, where that is not all of them.
    """
    is_more = end < len(names) or given
    cursor = b'"cursor":"%b"' % encode_gap(names, end, given=given).encode() if is_more else b""
    return b'{"paging_metadata":{%b},"result":' % cursor


_PATHS = msgspec.json.Decoder(list[Raw])


class Paths:
    """A page of idShortPaths, of which an entry of a list has several, so that the page may end within one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shown: list[Raw] = []

    def take(self, paths: bytes, *, given: int) -> int | None:
        """Take those of the next entry, joined by commas, of which so many were given before.

        Returns:
            None where there is room for more. Else how many are given by now, 0 where these are all.
        """
        left = _PATHS.decode(b"[%b]" % paths)[given:]
        room = self._limit - len(self._shown)
        self._shown += left[:room]
        if len(left) < room:
            return None
        return given + room if len(left) > room else 0

    @property
    def shown(self) -> bytes:
        """Those on the page, joined by commas."""
        return b",".join(self._shown)
