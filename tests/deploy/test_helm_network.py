"""The ways to and through the release: walls with doors, the split of the Gateway API, and our own gateway's."""

import os
import re
import shutil
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace
from paho.mqtt import MQTTException
from paho.mqtt.publish import single as publish
from redis.exceptions import AuthenticationError

from support.answering import Answer, Asked, answer, answering
from support.chart_cases import CASES
from support.charts import CHART, Case, Object, allows, environ, of_kind, one, permits, pods
from titan.config import Settings
from titan.dev import caddy, valkey
from titan.dev.processes import Command, Process, answers, free_port
from titan.http.operations import BASE_PATHS, OPERATIONS, gateway_split
from titan.storage.redis import connect_blocking

each = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


FLOWS = {
    "gateway": {"read", "write"},
    "read": {"postgresql", "redis"},
    "write": {"postgresql", "redis"},
    "projector": {"postgresql", "redis"},
    "bridge": {"postgresql", "redis", "mosquitto"},
    "backup": {"postgresql", "redis"},
    "warm": {"read", "postgresql"},
    "migrate": {"postgresql"},
    "postgresql": set[str](),
    "redis": set[str](),
    "mosquitto": set[str](),
}
"""Who may reach whom within the release."""

PORTS = {"postgresql": 5432, "redis": 6379, "mosquitto": 1883}


@each
def test_within_the_release_goes_what_is_needed_and_nothing_else(case: Case) -> None:
    there = {pod.component: pod for pod in pods(case)}
    for source in there.values():
        reached = {
            target.component
            for target in there.values()
            if target is not source and allows(case, source, target, PORTS.get(target.component, 8080))
        }
        assert reached == FLOWS[source.component] & set(there), source.of
        assert not [target for target in there.values() if target is not source and allows(case, source, target, 22)]


@each
def test_out_of_the_release_goes_what_is_needed_and_nothing_else(case: Case) -> None:
    expected = {5432: 0, 6432: 0, 6379: 0, 6380: 0, 8883: 0, 9000: 0, 4317: 0, 443: 0, 22: 0, 80: 0}
    values = case.values
    outside = {
        "database": {values["externalDatabase"].get("port", 5432)} if "externalDatabase" in values else set[int](),
        "redis": {values["externalRedis"].get("port", 6379)} if "externalRedis" in values else set[int](),
        "mqtt": {values["mqtt"]["port"]} if "port" in values.get("mqtt", {}) else set[int](),
        "blobs": {"local": set[int](), "minio": {9000}}.get(values.get("blobStorage", {}).get("type", "local"), {443}),
        "traces": {4317} if "tracing" in values else set[int](),
        "issuer": {443} if "oidc" in values else set[int](),
        "targets": {443} if "writeEgress" in values.get("networkPolicy", {}) else set[int](),
    }
    needs = {
        "read": {"database", "redis", "blobs", "traces", "issuer"},
        "write": {"database", "redis", "blobs", "traces", "issuer", "targets"},
        "projector": {"database", "redis", "blobs", "traces"},
        "bridge": {"database", "redis", "mqtt", "traces"},
        "backup": {"database", "redis", "blobs"},
        "migrate": {"database"},
        "warm": {"database"},
    }
    if case is CASES["role"]:
        outside["blobs"] = {443, 80}
    for pod in pods(case):
        needed = {port for need in needs.get(pod.component, set()) for port in outside[need]}
        assert {port for port in expected if allows(case, pod, None, port)} == needed, pod.of


METADATA = {
    "s3": {("169.254.169.254", 80), ("169.254.170.23", 80)},
    "gcs": {("169.254.169.254", 80), ("169.254.169.252", 988)},
}
"""Where a pod gets the credentials of its role: of the machine or, at Amazon, of EKS; at Google, of GKE."""


@pytest.mark.parametrize("there", METADATA)
def test_who_touches_contents_by_a_role_of_the_cloud_reaches_its_metadata_and_nobody_else_does(there: str) -> None:
    every = set[tuple[str, int]]().union(*METADATA.values())
    values = {**CASES["role"].values, "blobStorage": {"type": there, there: {"bucket": "contents"}}}
    with_a_key = {"type": there, there: {"bucket": "contents", "existingSecret": "key"}}
    for case, wanted in ((Case(values), METADATA[there]), (Case({**values, "blobStorage": with_a_key}), set())):
        for pod in pods(case):
            reached = {(address, port) for address, port in every if allows(case, pod, address, port)}
            touches = pod.component in {"read", "write", "projector", "backup"}
            assert reached == (wanted if touches else set()), pod.of
            assert not allows(case, pod, "169.254.169.254", 443)


def hook_of(found: Object) -> str:
    return found["metadata"].get("annotations", {}).get("helm.sh/hook", "")


def test_an_upgrade_to_another_database_migrates_it_behind_the_walls_of_the_release_before() -> None:
    """What runs before an upgrade runs before the policies of the new release are there."""
    before, after = CASES["default"], CASES["production"]
    (migrating,) = [pod for pod in pods(after) if pod.component == "migrate"]
    job = one(after, migrating.of)
    brought = [found for found in of_kind(after, "NetworkPolicy") if hook_of(found) == hook_of(job)]
    weights = [int(found["metadata"]["annotations"]["helm.sh/hook-weight"]) for found in (*brought, job)]
    assert weights[:-1] < weights[-1:]
    walls = [found for found in of_kind(before, "NetworkPolicy") if not hook_of(found)]
    assert not permits(walls, "Egress", migrating, None, 5432)
    assert {port for port in (53, 5432, 443, 22) if permits([*walls, *brought], "Egress", migrating, None, port)} == {
        53,
        5432,
    }
    # Before the first release there is none that lets it ask for names.
    assert permits(brought, "Egress", migrating, None, 53)


def test_a_wall_has_doors_for_those_who_are_named_alone() -> None:
    case = CASES["everything"]
    peer = case.values["networkPolicy"]["clients"][0]
    doors = {
        policy["metadata"]["name"].removeprefix("titan-"): rule["from"]
        for policy in of_kind(case, "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if peer in rule.get("from", [])
    }
    assert set(doors) == {"titan-aas-gateway", "titan-aas-tiers", "mosquitto"}


def matches(route: Object) -> Iterator[tuple[str, str, str]]:
    """Prefix, method (or none) and tier of each match of a route."""
    for rule in route["spec"]["rules"]:
        (backend,) = rule["backendRefs"]
        for match in rule["matches"]:
            assert match["path"]["type"] == "PathPrefix"
            yield match["path"]["value"], match.get("method", ""), backend["name"].rpartition("-")[2]


def routed(route: Object, method: str, path: str) -> str:
    """The tier that a Gateway sends this to.

    Spec: Gateway API, HTTPRouteRule: of the matches the one with the longest prefix wins, then one that names a method.
    """
    found = [
        (len(prefix.rstrip("/")), bool(named), tier)
        for prefix, named, tier in matches(route)
        if named in {"", method} and f"{path}/".startswith(f"{prefix.rstrip('/')}/")
    ]
    return max(found)[2]


TIERS = {"query": "read", "command": "write"}


def test_the_gateway_api_sends_each_operation_to_the_tier_that_serves_it() -> None:
    route = one(CASES["everything"], "HTTPRoute/titan-titan-aas")
    for row in OPERATIONS:
        path = re.sub(r"{\w+}", "aHR0cA", row.path)
        for base in BASE_PATHS:
            assert routed(route, row.method, base + path) == TIERS[row.side], row.operation_id
            if row.method == "GET":
                assert routed(route, "HEAD", base + path) == routed(route, "OPTIONS", base + path) == "read"


def test_the_gateway_api_splits_as_the_table_of_operations_and_the_caddyfile_do() -> None:
    route = one(CASES["everything"], "HTTPRoute/titan-titan-aas")
    for side, reached in gateway_split().items():
        for methods, pattern in reached:
            path = pattern.replace("/**", "/shells/x").replace("*", "x")
            assert {routed(route, method, path) for method in methods} == {TIERS[side]}
    pattern = re.search(r"path_regexp (\S+)", (CHART / "files" / "Caddyfile").read_text())
    assert pattern
    for base in BASE_PATHS:
        for path in ("/query/shells", "/query/submodels", "/lookup/shellsByAssetLink", "/lookup/shells", "/shells"):
            by_caddy = "read" if re.search(pattern[1], base + path) else "write"
            assert routed(route, "POST", base + path) == by_caddy
            assert routed(route, "PUT", base + path) == "write"


def test_a_gateway_takes_as_many_rules_as_the_route_has() -> None:
    """Spec: Gateway API 1.0, HTTPRoute: 16 rules, 8 matches each."""
    rules = one(CASES["everything"], "HTTPRoute/titan-titan-aas")["spec"]["rules"]
    assert len(rules) <= 16
    assert all(len(rule["matches"]) <= 8 for rule in rules)


def test_whoever_is_before_the_tiers_waits_as_long_as_an_operation_may_take() -> None:
    """nginx gives up after 60 s unless told otherwise, and so do others; a Gateway takes 0s for no bound at all."""
    longest = Settings().operation_timeout_max
    annotations = CASES["production"].values["ingress"]["annotations"]
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > longest
    for timeouts, wanted in ((None, "0s"), ({"request": "900s"}, "900s")):
        values = CASES["everything"].values
        routed = {**values["httpRoute"], **({"timeouts": timeouts} if timeouts else {})}
        route = one(Case({**values, "httpRoute": routed}), "HTTPRoute/titan-titan-aas")
        assert [rule["timeouts"] for rule in route["spec"]["rules"]] == [{"request": wanted}] * 3


NOWHERE = ("nobody..invalid", 8080)
"""What no resolver knows, and none has to be asked for."""


@asynccontextmanager
async def gateway(directory: Path, *, ready: tuple[str, int], unready: str) -> AsyncGenerator[str]:
    """URL of our gateway, told where the readers are as the chart tells it: those that are ready, and any."""
    (container,) = [pod.spec["containers"][0] for pod in pods(CASES["default"]) if pod.component == "gateway"]
    told = environ(container)["TITAN_READ"]
    pods_there = "name titan-titan-aas-read-pods\n  port 8080"
    assert pods_there in told
    told = told.replace(pods_there, f"name {ready[0]}\n  port {ready[1]}")
    told = told.replace("titan-titan-aas-read-unready:8080", unready.removeprefix("http://"))
    port = free_port()
    program = caddy.find_program(search_path=os.environ["PATH"])
    caddyfile = CHART / "files" / "Caddyfile"
    command = caddy.command(program, directory, host="127.0.0.1", port=port, read=(), write=(), caddyfile=caddyfile)
    told_all = {**command.environ, "TITAN_READ": told, "TITAN_WRITE": environ(container)["TITAN_WRITE"]}
    process = Process(replace(command, environ=told_all))
    process.launch()
    try:
        process.wait_until(lambda: answers("127.0.0.1", port), timeout_s=20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def reader(name: str, *, is_ready: bool) -> Callable[[Asked], Answer]:
    def script(asked: Asked) -> Answer:
        status = "503 Service Unavailable" if asked.path == "/health/ready" and not is_ready else "200 OK"
        return answer(status, name.encode())

    return script


async def test_our_gateway_asks_the_readers_that_are_ready(tmp_path: Path) -> None:
    async with (
        answering(reader("ready", is_ready=True)) as ready,
        answering(reader("any", is_ready=True)) as unready,
        gateway(tmp_path, ready=address(ready), unready=unready) as url,
        httpx.AsyncClient() as client,
    ):
        assert {(await client.get(f"{url}/shells")).text for _ in range(8)} == {"ready"}


async def test_where_no_reader_is_ready_our_gateway_asks_one_that_is_not(tmp_path: Path) -> None:
    """The cluster's DNS has no address then: readers that can prove that they are fresh would not be heard."""
    async with (
        answering(reader("not ready", is_ready=False)) as unready,
        gateway(tmp_path, ready=NOWHERE, unready=unready) as url,
        httpx.AsyncClient() as client,
    ):
        assert {(await client.get(f"{url}/shells")).text for _ in range(8)} == {"not ready"}


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


def shell_of(case: Case, name: str, container: str) -> str:
    """The script that a container of a bundled server starts with."""
    (found,) = [pod for pod in pods(case) if pod.of == name]
    (mine,) = [one for one in found.containers if one["name"] == container]
    return mine["command"][-1]


def test_the_redis_of_the_release_starts_and_wants_its_password(tmp_path: Path) -> None:
    script = shell_of(CASES["default"], "StatefulSet/titan-redis", "redis")
    (tmp_path / "password").write_text("a+secret/of=openssl")
    port = free_port()
    program = valkey.find_program(search_path=os.environ["PATH"])
    here = {"/run/secrets/redis": str(tmp_path), "dir /data": f"dir {tmp_path}", "valkey-server": str(program)}
    for there, local in {**here, "bind * -::*": f"bind 127.0.0.1\nport {port}"}.items():
        assert there in script
        script = script.replace(there, local)
    process = Process(Command(name="redis", argv=("/bin/sh", "-ec", script), environ={}, log=tmp_path / "log"))
    process.launch()
    try:
        process.wait_until(lambda: answers("127.0.0.1", port), timeout_s=20)
        with connect_blocking(f"redis://:{quote('a+secret/of=openssl', safe='')}@127.0.0.1:{port}") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with connect_blocking(f"redis://127.0.0.1:{port}") as client, pytest.raises(AuthenticationError):
            client.ping()
    finally:
        process.stop()


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="needs mosquitto")
def test_the_mosquitto_of_the_release_starts_and_wants_its_password(tmp_path: Path) -> None:
    case = CASES["everything"]
    script = shell_of(case, "StatefulSet/titan-mosquitto", "accounts")
    (tmp_path / "password").write_text("secret")
    here = {"/run/secrets/mosquitto": str(tmp_path), "/mosquitto/auth": str(tmp_path)}
    configuration = one(case, "ConfigMap/titan-mosquitto")["data"]["mosquitto.conf"]
    port, websockets = free_port(), free_port()
    for there, local in here.items():
        script, configuration = script.replace(there, local), configuration.replace(there, local)
    for there, local in ((1883, port), (9001, websockets)):
        configuration = configuration.replace(f"listener {there}\n", f"listener {local} 127.0.0.1\n")
    subprocess.run(("/bin/sh", "-ec", script), check=True, env={"ACCOUNT": "titan", "PATH": os.environ["PATH"]})
    assert "secret" not in (tmp_path / "accounts").read_text()
    # Run by root it would become another user, who may not read a test's files.
    (tmp_path / "mosquitto.conf").write_text(f"{configuration}user root\n")
    argv = (shutil.which("mosquitto") or "", "-c", str(tmp_path / "mosquitto.conf"))
    process = Process(Command(name="mosquitto", argv=argv, environ={}, log=tmp_path / "log"))
    process.launch()
    try:
        process.wait_until(lambda: answers("127.0.0.1", port), timeout_s=20)
        publish("test", hostname="127.0.0.1", port=port, auth={"username": "titan", "password": "secret"})
        with pytest.raises(MQTTException, match="Not authorized"):
            publish("test", hostname="127.0.0.1", port=port)
    finally:
        process.stop()
