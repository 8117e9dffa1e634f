"""A generator of load: closed loops over HTTP/1.1 on sockets of its own, in a process of its own.

    python -m bench.load < plan.json

Requests are built before the clock runs, or from a template with one identifier in it; of an answer only the status and
the length are looked at. That costs about 10 µs a request, system calls included, so that a server in Python is the
slower side; `busy` in the result says how much of its core the generator needed.
"""

import selectors
import socket
import sys
import time
from array import array
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

RECEIVE_BYTES = 1 << 16
PATIENCE_S = 20.0
"""How long connections may stay silent before the round is given up."""


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
    """With `@ID@` in it where the identifier stands."""
    prefix: str = ""
    """Identifiers are this and a number in eight digits."""
    first: int = 0
    numbers: int = 0
    """After so many numbers they begin again; 0 for never."""
    pace: float = 0.0
    """Requests a second that are begun, whether or not those before are answered; 0 for as many as are answered."""
    is_named: bool = True
    """Whether paths end with the identifier, but for POST; else it stands in the body alone."""


class Result(Struct, frozen=True, kw_only=True):
    """What came of it. Times are in milliseconds."""

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
    """How many answers there were of each status above 399."""
    busy: float
    """Seconds of a core that the generator used in a second."""
    last: int
    """The number after the last identifier."""
    cpu_us: float = 0.0
    """Of the server for each request, in µs; steadier than rates on a machine that is shared."""


class Connection:
    """One loop: send, wait for the whole answer, send the next."""

    __slots__ = ("_buffer", "_expected", "began", "socket", "status")

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._expected = 0
        self.began = 0.0
        self.status = 0

    def send(self, request: bytes) -> None:
        self._buffer, self._expected = b"", 0
        self.began = time.perf_counter()
        # Blocks where the kernel takes less than the whole at once, which a few KB never cause.
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Take in what came; whether the answer is whole."""
        came = self.socket.recv(RECEIVE_BYTES)
        if not came:
            raise ConnectionError("The server closed a connection.")
        self._buffer = self._buffer + came if self._buffer else came
        if not self._expected:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.status = int(self._buffer[9:12])
            self._expected = end + 4 + _length(self._buffer[:end], self.status)
        return len(self._buffer) >= self._expected


def _length(head: bytes, status: int) -> int:
    if status in {204, 304}:
        return 0
    head = head.lower()
    at = head.find(b"content-length:")
    if at < 0:
        raise ConnectionError("An answer has no length.")
    end = head.find(b"\r\n", at)
    return int(head[at + 15 : end if end > 0 else len(head)])


def requests(plan: Plan) -> Callable[[int], bytes]:
    """What to send for each number."""
    where = urlsplit(plan.url)
    path = where.path + (f"?{where.query}" if where.query else "")
    common = "".join(f"{line}\r\n" for line in ("host: 127.0.0.1", *plan.headers))
    if not plan.body and not plan.prefix:
        constant = f"{plan.method} {path} HTTP/1.1\r\n{common}\r\n".encode()
        return lambda _: constant
    before, _, after = plan.body.partition("@ID@")
    size = len(before.encode()) + len(after.encode()) + (len(plan.prefix) + 8 if after else 0)
    length = f"content-length: {size}\r\ncontent-type: application/json\r\n" if plan.body else ""
    fields = f" HTTP/1.1\r\n{common}{length}\r\n{before}".encode()
    start, rest = f"{plan.method} {path}".encode(), after.encode()
    prefix, is_named = plan.prefix.encode(), plan.is_named and plan.method != "POST"

    def request(number: int) -> bytes:
        id = prefix + b"%08d" % number
        name = b"/" + urlsafe_b64encode(id).rstrip(b"=") if is_named else b""
        return start + name + fields + (id + rest if rest else b"")

    return request


class Run:
    """One plan being carried out: a request follows the answer to the one before it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._request = requests(plan)
        self._number = plan.first
        self._latencies = array("d")
        self._refused: dict[int, int] = {}

    def run(self) -> Result:
        """Carry the plan out.

        Raises:
            ConnectionError: where the server closes a connection or says nothing for long.
        """
        plan = self._plan
        where = urlsplit(plan.url)
        with selectors.DefaultSelector() as selector:
            connections = [Connection(where.hostname or "", where.port or 80) for _ in range(plan.connections)]
            for connection in connections:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(self._next())
            counted_from = time.perf_counter() + plan.warm_up_s
            until = counted_from + plan.seconds
            self._loop(selector, plan.connections, 0.0, counted_from)
            used = time.process_time()
            self._loop(selector, plan.connections, counted_from, until)
            used = time.process_time() - used
            self._drain(selector, plan.connections)
            for connection in connections:
                connection.socket.close()
        return self._result(time.perf_counter() - counted_from, used)

    def _loop(self, selector: selectors.BaseSelector, connections: int, counted_from: float, until: float) -> None:
        note, now, following = self._latencies.append, time.perf_counter, self._next
        while (at := now()) < until:
            ready = selector.select(PATIENCE_S)
            if not ready:
                raise ConnectionError(f"None of {connections} connections was answered within {PATIENCE_S:g} s.")
            for key, _ in ready:
                connection: Connection = key.data
                if not connection.is_answered():
                    continue
                at = now()
                if counted_from and connection.began >= counted_from:
                    note(at - connection.began)
                if connection.status >= 400:
                    self._refused[connection.status] = self._refused.get(connection.status, 0) + 1
                connection.send(following())

    def _drain(self, selector: selectors.BaseSelector, connections: int) -> None:
        """Take the answers that are still to come, so that what was begun is counted with its whole time."""
        left = connections
        while left:
            ready = selector.select(PATIENCE_S)
            if not ready:
                raise ConnectionError(f"{left} requests were not answered within {PATIENCE_S:g} s.")
            for key, _ in ready:
                connection: Connection = key.data
                if connection.is_answered():
                    self._latencies.append(time.perf_counter() - connection.began)
                    selector.unregister(connection.socket)
                    left -= 1

    def _next(self) -> bytes:
        number = self._number
        self._number += 1
        numbers = self._plan.numbers
        return self._request(self._plan.first + (number - self._plan.first) % numbers if numbers else number)

    def _result(self, elapsed_s: float, used_s: float) -> Result:
        times = sorted(self._latencies)
        count = len(times)

        def part(share: float) -> float:
            return times[min(count - 1, int(count * share))] * 1000

        return Result(
            rate=count / elapsed_s,
            p50=part(0.5),
            p90=part(0.9),
            p99=part(0.99),
            longest=times[-1] * 1000,
            requests=count,
            sent=self._number - self._plan.first,
            refused=self._refused,
            busy=used_s / self._plan.seconds,
            last=self._number,
        )


class Paced(Run):
    """The same at a pace of its own: what a crowd does that does not care how the server is."""

    def run(self) -> Result:
        """Carry the plan out; where no connection is free, a request is begun as soon as one is.

        Raises:
            ConnectionError: where the server closes a connection.
        """
        plan = self._plan
        where = urlsplit(plan.url)
        with selectors.DefaultSelector() as selector:
            free = [Connection(where.hostname or "", where.port or 80) for _ in range(plan.connections)]
            for connection in free:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            began, used, begun = time.perf_counter(), time.process_time(), 0
            while (elapsed_s := time.perf_counter() - began) < plan.seconds or len(free) < plan.connections:
                due = int(elapsed_s * plan.pace) if elapsed_s < plan.seconds else 0
                while begun < due and free:
                    free.pop().send(self._next())
                    begun += 1
                free += list(self._answered(selector))
                if elapsed_s > plan.seconds + PATIENCE_S:
                    raise ConnectionError(f"{plan.connections - len(free)} requests were not answered.")
            for connection in free:
                connection.socket.close()
        return self._result(plan.seconds, time.process_time() - used)

    def _answered(self, selector: selectors.BaseSelector) -> Iterator[Connection]:
        for key, _ in selector.select(0.001):
            connection: Connection = key.data
            if connection.is_answered():
                self._latencies.append(time.perf_counter() - connection.began)
                if connection.status >= 400:
                    self._refused[connection.status] = self._refused.get(connection.status, 0) + 1
                yield connection


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode((Paced if plan.pace else Run)(plan).run()))
