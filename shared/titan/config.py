"""What can be set from outside: the environment variables of the runbook and ours, with default and meaning.

`os.environ` is read by the command line (`titan.main`, `titan.commands`) or by a worker, and handed in; nothing below
reads settings on import, and nothing further down than a service's `app` gets the whole of them.

An empty variable counts as not given, because Compose and Helm write `NAME=` for what nobody chose.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, field

from titan.addresses import Address, Secret, address, database
from titan.errors import Misconfigured

_AS_THEY_ARE = (
    *("database_", "redis_", "mqtt_", "event_bus_", "oidc_", "blob_storage_", "s3_", "aws_"),
    *("gcs_", "azure_", "enable_", "otlp_"),
)
_FOR_TESTS = "TITAN_TEST_"
"""Addresses of servers for the test suite; a process started by a test sees them and must not stumble."""

Visibility = Literal["replicas", "projected", "journal"]
Environment = Literal["development", "staging", "production"]
LogFormat = Literal["json", "console"]
ErrorBody = Literal["standard", "extended"]

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]


def variable(name: str) -> str:
    """The environment variable of a field."""
    return name.upper() if name.startswith(_AS_THEY_ARE) else f"TITAN_{name.upper()}"


def _unset(shown: str = "-") -> dict[str, str]:
    return {"shown": shown}


class Settings(Struct, frozen=True, kw_only=True, rename=variable):
    """Everything that can be set, read once at the start of a process."""

    env: Annotated[Environment, Meta(description="Environment")] = "development"
    host: Annotated[str, Meta(description="Bind address")] = "0.0.0.0"  # noqa: S104  the runbook's default
    port: Annotated[Port, Meta(description="HTTP port")] = 8080
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="Log level")] = "INFO"
    log_format: Annotated[
        LogFormat | None,
        Meta(description="Form of log lines", extra=_unset("json; console on a terminal in development")),
    ] = None

    database_url: Annotated[
        Secret | None,
        Meta(
            description="PostgreSQL connection string; without it `titan dev` starts a server of its own",
            extra=_unset(),
        ),
    ] = None
    database_password: Annotated[
        Secret | None, Meta(description="Password for a `DATABASE_URL` without one", extra=_unset())
    ] = None
    redis_url: Annotated[
        Secret | None,
        Meta(
            description="Redis connection string; without it `titan dev` starts a server of its own",
            extra=_unset(),
        ),
    ] = None
    redis_password: Annotated[
        Secret | None, Meta(description="Password for a `REDIS_URL` without one", extra=_unset())
    ] = None
    mqtt_broker: Annotated[
        str,
        Meta(description="MQTT broker hostname; without it `titan dev` starts a broker of its own"),
    ] = "localhost"
    mqtt_port: Annotated[Port, Meta(description="MQTT port")] = 1883
    mqtt_username: Annotated[str | None, Meta(description="User that the broker knows us as", extra=_unset())] = None
    mqtt_password: Annotated[Secret | None, Meta(description="Password of `MQTT_USERNAME`", extra=_unset())] = None
    mqtt_tls: Annotated[bool, Meta(description="TLS to the MQTT broker; it listens for that on another port")] = False
    mqtt_ca_file: Annotated[str | None, Meta(description="Who vouches for the broker", extra=_unset("the machine"))] = (
        None
    )
    mqtt_cert_file: Annotated[str | None, Meta(description="Our certificate for the broker", extra=_unset())] = None
    mqtt_key_file: Annotated[str | None, Meta(description="Key of `MQTT_CERT_FILE`", extra=_unset())] = None

    event_bus_backend: Annotated[
        Literal["memory", "redis", "redis_stream"],
        Meta(description="Event bus backend; memory is for one process, both others are Redis streams"),
    ] = "redis"
    event_bus_stream: Annotated[str, Meta(description="Redis stream name (redis backends only)")] = "titan:events"
    event_bus_group: Annotated[str, Meta(description="Redis consumer group (redis backends only)")] = "titan-workers"
    event_bus_consumer_id: Annotated[str | None, Meta(description="Optional Redis consumer ID", extra=_unset())] = None

    oidc_issuer: Annotated[str | None, Meta(description="OIDC issuer URL", extra=_unset())] = None
    oidc_audience: Annotated[str, Meta(description="OIDC audience")] = "titan-aas"

    blob_storage_type: Annotated[Literal["local", "s3", "minio", "gcs", "azure"], Meta(description="Blob storage")] = (
        "local"
    )
    s3_bucket: Annotated[str | None, Meta(description="S3 bucket for blobs", extra=_unset())] = None
    s3_endpoint_url: Annotated[str | None, Meta(description="S3-compatible endpoint (MinIO)", extra=_unset())] = None
    s3_prefix: Annotated[str | None, Meta(description="Optional S3 key prefix", extra=_unset())] = None
    s3_region: Annotated[str, Meta(description="S3 region")] = "us-east-1"
    aws_access_key_id: Annotated[Secret | None, Meta(description="S3 access key", extra=_unset())] = None
    aws_secret_access_key: Annotated[Secret | None, Meta(description="S3 secret key", extra=_unset())] = None
    gcs_bucket: Annotated[str | None, Meta(description="GCS bucket for blobs", extra=_unset())] = None
    gcs_prefix: Annotated[str | None, Meta(description="Optional GCS key prefix", extra=_unset())] = None
    gcs_project: Annotated[str | None, Meta(description="GCS project ID", extra=_unset())] = None
    gcs_credentials_path: Annotated[
        str | None, Meta(description="Path to GCS service account JSON", extra=_unset())
    ] = None
    azure_container: Annotated[str | None, Meta(description="Azure blob container", extra=_unset())] = None
    azure_prefix: Annotated[str | None, Meta(description="Optional Azure blob prefix", extra=_unset())] = None
    azure_storage_connection_string: Annotated[
        Secret | None, Meta(description="Azure storage connection string", extra=_unset())
    ] = None
    azure_account_url: Annotated[
        str | None, Meta(description="Azure account URL (if not using connection string)", extra=_unset())
    ] = None
    azure_account_key: Annotated[Secret | None, Meta(description="Azure account key", extra=_unset())] = None
    azure_sas_token: Annotated[Secret | None, Meta(description="Azure SAS token", extra=_unset())] = None

    enable_tracing: Annotated[bool, Meta(description="Enable OpenTelemetry tracing")] = False
    otlp_endpoint: Annotated[str | None, Meta(description="OTLP collector; port 4317: gRPC", extra=_unset())] = None
    enable_metrics: Annotated[bool, Meta(description="Enable Prometheus metrics")] = True

    auth_mode: Annotated[
        Literal["anonymous"] | None,
        Meta(description="anonymous: tokens are not asked for", extra=_unset()),
    ] = None
    data_dir: Annotated[str, Meta(description="Where embedded servers and local blobs keep their data")] = ".titan"
    pg_bin: Annotated[
        str | None,
        Meta(description="Directory with the programs of the PostgreSQL that `titan dev` starts", extra=_unset()),
    ] = None
    external_url: Annotated[
        str,
        Meta(
            description="URL that clients reach the server by, put before the path in `Location`; "
            "without it `Location` is the path alone"
        ),
    ] = ""
    trace_ratio: Annotated[
        Annotated[float, Meta(ge=0, le=1)], Meta(description="Share of traces that is kept, of those begun here")
    ] = 0.1
    cors_origins: Annotated[
        str | None,
        Meta(
            description="Origins that browsers may call from, separated by commas; `*` for all",
            extra=_unset("`*` in development, else none"),
        ),
    ] = None
    workers: Annotated[Count, Meta(description="Worker processes of one HTTP tier")] = 1
    read_replicas: Annotated[Count, Meta(description="Read replicas that `titan dev` starts")] = 1
    write_visibility: Annotated[
        Visibility,
        Meta(description="What an answered write has reached: every replica, the read model, or the journal"),
    ] = "replicas"
    lease_ms: Annotated[
        Annotated[int, Meta(ge=100)],
        Meta(description="How long a silent replica delays writes", extra={"unit": "ms"}),
    ] = 1000
    memory_bytes: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="Finished responses that a worker of the read tier keeps in memory", extra={"unit": "bytes"}),
    ] = 256 << 20
    max_body_bytes: Annotated[
        Count, Meta(description="Largest body of a request that is accepted", extra={"unit": "bytes"})
    ] = 64 << 20
    max_file_bytes: Annotated[
        Count, Meta(description="Largest attachment or thumbnail that is accepted", extra={"unit": "bytes"})
    ] = 2 << 30
    blob_threshold_bytes: Annotated[
        Count,
        Meta(
            description="Value of a Blob, in base64, that is kept in the blob store when it is larger",
            extra={"unit": "bytes"},
        ),
    ] = 64 << 10
    blob_grace_s: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="How long a content that nothing refers to is left alone, once when it is new and once when it "
            "is condemned; longer than any request takes",
            extra={"unit": "s"},
        ),
    ] = 24 * 3600
    blob_collect_interval_s: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="How often the projector collects contents that nothing refers to; 0 leaves it to "
            "`titan collect`",
            extra={"unit": "s"},
        ),
    ] = 3600
    max_in_flight: Annotated[
        Count, Meta(description="Requests that a worker serves at once; more are refused with 503")
    ] = 1024
    page_limit: Annotated[Count, Meta(description="Documents on a page if the client names no limit")] = 100
    page_limit_max: Annotated[Count, Meta(description="Most documents on a page, whatever the client asks")] = 1000
    stream_maxlen: Annotated[
        Count, Meta(description="Events kept in the Redis stream; who falls further behind reads the journal")
    ] = 100_000
    validation: Annotated[
        Literal["strict", "lenient"],
        Meta(description="lenient: constraints of the metamodel that older data breaks are not held against it"),
    ] = "strict"
    error_body: Annotated[
        ErrorBody,
        Meta(description="extended: numeric `status` and `message` beside the standard's `messages`"),
    ] = "standard"
    operation_targets: Annotated[
        str,
        Meta(
            description="Hosts that operations may be delegated to, separated by commas: names (`*.plant.example` for "
            "all below), addresses, networks (`10.1.0.0/16`), each with or without a port; a wildcard never reaches "
            "private addresses; none: no operation is delegated"
        ),
    ] = ""
    operation_timeout: Annotated[
        Count, Meta(description="How long an operation may take if the client does not say", extra={"unit": "s"})
    ] = 30
    operation_timeout_max: Annotated[
        Count, Meta(description="How long an operation may take, whatever the client says", extra={"unit": "s"})
    ] = 300
    operation_concurrency: Annotated[
        Count, Meta(description="Operations that a worker carries out at once; more are refused with 503")
    ] = 64
    operation_result_ttl: Annotated[
        Count, Meta(description="How long the result of `invoke-async` can be asked for", extra={"unit": "s"})
    ] = 3600
    drain_s: Annotated[
        int, Meta(ge=0, description="How long a stopping tier says so, and serves on", extra={"unit": "s"})
    ] = 0
    shutdown_s: Annotated[
        Count, Meta(description="How long a stopping process finishes what it accepted", extra={"unit": "s"})
    ] = 30

    given: frozenset[str] = field(default=frozenset(), name="given")
    """Names of the variables that were set, so that a default can be told from the same value chosen."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Settings from environment variables.

        Raises:
            Misconfigured: naming every variable that is unknown or has a value that cannot be.
        """
        given = {name: value for name, value in environ.items() if value and (name in _FIELDS or name in _SECRETS)}
        problems = list(_strangers(environ))
        values: dict[str, object] = {}
        for name, value in given.items():
            if secret := _SECRETS.get(name):
                if secret.lower() in values:
                    problems.append(f"{secret} and {secret}_FILE are both set: leave one out.")
                found = Secret(secret, value) if name == secret else Secret(secret, path=value)
                problems.extend(found.faults())
                values[secret.lower()] = found
                continue
            known = _FIELDS[name]
            try:
                values[known.name] = msgspec.convert(_spelled(value, known.type), known.type, strict=False)
            except msgspec.ValidationError as error:
                problems.append(_complaint(name, value, str(error)))
        if problems:
            raise Misconfigured("\n".join(problems))
        settings = cls(**values, given=frozenset(given))  # pyright: ignore[reportArgumentType]  converted above
        _check_together(settings)
        return settings

    @property
    def database(self) -> Address | None:
        """Where PostgreSQL is, with the password."""
        return address(self.database_url, self.database_password) if self.database_url else None

    @property
    def redis(self) -> Address | None:
        """Where Redis is, with the password."""
        return address(self.redis_url, self.redis_password) if self.redis_url else None

    def stores(self) -> tuple[Address, Address | None]:
        """Where PostgreSQL and Redis are; without Redis where the event bus is to be in memory.

        Raises:
            Misconfigured: where one of them is not told.
        """
        if self.database is None:
            raise Misconfigured("DATABASE_URL is not set: say where PostgreSQL is, or let `titan dev` start one.")
        if self.event_bus_backend == "memory":
            return self.database, None
        if self.redis is None:
            raise Misconfigured(
                "REDIS_URL is not set: say where Redis is, or set EVENT_BUS_BACKEND=memory for a single process."
            )
        return self.database, self.redis

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that browsers may call from."""
        if self.cors_origins is None:
            return ("*",) if self.env == "development" else ()
        return tuple(origin for part in self.cors_origins.split(",") if (origin := part.strip().rstrip("/")))


_FIELDS = {known.encode_name: known for known in msgspec.structs.fields(Settings) if known.name != "given"}

_SECRETS = {
    variable: name
    for name, known in _FIELDS.items()
    if Secret in get_args(get_args(known.type)[0])
    for variable in (name, f"{name}_FILE")
}
"""Which secret a variable gives, or says the file of."""
_NEEDS = {
    "DATABASE_PASSWORD": "DATABASE_URL",
    "REDIS_PASSWORD": "REDIS_URL",
    "MQTT_PASSWORD": "MQTT_USERNAME",
    "MQTT_KEY_FILE": "MQTT_CERT_FILE",
    "MQTT_CERT_FILE": "MQTT_TLS",
    "MQTT_CA_FILE": "MQTT_TLS",
}
"""What is of no use without something else."""


def _choices(kind: object) -> tuple[str, ...]:
    """What a setting may be, where that is a closed set."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return next((choices for part in get_args(kind) if (choices := _choices(part))), ())


def _spelled(value: str, kind: object) -> str:
    """The value in the case that the closed set spells it in: `debug` is `DEBUG`."""
    return next((choice for choice in _choices(kind) if choice.casefold() == value.casefold()), value)


def _complaint(name: str, value: str, problem: str) -> str:
    if name == "TITAN_PORT" and "://" in value:
        return (
            f"TITAN_PORT is {value!r}: Kubernetes sets it because a Service is called `titan`. "
            "Set `enableServiceLinks: false` in the pod, or name the Service otherwise."
        )
    choices = _choices(_FIELDS[name].type)
    # The value is not repeated where the setting may be a secret; those are all free text and never refused here.
    return f"{name}={value!r}: " + (f"is none of {', '.join(choices)}" if choices else problem)


def _strangers(environ: Mapping[str, str]) -> list[str]:
    """A sentence for every `TITAN_*` that nothing listens to: most are typing errors that would go unnoticed."""
    unknown = [
        name
        for name in sorted(environ)
        if name.startswith("TITAN_") and name not in _FIELDS and not name.startswith(_FOR_TESTS)
    ]
    injected = [name for name in unknown if name.startswith(("TITAN_SERVICE_", "TITAN_PORT_"))]
    sentences = [_suggestion(name) for name in unknown if name not in injected]
    if injected:
        sentences.append(
            f"{', '.join(injected)}: Kubernetes sets these because a Service is called `titan`. "
            "Set `enableServiceLinks: false` in the pod, or name the Service otherwise."
        )
    return sentences


def _suggestion(name: str) -> str:
    close = get_close_matches(name, _FIELDS, n=1, cutoff=0.6)
    return f"{name} is not a setting." + (f" Did you mean {close[0]}?" if close else "")


def _check_together(settings: Settings) -> None:
    if settings.page_limit > settings.page_limit_max:
        raise Misconfigured("TITAN_PAGE_LIMIT is above TITAN_PAGE_LIMIT_MAX: lower the one or raise the other.")
    if settings.operation_timeout > settings.operation_timeout_max:
        message = "TITAN_OPERATION_TIMEOUT is above TITAN_OPERATION_TIMEOUT_MAX: lower the one or raise the other."
        raise Misconfigured(message)
    if settings.oidc_issuer and settings.auth_mode != "anonymous":
        # Who names an issuer believes that nobody gets in without a token.
        raise Misconfigured(
            "OIDC_ISSUER is set, but this version does not check tokens yet and would be open to everybody. "
            "Set TITAN_AUTH_MODE=anonymous if that is meant."
        )
    if settings.enable_tracing and not settings.otlp_endpoint:
        raise Misconfigured("ENABLE_TRACING needs OTLP_ENDPOINT, such as http://jaeger:4317.")
    if settings.database is not None:
        database(settings.database)
    _ = settings.redis
    told = {_SECRETS.get(name, name) for name in settings.given}
    for name, other in _NEEDS.items():
        if name in told and other not in told:
            raise Misconfigured(f"{name} is set, and {other} is not: the one is of no use without the other.")
