"""`titan bench`: what it measures, how it shares it out, and what it says of the figures."""

import msgspec
import pytest
from msgspec.structs import replace

from titan.codec.json import decode
from titan.metamodel.identifiables import Submodel
from titan.operate.figures import Figure, remarks
from titan.operate.rounds import MOST_CREATED, Mix, Terms, body, bytes_of, removing, rounds, shares

TERMS = Terms(url="http://server:8080", prefix="urn:bench:", documents=10)
FIGURE = Figure(
    what="GET hot", connections=16, rate=1, p50=1, p99=2, longest=3, requests=10, refused={}, client_busy=0.1
)


def said(*figures: Figure, url: str = "http://server", visibility: str = "replicas", processes: int = 1) -> list[str]:
    return list(remarks(figures, url=url, visibility=visibility, processes=processes))


def test_sizes_are_read_as_people_write_them() -> None:
    assert [bytes_of(size) for size in ("5KB", "0.5 mb", "700", "700B")] == [5000, 500_000, 700, 700]
    for wrong in ("", "KB", "5 GB", "-1KB"):
        with pytest.raises(ValueError, match="is no size"):
            bytes_of(wrong)


@pytest.mark.parametrize("size", [1, 5000, 100_000])
def test_a_document_has_the_size_that_was_asked_for_and_is_valid(size: int) -> None:
    made = body(replace(TERMS, size=size)).replace("@ID@", "urn:x").replace("@SERIAL@", "10000000")
    decode(Submodel, made.encode())
    assert size < 1000 or abs(len(made) - size) < size / 10


@pytest.mark.parametrize(
    ("mix", "methods"),
    [
        ("read", {"GET"}),
        ("write", {"POST", "PUT", "PATCH"}),
        ("mixed", {"GET", "PUT", "PATCH"}),
        ("all", {"GET", "POST", "PUT", "PATCH"}),
    ],
)
def test_a_mix_has_its_methods_at_every_number_of_connections(mix: Mix, methods: set[str]) -> None:
    planned = list(rounds(replace(TERMS, mix=mix, connections=(1, 4)), etag='"1"'))
    for connections in (1, 4):
        plans = [each.plan for each in planned if each.plan.connections == connections]
        assert {turn.method for plan in plans for turn in plan.by_turns or (plan,)} == methods
        assert {plan.seconds for plan in plans} == {TERMS.seconds}


def test_what_is_created_is_bounded_and_nobody_elses() -> None:
    posts = [each.plan for each in rounds(TERMS, etag='"1"') if each.plan.method == "POST"]
    assert all(plan.is_once and plan.numbers == MOST_CREATED for plan in posts)
    assert len({plan.prefix for plan in posts}) == len(TERMS.connections)
    assert all(plan.prefix.startswith(TERMS.prefix) for plan in posts)


def test_a_cold_round_asks_for_every_document_once_after_it_was_written() -> None:
    cold = next(each for each in rounds(TERMS, etag='"1"') if each.name == "GET cold")
    assert cold.is_fresh
    assert cold.plan.is_once
    assert cold.plan.numbers == TERMS.documents


def test_connections_and_documents_are_shared_out_without_rest() -> None:
    plan = replace(removing(TERMS, "urn:bench:", 3, 10), connections=7)
    parts = shares(plan, 3)
    assert sum(part.connections for part in parts) == 7
    asked = [part.first + number for part in parts for number in range(part.numbers)]
    assert asked == list(range(3, 13))
    assert len(shares(replace(plan, connections=1), 3)) == 1


def test_two_processes_never_create_the_same_document() -> None:
    post = next(each.plan for each in rounds(TERMS, etag='"1"') if each.plan.method == "POST")
    one, other = shares(replace(post, connections=16), 2)
    assert one.first + one.numbers <= other.first


def test_a_figure_that_says_what_the_client_can_is_told() -> None:
    assert said(FIGURE) == []
    (remark,) = said(FIGURE, replace(FIGURE, what="GET 304", client_busy=0.97))
    assert "GET 304 at 16" in remark
    assert "GET hot" not in remark


def test_what_was_refused_is_told() -> None:
    (remark,) = said(replace(FIGURE, refused={"503": 2}), replace(FIGURE, refused={"503": 1, "broken": 1}))
    assert "Of 20 requests" in remark
    assert "3 × 503, 1 × broken" in remark


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080"])
def test_a_server_on_the_same_machine_is_told(url: str) -> None:
    assert "share this machine" in said(FIGURE, url=url)[0]


@pytest.mark.parametrize("visibility", ["journal", "projected"])
def test_writes_that_waited_for_less_are_told(visibility: str) -> None:
    assert "Writes were answered" in said(FIGURE, visibility=visibility)[0]


def test_a_figure_can_be_read_by_a_machine() -> None:
    assert msgspec.json.decode(msgspec.json.encode(FIGURE), type=Figure) == FIGURE
