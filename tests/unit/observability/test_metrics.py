"""Metrics have the names that dashboards ask for, and belong to whoever made them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from titan.observability.metrics import Metrics


def values(metrics: Metrics) -> dict[str, float]:
    return {
        ",".join([sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "name",
    [
        *("titan_parked_events_total", "titan_cache_generations_total"),
        *("titan_group_commit_size_count", "titan_visibility_wait_seconds_count"),
        "titan_read_hold_seconds_count",
        *("process_resident_memory_bytes", "process_cpu_seconds_total"),
    ],
)
def test_a_metric_is_there_before_anything_happened(name: str) -> None:
    assert name in values(Metrics())


def test_the_share_of_errors_is_a_number_before_the_first_of_them() -> None:
    assert values(Metrics())["http_requests_total,handler=other,method=GET,status=500"] == 0


def test_a_gauge_is_shown_by_processes_that_have_it_alone() -> None:
    metrics = Metrics()
    assert "titan_projected_position" not in values(metrics)
    metrics.show(metrics.projected_position)
    metrics.show(metrics.projected_position)
    metrics.projected_position.set(7)
    assert values(metrics)["titan_projected_position"] == 7


def test_requests_are_told_by_method_handler_and_status() -> None:
    metrics = Metrics()
    metrics.http_requests.labels("GET", "GetAllSubmodels", "200").inc()
    metrics.http_request_duration_seconds.labels("GET", "GetAllSubmodels").observe(0.002)
    shown = values(metrics)
    assert shown["http_requests_total,handler=GetAllSubmodels,method=GET,status=200"] == 1
    assert shown["http_request_duration_seconds_bucket,handler=GetAllSubmodels,le=0.0025,method=GET"] == 1
    assert shown["http_request_duration_seconds_bucket,handler=GetAllSubmodels,le=0.001,method=GET"] == 0


def test_a_cache_counts_from_zero_by_its_level() -> None:
    metrics = Metrics()
    memory = metrics.lookups("memory")
    metrics.lookups("redis")
    memory.hit()
    memory.hit()
    memory.miss()
    shown = values(metrics)
    assert (shown["cache_hits_total,level=memory"], shown["cache_misses_total,level=memory"]) == (2, 1)
    assert (shown["cache_hits_total,level=redis"], shown["cache_misses_total,level=redis"]) == (0, 0)


def test_answers_out_of_memory_count_as_requests() -> None:
    metrics = Metrics()
    tally = metrics.tally("memory")
    tally.hits, tally.unmodified, tally.misses = 5, 2, 1
    metrics.render()
    tally.hits += 1
    told = metrics.render().decode()
    assert 'cache_hits_total{level="memory"} 6.0' in told
    assert 'cache_misses_total{level="memory"} 1.0' in told
    assert 'http_requests_total{handler="memory",method="GET",status="200"} 4.0' in told
    assert 'http_requests_total{handler="memory",method="GET",status="304"} 2.0' in told


def test_a_watched_gauge_is_read_when_somebody_scrapes() -> None:
    metrics = Metrics()
    connections: list[str] = []
    metrics.watch_pool("read", size=10, in_use=lambda: len(connections))
    assert values(metrics)["db_pool_connections_active,pool=read"] == 0
    connections.append("one")
    assert values(metrics)["db_pool_connections_active,pool=read"] == 1
    assert values(metrics)["db_pool_connections_max,pool=read"] == 10


def test_two_sets_of_metrics_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.parked_events.inc()
    assert values(other)["titan_parked_events_total"] == 0


def test_no_series_carries_a_birthday() -> None:
    assert not [name for name in values(Metrics()) if "_created" in name]


def test_a_worker_among_several_labels_all_its_series() -> None:
    metrics = Metrics(worker="4711")
    metrics.http_requests.labels("GET", "GetAllSubmodels", "200").inc()
    for _ in range(2):
        shown = values(metrics)
        assert shown["http_requests_total,handler=GetAllSubmodels,method=GET,status=200,worker=4711"] == 1
        assert all("worker=4711" in name for name in shown)
