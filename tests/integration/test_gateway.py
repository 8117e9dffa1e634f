"""The Caddyfile, under `titan dev` with replicas: what goes where, and what happens when a reader is gone."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest

from support.dev import Running, dev
from support.trees import Ends
from support.waiting import eventually
from titan.dev.processes import answers, free_port
from titan.http.operations import BASE_PATHS, OPERATIONS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

PREFIXES = ("", "/api/v3", "/api/v3.0", "/api/v3.1")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with dev(tmp_path_factory.mktemp("gateway"), free_port(), replicas=2) as running:
        assert running.is_ready, running.said
        yield running


def tier(running: Running, method: str, target: str) -> str:
    return running.ask(method, target)[1].split()[0]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_changes_nothing_is_read(running: Running, prefix: str) -> None:
    asked = [
        *(("GET", "/shells"), ("GET", "/health"), ("GET", "/metrics"), ("OPTIONS", "/shells/x")),
        *(("POST", "/query/shells"), ("POST", "/query/submodels"), ("POST", "/lookup/shellsByAssetLink")),
    ]
    assert {tier(running, method, prefix + path) for method, path in asked} == {"read"}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_changes_something_is_written(running: Running, prefix: str) -> None:
    asked = [
        *(("POST", "/shells"), ("PUT", "/shells/x"), ("DELETE", "/shells/x"), ("PATCH", "/submodels/x/$value")),
        *(("POST", "/lookup/shells/x"), ("PUT", "/query/shells"), ("POST", "/shells/query/shells/x")),
        ("POST", "/submodels/x/submodel-elements/query/invoke"),
    ]
    assert {tier(running, method, prefix + path) for method, path in asked} == {"write"}


@pytest.mark.parametrize("base", BASE_PATHS)
def test_every_operation_goes_to_the_tier_that_serves_it(running: Running, base: str) -> None:
    serving = {"query": "read", "command": "write"}
    for row in OPERATIONS:
        target = base + re.sub(r"{\w+}", "aHR0cA", row.path)
        assert tier(running, row.method, target) == serving[row.side], row.operation_id


@pytest.mark.parametrize(
    "target",
    [
        "/submodels/a%2Fb/submodel-elements/list%5B0%5D",
        "/submodels/a%2fb/submodel-elements/list[0]//x?cursor=a%2Bb+c&a=1;b=2&c=%zz&d",
        "/shells/%C3%A4/../%2e%2e/x",
        "/submodels/a/submodel-elements/x/$value?level=deep&level=core",
    ],
)
def test_a_target_passes_byte_for_byte(running: Running, target: str) -> None:
    assert running.ask("GET", target)[1].split()[3] == target
    assert running.ask("PUT", target)[1].split()[3] == target


def test_readers_take_turns(running: Running) -> None:
    assert len({running.ask("GET", "/shells")[1].split()[1] for _ in range(4)}) == 2


def test_a_reader_that_is_killed_is_passed_over_and_comes_back(tmp_path: Path) -> None:
    with dev(tmp_path, free_port(), replicas=2) as running:
        port = int(running.address("titan read 1").rpartition(":")[2])
        name = running.ask("GET", "/shells", port=port)[1].split()[-1]
        os.kill(int(name.rpartition("-")[2]), SIGKILL)
        answered = [running.ask("GET", "/shells")[0] for _ in range(20)]
        assert answered == [200] * 20
        assert eventually(lambda: answers("127.0.0.1", port))
        assert eventually(lambda: running.ask("GET", "/shells")[1].split()[1] == str(port))


def test_a_writer_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    with dev(tmp_path, free_port(), replicas=1) as running:
        (writer,) = tmp_path.glob("write-*")
        pid = int(writer.name.rpartition("-")[2])
        with Ends([pid]) as ends:
            os.kill(pid, SIGKILL)
            assert ends.missing(timeout_s=5) == set()
        assert running.ask("POST", "/shells")[0] == 200
