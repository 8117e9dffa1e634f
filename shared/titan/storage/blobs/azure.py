"""Contents in a container of Azure Blob Storage."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import IO

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, LinearRetry, StorageErrorCode

from titan.config import Settings
from titan.errors import Misconfigured, NotFound, Unavailable
from titan.storage.blobs.keys import Keys, gathering
from titan.storage.blobs.renewed import Renewed
from titan.storage.blobs.store import PIECE_BYTES

PART_BYTES = 4 << 20
"""A content is sent in parts of this size, each held in memory: 50 000 of them are 200 GB."""
_AHEAD_BYTES = 1 << 20
_CONNECT_S = 3
_READ_S = 30


def shelf(settings: Settings) -> "Container":
    """The container that the settings name.

    Raises:
        Misconfigured: where what leads to it is not set, or is no connection string.
    """
    if not settings.azure_container:
        raise Misconfigured("BLOB_STORAGE_TYPE=azure needs AZURE_CONTAINER.")
    secret = settings.azure_storage_connection_string or settings.azure_account_key or settings.azure_sas_token
    if secret is None or not (settings.azure_storage_connection_string or settings.azure_account_url):
        raise Misconfigured(
            "BLOB_STORAGE_TYPE=azure needs AZURE_STORAGE_CONNECTION_STRING, or AZURE_ACCOUNT_URL with "
            "AZURE_ACCOUNT_KEY or AZURE_SAS_TOKEN."
        )
    url = None if settings.azure_storage_connection_string else settings.azure_account_url
    try:
        client = Renewed(secret.read, partial(_client, url, container=settings.azure_container))
    except Unavailable as refusal:
        raise Misconfigured(str(refusal)) from refusal
    return Container(client, Keys.below(settings.azure_prefix))


def _client(url: str | None, secret: str, *, container: str) -> ContainerClient:
    """A client by a key or a token for a URL; without one, the secret is a connection string."""
    made = BlobServiceClient.from_connection_string if url is None else partial(BlobServiceClient, url)
    try:
        service = made(
            secret,
            max_single_put_size=PART_BYTES,
            max_block_size=PART_BYTES,
            max_single_get_size=_AHEAD_BYTES,
            max_chunk_get_size=_AHEAD_BYTES,
            retry_policy=_retries(),
            connection_timeout=_CONNECT_S,
            read_timeout=_READ_S,
        )
    except ValueError as error:
        raise Unavailable(
            "AZURE_STORAGE_CONNECTION_STRING or AZURE_ACCOUNT_URL is not one.", is_refusal=True
        ) from error
    return service.get_container_client(container)


def _retries() -> LinearRetry:
    """Once more, and soon: by default the client holds a request for minutes."""
    return LinearRetry(backoff=1, retry_total=1)


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the client says of a store that is away or refuses us into our word for it.

    Raises:
        NotFound: where there is no such object.
        Unavailable: where the store cannot be reached or used.
    """
    try:
        yield
    except ResourceNotFoundError as error:
        # The client adds the code to the error, and not to its type.
        if getattr(error, "error_code", None) == StorageErrorCode.CONTAINER_NOT_FOUND:
            raise Unavailable("The blob store has no container of the name in AZURE_CONTAINER.") from error
        raise NotFound("There is no such content.") from error
    except AzureError as error:
        refused = isinstance(error, ClientAuthenticationError) or _status(error) in {401, 403}
        if refused:
            raise Unavailable(
                "The blob store refuses our credentials: see AZURE_STORAGE_CONNECTION_STRING, or AZURE_ACCOUNT_KEY or "
                "AZURE_SAS_TOKEN.",
                is_refusal=True,
            ) from error
        raise Unavailable("The blob store is away.") from error
    except OSError as error:
        raise Unavailable("The blob store is away.") from error


def _status(error: AzureError) -> int | None:
    return error.status_code if isinstance(error, HttpResponseError) else None


class Container:
    """Contents as block blobs."""

    def __init__(self, client: Renewed[ContainerClient], keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def spool(self) -> IO[bytes]:
        return gathering()

    def discard(self, spool: IO[bytes]) -> None:
        spool.close()

    def touch(self, digest: str) -> int | None:
        try:
            with reachable():
                blob = self._blob(digest)
                size = blob.get_blob_properties().size
                blob.set_blob_metadata({"titan": "again"})
                return size
        except NotFound:
            return None

    def place(self, digest: str, spool: IO[bytes], size: int) -> None:
        with reachable():
            spool.seek(0)
            self._blob(digest).upload_blob(spool, length=size, overwrite=True)

    def size(self, digest: str) -> int | None:
        try:
            with reachable():
                return self._blob(digest).get_blob_properties().size
        except NotFound:
            return None

    def read(self, digest: str, start: int, end: int | None) -> Generator[bytes]:
        with reachable():
            try:
                download = self._blob(digest).download_blob(
                    # An empty content has no first byte that could be asked for.
                    offset=start if start or end else None,
                    length=None if end is None else end - start,
                )
            except HttpResponseError as error:
                if error.status_code == 416:
                    return
                raise
            for chunk in download.chunks():
                for at in range(0, len(chunk), PIECE_BYTES):
                    yield chunk[at : at + PIECE_BYTES]

    def remove(self, digest: str) -> None:
        try:
            with reachable():
                self._blob(digest).delete_blob()
        except NotFound:
            return

    def walk(self) -> Generator[tuple[str, datetime]]:
        with reachable():
            for blob in self._client().list_blobs(name_starts_with=self._keys.prefix):
                digest = self._keys.digest(blob.name)
                if digest is not None:
                    yield digest, blob.last_modified

    def close(self) -> None:
        with suppress(Unavailable):
            self._client().close()

    def _blob(self, digest: str) -> BlobClient:
        return self._client().get_blob_client(self._keys.key(digest))
