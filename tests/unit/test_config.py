"""What can be set, and how a wrong setting is told."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from support.settings_table import table
from titan.addresses import Database, Secret, current, database
from titan.config import Settings, variable
from titan.errors import Misconfigured, Unavailable

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT.parent / "shared" / "seed" / "000_9f86bd93abd70516.txt"


def _rows(text: str) -> dict[str, str]:
    """Variable and default of each row of a Markdown table of settings."""
    cells = ([cell.strip() for cell in line.strip("| \n").split("|")] for line in text.splitlines() if "|" in line)
    return {row[0].strip("`"): row[1] for row in cells if len(row) == 3 and row[0].startswith("`")}


def test_nothing_has_to_be_set() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.port, settings.env) == ("0.0.0.0", 8080, "development")  # noqa: S104
    assert settings.database_url is None


@pytest.mark.skipif(not RUNBOOK.exists(), reason="the runbook lies beside the project, not in it")
def test_every_variable_of_the_runbook_has_the_default_of_the_runbook() -> None:
    text = RUNBOOK.read_text()
    promised = _rows(text[text.index("### Environment Variables") : text.index("### Database Connection String")])
    assert len(promised) == 34
    assert promised.items() <= _rows(table()).items()


def test_every_setting_says_what_it_is_for() -> None:
    for line in table().splitlines()[2:]:
        assert len(line.strip("| ").split("|")[-1].strip()) > 5, line


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("TITAN_PORT", "9000", "port", 9000),
        ("TITAN_LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("ENABLE_METRICS", "false", "enable_metrics", False),
        ("TITAN_TRACE_RATIO", "0.5", "trace_ratio", 0.5),
        ("S3_BUCKET", "twins", "s3_bucket", "twins"),
        ("TITAN_WRITE_VISIBILITY", "journal", "write_visibility", "journal"),
        ("TITAN_MAX_BODY_BYTES", "1000", "max_body_bytes", 1000),
        ("TITAN_LOG_FORMAT", "console", "log_format", "console"),
    ],
)
def test_a_variable_sets_its_field(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(Settings.load({name: value}), field) == expected


def test_an_empty_variable_is_not_given() -> None:
    assert Settings.load({"DATABASE_URL": "", "TITAN_PORT": ""}) == Settings()


def test_a_default_that_was_chosen_can_be_told_from_one_that_was_not() -> None:
    assert Settings.load({"MQTT_BROKER": "localhost"}).given == {"MQTT_BROKER"}
    assert Settings.load({}).given == frozenset()


def test_other_programs_variables_are_nobodys_business() -> None:
    assert Settings.load({"PATH": "/bin", "TITANIC": "1", "TITAN_TEST_DATABASE_URL": "x"}) == Settings()


def test_a_misspelt_setting_stops_the_start_and_the_right_one_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"TITAN_PAGE_LIMITS is not a setting\. Did you mean TITAN_PAGE_LIMIT"):
        Settings.load({"TITAN_PAGE_LIMITS": "10"})


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Misconfigured) as told:
        Settings.load({"TITAN_PORT": "0", "TITAN_ENV": "prod", "TITAN_WORKER": "2", "ENABLE_METRICS": "perhaps"})
    assert len(str(told.value).splitlines()) == 4
    assert "development, staging, production" in str(told.value)


def test_what_kubernetes_injects_is_explained() -> None:
    injected = {"TITAN_PORT": "tcp://10.0.0.1:8080", "TITAN_SERVICE_HOST": "10.0.0.1", "TITAN_PORT_8080_TCP": "x"}
    with pytest.raises(Misconfigured) as told:
        Settings.load(injected)
    assert str(told.value).count("enableServiceLinks: false") == 2


def test_an_issuer_is_not_ignored_in_silence() -> None:
    with pytest.raises(Misconfigured, match="TITAN_AUTH_MODE=anonymous"):
        Settings.load({"OIDC_ISSUER": "https://id.example"})
    assert Settings.load({"OIDC_ISSUER": "https://id.example", "TITAN_AUTH_MODE": "anonymous"}).oidc_issuer


def test_traces_need_somewhere_to_go() -> None:
    with pytest.raises(Misconfigured, match="OTLP_ENDPOINT"):
        Settings.load({"ENABLE_TRACING": "true"})
    assert Settings.load({"ENABLE_TRACING": "true", "OTLP_ENDPOINT": "http://jaeger:4317"}).enable_tracing


def test_a_page_is_not_larger_than_the_largest_page() -> None:
    with pytest.raises(Misconfigured, match="TITAN_PAGE_LIMIT_MAX"):
        Settings.load({"TITAN_PAGE_LIMIT": "2000"})


@pytest.mark.parametrize(
    ("environ", "origins"),
    [
        ({}, ("*",)),
        ({"TITAN_ENV": "production"}, ()),
        (
            {"TITAN_ENV": "production", "TITAN_CORS_ORIGINS": "https://a.example, https://b.example/"},
            ("https://a.example", "https://b.example"),
        ),
    ],
)
def test_browsers_may_call_from_anywhere_in_development_alone(
    environ: dict[str, str], origins: tuple[str, ...]
) -> None:
    assert Settings.load(environ).origins == origins


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/db", Database("postgresql://h/db")),
        ("postgres://u:p@h:5432/db", Database("postgresql://u:p@h:5432/db")),
        ("postgresql+asyncpg://u:p%40x@h:5432/db", Database("postgresql://u:p%40x@h:5432/db")),
        ("postgresql+asyncpg://h/db?ssl=require", Database("postgresql://h/db?sslmode=require")),
        (
            "postgresql://h/db?ssl=true&connect_timeout=3",
            Database("postgresql://h/db?sslmode=require&connect_timeout=3"),
        ),
        ("postgresql://h/db?pool_size=20&max_overflow=0", Database("postgresql://h/db", 20, 0)),
        ("postgresql:///db?host=/run/pg", Database("postgresql:///db?host=%2Frun%2Fpg")),
        ("host=h dbname=db", Database("host=h dbname=db")),
    ],
)
def test_a_connection_string_is_understood_however_it_is_spelt(url: str, expected: Database) -> None:
    assert database(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/db",
        "postgresql://u:secret@h/db?pool_size=many",
        "postgresql://u:secret@h/db?pool_size=0",
        "postgresql://u:secret@[h/db",
        "h/db",
    ],
)
def test_a_wrong_connection_string_stops_the_start_without_telling_the_password(url: str) -> None:
    with pytest.raises(Misconfigured) as told:
        Settings.load({"DATABASE_URL": url})
    assert "DATABASE_URL" in str(told.value)
    assert "secret" not in str(told.value)


def test_a_secret_comes_from_a_file_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    settings = Settings.load({"DATABASE_URL": "postgresql://titan@h/db", "DATABASE_PASSWORD_FILE": str(file)})
    assert settings.database is not None
    where = database(settings.database)
    assert current(where.conninfo) == "postgresql://titan:first@h/db"
    file.write_text("se/cond@ %'\n")
    assert current(where.conninfo) == "postgresql://titan:se%2Fcond%40%20%25%27@h/db"
    assert conninfo_to_dict(current(where.conninfo))["password"] == "se/cond@ %'"


def test_every_secret_may_be_given_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("postgresql://h/db\r\n")
    secrets = [name for name in Settings.__struct_fields__ if f"`{variable(name)}`" in SECRETS_OF_THE_TABLE]
    assert len(secrets) == 10
    for name in secrets:
        environ = {"DATABASE_URL": "postgresql://h", "REDIS_URL": "redis://h", "MQTT_USERNAME": "titan"}
        environ.pop(variable(name), None)
        secret = getattr(Settings.load({**environ, f"{variable(name)}_FILE": str(file)}), name)
        assert isinstance(secret, Secret)
        assert secret.read() == "postgresql://h/db"


SECRETS_OF_THE_TABLE = {line.split("|")[1].strip() for line in table().splitlines() if "or `_FILE`" in line}


@pytest.mark.parametrize(
    ("url", "conninfo"),
    [
        ("postgresql+asyncpg://titan@h:5432/db?ssl=require", {"user": "titan", "host": "h", "sslmode": "require"}),
        ("postgresql://h/db", {"host": "h"}),
        ("postgresql:///db?host=/run/pg&user=titan", {"host": "/run/pg", "user": "titan"}),
        ("host=h user=titan", {"host": "h", "user": "titan"}),
    ],
)
@pytest.mark.parametrize("password", ["plain", r"it's \ a=b://c @/?#%&+ é"])
def test_a_password_of_its_own_fits_a_connection_string_of_any_spelling(
    url: str, conninfo: dict[str, str], password: str
) -> None:
    settings = Settings.load({"DATABASE_URL": url, "DATABASE_PASSWORD": password})
    assert settings.database is not None
    told = conninfo_to_dict(current(database(settings.database).conninfo))
    assert (conninfo | {"password": password}).items() <= told.items()


def test_redis_takes_its_password_beside_its_url_too(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("a@b\n")
    settings = Settings.load(
        {"REDIS_URL": "rediss://titan@h:6379/1?ssl_ca_certs=/ca", "REDIS_PASSWORD_FILE": str(file)}
    )
    assert settings.redis is not None
    assert current(settings.redis) == "rediss://titan:a%40b@h:6379/1?ssl_ca_certs=/ca"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"DATABASE_URL": "postgresql://h", "DATABASE_URL_FILE": "{file}"}, "DATABASE_URL and DATABASE_URL_FILE"),
        (
            {"REDIS_URL": "redis://h", "REDIS_PASSWORD_FILE": "/no/where"},
            "REDIS_PASSWORD_FILE=/no/where cannot be read",
        ),
        ({"REDIS_URL": "redis://h", "REDIS_PASSWORD_FILE": "{empty}"}, r"REDIS_PASSWORD_FILE=.*/empty is empty"),
        ({"DATABASE_URL": "postgresql://u:s3cret@h", "DATABASE_PASSWORD_FILE": "{file}"}, "holds a password"),
        ({"DATABASE_URL": "postgresql:///d?password=s3cret", "DATABASE_PASSWORD": "s3cret"}, "holds a password"),
        ({"DATABASE_URL": "host=h password = s3cret", "DATABASE_PASSWORD": "s3cret"}, "holds a password"),
        ({"REDIS_URL": "redis://:s3cret@h", "REDIS_PASSWORD": "s3cret"}, "REDIS_URL holds a password"),
        ({"DATABASE_PASSWORD_FILE": "{file}"}, "DATABASE_PASSWORD is set, and DATABASE_URL is not"),
        ({"MQTT_PASSWORD_FILE": "{file}"}, "MQTT_PASSWORD is set, and MQTT_USERNAME is not"),
        ({"MQTT_CA_FILE": "/ca.crt"}, "MQTT_CA_FILE is set, and MQTT_TLS is not"),
    ],
)
def test_a_secret_that_cannot_be_meant_stops_the_start_without_being_told(
    environ: dict[str, str], told: str, tmp_path: Path
) -> None:
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.write_text("s3cret\n")
    empty.write_text("\n")
    with pytest.raises(Misconfigured, match=told) as refused:
        Settings.load({name: value.format(file=file, empty=empty) for name, value in environ.items()})
    assert "s3cret" not in str(refused.value)


def test_a_secret_is_in_no_print_of_the_settings() -> None:
    settings = Settings.load({"DATABASE_URL": "postgresql://u:s3cret@h", "AWS_SECRET_ACCESS_KEY": "s3cret"})
    assert "s3cret" not in repr(settings)


def test_a_file_that_is_gone_later_is_a_store_that_is_away(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first")
    settings = Settings.load({"DATABASE_URL": "postgresql://titan@h/db", "DATABASE_PASSWORD_FILE": str(file)})
    assert settings.database is not None
    file.unlink()
    with pytest.raises(Unavailable, match="DATABASE_PASSWORD_FILE cannot be read") as told:
        current(settings.database)
    assert told.value.is_refusal
    assert str(file) not in str(told.value)
