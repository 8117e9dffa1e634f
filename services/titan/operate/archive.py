"""What a backup is: a tar archive, written and read as a stream, in which nothing has to be believed.

    titan-backup.json              what it is: format, version, schema, position, time, tables
    db/<table>/<number>-<sha256>   rows of a table, in the binary form of COPY, a few megabytes a piece
    blobs/<sha256>                 a content of the blob store
    end.json                       how much there was, and one SHA-256 over the names of everything before it

The digest in a name is that of what stands under it. So every member can be checked by itself, even by hand, the end
covers all of them, and neither side keeps a list. An archive without its end is no backup.
"""

import tarfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from titan.storage.dump import Table

T = TypeVar("T", bound=Struct)

FORMAT = 1
MANIFEST, END = "titan-backup.json", "end.json"
ROWS, CONTENTS = "db/", "blobs/"
PIECE_BYTES = 1 << 20
"""Most that is read at once."""
_BLOCK = tarfile.BLOCKSIZE
_SMALL_BYTES = 1 << 20
"""Most that a manifest or an end may have."""
_NAME_BYTES = 100
"""Longer names would need members of their own."""


class Unsound(Exception):
    """The archive is no backup of ours, or not all of it, or not as it was written; the sentence says which."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup is of."""

    format: int
    version: str
    """Of Titan, when it was made."""
    schema: str
    """Revision of the database's schema."""
    position: int
    """All events up to this one, and the state at it, are in the backup."""
    at: datetime
    documents: dict[str, int]
    """How many stand, by kind."""
    tables: tuple[Table, ...]
    """In the order in which their rows come."""


class End(Struct, frozen=True, kw_only=True):
    """What a whole backup ends with."""

    members: int
    bytes: int
    """Of all members, without what the archive adds to them."""
    rows: dict[str, int]
    """By table."""
    contents: int
    missing: tuple[str, ...]
    """Contents that documents refer to and that could not be had, the first of them."""
    sha256: str
    """Over the names of all members before, each with a line feed; the manifest's digest stands behind its name."""


class Tally:
    """What is counted on both sides: members, bytes, names."""

    def __init__(self) -> None:
        self.members = 0
        self.bytes = 0
        self.contents = 0
        self._names = sha256()

    def add(self, name: str, size: int) -> None:
        """Count a member."""
        self.members += 1
        self.bytes += size
        self.contents += name.startswith(CONTENTS)
        self._names.update(f"{name}\n".encode())

    def sha256(self) -> str:
        """Over the names so far."""
        return self._names.hexdigest()


class Sink(Protocol):
    """Takes bytes in their order."""

    async def write(self, data: bytes) -> None: ...


class Writer:
    """An archive that is being written."""

    def __init__(self, sink: Sink, at: datetime) -> None:
        self._sink = sink
        self._mtime = int(at.timestamp())
        self.tally = Tally()

    async def manifest(self, manifest: Manifest) -> None:
        """Write what comes first."""
        body = msgspec.json.format(msgspec.json.encode(manifest))
        await self._member(MANIFEST, body)
        self.tally.add(f"{MANIFEST} {sha256(body).hexdigest()}", len(body))

    async def piece(self, table: Table, number: int, rows: bytes) -> None:
        """Write rows of a table; pieces of a table follow each other."""
        name = f"{ROWS}{table.title}/{number:06}-{sha256(rows).hexdigest()}"
        await self._member(name, rows)
        self.tally.add(name, len(rows))

    async def content(self, digest: str, size: int, pieces: AsyncIterator[bytes]) -> None:
        """Write a content; whoever gives it knows that it has this digest and this size."""
        name = f"{CONTENTS}{digest}"
        await self._sink.write(self._header(name, size))
        async for piece in pieces:
            await self._sink.write(piece)
        await self._sink.write(_padding(size))
        self.tally.add(name, size)

    async def end(self, rows: dict[str, int], missing: tuple[str, ...]) -> End:
        """Write what makes it whole."""
        tally = self.tally
        end = End(
            members=tally.members,
            bytes=tally.bytes,
            rows=rows,
            contents=tally.contents,
            missing=missing,
            sha256=tally.sha256(),
        )
        await self._member(END, msgspec.json.format(msgspec.json.encode(end)))
        await self._sink.write(bytes(2 * _BLOCK))
        return end

    async def _member(self, name: str, body: bytes) -> None:
        await self._sink.write(self._header(name, len(body)))
        await self._sink.write(body)
        await self._sink.write(_padding(len(body)))

    def _header(self, name: str, size: int) -> bytes:
        if len(name.encode()) > _NAME_BYTES:
            raise ValueError(name)
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._mtime, 0o600
        return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


class Source(Protocol):
    """Gives bytes; fewer than asked for only at its end."""

    def read(self, size: int, /) -> bytes: ...


class Member:
    """A member that is being read."""

    def __init__(self, name: str, size: int, source: Source) -> None:
        self.name = name
        self.size = size
        self._source = source
        self._left = size
        self._known = sha256()

    @property
    def table(self) -> str:
        """Title of the table that it has rows of."""
        return self.name.removeprefix(ROWS).partition("/")[0]

    @property
    def digest(self) -> str:
        """What its name says."""
        return self.name[-64:]

    def read(self) -> bytes:
        """The next piece of it; nothing at its end, once that was found sound.

        Raises:
            Unsound: where it was cut off, or is not what its name says.
        """
        if not self._left:
            self._settle()
            return b""
        piece = self._source.read(min(self._left, PIECE_BYTES))
        if not piece:
            raise Unsound(f"It ends within {self.name}: it was cut off.")
        self._left -= len(piece)
        self._known.update(piece)
        return piece

    def skip(self) -> None:
        """Read what is left of it.

        Raises:
            Unsound: as `read`.
        """
        while self.read():
            pass

    @property
    def found(self) -> str:
        """SHA-256 of what was read."""
        return self._known.hexdigest()

    def _settle(self) -> None:
        if self.name.startswith((ROWS, CONTENTS)) and self.found != self.digest:
            raise Unsound(f"{self.name} is damaged: what it holds has another SHA-256.")


class Reader:
    """An archive that is being read: its manifest first, then its members, then its end."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.tally = Tally()
        self.end: End | None = None
        """Once everything before it was read and found to be what was written."""

    def manifest(self) -> Manifest:
        """What comes first.

        Raises:
            Unsound: where it is no backup, or of a format that this code does not know.
        """
        member = self._next()
        if member is None or member.name != MANIFEST:
            raise Unsound("It is no backup of Titan.")
        body = _whole(member)
        self.tally.add(f"{MANIFEST} {sha256(body).hexdigest()}", len(body))
        manifest = _decode(Manifest, body, MANIFEST)
        if manifest.format != FORMAT:
            raise Unsound(
                f"It has format {manifest.format}, this version of Titan knows {FORMAT}: use Titan {manifest.version}."
            )
        return manifest

    def members(self) -> Iterator[Member]:
        """Rows and contents in their order; what is not read of one is read before the next.

        Raises:
            Unsound: where something was cut off, damaged, added or taken out.
        """
        while (member := self._next()) is not None and member.name != END:
            yield member
            member.skip()
            self.tally.add(member.name, member.size)
        if member is None:
            raise Unsound("Its end is missing: it was cut off, or its making was.")
        self._settle(_decode(End, _whole(member), END))

    def _settle(self, end: End) -> None:
        tally = self.tally
        if (end.members, end.bytes, end.contents, end.sha256) != (
            *(tally.members, tally.bytes, tally.contents),
            tally.sha256(),
        ):
            raise Unsound("It does not hold what its end says: members were taken out, added or moved.")
        # To the last byte, so that compression and encryption have seen their own ends.
        while block := self._source.read(PIECE_BYTES):
            if block.strip(b"\0"):
                raise Unsound("There is more behind its end.")
        self.end = end

    def _next(self) -> Member | None:
        block = self._source.read(_BLOCK)
        if len(block) != _BLOCK or not block.strip(b"\0"):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, UnicodeDecodeError) as error:
            raise Unsound("It is no backup of Titan, or it is damaged.") from error
        return Member(info.name, info.size, _Padded(self._source, info.size))


class _Padded:
    """The bytes of a member, with what fills the last block taken away."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._left = size
        self._padding = -size % _BLOCK

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._left -= len(piece)
        if not self._left and self._padding:
            self._source.read(self._padding)
        return piece


def _whole(member: Member) -> bytes:
    if member.size > _SMALL_BYTES:
        raise Unsound(f"{member.name} is too long.")
    pieces: list[bytes] = []
    while piece := member.read():
        pieces.append(piece)
    return b"".join(pieces)


def _decode(kind: type[T], body: bytes, name: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unsound(f"{name} cannot be read: {error}") from error
