"""An hour in ten minutes: whether anything grows that is not data."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec
import psycopg
from msgspec.structs import replace
from redis import Redis

from bench.documents import BODY, ID_PREFIX, SMALL, identifier
from bench.place import Bench, Served, Stores, children, finished, ready, resident_mb
from bench.reads import fill
from bench.report import Row
from titan.codec.ids import encode_id
from titan.operate.loading import Plan, Result
from titan.storage.cache import ANNOUNCEMENTS_KEPT

KNOWN = 2000
"""How many documents are replaced, by turns."""
WRITES_S, READS_S, LISTS_S = 240.0, 300.0, 10.0
"""Of each, a second: a busy hour at fifty writes a second comes to ten minutes of this."""
PATCHES_S, BLOBS_S, NEW_S = 60.0, 2.0, 20.0
"""Values that are changed, contents that are replaced, connections that are opened for one request."""
PASSING_S = 10.0
"""Documents that are created, and that are removed some seconds later."""
LIVES_S = 30.0
SETTINGS = {
    "TITAN_STREAM_MAXLEN": "5000",
    "TITAN_BLOB_THRESHOLD_BYTES": "1024",
    "TITAN_BLOB_GRACE_S": "5",
    "TITAN_BLOB_COLLECT_INTERVAL_S": "10",
}
"""So that the stream is full, and trimmed, early in the run, and contents that nobody refers to are collected often."""
EVERY_S = 2.0
SLACK = {
    "contents in the blob store": 20.0,
    "rows of condemned": 20.0,
    "connections of PostgreSQL": 2.0,
    "keys in Redis": 100.0,
}
"""What comes and goes by so much: counts that are small, and followers that happen to be further."""
KEPT = {"events in the stream": 5000, "announcements": ANNOUNCEMENTS_KEPT}
"""What Redis trims streams to, in whole nodes of up to a hundred entries."""
SLACK_MB = 8.0
"""A page of memory more or less, and a table between two rounds of vacuum."""

SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname IN ('journal', 'read') AND c.relname <> 'event'
"""

COUNTS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
       (SELECT pg_total_relation_size('journal.event')),
       (SELECT coalesce(max(position), 0) FROM journal.event),
       (SELECT count(*) FROM journal.condemned),
       (SELECT count(*) FROM journal.invocation),
       (SELECT count(*) FROM read.parked)
"""


def soak(bench: Bench) -> Iterator[Row]:
    """Writes, removals, contents, reads and lists for ten minutes: nothing grows that is not data."""
    seconds = 60.0 if bench.quick else 600.0
    with ExitStack() as stack:
        stores = stack.enter_context(bench.stores())
        served = {
            name: stack.enter_context(bench.titan(stores, name.split()[0], SETTINGS))
            for name in ("write", "projector", "read", "read 2")
        }
        ready(*served.values())
        fill(bench, served["write"], KNOWN)
        plans = _plans(served, seconds)
        loads = {name: stack.enter_context(bench.loading(plan)) for name, plan in plans.items()}
        until = time.monotonic() + seconds
        time.sleep(LIVES_S)  # noqa: TID251 - documents live for so long before they are removed
        removing = replace(plans["creates"], method="DELETE", body="", seconds=seconds - LIVES_S)
        loads["removals"] = stack.enter_context(bench.loading(removing))
        samples = list(_samples(bench, served, stores, until=until))
        for name, load in loads.items():
            yield from _answered(name, finished(load))
    for name in samples[0]:
        growth = _growth(name, [sample[name] for sample in samples])
        # A minute is too short for streams to be full and for PostgreSQL to vacuum.
        yield replace(growth, at_most=None) if bench.quick else growth


def _answered(name: str, result: Result) -> Iterator[Row]:
    refused = sum(result.refused.values())
    detail = f"p99 {result.p99:.1f} ms, longest {result.longest:.0f} ms"
    yield Row("soak", name, result.rate, "1/s", detail=detail)
    yield Row("soak", f"{name} refused", refused, f"of {result.requests}", at_most=0, detail=str(result.refused or ""))


def _plans(served: Mapping[str, Served], seconds: float) -> dict[str, Plan]:
    write, read, other = (f"{served[name].url}/submodels" for name in ("write", "read", "read 2"))
    put = Plan(
        url=write,
        method="PUT",
        connections=32,
        seconds=seconds,
        pace=WRITES_S,
        body=BODY.replace('"value":"0.00"', '"value":"@SERIAL@"'),
        prefix=ID_PREFIX,
        numbers=KNOWN,
    )
    # The content is a number and 24 KB behind it, in base64, so that each is another.
    value = f"@SERIAL@{'A' * 32_000}"
    blob = {"modelType": "Blob", "idShort": "Content", "contentType": "x/y", "value": value}
    contents = {"modelType": "Submodel", "id": "urn:soak:contents", "submodelElements": [blob]}
    return {
        "writes": put,
        "patches": replace(
            put,
            method="PATCH",
            connections=8,
            pace=PATCHES_S,
            body="@SERIAL@",
            below="/submodel-elements/Value01/$value",
        ),
        "contents": Plan(
            url=f"{write}/{encode_id('urn:soak:contents')}",
            method="PUT",
            connections=1,
            seconds=seconds,
            pace=BLOBS_S,
            body=msgspec.json.encode(contents).decode(),
        ),
        "creates": replace(put, connections=16, pace=PASSING_S, body=SMALL, prefix="urn:soak:passing:", numbers=0),
        "reads": replace(put, method="GET", url=read, body="", pace=READS_S),
        "reads on new connections": replace(
            put, method="GET", url=other, body="", pace=NEW_S, connections=4, headers=("connection: close",)
        ),
        "lists": Plan(
            url=f"{other}/{encode_id(identifier(0))}/submodel-elements", connections=4, seconds=seconds, pace=LISTS_S
        ),
        "pages": Plan(url=f"{other}?limit=20", connections=2, seconds=seconds, pace=LISTS_S / 2),
    }


def _samples(bench: Bench, served: Mapping[str, Served], stores: Stores, *, until: float) -> Iterator[dict[str, float]]:
    with psycopg.connect(stores.database_url, autocommit=True) as connection, Redis.from_url(stores.redis_url) as redis:
        while time.monotonic() < until:
            time.sleep(EVERY_S)  # noqa: TID251 - sampled
            sample = {f"memory of {name}, MB": resident_mb(one.pid) for name, one in served.items()}
            sample |= {f"open files of {name}": _open_files(one.pid) for name, one in served.items()}
            sample |= {f"table {name}, MB": float(size) / 2**20 for name, size in connection.execute(SIZES)}
            row = connection.execute(COUNTS).fetchone()
            info = redis.info("memory")
            assert row
            assert isinstance(info, dict)
            yield sample | {
                "connections of PostgreSQL": float(row[0]),
                "journal, bytes an event": float(row[1]) / max(row[2], 1),
                "rows of condemned": float(row[3]),
                "rows of invocation": float(row[4]),
                "events parked": float(row[5]),
                "contents in the blob store": float(sum(one.is_file() for one in bench.data_dir.rglob("*"))),
                "memory of Redis, MB": float(info["used_memory"]) / 2**20,
                "keys in Redis": float(str(redis.dbsize())),
                "events in the stream": float(str(redis.xlen("titan:events"))),
                "announcements": float(str(redis.xlen("titan:announcements"))),
            }


def _open_files(pid: int) -> float:
    """Of a process and its workers."""
    return float(sum(len(list(Path(f"/proc/{one}/fd").iterdir())) for one in (pid, *children(pid))))


def _growth(name: str, values: Sequence[float]) -> Row:
    """From the middle of the run to its end; what it grew by in the beginning is what fills caches."""
    if name in KEPT:
        return Row("growth", f"most {name}", max(values), "entries", at_most=KEPT[name] + 200)
    count = len(values)
    middle, end = median(values[count * 2 // 5 : count * 3 // 5]), median(values[count * 4 // 5 :])
    slack = SLACK_MB if name.endswith("MB") else SLACK.get(name, 0.0)
    grown = 1.0 if abs(end - middle) <= slack else end / middle if middle else end - middle + 1
    detail = f"{middle:.4g} to {end:.4g}, at most {max(values):.4g}"
    return Row("growth", name, grown, "×", at_most=1.1, detail=detail)
