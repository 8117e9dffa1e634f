"""Contents in a bucket of S3, or of what speaks its language (MinIO, SeaweedFS, Ceph)."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

from minio import Minio
from minio.commonconfig import REPLACE, CopySource
from minio.credentials.credentials import Credentials
from minio.credentials.providers import IamAwsProvider, Provider
from minio.error import MinioException, S3Error
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from titan.addresses import Secret
from titan.config import Settings
from titan.errors import Misconfigured, NotFound, Unavailable
from titan.storage.blobs.keys import Keys, gathering
from titan.storage.blobs.shelf import THREADS
from titan.storage.blobs.store import PIECE_BYTES

PART_BYTES = 8 << 20
"""A content is sent in parts of this size, each held in memory: 10 000 of them are 80 GB."""

_ABSENT = {"NoSuchKey", "NoSuchObject"}
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidTokenId"}


def shelf(settings: Settings) -> "Bucket":
    """The bucket that the settings name.

    Raises:
        Misconfigured: where what leads to it is not set.
    """
    kind = settings.blob_storage_type
    if not settings.s3_bucket:
        raise Misconfigured(f"BLOB_STORAGE_TYPE={kind} needs S3_BUCKET.")
    if kind == "minio" and not settings.s3_endpoint_url:
        raise Misconfigured("BLOB_STORAGE_TYPE=minio needs S3_ENDPOINT_URL.")
    if bool(settings.aws_access_key_id) != bool(settings.aws_secret_access_key):
        raise Misconfigured("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both or neither.")
    if settings.s3_endpoint_url and not settings.aws_access_key_id:
        raise Misconfigured("S3_ENDPOINT_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    endpoint = urlsplit(settings.s3_endpoint_url or "https://s3.amazonaws.com")
    if endpoint.scheme not in {"http", "https"} or not endpoint.netloc or endpoint.path.strip("/"):
        raise Misconfigured("S3_ENDPOINT_URL must look like https://host:port, without a path.")
    client = Minio(
        endpoint=endpoint.netloc,
        secure=endpoint.scheme == "https",
        region=settings.s3_region,
        http_client=PoolManager(
            timeout=Timeout(connect=3, read=30),
            maxsize=THREADS,
            retries=Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        ),
        credentials=_credentials(settings),
    )
    return Bucket(client, settings.s3_bucket, Keys.below(settings.s3_prefix))


class AccessKeys(Provider):
    """A pair of keys, asked for by the client for every request."""

    def __init__(self, id: Secret, secret: Secret) -> None:
        self._id = id
        self._secret = secret

    def retrieve(self) -> Credentials:
        return Credentials(self._id.read(), self._secret.read())


def _credentials(settings: Settings) -> Provider:
    """The keys that the settings name; without them, those of the role that the machine or the pod has."""
    if settings.aws_access_key_id and settings.aws_secret_access_key:
        return AccessKeys(settings.aws_access_key_id, settings.aws_secret_access_key)
    return IamAwsProvider()


@contextmanager
def reachable() -> Generator[None]:
    """Turn what the client says of a store that is away or refuses us into our word for it.

    Raises:
        NotFound: where there is no such object.
        Unavailable: where the store cannot be reached or used.
    """
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT:
            raise NotFound("There is no such content.") from error
        if error.code in _REFUSED:
            raise Unavailable(
                f"The blob store refuses our credentials ({error.code}): see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
                "and the rights on the bucket.",
                is_refusal=True,
            ) from error
        if error.code == "NoSuchBucket":
            raise Unavailable("The blob store has no bucket of the name in S3_BUCKET.") from error
        raise Unavailable(f"The blob store answers {error.code}.") from error
    except (MinioException, HTTPError, OSError) as error:
        raise Unavailable("The blob store is away.") from error


class Bucket:
    """Contents as objects."""

    def __init__(self, client: Minio, bucket: str, keys: Keys) -> None:
        self._client = client
        self._bucket = bucket
        self._keys = keys

    def spool(self) -> IO[bytes]:
        return gathering()

    def discard(self, spool: IO[bytes]) -> None:
        spool.close()

    def touch(self, digest: str) -> int | None:
        size = self.size(digest)
        if size is None:
            return None
        key = self._keys.key(digest)
        try:
            with reachable():
                # An object becomes younger by being copied onto itself, which S3 allows where its metadata change.
                self._client.copy_object(
                    self._bucket,
                    key,
                    CopySource(self._bucket, key),
                    metadata={"titan": "put again"},
                    metadata_directive=REPLACE,
                )
        except NotFound:
            return None
        return size

    def place(self, digest: str, spool: IO[bytes], size: int) -> None:
        with reachable():
            spool.seek(0)
            self._client.put_object(
                self._bucket,
                self._keys.key(digest),
                cast("BinaryIO", spool),
                size,
                part_size=PART_BYTES,
                # One part after the other: each that is under way is in memory.
                num_parallel_uploads=1,
            )

    def size(self, digest: str) -> int | None:
        try:
            with reachable():
                return self._client.stat_object(self._bucket, self._keys.key(digest)).size
        except NotFound:
            return None

    def read(self, digest: str, start: int, end: int | None) -> Generator[bytes]:
        with reachable():
            length = 0 if end is None else end - start
            try:
                response = self._client.get_object(self._bucket, self._keys.key(digest), offset=start, length=length)
            except S3Error as error:
                if error.code == "InvalidRange":
                    return
                raise
            try:
                while piece := response.read(PIECE_BYTES):
                    yield piece
            finally:
                # Whoever stopped in the middle leaves bytes behind: such a connection is of no use to the next.
                response.close()
                response.release_conn()

    def remove(self, digest: str) -> None:
        with reachable():
            self._client.remove_object(self._bucket, self._keys.key(digest))

    def walk(self) -> Generator[tuple[str, datetime]]:
        with reachable():
            for found in self._client.list_objects(self._bucket, prefix=self._keys.prefix, recursive=True):
                digest = self._keys.digest(found.object_name or "")
                if digest is not None and found.last_modified is not None:
                    yield digest, found.last_modified

    def close(self) -> None:
        """The pool of connections goes with the client."""
