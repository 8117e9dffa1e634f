"""Contents in a bucket of Google Cloud Storage."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

import msgspec
from google.api_core.exceptions import Forbidden, GoogleAPIError, Unauthorized
from google.api_core.exceptions import NotFound as Absent
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from google.oauth2.service_account import Credentials

from titan.config import Settings
from titan.errors import Misconfigured, NotFound, Unavailable
from titan.storage.blobs.keys import Keys, gathering
from titan.storage.blobs.renewed import Renewed
from titan.storage.blobs.store import PIECE_BYTES

PART_BYTES = 8 << 20
"""A content is sent in parts of this size, each held in memory."""
_AHEAD_BYTES = 2 << 20
_PUT = "titan-put"
_PATIENCE_S = 3.0
_AGAIN: Retry = DEFAULT_RETRY.with_timeout(_PATIENCE_S)
_TIMEOUT_S = (3.0, 30.0)
_NO_CREDENTIALS = (
    "The blob store refuses our credentials: see GCS_CREDENTIALS_PATH and the rights of the account on the bucket."
)


class _Object(Protocol):
    """What we use of the client's blob, which has no types of its own."""

    name: str
    size: int
    updated: datetime | None
    metadata: dict[str, str] | None

    def patch(self, *, timeout: tuple[float, float], retry: Retry) -> None: ...
    def reload(self, *, timeout: tuple[float, float], retry: Retry) -> None: ...
    def delete(self, *, timeout: tuple[float, float], retry: Retry) -> None: ...
    def open(self, mode: str, *, chunk_size: int, timeout: tuple[float, float], retry: Retry) -> IO[bytes]: ...
    def upload_from_file(
        self, file: IO[bytes], *, rewind: bool, size: int, timeout: tuple[float, float], retry: Retry
    ) -> None: ...


class _Bucket(Protocol):
    """The same of its bucket."""

    def blob(self, name: str, *, chunk_size: int) -> _Object: ...
    def list_blobs(self, *, prefix: str, timeout: tuple[float, float], retry: Retry) -> Iterable[_Object]: ...


def shelf(settings: Settings) -> "GcsBucket":
    """The bucket that the settings name.

    Raises:
        Misconfigured: where what leads to it is not set, or is no service account.
    """
    if not settings.gcs_bucket:
        raise Misconfigured("BLOB_STORAGE_TYPE=gcs needs GCS_BUCKET.")
    try:
        opened = Renewed(
            partial(_key, settings.gcs_credentials_path),
            partial(_open, settings.gcs_project, settings.gcs_bucket),
        )
    except Unavailable as refusal:
        raise Misconfigured(f"{refusal} GCS_CREDENTIALS_PATH={settings.gcs_credentials_path}") from refusal
    except DefaultCredentialsError as error:
        raise Misconfigured(
            "BLOB_STORAGE_TYPE=gcs needs GCS_CREDENTIALS_PATH, or the credentials of the machine that it runs on."
        ) from error
    return GcsBucket(opened, Keys.below(settings.gcs_prefix))


def _key(path: str | None) -> str:
    """What the file of the key holds now; nothing where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Unavailable(f"The key of GCS_CREDENTIALS_PATH cannot be read: {reason}.", is_refusal=True) from error


class _Opened(NamedTuple):
    client: Client
    bucket: _Bucket


def _open(project: str | None, bucket: str, key: str) -> _Opened:
    """A client by the key of a service account; without one, by what the machine has."""
    try:
        from_key = cast("Callable[[object], Credentials]", Credentials.from_service_account_info)
        credentials = from_key(msgspec.json.decode(key)) if key else None
    except (ValueError, TypeError, AttributeError, GoogleAuthError) as error:
        raise Unavailable("GCS_CREDENTIALS_PATH holds no key of a service account.", is_refusal=True) from error
    client = Client(project=project, credentials=credentials)
    return _Opened(client, cast("Callable[[str], _Bucket]", client.bucket)(bucket))


def _last_put(blob: _Object) -> datetime:
    """What we noted when it was put again. Not every store moves `updated` when metadata change, as Google's does."""
    noted = (blob.metadata or {}).get(_PUT)
    return datetime.fromisoformat(noted) if noted else datetime.min.replace(tzinfo=UTC)


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the client says of a store that is away or refuses us into our word for it.

    Raises:
        NotFound: where there is no such object.
        Unavailable: where the store cannot be reached or used.
    """
    try:
        yield
    except Absent as error:
        raise NotFound("There is no such content.") from error
    except (Forbidden, Unauthorized, GoogleAuthError) as error:
        raise Unavailable(_NO_CREDENTIALS, is_refusal=True) from error
    except (GoogleAPIError, InvalidResponse, DataCorruption, OSError) as error:
        raise Unavailable("The blob store is away.") from error


class GcsBucket:
    """Contents as objects."""

    def __init__(self, opened: Renewed[_Opened], keys: Keys) -> None:
        self._opened = opened
        self._keys = keys

    def spool(self) -> IO[bytes]:
        return gathering()

    def discard(self, spool: IO[bytes]) -> None:
        spool.close()

    def touch(self, digest: str) -> int | None:
        try:
            with reachable():
                blob = self._blob(digest)
                blob.metadata = {_PUT: datetime.now(UTC).isoformat()}
                blob.patch(timeout=_TIMEOUT_S, retry=_AGAIN)
                return blob.size
        except NotFound:
            return None

    def place(self, digest: str, spool: IO[bytes], size: int) -> None:
        try:
            with reachable():
                blob = self._blob(digest)
                blob.upload_from_file(spool, rewind=True, size=size, timeout=_TIMEOUT_S, retry=_AGAIN)
        except NotFound as error:
            raise Unavailable("The blob store has no bucket of the name in GCS_BUCKET.") from error

    def size(self, digest: str) -> int | None:
        try:
            with reachable():
                blob = self._blob(digest)
                blob.reload(timeout=_TIMEOUT_S, retry=_AGAIN)
                return blob.size
        except NotFound:
            return None

    def read(self, digest: str, start: int, end: int | None) -> Generator[bytes]:
        ahead = _AHEAD_BYTES if end is None else min(_AHEAD_BYTES, end - start)
        with reachable(), self._blob(digest).open("rb", chunk_size=ahead, timeout=_TIMEOUT_S, retry=_AGAIN) as file:
            if start:
                file.seek(start)
            while piece := file.read(PIECE_BYTES if end is None else max(0, min(PIECE_BYTES, end - file.tell()))):
                yield piece

    def remove(self, digest: str) -> None:
        try:
            with reachable():
                self._blob(digest).delete(timeout=_TIMEOUT_S, retry=_AGAIN)
        except NotFound:
            return

    def walk(self) -> Generator[tuple[str, datetime]]:
        with reachable():
            for blob in self._opened().bucket.list_blobs(prefix=self._keys.prefix, timeout=_TIMEOUT_S, retry=_AGAIN):
                digest = self._keys.digest(blob.name)
                if digest is not None and blob.updated is not None:
                    yield digest, max(blob.updated, _last_put(blob))

    def close(self) -> None:
        with suppress(Unavailable):
            self._opened().client.close()

    def _blob(self, digest: str) -> _Object:
        return self._opened().bucket.blob(self._keys.key(digest), chunk_size=PART_BYTES)
