"""A real Prometheus over processes that run, with the configuration and the rules of compose/."""

import math
import re
import shutil
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import yaml

from support.waiting import eventually
from titan.dev.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose" / "prometheus"
DASHBOARDS = ROOT / "compose" / "grafana" / "dashboards"

_SELECTOR = re.compile(r"\b([a-z_]+)\{[^}]*\}")
_FENCE = re.compile(r"^[ ]*```promql\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)


class Prometheus:
    """A server that scrapes."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=10)

    def query(self, expression: str) -> list[float]:
        """The values that an expression has now, those that are no number left out."""
        return [value for value in self._values(expression) if not math.isnan(value)]

    def names(self) -> set[str]:
        """Of all series that there are."""
        return set(self._get("/api/v1/label/__name__/values"))

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health and state."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def is_scraping(self, targets: int) -> bool:
        """Whether every target was reached."""
        try:
            ready = self._client.get("/-/ready").status_code == 200
            return ready and len([value for value in self.query('up{job="titan-aas"}') if value]) == targets
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._client.close()

    def _values(self, expression: str) -> list[float]:
        found = self._get("/api/v1/query", query=expression)
        series = [found["result"]] if found["resultType"] == "scalar" else [one["value"] for one in found["result"]]
        return [float(value) for _, value in series]

    def _get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401  # JSON
        answered = self._client.get(path, params=parameters)
        told = msgspec.json.decode(answered.content)
        assert told["status"] == "success", told
        return told["data"]


@contextmanager
def prometheus(directory: Path, tiers: Mapping[str, Sequence[str]]) -> Generator[Prometheus]:
    """Scrape the addresses of each tier twice a second; every one was reached when this comes back."""
    directory.mkdir(parents=True)
    shutil.copytree(COMPOSE / "rules", directory / "rules")
    port = free_port()
    (directory / "prometheus.yml").write_text(yaml.safe_dump(_configuration(tiers, port)))
    with (directory / "log").open("wb") as log:
        child = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with child:
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            targets = sum(map(len, tiers.values()))
            assert eventually(lambda: server.is_scraping(targets), timeout_s=30), (directory / "log").read_text()
            yield server
        finally:
            server.close()
            child.terminate()


def _configuration(tiers: Mapping[str, Sequence[str]], port: int) -> dict[str, Any]:
    """The one of compose/, with addresses in the place of names: what is made of a name stays as it is."""
    found = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
    found["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    ours, itself = found["scrape_configs"]
    [by_name] = ours.pop("dns_sd_configs")
    assert set(by_name["names"]) == set(tiers)
    ours["static_configs"] = [
        {"targets": list(targets), "labels": {"__meta_dns_name": tier}} for tier, targets in tiers.items()
    ]
    itself["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    return found


class Panel(NamedTuple):
    """An expression of a dashboard."""

    title: str
    expression: str


def panels() -> list[Panel]:
    """Every expression of every dashboard, with the interval that Grafana would choose, of all namespaces."""
    return [
        Panel(
            panel["title"],
            target["expr"]
            .replace("$__rate_interval", "1m")
            .replace("$namespace", dashboard["templating"]["list"][0]["allValue"]),
        )
        for dashboard in dashboards()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def dashboards() -> list[dict[str, Any]]:
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(DASHBOARDS.glob("*.json"))]


def alerts() -> list[dict[str, Any]]:
    """Every alert of every file of rules."""
    return [
        rule
        for path in sorted((COMPOSE / "rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


def selectors(expression: str) -> list[str]:
    """What an expression looks at, without what it makes of it."""
    return [found[0] for found in _SELECTOR.finditer(expression)]


def written_in(text: str) -> Iterator[str]:
    """The expressions in the blocks of a document that are marked as PromQL, one a line."""
    for block in _FENCE.findall(text):
        for line in block.splitlines():
            if line.strip() and not line.strip().startswith("#"):
                yield line.strip()
