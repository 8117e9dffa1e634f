"""What compose/ gives Prometheus and Grafana is right, and finds its figures in a system that runs."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import helm_python
import httpx
import pytest
import yaml

from support.asking import document, path_of
from support.charts import CHART
from support.installation import installed, stores
from support.processes import Titan
from support.prometheus import (
    COMPOSE,
    ROOT,
    Prometheus,
    alerts,
    dashboards,
    panels,
    prometheus,
    selectors,
    written_in,
)
from support.runbook import anchors
from support.servers import Chosen
from support.waiting import eventually
from titan.metamodel.kinds import SUBMODEL

SEED = ROOT.parent / "shared" / "seed" / "000_9f86bd93abd70516.txt"

NO_NUMBER_IN_HEALTH = {
    "Reads held back": "a read is held back when it meets a change that a replica has not heard of: rarely",
}
"""Panels that may have no number while all is well, and why."""

SLOW_MACHINES = {"TitanSlowReads", "TitanSlowWrites", "TitanVisibilityWait"}
"""Alerts that a crowded machine may come near to in the seconds of a test; they fire after minutes."""

FED = (
    *("http_requests_total", "http_request_duration_seconds_count", "db_pool_connections_max", "titan_memory_bytes"),
    *('cache_hits_total{level="memory"}', 'cache_hits_total{level="redis"}', 'cache_misses_total{level="memory"}'),
    *("titan_group_commit_size_sum", "titan_visibility_wait_seconds_count", "titan_memory_entries"),
    *("titan_journal_position", "titan_relayed_position", "titan_projected_position", "titan_applied_position"),
    *("titan_watermark_position", "titan_bridge_position", "titan_cache_generations_total", "titan_lease_valid"),
    *("titan_relay_leader", "titan_projector_active", "titan_bridge_active"),
)

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: install prometheus")
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus")


def promtool(*words: str) -> str:
    ended = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, cwd=COMPOSE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@needs_promtool
def test_prometheus_takes_its_configuration_and_every_rule() -> None:
    told = promtool("check", "config", "prometheus.yml")
    assert f"{len(alerts())} rules found" in told


@needs_promtool
def test_every_alert_fires_where_it_should_and_says_what_it_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/titan_test.yaml")


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load((COMPOSE / "tests" / "titan_test.yaml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one["exp_alerts"]}
    quiet = {one["alertname"] for test in tests for one in test["alert_rule_test"] if not one["exp_alerts"]}
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)
    assert fired == quiet == set(names)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_to_read_on(alert: dict[str, dict[str, str]]) -> None:
    told = alert["annotations"]
    assert set(told) == {"summary", "description", "runbook_url"}
    anchor = str(alert["alert"]).lower()
    assert told["runbook_url"].endswith(f"/RUNBOOK.md#{anchor}")
    assert anchor in anchors()
    assert alert["labels"]["severity"] in {"critical", "warning"}


def test_a_dashboard_has_its_rows_and_asks_the_source_that_is_provisioned() -> None:
    provisioned = (ROOT / "compose/grafana/provisioning/datasources/titan.yaml").read_text()
    sources = {(source["type"], source["uid"]) for source in yaml.safe_load(provisioned)["datasources"]}
    [dashboard] = dashboards()
    rows = [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    assert rows == ["Traffic", "Freshness", "Caches", "Database", "Stream", "Processes"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    asked = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert {(panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in asked} <= sources
    cells = [
        (panel["gridPos"]["y"] + y, panel["gridPos"]["x"] + x)
        for panel in dashboard["panels"]
        for y in range(panel["gridPos"]["h"])
        for x in range(panel["gridPos"]["w"])
    ]
    assert len(set(cells)) == len(cells), "panels lie over each other"


def test_a_dashboard_shows_the_namespaces_that_are_chosen_and_all_at_first() -> None:
    [dashboard] = dashboards()
    [variable] = dashboard["templating"]["list"]
    assert (variable["name"], variable["includeAll"], variable["current"]["value"]) == ("namespace", True, ["$__all"])
    for panel in (panel for panel in dashboard["panels"] if panel["type"] != "row"):
        for selector in (one for target in panel["targets"] for one in selectors(target["expr"])):
            assert 'job="titan-aas", namespace=~"$namespace"' in selector, panel["title"]


def of_namespace(namespace: str, directory: Path) -> Path:
    """The rules of a release, as the chart gives them to Prometheus."""
    values = {"metrics": {"prometheusRule": {"enabled": True}}}
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values, name="titan", namespace=namespace)
    found = yaml.safe_load_all(texts["titan-aas/templates/monitoring.yaml"])
    [rules] = [one["spec"] for one in found if one and one["kind"] == "PrometheusRule"]
    path = directory / f"{namespace}.yaml"
    path.write_text(yaml.safe_dump(rules))
    return path


def test_an_alert_of_a_release_looks_at_its_own_namespace_alone_and_names_it(tmp_path: Path) -> None:
    rules = yaml.safe_load(of_namespace("twins", tmp_path).read_text())["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules] == [alert["alert"] for alert in alerts()]
    for rule, ours in zip(rules, alerts(), strict=True):
        looked_at = selectors(rule["expr"])
        assert len(looked_at) == len(selectors(ours["expr"])) > 0
        assert all('job="titan-aas", namespace="twins"' in selector for selector in looked_at)
        assert rule["labels"] == {**ours["labels"], "namespace": "twins"}


@needs_promtool
def test_a_release_that_is_well_hides_nothing_of_another(tmp_path: Path) -> None:
    names = ("well", "away")
    series = [
        {"series": f'{name}{{job="titan-aas", namespace="{where}", tier="{tier}"}}', "values": f"{value}x10"}
        for where, value in zip(names, (1, 0), strict=True)
        for name, tier in (("up", "read"), ("up", "write"), ("titan_projector_active", "projector"))
    ]
    for where in names:
        written = {
            "rule_files": [str(of_namespace(where, tmp_path))],
            "tests": [
                {
                    "interval": "1m",
                    "input_series": series,
                    "promql_expr_test": [
                        {
                            "expr": 'sum by (alertname, namespace) (ALERTS{alertstate="firing", severity="critical"})',
                            "eval_time": "5m",
                            "exp_samples": [
                                {"labels": f'{{alertname="{name}", namespace="away"}}', "value": value}
                                for name, value in (("TitanNoProjector", 1), ("TitanTierDown", 2))
                                if where == "away"
                            ],
                        }
                    ],
                }
            ],
        }
        test = tmp_path / f"test-{where}.yaml"
        test.write_text(yaml.safe_dump(written))
        assert "SUCCESS" in promtool("test", "rules", str(test))


@pytest.fixture(scope="module")
def running(chosen: Chosen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Titan]:
    """Every tier, with two replicas, on stores of its own."""
    directory = tmp_path_factory.mktemp("watched")
    with stores(chosen, directory) as own, installed(directory, own.environ, replicas=2) as run:
        yield run


@pytest.fixture(scope="module")
def watched(running: Titan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has seen a little load."""
    tiers = {
        tier: [one.url.removeprefix("http://") for one in running.processes(tier)]
        for tier in ("write", "read", "projector", "bridge")
    }
    with prometheus(tmp_path_factory.mktemp("watching") / "prometheus", tiers) as server:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            for number in range(60):
                assert client.post("/submodels", json=document(SUBMODEL, f"urn:watched:{number}")).status_code == 201
                for _ in range(6):
                    assert client.get(path_of(SUBMODEL, f"urn:watched:{number}")).status_code == 200
                client.get("/submodels", params={"limit": 5})
                client.get("/nowhere")
        assert eventually(lambda: server.query("max(titan_bridge_position)") == [60.0], timeout_s=30)
        # A rate takes two scrapes that differ, and alerts are judged after them.
        assert eventually(lambda: len(server.query("rate(titan_group_commit_size_sum[1m]) > 0")) == 1, timeout_s=30)
        yield server


@needs_prometheus
@pytest.mark.parametrize("tier", ["write", "read", "projector", "bridge"])
def test_every_process_is_found_under_its_tier(watched: Prometheus, tier: str) -> None:
    assert watched.query(f'up{{job="titan-aas", tier="{tier}"}}') == [1.0] * (2 if tier == "read" else 1)


@needs_prometheus
@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel.title)
def test_every_panel_shows_a_number_under_load(watched: Prometheus, panel: tuple[str, str]) -> None:
    title, expression = panel
    found = watched.query(expression)
    assert found or title in NO_NUMBER_IN_HEALTH, expression
    assert all(watched.query(selector) for selector in selectors(expression)), expression


@needs_prometheus
@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_looks_at_what_is_there(watched: Prometheus, alert: dict[str, str]) -> None:
    looked_at = selectors(alert["expr"])
    assert looked_at
    assert [selector for selector in looked_at if not watched.query(selector)] == []


@needs_prometheus
def test_no_alert_fires_while_all_is_well(watched: Prometheus) -> None:
    assert eventually(lambda: all(rule["health"] == "ok" for rule in watched.rules()))
    rules = {rule["name"]: rule["state"] for rule in watched.rules()}
    assert len(rules) == len(alerts())
    assert {name for name, state in rules.items() if state != "inactive"} <= SLOW_MACHINES
    assert "firing" not in rules.values()


@needs_prometheus
@pytest.mark.parametrize("series", FED)
def test_every_figure_moves(watched: Prometheus, series: str) -> None:
    assert sum(watched.query(series)) > 0


@needs_prometheus
@pytest.mark.parametrize("name", ["README.md", "RUNBOOK.md"])
def test_every_expression_that_operators_are_told_gives_numbers(watched: Prometheus, name: str) -> None:
    for expression in written_in((ROOT / name).read_text()):
        assert watched.query(expression), expression


@needs_prometheus
@pytest.mark.skipif(not SEED.exists(), reason="the first runbook lies beside the project, not in it")
def test_every_expression_of_the_first_runbook_gives_numbers(watched: Prometheus) -> None:
    expressions = list(written_in(SEED.read_text()))
    assert len(expressions) == 6
    for expression in expressions:
        assert watched.query(expression), expression


@needs_prometheus
def test_every_figure_that_a_document_names_is_there(watched: Prometheus) -> None:
    there = watched.names()
    there |= {name.removesuffix(end) for name in there for end in ("_bucket", "_count", "_sum")}
    named = {
        name
        for document in ("README.md", "RUNBOOK.md", "CHANGELOG.md")
        for name in re.findall(
            r"`((?:titan|http|cache|db_pool|process)_[a-z_]+)(?:\{[^}`]*\})?`", (ROOT / document).read_text()
        )
    }
    assert named - there == set()
