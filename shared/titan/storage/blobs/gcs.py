"""Contents in a bucket of Google Cloud Storage."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Protocol, cast

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
        client = Client(project=settings.gcs_project, credentials=_credentials(settings.gcs_credentials_path))
    except DefaultCredentialsError as error:
        raise Misconfigured(
            "BLOB_STORAGE_TYPE=gcs needs GCS_CREDENTIALS_PATH, or the credentials of the machine that it runs on."
        ) from error
    bucket = cast("Callable[[str], _Bucket]", client.bucket)
    return GcsBucket(client, bucket(settings.gcs_bucket), Keys.below(settings.gcs_prefix))


def _credentials(path: str | None) -> Credentials | None:
    if path is None:
        return None
    try:
        from_file = cast("Callable[[str], Credentials]", Credentials.from_service_account_file)
        return from_file(path)
    except OSError as error:
        raise Misconfigured(f"GCS_CREDENTIALS_PATH={path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, GoogleAuthError) as error:
        raise Misconfigured(f"GCS_CREDENTIALS_PATH={path} is no key of a service account.") from error


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
        raise Unavailable(_NO_CREDENTIALS) from error
    except (GoogleAPIError, InvalidResponse, DataCorruption, OSError) as error:
        raise Unavailable("The blob store is away.") from error


class GcsBucket:
    """Contents as objects."""

    def __init__(self, client: Client, bucket: _Bucket, keys: Keys) -> None:
        self._client = client
        self._bucket = bucket
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
            for blob in self._bucket.list_blobs(prefix=self._keys.prefix, timeout=_TIMEOUT_S, retry=_AGAIN):
                digest = self._keys.digest(blob.name)
                if digest is not None and blob.updated is not None:
                    yield digest, max(blob.updated, _last_put(blob))

    def close(self) -> None:
        self._client.close()

    def _blob(self, digest: str) -> _Object:
        return self._bucket.blob(self._keys.key(digest), chunk_size=PART_BYTES)
