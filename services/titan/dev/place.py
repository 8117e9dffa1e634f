"""The directory that keeps what `titan dev` makes: one owner at a time, remembered ports, one secret."""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from titan.dev.processes import free_port
from titan.errors import Misconfigured


class _Remembered(Struct):
    """What a start leaves for the next one, so that addresses stay as they were."""

    ports: dict[str, int] = {}


class Place:
    """A data directory, ours as long as the context is open. Killed, the kernel gives the lock back."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = -1

    def __enter__(self) -> Self:
        """Take the directory.

        Raises:
            Misconfigured: where another process has it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o755)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"The data directory {self.path} cannot be used: {error.strerror}. Name another one in TITAN_DATA_DIR."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._lock, 20, 0).decode("ascii", errors="replace").strip()
            os.close(self._lock)
            raise Misconfigured(
                f"Another Titan (process {owner or 'unknown'}) uses the data directory {self.path}: stop it, or give "
                "this one a directory of its own in TITAN_DATA_DIR."
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def port(self, name: str) -> int:
        """A free port for a server: the one that it had last time, if nobody took it in the meantime."""
        remembered = self._remembered()
        port = free_port(remembered.ports.get(name), taken=remembered.ports.values())
        if remembered.ports.get(name) != port:
            remembered.ports[name] = port
            _write(self.path / "remembered.json", msgspec.json.encode(remembered))
        return port

    @property
    def secret(self) -> str:
        """The password of the servers kept here; 32 random bytes, so that it needs no stretching."""
        path = self.path / "secret"
        if not path.exists():
            _write(path, secrets.token_urlsafe(32).encode())
        return path.read_text(encoding="ascii")

    def log(self, name: str) -> Path:
        """Where a server's output goes."""
        return self.path / "logs" / f"{name}.log"

    def _remembered(self) -> _Remembered:
        try:
            return msgspec.json.decode((self.path / "remembered.json").read_bytes(), type=_Remembered)
        except (FileNotFoundError, msgspec.MsgspecError):
            return _Remembered()


def _write(path: Path, content: bytes) -> None:
    # Whole or not at all: a secret cut short by a kill would lock its owner out.
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    draft.replace(path)
