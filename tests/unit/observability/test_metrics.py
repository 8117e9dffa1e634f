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
        *("db_pool_connections_active", "db_pool_connections_max", "titan_write_queue_depth"),
        *("titan_journal_position", "titan_relayed_position", "titan_projected_position"),
        *("titan_applied_position", "titan_watermark_position", "titan_bridge_position"),
        *("titan_parked_events_total", "titan_events_parked", "titan_cache_generations_total"),
        *("titan_memory_bytes", "titan_memory_entries", "titan_lease_valid"),
        *("titan_group_commit_size_count", "titan_visibility_wait_seconds_count"),
        "titan_read_hold_seconds_count",
        *("process_resident_memory_bytes", "process_cpu_seconds_total"),
    ],
)
def test_a_metric_is_there_before_anything_happened(name: str) -> None:
    assert name in values(Metrics())


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
    metrics.watch(metrics.db_pool_active, lambda: len(connections))
    assert values(metrics)["db_pool_connections_active"] == 0
    connections.append("one")
    assert values(metrics)["db_pool_connections_active"] == 1


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
