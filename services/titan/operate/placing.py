"""Where backups lie: a file, a directory that keeps several, or a stream; a name appears with the whole of it."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from titan.errors import Misconfigured, Unavailable
from titan.operate.sealing import Sealed

_NAME = re.compile(r"titan-\d{8}T\d{6}Z-\d+\.tar\.zst(\.age)?")
_PARTIAL = ".partial"
_BLOCK_BYTES = 1 << 18
LEFT_OVER_S = 24 * 3600
"""What a backup that was killed has left in a directory is swept out after that long."""


def backups(directory: Path) -> list[Path]:
    """The backups that were named in a directory, the newest last."""
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def refuse_options(_: object, named: str | None) -> None:
    """Take `-`, which is a stream, for a place, and nothing else that begins so.

    Raises:
        ValueError: as the command line wants it, where an option is none of the command's.
    """
    if named is not None and named != "-" and named.startswith("-"):
        raise ValueError(f"Unknown option: {named!r}.")


def newest(source: Path) -> Path:
    """The file that is meant: the newest backup, where it is a directory.

    Raises:
        Misconfigured: where there is none.
    """
    if not source.is_dir():
        return source
    found = backups(source)
    if not found:
        raise Misconfigured(f"There is no backup in {source}.")
    return found[-1]


class Placed(Struct, frozen=True):
    """A backup that is in its place."""

    name: str
    bytes: int
    removed: Sequence[str]
    """Older ones that were not to be kept."""


class Target:
    """Where a backup is to go."""

    def __init__(
        self,
        to: Path | BinaryIO,
        *,
        recipients: Sequence[object] = (),
        keep: int | None = None,
    ) -> None:
        """Take note of it.

        Args:
            to: A file, a directory in which the backup gets a name with its time and position, or a stream.
            recipients: For whom it is encrypted; for nobody, if there are none.
            keep: How many backups stay in the directory, this one among them; None: all.

        Raises:
            Misconfigured: where older ones are to go and it is no directory.
        """
        self._to = to
        self._recipients = recipients
        self._keep = keep
        if keep is not None and not (isinstance(to, Path) and to.is_dir()):
            raise Misconfigured("How many to keep can be said of a directory only.")

    @asynccontextmanager
    async def open(self, at: datetime, position: int) -> AsyncGenerator["Placing"]:
        """Begin to write a backup of that time and position; nothing is left where it does not come to its end."""
        if not isinstance(self._to, Path):
            sealed = Sealed(self._to, self._recipients)
            try:
                yield Placing(sealed, self._to, None, "the stream")
            finally:
                await asyncio.to_thread(sealed.abandon)
            return
        suffix = ".age" if self._recipients else ""
        is_directory = self._to.is_dir()
        path = self._to / f"titan-{at:%Y%m%dT%H%M%SZ}-{position}.tar.zst{suffix}" if is_directory else self._to
        if is_directory:
            _sweep(self._to)
        partial = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}")
        try:
            opened = partial.open("xb")
        except OSError as error:
            raise Misconfigured(f"{path.parent} cannot be written to: {error.strerror}.") from error
        with opened as file:
            partial.chmod(0o600)
            sealed = Sealed(file, self._recipients)
            try:
                yield Placing(sealed, file, (partial, path), str(path), keep=self._keep)
            finally:
                await asyncio.to_thread(sealed.abandon)
                partial.unlink(missing_ok=True)


class Placing:
    """A backup on its way to its place."""

    def __init__(
        self,
        sealed: Sealed,
        file: BinaryIO,
        names: tuple[Path, Path] | None,
        title: str,
        *,
        keep: int | None = None,
    ) -> None:
        self._sealed = sealed
        self._file = file
        self._names = names
        self._title = title
        self._keep = keep
        self._gathered = bytearray()

    async def write(self, data: bytes) -> None:
        """Take what comes next.

        Raises:
            Unavailable: where it cannot be written.
        """
        self._gathered += data
        if len(self._gathered) >= _BLOCK_BYTES:
            block, self._gathered = self._gathered, bytearray()
            with self._writable():
                await asyncio.to_thread(self._sealed.write, block)

    async def finish(self) -> Placed:
        """Bring it to the disk and give it its name; then remove those that are not to be kept.

        Raises:
            Unavailable: where it cannot be written.
        """
        with self._writable():
            return await asyncio.to_thread(self._finish)

    @contextmanager
    def _writable(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"The backup cannot be written to {self._title}: {error.strerror or error}.") from error

    def _finish(self) -> Placed:
        self._sealed.write(self._gathered)
        self._sealed.close()
        self._file.flush()
        if self._names is None:
            return Placed(self._title, self._sealed.size, ())
        os.fsync(self._file.fileno())
        partial, path = self._names
        partial.rename(path)
        _settle(path.parent)
        old = backups(path.parent)[: -self._keep] if self._keep else []
        for one in old:
            one.unlink(missing_ok=True)
        return Placed(self._title, self._sealed.size, [one.name for one in old])


def _settle(directory: Path) -> None:
    """Bring a new name to the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(directory: Path) -> None:
    for path in directory.glob(f".titan-*{_PARTIAL}"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - LEFT_OVER_S:
                path.unlink()
