"""What every container of compose/ is held to, and that what it is told leads somewhere.

Rendered by Docker Compose's own program, without an engine: no image is pulled and no container started here. What the
programs in them are told is run by `test_compose_programs.py` where there are such programs without Docker.
"""

import re
import stat
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from support.composed import (
    COMPOSE,
    FILE,
    ROOT,
    Service,
    config,
    environ,
    everything,
    example,
    interpolated,
    is_ours,
    mounts,
    project,
    published,
    services,
)
from support.image import variables
from titan.config import Settings, variable
from titan.http import health
from titan.main import app

NEEDED = {"gateway", "write", "read", "projector", "migrate", "postgres", "redis"}
WATCHING = {"bridge", "mosquitto", "prometheus", "grafana", "jaeger"}
SCALED = {"write", "read", "projector", "bridge"}
PORTS = {
    "gateway": {8080},
    "postgres": {5432},
    "redis": {6379},
    "mosquitto": {1883, 9001},
    "prometheus": {9090},
    "grafana": {3000},
    "jaeger": {16686},
}
"""What RUNBOOK.md promises."""

LISTENING = {"postgres": {5432}, "redis": {6379}, "mosquitto": {1883, 9001}, "jaeger": {4317, 16686}}
FROM_FILES = {"DATABASE_PASSWORD_FILE", "REDIS_PASSWORD_FILE", "MQTT_PASSWORD_FILE"}
TEMPORARY = "/tmp"  # noqa: S108
WITHOUT_TEMPORARY_FILES = ("docker.io/prom/prometheus",)
AWAITED = {*FROM_FILES, "MQTT_USERNAME", "MQTT_TLS", "MQTT_CA_FILE"}
"""Settings that are being made."""

each = pytest.mark.parametrize("service", everything().values(), ids=list(everything()))


@pytest.mark.parametrize("profiles", [(), ("full",), ("tools",), ("full", "tools")], ids="+".join)
def test_compose_takes_every_profile(profiles: tuple[str, ...]) -> None:
    started = {"full": WATCHING, "tools": {"titan"}}
    assert set(services(*profiles)) == NEEDED.union(*(started[profile] for profile in profiles))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("read_onyl: true", "read_only: true"),
        ("redis_pasword]", "redis_password]"),
        ("jager:\n    <<: *cont", "redis:\n    <<: *cont"),
    ],
)
def test_compose_refuses_what_it_does_not_know(wrong: str, right: str, tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    text = FILE.read_text()
    assert right in text
    broken.write_text(text.replace(right, wrong, 1))
    assert config(file=broken).returncode != 0


@each
def test_nobody_is_root_or_becomes_it(service: Service) -> None:
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0 or service["image"].startswith("docker.io/grafana/")
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "container_name"} & set(service)


@each
def test_what_is_written_has_a_place_and_everything_else_is_read_only(service: Service) -> None:
    assert service["read_only"] is True
    for target, mount in mounts(service).items():
        assert mount["type"] != "bind" or mount["read_only"], target
        assert mount["type"] != "bind" or Path(mount["source"]).exists(), target
    if is_ours(service) and "/data" in mounts(service):
        # A backup on its way, or a file, is too much for memory.
        assert mounts(service)[TEMPORARY]["type"] == "volume"
    else:
        assert TEMPORARY in mounts(service) or service["image"].startswith(WITHOUT_TEMPORARY_FILES)


@each
def test_every_container_has_its_share_and_no_more(service: Service) -> None:
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_who_runs_on_is_started_again_and_who_ends_is_not() -> None:
    once = {name for name, service in everything().items() if service["restart"] == "no"}
    assert once == {"migrate", "titan"}
    assert {service["restart"] for service in everything().values()} == {"no", "unless-stopped"}


@each
def test_an_image_is_of_a_version_and_the_chart_has_the_same(service: Service) -> None:
    repository, _, tag = service["image"].rpartition(":")
    assert re.fullmatch(r"v?\d+\.\d+[\w.-]*", tag)
    charts = [yaml.safe_load(path.read_text()) for path in (ROOT / "helm/titan-aas").glob("**/values.yaml")]
    images = [chart["image"] for chart in charts] + [
        chart["gateway"]["image"] for chart in charts if "gateway" in chart
    ]
    assert {image["tag"] or tag for image in images if image["repository"] == repository} <= {tag}


def test_our_image_is_of_this_version() -> None:
    [image] = {service["image"] for service in everything().values() if is_ours(service)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert image == f"ghcr.io/titan-aas/titan-aas:{project['version']}"


@each
def test_no_secret_is_in_an_environment_or_an_argument(service: Service) -> None:
    for name, value in environ(service).items():
        assert not re.search(r"PASSWORD|SECRET|KEY|TOKEN", name) or value.startswith("/run/secrets/"), name
        assert "@" not in value or urlsplit(value).password is None
    given = {secret["target"] for secret in service.get("secrets", [])}
    assert {value for value in environ(service).values() if value.startswith("/run/secrets/")} <= given
    told = " ".join([*(service.get("command") or []), *service.get("healthcheck", {}).get("test", [])])
    wanted = {*re.findall(r"/run/secrets/\w+", told), *(v for v in environ(service).values() if "/run/secrets" in v)}
    assert wanted == given


@each
def test_who_runs_on_is_asked_how_it_is_without_a_token(service: Service) -> None:
    check = service.get("healthcheck", {})
    if is_ours(service):
        # The image asks; what ends is not asked.
        assert check == ({"disable": True} if service["restart"] == "no" else {})
        return
    asked = " ".join(check["test"])
    assert check["start_period"]
    ports = {int(port) for port in re.findall(r"(?:127\.0\.0\.1[: ]|-p )(\d+)", asked)}
    assert ports <= {target for _, _, target in published(service)}
    for url in re.findall(r"http://127\.0\.0\.1:\d+(\S*)", asked):
        assert url in {"/", "/-/healthy", "/api/health", *health._PATHS}


def test_docker_engine_24_takes_how_health_is_asked_for() -> None:
    """An interval of its own for the start came with version 25; so those who are waited for are asked often."""
    for name, service in everything().items():
        assert "start_interval" not in service.get("healthcheck", {}), name
    assert "--start-interval" not in (COMPOSE / "Dockerfile").read_text()


def test_what_is_waited_for_is_there_and_ends_or_says_that_it_is_well() -> None:
    for name, service in everything().items():
        for other, how in service.get("depends_on", {}).items():
            there = everything()[other]
            if how["condition"] == "service_completed_successfully":
                assert there["restart"] == "no"
            else:
                assert how["condition"] == "service_healthy"
                assert there.get("healthcheck") or is_ours(there)
            assert set(there.get("profiles", [])) <= set(service.get("profiles", [])), (name, other)


def test_tiers_start_on_a_schema_and_stores_and_the_gateway_on_tiers() -> None:
    for name in ("write", "read", "projector", "bridge"):
        assert set(everything()[name]["depends_on"]) >= {"migrate", "redis"}
    assert set(everything()["migrate"]["depends_on"]) == {"postgres"}
    assert set(everything()["gateway"]["depends_on"]) == {"read", "write"}


def test_ports_are_those_that_are_promised_and_of_this_machine_alone() -> None:
    for name, service in everything().items():
        ports = published(service)
        assert {port for _, port, _ in ports} == PORTS.get(name, set()), name
        assert {target for _, _, target in ports} == PORTS.get(name, set()), name
        assert {address for address, _, _ in ports} <= {"127.0.0.1"}, name


def test_what_is_scaled_has_neither_a_port_nor_a_name_of_its_own() -> None:
    for name in SCALED:
        assert not {"ports", "container_name", "hostname"} & set(everything()[name])
    tier = project()["services"]["read"]
    assert "deploy" in tier
    assert "replicas" not in tier["deploy"]


@each
def test_a_host_that_is_named_is_a_service_on_that_port(service: Service) -> None:
    told = environ(service)
    for name in ("DATABASE_URL", "REDIS_URL", "OTLP_ENDPOINT"):
        if name in told:
            where = urlsplit(told[name])
            assert where.hostname in everything()
            assert where.port in LISTENING[where.hostname], name
    if "MQTT_BROKER" in told:
        assert int(told["MQTT_PORT"]) in LISTENING[told["MQTT_BROKER"]]
    for name in ("TITAN_READ", "TITAN_WRITE"):
        for host, port in re.findall(r"name (\S+)\s+port (\d+)", told.get(name, "")):
            assert environ(everything()[host]).get("TITAN_PORT", "8080") == port


def test_every_other_place_that_names_a_service_names_one_on_its_port() -> None:
    default = re.findall(r"\{\$TITAN_(?:READ|WRITE):dynamic a (\w+) (\d+)\}", (COMPOSE / "Caddyfile").read_text())
    assert set(default) == {("read", "8080"), ("write", "8080")}
    scraped = yaml.safe_load((COMPOSE / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    [by_name] = scraped["dns_sd_configs"]
    assert set(by_name["names"]) == SCALED
    assert by_name["port"] == 8080
    sources = yaml.safe_load((COMPOSE / "grafana/provisioning/datasources/titan.yaml").read_text())["datasources"]
    for where in (urlsplit(source["url"]) for source in sources):
        assert where.port in PORTS[where.hostname or ""]


def test_what_grafana_and_prometheus_look_for_is_where_they_look() -> None:
    provider = yaml.safe_load((COMPOSE / "grafana/provisioning/dashboards/titan.yaml").read_text())["providers"][0]
    grafana = mounts(everything()["grafana"])
    assert list(Path(grafana[provider["options"]["path"]]["source"]).glob("*.json"))
    assert Path(grafana["/etc/grafana/provisioning"]["source"]) == COMPOSE / "grafana/provisioning"
    prometheus = everything()["prometheus"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in prometheus["command"]
    assert Path(mounts(prometheus)["/etc/prometheus"]["source"]) == COMPOSE / "prometheus"


@each
def test_titan_takes_the_settings_and_arguments_that_it_is_given(service: Service) -> None:
    if not is_ours(service):
        return
    told = environ(service)
    known = {variable(name) for name in Settings.__struct_fields__} | AWAITED
    assert set(told) - known == set()
    Settings.load({name: value for name, value in told.items() if name not in AWAITED})
    app.parse_args(service["command"], exit_on_error=False, print_error=False)


def test_files_are_kept_where_the_image_keeps_them_and_all_tiers_share_them() -> None:
    directory = variables("ENV", stage=1)["TITAN_DATA_DIR"]
    for name in ("read", "write", "projector", "titan"):
        assert mounts(everything()[name])[directory]["source"] == "blobs"


def test_slow_queries_are_kept() -> None:
    postgres = everything()["postgres"]
    assert "shared_preload_libraries=pg_stat_statements" in postgres["command"]
    made = Path(mounts(postgres)["/docker-entrypoint-initdb.d"]["source"])
    assert "CREATE EXTENSION IF NOT EXISTS pg_stat_statements" in (made / "statements.sql").read_text()


def test_the_example_has_everything_that_can_be_set_with_its_default() -> None:
    assert example() == interpolated()


def test_what_is_set_arrives() -> None:
    other = {"GATEWAY_ADDRESS": "10.1.2.3", "GATEWAY_PORT": "80", "TITAN_LOG_LEVEL": "DEBUG", "IMAGE": "mine:2.0"}
    done = config(environ=other)
    assert done.returncode == 0, done.stderr
    assert all(value in done.stdout for value in other.values())


def test_secrets_are_made_once_and_only_their_owner_finds_them(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_bytes((COMPOSE / "secrets.sh").read_bytes())
    wanted = {Path(secret["file"]).relative_to(COMPOSE) for secret in project("full")["secrets"].values()}

    def make() -> dict[Path, bytes]:
        done = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "secrets").iterdir()}

    first = make()
    assert set(first) == wanted
    assert all(re.fullmatch(rb"[\w-]{43}", secret) for secret in first.values())
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    # A container reads them as a user of its own.
    assert {stat.S_IMODE((tmp_path / path).stat().st_mode) for path in first} == {0o644}
    (tmp_path / "secrets/redis_password.txt").unlink()
    second = make()
    assert {path for path in wanted if first[path] != second[path]} == {Path("secrets/redis_password.txt")}


def test_what_is_of_this_machine_is_not_put_under_version_control() -> None:
    kept_out = (ROOT / ".gitignore").read_text().splitlines()
    assert {"compose/.env", "compose/titan.env", "compose/secrets/"} <= set(kept_out)
