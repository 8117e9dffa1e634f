"""The generator of load: what it sends, and how times are counted."""

from msgspec.structs import replace

from titan.codec.ids import encode_id
from titan.operate.loading import Plan, Result, percentile_ms, requests, step, together

PLAN = Plan(url="http://server:8080/submodels", prefix="urn:", method="PUT", body='{"id":"@ID@","at":"@SERIAL@"}')


def parts(request: bytes) -> tuple[str, dict[str, str], str]:
    """First line, header fields and body."""
    head, _, body = request.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    return first, dict(field.split(": ", 1) for field in fields), body


def result(**times: int) -> Result:
    counts = {step(float(name[1:]) / 1000): count for name, count in times.items()}
    return Result(
        rate=1.0,
        p50=0,
        p90=0,
        p99=0,
        longest=float(max(times)[1:]),
        requests=sum(times.values()),
        sent=5,
        refused={503: 1},
        busy=0.5,
        last=5,
        seconds=1.0,
        times=counts,
    )


def test_a_request_names_its_document_in_path_and_body() -> None:
    first, fields, body = parts(requests(PLAN)(7))
    assert first == f"PUT /submodels/{encode_id('urn:00000007')} HTTP/1.1"
    assert body == '{"id":"urn:00000007","at":"10000007"}'
    assert fields == {"host": "server:8080", "content-length": str(len(body)), "content-type": "application/json"}


def test_a_post_names_it_in_the_body_alone() -> None:
    first, _, body = parts(requests(replace(PLAN, method="POST"))(7))
    assert first == "POST /submodels HTTP/1.1"
    assert "urn:00000007" in body


def test_numbers_begin_again_and_serials_do_not() -> None:
    request = requests(replace(PLAN, first=20, numbers=3))
    bodies = [parts(request(number))[2] for number in range(4)]
    assert [body[7:19] for body in bodies] == ["urn:00000020", "urn:00000021", "urn:00000022", "urn:00000020"]
    assert len({body[-10:] for body in bodies}) == 4


def test_what_is_below_the_document_and_headers_are_sent_as_given() -> None:
    first, fields, _ = parts(requests(replace(PLAN, method="GET", body="", below="/$value", headers=("a: b",)))(0))
    assert first == f"GET /submodels/{encode_id('urn:00000000')}/$value HTTP/1.1"
    assert fields == {"host": "server:8080", "a": "b"}


def test_without_a_prefix_every_request_is_the_same() -> None:
    request = requests(Plan(url="http://server/submodels?limit=3"))
    assert request(0) == request(9) == b"GET /submodels?limit=3 HTTP/1.1\r\nhost: server\r\n\r\n"


def test_turns_are_taken_in_order_and_apart_from_each_other() -> None:
    turn = replace(PLAN, numbers=10)
    mixed = requests(Plan(url=PLAN.url, by_turns=(turn, replace(turn, method="DELETE", body=""))))
    asked = [parts(mixed(number))[0].split()[:2] for number in range(4)]
    of = [f"/submodels/{encode_id(f'urn:{number:08d}')}" for number in (0, 5, 1, 6)]
    assert asked == [["PUT", of[0]], ["DELETE", of[1]], ["PUT", of[2]], ["DELETE", of[3]]]


def test_a_percentile_is_right_to_the_next_percent() -> None:
    times = {step(0.001): 98, step(0.5): 1, step(2.0): 1}
    assert abs(percentile_ms(times, 0.5) - 1) < 0.02
    assert abs(percentile_ms(times, 0.99) - 500) < 10
    assert abs(percentile_ms(times, 1.0) - 2000) < 40
    assert percentile_ms({}, 0.5) == 0


def test_what_several_measured_adds_up() -> None:
    both = together([result(_1=90, _100=10), result(_1=99, _100=1)])
    assert both.requests == 200
    assert both.rate == 2.0
    assert both.refused == {503: 2}
    assert abs(both.p50 - 1) < 0.02
    assert abs(both.p99 - 100) < 2
    assert both.longest == 100
