"""Whoever writes a log line, it comes out in one form, and without a password."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import granian.log
import msgspec
import pytest
import structlog
from structlog.contextvars import bound_contextvars

from titan.observability import logs
from titan.observability.logs import RequestLine, configure, logger, tell, without_passwords


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """Where the lines of a test go; the process logs as before after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield StringIO()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()


def lines(stream: StringIO) -> list[dict[str, object]]:
    return [msgspec.json.decode(line, type=dict[str, object]) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_time_in_utc(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    logger("titan.test").info("stored", position=7)
    [line] = lines(stream)
    assert (line["event"], line["position"], line["level"], line["logger"]) == ("stored", 7, "info", "titan.test")
    at = datetime.fromisoformat(str(line["timestamp"]))
    assert at.tzinfo == UTC
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


@pytest.mark.parametrize("name", ["psycopg.pool", "_granian", "granian.access"])
def test_lines_of_others_come_out_in_the_same_form(stream: StringIO, name: str) -> None:
    configure("INFO", "json", stream=stream)
    with bound_contextvars(request_id="r1"):
        logging.getLogger(name).warning("lost %s of %d", "one", 3)
    [line] = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("lost one of 3", name, "warning")
    assert line["request_id"] == "r1"


def test_granian_keeps_the_form_when_it_starts(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    granian.log.configure_logging(granian.log.LogLevels.info, logs.GRANIAN)
    logging.getLogger("_granian").info("Starting granian")
    logger("titan.test").info("after")
    assert [line["event"] for line in lines(stream)] == ["Starting granian", "after"]


def test_a_line_names_its_request(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    with bound_contextvars(request_id="r1", trace_id="t1"):
        logger("titan.test").info("within")
    logger("titan.test").info("after")
    within, after = lines(stream)
    assert (within["request_id"], within["trace_id"]) == ("r1", "t1")
    assert not {"request_id", "trace_id"} & set(after)


def test_lines_below_the_level_are_not_written(stream: StringIO) -> None:
    configure("WARNING", "json", stream=stream)
    logger("titan.test").info("unheard")
    logging.getLogger("psycopg.pool").info("unheard")
    assert stream.getvalue() == ""


def test_a_logger_in_use_follows_a_second_configuration(stream: StringIO) -> None:
    configure("INFO", "json", stream=StringIO())
    ours = logger("titan.test")
    ours.info("first")
    configure("ERROR", "json", stream=stream)
    ours.info("unheard")
    ours.error("second")
    assert [line["event"] for line in lines(stream)] == ["second"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_stays_one_event_without_a_password(stream: StringIO, form: str) -> None:
    configure("INFO", "console" if form == "console" else "json", stream=stream)
    try:
        message = "cannot reach postgresql://titan:s3cret@db/titan"
        raise OSError(message)
    except OSError:
        logger("titan.test").exception("lost", url="redis://:s3cret@cache:6379/0")
        logging.getLogger("psycopg.pool").exception("lost too")
    written = stream.getvalue()
    assert "s3cret" not in written
    assert written.count("Traceback") == 2
    assert "OSError: cannot reach postgresql://titan:***@db/titan" in written
    if form == "json":
        assert len(lines(stream)) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:pw@host/db", "postgresql://user:***@host/db"),
        ("redis://:pw@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://:p@w:x@host:6379/0", "redis://:***@host:6379/0"),
        ("from amqps://a:b@h to mqtt://c:d@i", "from amqps://a:***@h to mqtt://c:***@i"),
        ("host=db password=pw user=titan", "host=db password=*** user=titan"),
        ("host=db password='p w' user=titan", "host=db password=*** user=titan"),
        ("postgresql://host/db?password=pw&x=1", "postgresql://host/db?password=***&x=1"),
        ("https://host:8080/ids/a@b", "https://host:8080/ids/a@b"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


def test_passwords_are_masked_however_deep_they_stand(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    logger("titan.test").info("settings", given={"urls": ["redis://:pw@h"]}, error=OSError("redis://:pw@h"))
    [line] = lines(stream)
    assert line["given"] == {"urls": ["redis://:***@h"]}
    assert line["error"] == "redis://:***@h"


def test_text_of_a_client_cannot_begin_a_line(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    logger("titan.test").info("request", path='/x\n{"event":"forged"}')
    assert [line["event"] for line in lines(stream)] == ["request"]


def test_no_value_loses_a_line(stream: StringIO) -> None:
    configure("INFO", "json", stream=stream)
    logger("titan.test").info("odd", half="\ud800", big=1 << 70, raw=b"x", missing=None, share=float("nan"))
    [line] = lines(stream)
    assert (line["half"], line["big"], line["raw"]) == ("\\ud800", str(1 << 70), "b'x'")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_line_about_a_request_has_the_form_of_the_others(stream: StringIO, form: str) -> None:
    configure("INFO", "console" if form == "console" else "json", stream=stream)
    tell(
        RequestLine(
            method="GET",
            handler="GetSubmodelById",
            status=200,
            duration_ms=1.5,
            bytes=7,
            request_id="r1",
            logger="titan.http",
            timestamp=datetime(2026, 11, 24, tzinfo=UTC),
        )
    )
    if form == "console":
        assert "GetSubmodelById" in stream.getvalue()
        assert "trace_id" not in stream.getvalue()
        return
    [line] = lines(stream)
    assert line == {
        "event": "request",
        "method": "GET",
        "handler": "GetSubmodelById",
        "status": 200,
        "duration_ms": 1.5,
        "bytes": 7,
        "request_id": "r1",
        "logger": "titan.http",
        "level": "info",
        "timestamp": "2026-11-24T00:00:00Z",
    }
