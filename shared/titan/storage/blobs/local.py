"""Contents in a directory of this machine, or one that several machines share.

`<data directory>/blobs/<two digits>/<digest>`. A content is written beside, brought to the disk, and then renamed.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import time
from typing import IO

from titan.config import Settings
from titan.errors import NotFound, Unavailable
from titan.storage.blobs.store import PIECE_BYTES

LEFT_OVER_S = 24 * 3600
"""What was being written when a process was killed is swept out after that long."""


def shelf(settings: Settings) -> "Directory":
    """The directory for blobs in the data directory."""
    return Directory(Path(settings.data_dir) / "blobs")


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the system says of a disk that is away or full into our word for it.

    Raises:
        Unavailable: where the directory cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The blob store is away: {error.strerror or error}.") from error


class Directory:
    """Contents as files. The directory is made with the first of them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"

    def spool(self) -> IO[bytes]:
        with reachable():
            self._incoming.mkdir(parents=True, exist_ok=True)
            # Not deleted when it is closed, since it is a content by then.
            return NamedTemporaryFile(dir=self._incoming, delete=False)

    def discard(self, spool: IO[bytes]) -> None:
        with reachable():
            spool.close()
            Path(spool.name).unlink(missing_ok=True)

    def touch(self, digest: str) -> int | None:
        path = self._path(digest)
        with reachable():
            try:
                os.utime(path)
                size = path.stat().st_size
            except FileNotFoundError:
                return None
            # Whoever placed it may not have come this far yet, and we are about to be relied on.
            self._settle(path)
            return size

    def place(self, digest: str, spool: IO[bytes], size: int) -> None:  # noqa: ARG002  other stores want to know
        path = self._path(digest)
        with reachable():
            spool.flush()
            os.fsync(spool.fileno())
            path.parent.mkdir(exist_ok=True)
            Path(spool.name).replace(path)
            self._settle(path)

    def size(self, digest: str) -> int | None:
        with reachable():
            try:
                return self._path(digest).stat().st_size
            except FileNotFoundError:
                return None

    def read(self, digest: str, start: int, end: int | None) -> Generator[bytes]:
        with reachable():
            try:
                file = self._path(digest).open("rb")
            except FileNotFoundError as error:
                raise NotFound(f"There is no content {digest}.") from error
            with file:
                file.seek(start)
                while piece := file.read(PIECE_BYTES if end is None else max(0, min(PIECE_BYTES, end - file.tell()))):
                    yield piece

    def remove(self, digest: str) -> None:
        with reachable():
            self._path(digest).unlink(missing_ok=True)

    def walk(self) -> Generator[tuple[str, datetime]]:
        with reachable():
            self._sweep()
            for path in self._root.glob("[0-9a-f][0-9a-f]/*"):
                with suppress(FileNotFoundError):
                    yield path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _settle(self, path: Path) -> None:
        for directory in (path.parent, self._root):
            handle = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _sweep(self) -> None:
        for path in self._incoming.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time() - LEFT_OVER_S:
                    path.unlink()
