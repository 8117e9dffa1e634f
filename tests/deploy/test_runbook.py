"""RUNBOOK.md is true: what it says to type works, and what it names is there."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.exceptions import AuthenticationError

from support import servers
from support.chart_cases import CASES
from support.charts import environ as charted
from support.charts import pods
from support.composed import environ as composed
from support.composed import services
from support.processes import titan
from support.runbook import ROOT, RUNBOOK, Block, anchors, blocks
from support.servers import Chosen
from titan.dev import postgres
from titan.dev.processes import free_port
from titan.storage.redis import connect_blocking

KINDS = {"bash", "bash compose", "bash cluster", "promql"}
HERE = blocks("bash")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")


def name(block: Block) -> str:
    return f"line {block.line}"


@pytest.fixture(scope="module")
def environ(
    chosen: Chosen,
    shared_postgres: str,
    template: str,
    mqtt_broker: tuple[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """What a shell of an operator has, before a system that runs."""
    directory = tmp_path_factory.mktemp("operator")
    port = free_port()
    with (
        servers.fresh_database(shared_postgres, template=template) as database_url,
        servers.private_redis(chosen, directory / "redis") as redis,
    ):
        stores = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url(),
            "MQTT_BROKER": mqtt_broker[0],
            "MQTT_PORT": str(mqtt_broker[1]),
            "TITAN_DATA_DIR": str(directory / "data"),
        }
        binaries = postgres.find_binaries(override=None, search_path=os.environ["PATH"])
        programs = [str(ROOT / ".venv/bin"), str(ROOT / ".tools"), str(binaries.directory)]
        with titan(directory / "titan", port, "together", environ=stores):
            yield {
                **os.environ,
                **stores,
                "PATH": os.pathsep.join((*programs, os.environ["PATH"])),
                "TITAN": f"http://127.0.0.1:{port}",
                "HOME": str(directory),
                "UV_PROJECT": str(ROOT),
                # As in the image; in a checkout it is where one stands.
                "ALEMBIC_CONFIG": str(ROOT / "alembic.ini"),
                "directory": str(directory),
            }


@pytest.mark.parametrize("block", HERE, ids=name)
def test_what_it_says_to_type_works(block: Block, environ: dict[str, str]) -> None:
    if "uv run" in block.text and shutil.which("uv", path=environ["PATH"]) is None:
        pytest.skip("uv is not on PATH")
    if "redis-cli" in block.text and shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not on this machine")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        env=environ,
        cwd=environ["directory"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"line {block.line}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def test_every_block_says_what_it_needs() -> None:
    assert {block.kind for block in blocks()} <= KINDS


def test_every_link_leads_somewhere() -> None:
    for path, anchor in LINK.findall(RUNBOOK.read_text()):
        if path.startswith("http"):
            continue
        target = ROOT / path if path else RUNBOOK
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


def test_the_password_of_redis_is_changed_as_it_says(chosen: Chosen, tmp_path: Path) -> None:
    """For the one that compose and the chart bring, which clients ask as `default`: no name stands in REDIS_URL."""
    (container,) = [pod.spec["containers"][0] for pod in pods(CASES["default"]) if pod.component == "write"]
    for told in (composed(services()["write"]), charted(container)):
        assert urlsplit(told["REDIS_URL"]).username is None
    added, taken = re.findall(r"`ACL SETUSER default '([<>])(new|old)'`", RUNBOOK.read_text())
    assert (added, taken) == ((">", "new"), ("<", "old"))
    with servers.private_redis(chosen, tmp_path) as private:
        secret = {"old": urlsplit(private.url()).password or "", "new": "another-secret"}

        def asks(password: str) -> bool:
            try:
                with connect_blocking(f"redis://:{password}@127.0.0.1:{private.port}") as client:
                    return bool(client.ping())
            except AuthenticationError:
                return False

        with connect_blocking(private.url()) as client:
            for (sign, which), wanted in ((added, [True, True]), (taken, [False, True])):
                client.execute_command("ACL", "SETUSER", "default", sign + secret[which])
                assert [asks(secret["old"]), asks(secret["new"])] == wanted
