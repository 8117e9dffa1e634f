"""Everything that is counted and measured, under the names that dashboards and alerts rely on."""

from collections.abc import Callable, Iterator
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `Metrics.render` gives; this one every Prometheus reads."""

Level = Literal["memory", "redis"]
"""The caches that can hit or miss; below them stands PostgreSQL, which has the truth."""

_REQUEST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_VISIBILITY_S = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0),
)
_COMMIT_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The figures of one process, in a registry of their own.

    Args:
        worker: Which of several processes behind one port this is. A scrape reaches any of them, and counters that
            jump between processes are worth nothing: with it every series carries the label `worker`.
    """

    def __init__(self, *, worker: str = "") -> None:  # noqa: PLR0915  # a list of figures, each a statement
        disable_created_metrics()  # a birthday for every series would double what is scraped
        registry = CollectorRegistry()
        self._registry = registry
        self._before_render: list[Callable[[], None]] = []
        self._shown: Collector = _OfWorker(registry, worker) if worker else registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            # Shown by whoever has something to say: a position of 0 from a process that follows nothing is a lag.
            return Gauge(name, text, labels, registry=None)

        self._shown_gauges: set[Gauge] = set()
        self.http_requests = counter("http_requests_total", "Requests answered", "method", "handler", "status")
        # So that the share of errors is 0 before the first of them, and not nothing.
        self.http_requests.labels("GET", "other", "500")
        self.http_request_duration_seconds = Histogram(
            "http_request_duration_seconds",
            "Time from a request's head to the last byte of its answer",
            ("method", "handler"),
            buckets=_REQUEST_S,
            registry=registry,
        )
        self.cache_hits = counter("cache_hits_total", "Look-ups that a cache answered", "level")
        self.cache_misses = counter("cache_misses_total", "Look-ups that a cache could not answer", "level")
        self.requests_in_flight = gauge("titan_requests_in_flight", "Requests under way that memory did not answer")
        self.db_pool_active = gauge("db_pool_connections_active", "PostgreSQL connections in use", "pool")
        self.db_pool_max = gauge("db_pool_connections_max", "PostgreSQL connections that may be open", "pool")
        self.group_commit_size = Histogram(
            "titan_group_commit_size",
            "Appends that shared one transaction of the journal",
            buckets=_COMMIT_SIZES,
            registry=registry,
        )
        self.visibility_wait_seconds = Histogram(
            "titan_visibility_wait_seconds",
            "Time from the commit of a write until every reader sees it",
            buckets=_VISIBILITY_S,
            registry=registry,
        )
        self.hold_seconds = Histogram(
            "titan_read_hold_seconds",
            "Time that an answer was held back until no replica could show anything older",
            buckets=_VISIBILITY_S,
            registry=registry,
        )
        self.queue_depth = gauge("titan_write_queue_depth", "Appends that wait for a transaction of the journal")
        self.visibility_waiting = gauge("titan_visibility_waiting", "Answers that are held back until all readers see")
        self.journal_position = gauge("titan_journal_position", "Last position of the journal that was seen")
        self.relayed_position = gauge("titan_relayed_position", "Last position that was put into the stream")
        self.projected_position = gauge("titan_projected_position", "Last position in the read model")
        self.applied_position = gauge("titan_applied_position", "Last position that this replica has followed")
        self.watermark_position = gauge("titan_watermark_position", "Last position that every replica has followed")
        self.bridge_position = gauge("titan_bridge_position", "Last position that was published by MQTT")
        # Within one process: positions of two, scraped one after the other, differ by what is written in between.
        self.relay_lag = gauge(
            "titan_relay_lag", "Events of the journal that the stream has not; 0 unless this one leads"
        )
        self.projection_lag = gauge(
            "titan_projection_lag", "Events that the read model has not; 0 unless this one leads"
        )
        self.replica_lag = gauge("titan_replica_lag", "Events in the read model that this replica was not told of")
        self.bridge_lag = gauge("titan_bridge_lag", "Events that were not published by MQTT; 0 unless this one leads")
        self.relay_leader = gauge("titan_relay_leader", "1 while this process carries the journal into the stream")
        self.projector_active = gauge("titan_projector_active", "1 while this process projects, 0 while it stands by")
        self.bridge_active = gauge("titan_bridge_active", "1 while this process publishes by MQTT, 0 while it does not")
        self.redis_away = gauge("titan_redis_away", "1 while this process does without Redis, which it should have")
        self.redis_full = gauge("titan_redis_full", "1 while Redis gets no documents, as it has no room for them")
        self.parked_events = counter("titan_parked_events_total", "Events put aside because they could not be applied")
        self.events_parked = gauge(
            "titan_events_parked", "Events that are put aside now; 0 where this projector stands by"
        )
        self.generations = counter("titan_cache_generations_total", "Times that all caches were emptied")
        self.memory_bytes = gauge("titan_memory_bytes", "Size of the responses kept in memory")
        self.memory_entries = gauge("titan_memory_entries", "Number of the responses kept in memory")
        self.lease_valid = gauge("titan_lease_valid", "1 while this replica may serve from memory, else 0")

    def lookups(self, level: Level) -> "Lookups":
        """What counts the hits and misses of one cache; both stand at 0 from here on."""
        return Lookups(self.cache_hits.labels(level), self.cache_misses.labels(level))

    def tally(self, level: Level) -> "Tally":
        """What a cache counts in that answers many thousands of requests a second before anybody else sees them."""
        tally = Tally(self, level)
        self._before_render.append(tally.pour)
        return tally

    def watch(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """Ask for the value whenever somebody scrapes; `set` does nothing on this gauge any more.

        `read` runs on the thread that renders, so it waits for nothing.
        """
        gauge.set_function(read)
        self.show(gauge)

    def show(self, *gauges: Gauge) -> None:
        """Let gauges be scraped that this process sets; the others it does not have."""
        for gauge in gauges:
            if gauge not in self._shown_gauges:
                self._shown_gauges.add(gauge)
                self._registry.register(gauge)

    def watch_pool(self, name: str, *, size: int, in_use: Callable[[], float]) -> None:
        """Show the connections of a pool."""
        self.show(self.db_pool_active, self.db_pool_max)
        self.db_pool_active.labels(name).set_function(in_use)
        self.db_pool_max.labels(name).set(size)

    def render(self) -> bytes:
        """Everything as Prometheus reads it, in `CONTENT_TYPE`."""
        for pour in self._before_render:
            pour()
        return generate_latest(self._shown)


class _OfWorker(Collector):
    """A registry as it is shown where its series need to be told from those of other processes."""

    def __init__(self, registry: Collector, worker: str) -> None:
        self._registry = registry
        self._label = {"worker": worker}

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [sample._replace(labels=sample.labels | self._label) for sample in family.samples]
            yield family


class Lookups:
    """Hits and misses of one cache, with the labels resolved once: finding them costs more than counting."""

    def __init__(self, hits: Counter, misses: Counter) -> None:
        self._hits = hits
        self._misses = misses

    def hit(self) -> None:
        self._hits.inc()

    def miss(self) -> None:
        self._misses.inc()


class Tally:
    """Plain numbers, poured into the series when somebody scrapes: a series costs more than the answer's look-up.

    What is answered so is counted as a request too, but not timed.
    """

    def __init__(self, metrics: Metrics, level: Level) -> None:
        self.hits = 0
        self.unmodified = 0
        """Hits that were answered 304."""
        self.misses = 0
        self._poured = (0, 0, 0)
        self._hits = metrics.cache_hits.labels(level)
        self._misses = metrics.cache_misses.labels(level)
        self._sent = metrics.http_requests.labels("GET", level, "200")
        self._unsent = metrics.http_requests.labels("GET", level, "304")

    def pour(self) -> None:
        """Bring the series up to date."""
        now = (self.hits, self.unmodified, self.misses)
        hits, unmodified, misses = (new - old for new, old in zip(now, self._poured, strict=True))
        self._poured = now
        self._hits.inc(hits)
        self._misses.inc(misses)
        self._sent.inc(hits - unmodified)
        self._unsent.inc(unmodified)
