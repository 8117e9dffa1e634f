"""Writes docs/promises.md: what operators are promised, and the test or file that holds each promise.

    python tests/support/promises.py

Numbered as the old deployment runbook's promises are. A test compares the file with what this would write, and looks
for every proof that is named.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "promises.md"


class Promise(Struct, frozen=True):
    """One row."""

    number: int
    text: str
    proofs: tuple[str, ...]
    """Files from the top of the project; one test of a file behind `::`."""
    later: str = ""
    """What of it another piece of work brings, in the words of README's "What is not there yet"."""


PROMISES = (
    Promise(
        1,
        "`uv sync`, `alembic upgrade head`, `python -m titan.main` start the server on 8080, on servers of its own "
        "where none are given",
        ("tests/integration/test_dev_servers.py", "tests/integration/test_schema.py", "Makefile"),
    ),
    Promise(2, "Tests run with and without Docker", ("tests/conftest.py", "tests/support/containers.py", ".ci/run")),
    Promise(
        3,
        "Compose files: one gateway on 8080, stores, dashboards; `--scale read=3` works",
        ("compose/compose.yaml", "tests/deploy/test_compose.py", "tests/integration/test_gateway.py"),
    ),
    Promise(
        4,
        "`/health` in its promised shape, `/health/ready`, `/health/live`, open without a token",
        ("tests/unit/http/test_health.py", "tests/deploy/test_runbook.py"),
    ),
    Promise(
        5,
        "`helm install titan` with default and production values renders valid objects of the promised names",
        ("helm/titan-aas/Chart.yaml", "tests/deploy/test_helm.py"),
    ),
    Promise(
        6,
        "Every environment variable with its default; connection strings in every spelling",
        ("tests/unit/test_config.py", "tests/unit/test_readme.py"),
        later="`EVENT_BUS_GROUP` and `EVENT_BUS_CONSUMER_ID` are known and without effect: streams are not shared out",
    ),
    Promise(7, "`EVENT_BUS_BACKEND` memory, redis, redis_stream", ("tests/unit/test_config.py",)),
    Promise(
        8,
        "Tiers scale by compose, kubectl and HPA",
        (
            "tests/deploy/test_helm.py",
            "tests/deploy/test_compose.py",
            "tests/journeys/test_read_your_writes.py::test_whoever_wrote_reads_it_at_every_replica_and_in_every_list",
        ),
    ),
    Promise(9, "alembic upgrade, downgrade, current, revision --autogenerate", ("tests/integration/test_schema.py",)),
    Promise(
        10,
        "Metrics under the promised names, fed, with bounded labels; the promised PromQL gives numbers",
        ("tests/unit/observability/test_metrics.py", "tests/deploy/test_prometheus.py"),
    ),
    Promise(
        11,
        "A dashboard, provisioned, each expression with figures",
        ("compose/grafana/dashboards/titan.json", "tests/deploy/test_prometheus.py"),
    ),
    Promise(
        12,
        "Slow queries by `pg_stat_statements`, with `total_exec_time`",
        ("compose/compose.yaml", "tests/deploy/test_compose.py"),
    ),
    Promise(13, "`TITAN_LOG_LEVEL=DEBUG` is honoured", ("tests/unit/observability/test_logs.py",)),
    Promise(
        14,
        "Backups by `pg_dump` and by `titan backup`, files included; Redis is rebuilt",
        ("tests/journeys/test_disaster_recovery.py", "tests/integration/test_backup.py"),
    ),
    Promise(
        15,
        "A CronJob for backups with the credentials that it needs, encryption possible",
        ("tests/deploy/test_helm.py", "tests/integration/test_backup.py"),
    ),
    Promise(16, "Disaster recovery, byte for byte", ("tests/journeys/test_disaster_recovery.py",)),
    Promise(
        17,
        "Database down: not ready, writes 503 with `Retry-After`, recovers by itself",
        (
            "tests/journeys/test_outages.py::test_without_postgresql_writes_are_refused_and_never_done_later",
            "tests/integration/test_silent_database.py",
        ),
    ),
    Promise(
        18,
        "Redis down: reads and writes go on, readiness stays, nothing is lost",
        (
            "tests/journeys/test_outages.py::test_without_redis_everything_is_answered_from_postgresql",
            "tests/journeys/test_outages.py::test_a_redis_that_comes_and_goes_costs_no_answer_its_truth",
            "tests/unit/http/test_health.py",
        ),
    ),
    Promise(19, "OIDC provider down: tokens validate from cached keys", (), later="who may do what"),
    Promise(
        20,
        "`TITAN_AUTH_MODE=anonymous` works with an issuer set",
        ("tests/unit/test_config.py",),
        later="who may do what: anonymous is all there is, and not read-only",
    ),
    Promise(
        21,
        "Rotation of the database's and Redis' secrets without a restart",
        ("tests/integration/test_rotation.py",),
        later="who may do what: OIDC has no secret here yet",
    ),
    Promise(
        22,
        "Warming by `titan warm`, by plain GETs, by the chart's Job",
        ("tests/integration/test_operate_warm.py", "tests/deploy/test_helm.py", "tests/deploy/test_runbook.py"),
    ),
    Promise(23, "Rate limits per caller", (), later="who may do what"),
    Promise(
        24,
        "The security checklist, each item with its place",
        ("RUNBOOK.md", "tests/deploy/test_compose.py", "tests/deploy/test_helm.py"),
        later="who may do what: OIDC and the audit of callers",
    ),
    Promise(
        25,
        "Blob storage local, s3, minio, gcs, azure, each against a real server",
        ("tests/integration/test_blobs.py",),
    ),
    Promise(26, "One trace from HTTP to the projection", ("tests/integration/test_traces.py",)),
)


def text() -> str:
    """The whole file."""
    return "\n".join(
        (
            "# What operators are promised",
            "",
            "Written by `tests/support/promises.py`; do not edit. A test finds each proof that is named here.",
            "",
            "| # | promise | held by | not yet |",
            "|---|---|---|---|",
            *map(_row, PROMISES),
            "",
        )
    )


def _row(promise: Promise) -> str:
    proofs = ", ".join(f"`{proof.split('/')[-1]}`" for proof in promise.proofs)
    return f"| {promise.number} | {promise.text} | {proofs} | {promise.later} |"


def missing() -> Iterator[str]:
    """Proofs that are not there."""
    for promise in PROMISES:
        for proof in promise.proofs:
            path, _, test = proof.partition("::")
            if not (ROOT / path).exists() or (test and test not in _tests(ROOT / path)):
                yield proof


@cache
def _tests(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


if __name__ == "__main__":
    sys.exit(0 if FILE.write_text(text()) else 1)
