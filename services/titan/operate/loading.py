"""A generator of load: closed loops over HTTP/1.1 on sockets of its own, in a process of its own.

    python -m titan.operate.loading < plan.json

Requests are built before the clock runs, or from a template with one identifier in it; of an answer only the status and
the length are looked at. That costs about 10 µs a request, system calls included, so that a server in Python is the
slower side; `busy` in the result says how much of its core the generator needed. A client that is as a client should be
(httpx on asyncio) manages 1 000 a second and measures itself.

On SIGTERM it takes the answers that are still to come and gives its result; Ctrl-C is for the process that started it.
"""

import math
import re
import selectors
import signal
import sys
import time
from array import array
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from titan.operate.wire import PATIENCE_S, Address, Connection

BROKEN = 0
"""Stands for a status where a connection broke before it was answered."""
BROKEN_IN_A_ROW = 100
"""After so many, with no answer between them, nobody is there."""
STEP = math.log(1.01)
LEAST_S = 1e-6


class Plan(Struct, frozen=True, kw_only=True):
    """What to send, and for how long."""

    url: str
    """Of the server, and the path of what is asked for; documents are put below it."""
    method: str = "GET"
    connections: int = 1
    seconds: float = 1.0
    warm_up_s: float = 0.2
    """Requests that begin before this has passed are answered but not counted."""
    headers: tuple[str, ...] = ()
    body: str = ""
    """With `@ID@` in it where the identifier stands, and `@SERIAL@` for what is different in every request."""
    prefix: str = ""
    """Identifiers are this and a number in eight digits."""
    first: int = 0
    numbers: int = 0
    """After so many numbers they begin again; 0 for never."""
    is_once: bool = False
    """Ends after so many numbers."""
    pace: float = 0.0
    """Requests a second that are begun, whether or not those before are answered; 0 for as many as are answered."""
    is_named: bool = True
    """Whether paths have the identifier behind them, but for POST; else it stands in the body alone."""
    below: str = ""
    """The rest of the path, behind the identifier."""
    serial: int = 10_000_000
    """Where `@SERIAL@` begins, in eight digits."""
    by_turns: tuple["Plan", ...] = ()
    """What is sent by turns; of this plan only connections and times count then."""


class Result(Struct, frozen=True, kw_only=True):
    """What came of it. Times are in milliseconds, percentiles to the next percent."""

    rate: float
    """Requests a second."""
    p50: float
    p90: float
    p99: float
    longest: float
    requests: int
    """How many were counted."""
    sent: int
    """How many there were with those before the clock ran."""
    refused: dict[int, int]
    """How many answers there were of each status above 399; of `BROKEN`, how many there were not."""
    busy: float
    """Seconds of a core that the generator used in a second."""
    last: int
    """The number after the last identifier."""
    seconds: float
    times: dict[int, int]
    """How many took so long, by `step`."""
    cpu_us: float = 0.0
    """Of the server for each request, in µs; steadier than rates on a machine that is shared."""


def step(seconds: float) -> int:
    """Times are counted in steps of one percent, which can be added up."""
    return max(0, int(math.log(max(seconds, LEAST_S) / LEAST_S) / STEP))


def percentile_ms(times: Mapping[int, int], share: float) -> float:
    """The time that this share of the requests did not exceed, to the next percent; 0 where there were none."""
    left = share * sum(times.values())
    for each, count in sorted(times.items()):
        left -= count
        if left <= 0:
            return LEAST_S * math.exp((each + 0.5) * STEP) * 1000
    return 0.0


def together(results: Sequence[Result]) -> Result:
    """What several generators measured side by side, as if they were one."""
    times: Counter[int] = Counter()
    refused: Counter[int] = Counter()
    for result in results:
        times.update(result.times)
        refused.update(result.refused)
    return replace(
        results[0],
        rate=sum(result.rate for result in results),
        p50=percentile_ms(times, 0.5),
        p90=percentile_ms(times, 0.9),
        p99=percentile_ms(times, 0.99),
        longest=max(result.longest for result in results),
        requests=sum(result.requests for result in results),
        sent=sum(result.sent for result in results),
        refused=dict(refused),
        busy=max(result.busy for result in results),
        last=max(result.last for result in results),
        seconds=max(result.seconds for result in results),
        times=dict(times),
    )


def requests(plan: Plan) -> Callable[[int], bytes]:
    """What to send for each number, counted from where the plan begins."""
    if not plan.by_turns:
        build, first, numbers = _template(plan), plan.first, plan.numbers
        return lambda number: build(first + (number % numbers if numbers else number), number)
    turns, count = [(_template(turn), turn) for turn in plan.by_turns], len(plan.by_turns)

    def request(number: int) -> bytes:
        build, turn = turns[number % count]
        # Turns are apart from each other, so that a document is not read just because it was written.
        apart = number // count + number % count * turn.numbers // count
        return build(turn.first + (apart % turn.numbers if turn.numbers else apart), number)

    return request


def _template(plan: Plan) -> Callable[[int, int], bytes]:
    """What to send for the number of an identifier, and of the request."""
    address = Address.of(plan.url)
    common = "".join(f"{line}\r\n" for line in (f"host: {address.netloc}", *plan.headers)).encode()
    start, below = f"{plan.method} {address.path}".encode(), plan.below.encode()
    prefix, serial = plan.prefix.encode(), plan.serial
    is_named = plan.is_named and bool(plan.prefix) and plan.method != "POST"
    pieces = re.split("(@ID@|@SERIAL@)", plan.body)
    sizes = {"@ID@": len(prefix) + 8, "@SERIAL@": 8}
    size = sum(sizes.get(piece, len(piece.encode())) for piece in pieces)
    length = b"content-length: %d\r\ncontent-type: application/json\r\n" % size if plan.body else b""
    fields = b" HTTP/1.1\r\n" + common + length + b"\r\n"
    if not is_named and len(pieces) == 1:
        constant = start + below + fields + plan.body.encode()
        return lambda _, __: constant
    body = [piece.encode() for piece in pieces]

    def request(number: int, sent: int) -> bytes:
        id = prefix + b"%08d" % number
        name = b"/" + urlsafe_b64encode(id).rstrip(b"=") if is_named else b""
        said = {b"@ID@": id, b"@SERIAL@": b"%08d" % (serial + sent)}
        return b"".join((start, name, below, fields, *(said.get(piece, piece) for piece in body)))

    return request


class Run:
    """One plan being carried out: a request follows the answer to the one before it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = requests(plan)
        self._sent = 0
        self._most = plan.numbers if plan.is_once else sys.maxsize
        self._under_way = 0
        self._latencies = array("d")
        self._refused: dict[int, int] = {}
        self._broken = 0
        self._stopped = False

    def stop(self, *_: object) -> None:
        """Begin nothing more; as a handler of signals, too."""
        self._stopped = True

    def run(self) -> Result:
        """Carry the plan out.

        Raises:
            OSError: where the server takes no connection, breaks one after the other, or says nothing for long.
        """
        plan = self._plan
        with selectors.DefaultSelector() as selector, ExitStack() as closing:
            connections = list(self._opened(selector, closing))
            counted_from = time.perf_counter() + plan.warm_up_s
            for connection in connections:
                self._send(selector, connection)
            until = counted_from + plan.seconds
            self._loop(selector, 0.0, counted_from)
            used = time.process_time()
            self._loop(selector, counted_from, until)
            used = time.process_time() - used
            elapsed_s = time.perf_counter() - counted_from
            self._stopped = True
            self._loop(selector, counted_from, math.inf)
        return self._result(time.perf_counter() - counted_from, used / max(elapsed_s, 1e-9))

    def _opened(self, selector: selectors.BaseSelector, closing: ExitStack) -> Iterator[Connection]:
        address = Address.of(self._plan.url)
        for _ in range(self._plan.connections):
            connection = Connection(address)
            closing.callback(connection.close)
            selector.register(connection.line, selectors.EVENT_READ, connection)
            yield connection

    def _loop(self, selector: selectors.BaseSelector, counted_from: float, until: float) -> None:
        """Send on until then; where nothing more is to be sent, take the answers that are still to come."""
        now, take, send = time.perf_counter, self._take, self._send
        while self._under_way and (at := now()) < until:
            ready = selector.select(PATIENCE_S)
            if not ready:
                raise ConnectionError(f"{self._under_way} requests were not answered within {PATIENCE_S:g} s.")
            for key, _ in ready:
                connection: Connection = key.data
                if not take(selector, connection):
                    continue
                at = now()
                if counted_from and connection.began >= counted_from:
                    self._latencies.append(at - connection.began)
                    if connection.status >= 400 or connection.status == BROKEN:
                        self._refused[connection.status] = self._refused.get(connection.status, 0) + 1
                self._under_way -= 1
                send(selector, connection)

    def _take(self, selector: selectors.BaseSelector, connection: Connection) -> bool:
        """Whether a connection has its answer, or broke, which is one too."""
        try:
            if not connection.is_answered():
                return False
        except OSError as error:
            connection.status = BROKEN
            self._broken += 1
            if self._broken > BROKEN_IN_A_ROW:
                raise ConnectionError(f"The server breaks one connection after the other: {error}") from error
        else:
            self._broken = 0
        if connection.status == BROKEN or connection.is_spent:
            selector.unregister(connection.line)
            connection.close()
        return True

    def _send(self, selector: selectors.BaseSelector, connection: Connection) -> bool:
        if self._stopped or self._sent >= self._most:
            return False
        request = self._request(self._sent)
        self._sent += 1
        self._under_way += 1
        if connection.is_open:
            with suppress(OSError):
                connection.send(request)
                return True
            # Closed between two requests: the next one takes its place.
            selector.unregister(connection.line)
        connection.open()
        selector.register(connection.line, selectors.EVENT_READ, connection)
        connection.send(request)
        return True

    def _result(self, elapsed_s: float, busy: float) -> Result:
        times = Counter(map(step, self._latencies))
        count = len(self._latencies)
        return Result(
            rate=count / max(elapsed_s, 1e-9),
            p50=percentile_ms(times, 0.5),
            p90=percentile_ms(times, 0.9),
            p99=percentile_ms(times, 0.99),
            longest=max(self._latencies, default=0.0) * 1000,
            requests=count,
            sent=self._sent,
            refused=self._refused,
            busy=busy,
            last=self._plan.first + self._sent,
            seconds=elapsed_s,
            times=dict(times),
        )


class Paced(Run):
    """The same at a pace of its own: what a crowd does that does not care how the server is."""

    def run(self) -> Result:
        """Carry the plan out; where no connection is free, a request is begun as soon as one is.

        Raises:
            OSError: as in a closed loop.
        """
        plan = self._plan
        with selectors.DefaultSelector() as selector, ExitStack() as closing:
            free = list(self._opened(selector, closing))
            began, used, begun = time.perf_counter(), time.process_time(), 0
            while (elapsed_s := time.perf_counter() - began) < plan.seconds or self._under_way:
                due = int(elapsed_s * plan.pace) if elapsed_s < plan.seconds else 0
                while begun < due and free and self._send(selector, free[-1]):
                    free.pop()
                    begun += 1
                free += self._answered(selector)
                if elapsed_s > plan.seconds + PATIENCE_S:
                    raise ConnectionError(f"{self._under_way} requests were not answered.")
                if self._stopped and not self._under_way:
                    break
            used = time.process_time() - used
        return self._result(min(elapsed_s, plan.seconds), used / max(elapsed_s, 1e-9))

    def _answered(self, selector: selectors.BaseSelector) -> Iterable[Connection]:
        for key, _ in selector.select(0.001):
            connection: Connection = key.data
            if not self._take(selector, connection):
                continue
            if not connection.began:
                continue  # closed while nothing was asked of it, and open again
            self._latencies.append(time.perf_counter() - connection.began)
            if connection.status >= 400 or connection.status == BROKEN:
                self._refused[connection.status] = self._refused.get(connection.status, 0) + 1
            self._under_way -= 1
            connection.began = 0.0
            yield connection


def main() -> None:
    """Carry out the plan on standard input; the result goes to standard output."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    run = (Paced if plan.pace else Run)(plan)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, run.stop)
    try:
        result = run.run()
    except OSError as error:
        sys.exit(f"{error}")
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
