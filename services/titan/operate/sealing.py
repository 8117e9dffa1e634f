"""Around an archive: zstd, then encryption as `age` does it where there are recipients. Streams both ways.

Encryption runs in a thread of its own behind a pipe, because its library pulls what we push. `age -d` and `zstd -d`
undo the same by hand.
"""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from titan.errors import Misconfigured
from titan.operate.archive import Source, Unsound

LEVEL = 3
_AGE, _ZSTD = b"age-encryption.org/", b"\x28\xb5\x2f\xfd"
_READ_BYTES = 1 << 17


class _Parsed(Protocol):
    def from_str(self, text: str, /) -> object: ...
    def from_buffer(self, text: bytes, /) -> object: ...


class _Keys(Protocol):
    Recipient: _Parsed
    Identity: _Parsed


class _Age(Protocol):
    x25519: _Keys
    ssh: _Keys
    DecryptError: type[Exception]
    EncryptError: type[Exception]
    IdentityError: type[Exception]
    RecipientError: type[Exception]

    def encrypt_io(self, reader: object, writer: object, recipients: Sequence[object], /) -> None: ...
    def decrypt_io(self, reader: object, writer: object, identities: Sequence[object], /) -> None: ...


def _age() -> _Age:
    try:
        return cast("_Age", import_module("pyrage"))
    except ModuleNotFoundError as error:
        raise Misconfigured("Encrypted backups need the package 'pyrage': install titan-aas[backup].") from error


def recipients(texts: Sequence[str]) -> list[object]:
    """Public keys, `age1…` or `ssh-…`, that a backup is to be encrypted for; any one of theirs opens it.

    Raises:
        Misconfigured: where one is no such key, or nothing here can encrypt.
    """
    if not texts:
        return []
    age = _age()
    found: list[object] = []
    for text in texts:
        keys = age.ssh if text.startswith("ssh-") else age.x25519
        try:
            found.append(keys.Recipient.from_str(text))
        except age.RecipientError as error:
            raise Misconfigured(f"{text!r} is no recipient: give a public key, `age1…` or `ssh-…`.") from error
    return found


def identities(path: Path | None) -> list[object]:
    """The private keys of a file, as `age-keygen` writes it, or of a file of SSH.

    Raises:
        Misconfigured: where it cannot be read or holds none.
    """
    if path is None:
        return []
    age = _age()
    try:
        text = path.read_bytes()
        if text.startswith(b"-----BEGIN"):
            return [age.ssh.Identity.from_buffer(text)]
        lines = [line.strip() for line in text.decode().splitlines()]
        found = [age.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except OSError as error:
        raise Misconfigured(f"The identity {path} cannot be read: {error.strerror}.") from error
    except (age.IdentityError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} holds no identity, as `age-keygen` writes one: {error}.") from error
    if not found:
        raise Misconfigured(f"{path} holds no identity.")
    return found


class _Apart:
    """A thread that does something between two streams, of which one end of a pipe is ours."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # told to the thread that waits, by `finish`
            self._error = error

    def finish(self) -> None:
        """Wait for its end, and raise what ended it."""
        self._thread.join()
        if self._error is not None:
            raise self._error


class _Counted:
    """A file that counts what it takes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class Sealed:
    """Where an archive is written to, out of which compressed and encrypted bytes go into a file."""

    def __init__(self, file: BinaryIO, to: Sequence[object]) -> None:
        self._counted = counted = _Counted(file)
        self._apart: _Apart | None = None
        self._outer = cast("BinaryIO", counted)
        if to:
            age = _age()
            reading, writing = os.pipe()

            def encrypt() -> None:
                with os.fdopen(reading, "rb") as plain:
                    age.encrypt_io(plain, counted, to)

            self._outer = cast("BinaryIO", os.fdopen(writing, "wb"))
            self._apart = _Apart(encrypt, "age")
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._zstd = compressor.stream_writer(self._outer, closefd=False)

    @property
    def size(self) -> int:
        """How many bytes the file has taken."""
        return self._counted.size

    def write(self, data: bytes | bytearray) -> None:
        """Take what comes next.

        Raises:
            OSError: where it cannot be written.
        """
        try:
            self._zstd.write(data)
        except BrokenPipeError:
            # The thread behind the pipe ended: it knows why.
            self._end()
            raise

    def close(self) -> None:
        """Write what is left; the file stays open.

        Raises:
            OSError: where it cannot be written.
        """
        self._zstd.flush(zstandard.FLUSH_FRAME)
        self._end()

    def abandon(self) -> None:
        """End what runs beside, without an end to the file."""
        with suppress(OSError):
            self._end()

    def _end(self) -> None:
        if self._apart is None:
            return
        apart, self._apart = self._apart, None
        age = _age()
        with suppress(BrokenPipeError):
            self._outer.close()
        try:
            apart.finish()
        except age.EncryptError as error:
            raise OSError(str(error)) from error


class _Ahead:
    """A stream of which the beginning was looked at."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self.head = _exactly(file, count)
        self._left = self.head

    def read(self, size: int = -1, /) -> bytes:
        if self._left:
            piece, self._left = self._left, b""
            if 0 <= size < len(piece):
                piece, self._left = piece[:size], piece[size:]
            return piece
        return self._file.read(size)


class Opened:
    """What an archive is read from: compressed or not, encrypted or not, as is seen from its first bytes."""

    def __init__(self, file: BinaryIO, with_: Sequence[object]) -> None:
        """Begin to read.

        Raises:
            Misconfigured: where it is encrypted and there is no identity, or one and nothing to decrypt.
        """
        self._apart: _Apart | None = None
        self._pipe: BinaryIO | None = None
        outer = _Ahead(file, 32)
        if outer.head.startswith(_AGE):
            outer = self._decrypted(outer, with_)
        elif with_:
            raise Misconfigured("The backup is not encrypted: leave the identity out.")
        self._outer = outer
        is_compressed = outer.head.startswith(_ZSTD)
        self._inner: Source = (
            cast("Source", zstandard.ZstdDecompressor().stream_reader(cast("BinaryIO", outer), read_size=_READ_BYTES))
            if is_compressed
            else outer
        )

    def _decrypted(self, outer: _Ahead, with_: Sequence[object]) -> _Ahead:
        if not with_:
            raise Misconfigured("The backup is encrypted: name the file with its identity.")
        age = _age()
        reading, writing = os.pipe()

        def decrypt() -> None:
            with os.fdopen(writing, "wb") as plain:
                age.decrypt_io(outer, plain, with_)

        self._apart = _Apart(decrypt, "age")
        self._pipe = os.fdopen(reading, "rb")
        return _Ahead(self._pipe, 32)

    def read(self, size: int, /) -> bytes:
        """What comes next; fewer bytes than asked for only at the end.

        Raises:
            Unsound: where it cannot be read, decrypted or unpacked.
        """
        try:
            data = _exactly(self._inner, size)
        except zstandard.ZstdError as error:
            self._finish()
            raise Unsound(f"It cannot be unpacked: {error}.") from error
        except OSError as error:
            raise Unsound(f"It cannot be read: {error.strerror or error}.") from error
        if len(data) < size:
            self._finish()
        return data

    def close(self) -> None:
        """End what runs beside."""
        if self._pipe is not None:
            self._pipe.close()
        with suppress(Unsound):
            self._finish()

    def _finish(self) -> None:
        if self._apart is None:
            return
        apart, self._apart = self._apart, None
        age = _age()
        try:
            apart.finish()
        except age.DecryptError as error:
            raise Unsound(f"It cannot be decrypted with this identity: {error}.") from error
        except BrokenPipeError:
            return
        except OSError as error:
            raise Unsound(f"It was cut off or damaged: {error}.") from error


def _exactly(source: Source, size: int) -> bytes:
    data = source.read(size)
    if len(data) == size:
        return data
    pieces: list[bytes] = [data]
    left = size - len(data)
    while left and (data := source.read(left)):
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)
