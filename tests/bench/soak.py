"""An hour in ten minutes: whether anything grows that is not data."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import psycopg
from msgspec.structs import replace
from redis import Redis

from bench.documents import BODY, ID_PREFIX, identifier
from bench.load import Plan
from bench.place import Bench, Served, Stores, finished, ready, resident_mb
from bench.reads import fill
from bench.report import Row
from titan.codec.ids import encode_id

KNOWN = 2000
"""How many documents are replaced, by turns."""
WRITES_S, READS_S, LISTS_S = 300.0, 300.0, 10.0
"""Of each, a second: a busy hour at fifty writes a second comes to ten minutes of this."""
SETTINGS = {"TITAN_STREAM_MAXLEN": "5000"}
"""So that the stream is full, and trimmed, early in the run."""
EVERY_S = 2.0

TABLES = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
       (SELECT sum(pg_total_relation_size(c.oid))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname IN ('journal', 'read') AND c.relname <> 'event'),
       (SELECT pg_total_relation_size('journal.event')),
       (SELECT coalesce(max(position), 0) FROM journal.event)
"""


def soak(bench: Bench) -> Iterator[Row]:
    """Writes, reads and lists for ten minutes: memory, connections, streams and tables must stay where they were."""
    seconds = 60.0 if bench.quick else 600.0
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        served = {
            name: stack.enter_context(bench.titan(stores, name.split()[0], SETTINGS))
            for name in ("write", "projector", "read", "read 2")
        }
        ready(*served.values())
        fill(bench, served["write"], KNOWN)
        loads = [stack.enter_context(bench.loading(plan)) for plan in _plans(served, seconds)]
        samples = list(_samples(served, stores, until=time.monotonic() + seconds))
        results = dict(zip(("writes", "reads", "lists"), map(finished, loads), strict=True))
    for name, result in results.items():
        refused = sum(result.refused.values())
        yield Row("soak", name, result.rate, "1/s", detail=f"p99 {result.p99:.1f} ms, longest {result.longest:.0f} ms")
        yield Row("soak", f"{name} refused", refused, "of all", at_most=0)
    for name in samples[0]:
        growth = _growth(name, [sample[name] for sample in samples])
        # A minute is too short for streams to be full and for PostgreSQL to vacuum.
        yield replace(growth, at_most=None) if bench.quick else growth


def _plans(served: Mapping[str, Served], seconds: float) -> Iterator[Plan]:
    write, read, other = served["write"].url, served["read"].url, served["read 2"].url
    put = Plan(
        url=f"{write}/submodels",
        method="PUT",
        connections=32,
        seconds=seconds,
        pace=WRITES_S,
        body=BODY,
        prefix=ID_PREFIX,
        numbers=KNOWN,
    )
    yield put
    yield replace(put, method="GET", url=f"{read}/submodels", body="", pace=READS_S)
    element = f"{other}/submodels/{encode_id(identifier(0))}/submodel-elements"
    yield Plan(url=element, connections=4, seconds=seconds, pace=LISTS_S)


def _samples(served: Mapping[str, Served], stores: Stores, *, until: float) -> Iterator[dict[str, float]]:
    with psycopg.connect(stores.database_url, autocommit=True) as connection, Redis.from_url(stores.redis_url) as redis:
        while time.monotonic() < until:
            time.sleep(EVERY_S)  # noqa: TID251 - sampled
            row = connection.execute(TABLES).fetchone()
            assert row
            sample = {f"memory of {name}, MB": resident_mb(one.pid) for name, one in served.items()}
            sample |= {f"open files of {name}": _open_files(one.pid) for name, one in served.items()}
            info = redis.info("memory")
            assert isinstance(info, dict)
            yield sample | {
                "connections of PostgreSQL": float(row[0]),
                "tables but the journal's events, MB": float(row[1]) / 2**20,
                "journal, bytes an event": float(row[2]) / max(row[3], 1),
                "memory of Redis, MB": float(info["used_memory"]) / 2**20,
                "events in the stream": float(str(redis.xlen("titan:events"))),
                "announcements": float(str(redis.xlen("titan:announcements"))),
            }


def _open_files(pid: int) -> float:
    """Of a process and its workers."""
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return float(sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in (pid, *workers)))


def _growth(name: str, values: Sequence[float]) -> Row:
    """From the middle of the run to its end; what it grew by in the beginning is what fills caches."""
    count = len(values)
    middle, end = median(values[count * 2 // 5 : count * 3 // 5]), median(values[count * 4 // 5 :])
    return Row("growth", name, end / middle if middle else 1.0, "×", at_most=1.1, detail=f"{middle:.4g} to {end:.4g}")
