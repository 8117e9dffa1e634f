"""Clients that write and read at once, and hold every answer against what was acknowledged before they asked.

An acknowledged write counts from the moment of its answer. A write without an answer, or with 5xx, may stand or not:
its document is only held to what was acknowledged before. A write that says it has come no further than the journal is
held to that: documents show it, lists may wait for a projector.
"""

import random
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from support.asking import document, path_of, prop
from titan.metamodel.kinds import KINDS, SUBMODEL, Kind

MARK = "/submodel-elements/Mark/$value"
"""The value of the element that hot documents have."""


class Unanswered(Exception):
    """Nobody answered; what was asked may have been done."""


class Answer(NamedTuple):
    status: int
    revision: int
    """Out of the ETag; 0 where there is none."""
    visibility: str
    """How far a write had come when it was answered: `replicas`, unless nobody projects."""
    retry_after: str | None
    location: str
    body: bytes
    position: int = 0
    """Within the journal, of a write."""


class Line:
    """A connection that stays open; it is opened anew where it broke."""

    def __init__(self, url: str, *, timeout_s: float = 40.0) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)

    def ask(self, method: str, path: str, plain: object = None, *, if_match: int = 0) -> Answer:
        """Ask once; a read on a connection that was closed meanwhile is asked again.

        `if_match` makes a revision of the document the condition.

        Raises:
            Unanswered: where no answer comes.
        """
        body = None if plain is None else msgspec.json.encode(plain)
        headers = {} if body is None else {"content-type": "application/json"}
        if if_match:
            headers["if-match"] = f'"{if_match}"'
        for attempt in (1, 2):
            is_used = self._connection.sock is not None
            try:
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                read = answer.read()
            except (OSError, HTTPException) as error:
                self._connection.close()
                if attempt == 1 and is_used and method == "GET" and not isinstance(error, TimeoutError):
                    continue
                raise Unanswered(f"{method} {path}: {error!r}") from error
            etag = (answer.headers["etag"] or "0").strip('"')
            return Answer(
                answer.status,
                int(etag.partition("-")[0]),
                answer.headers["titan-visibility"] or "",
                answer.headers["retry-after"],
                answer.headers["location"] or "",
                read,
                int(answer.headers["titan-position"] or "0"),
            )
        raise AssertionError

    def close(self) -> None:
        self._connection.close()


class Tally(Struct):
    """What was seen."""

    writes: int = 0
    reads: int = 0
    """Through the gateway."""
    direct_reads: int = 0
    lists: int = 0
    unlisted: int = 0
    """Writes that said that lists may not show them yet."""
    stale: list[str] = []
    """Every answer older than what was acknowledged before it was asked for."""
    failed_reads: list[str] = []
    """Reads through the gateway that were not answered with 200, 304 or 404."""
    failed_writes: list[str] = []
    slowest_write_s: float = 0.0
    slowest_read_s: float = 0.0

    def add(self, other: "Tally") -> None:
        self.writes += other.writes
        self.reads += other.reads
        self.direct_reads += other.direct_reads
        self.lists += other.lists
        self.unlisted += other.unlisted
        self.stale += other.stale
        self.failed_reads += other.failed_reads
        self.failed_writes += other.failed_writes
        self.slowest_write_s = max(self.slowest_write_s, other.slowest_write_s)
        self.slowest_read_s = max(self.slowest_read_s, other.slowest_read_s)

    def told(self) -> str:
        return (
            f"{self.writes} writes ({len(self.failed_writes)} failed, slowest {self.slowest_write_s:.2f} s), "
            f"{self.reads} reads through the gateway ({len(self.failed_reads)} failed, "
            f"slowest {self.slowest_read_s:.2f} s), {self.direct_reads} from replicas, {self.lists} lists, "
            f"{self.unlisted} writes not in lists yet, {len(self.stale)} stale"
        )


class Hot:
    """Documents that everybody writes and reads, and the newest revision of each that was acknowledged or shown."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._lock = threading.Lock()
        self._acknowledged = dict.fromkeys(paths, 0)

    def acknowledged(self, path: str) -> int:
        with self._lock:
            return self._acknowledged[path]

    def acknowledge(self, path: str, revision: int) -> None:
        with self._lock:
            self._acknowledged[path] = max(self._acknowledged[path], revision)


class Client:
    """One client with documents of its own, which nobody else writes."""

    def __init__(self, name: str, kind: Kind, gateway: str, replicas: Sequence[str], hot: Hot) -> None:
        self.tally = Tally()
        self._name = name
        self._kind = kind
        self._gateway = Line(gateway)
        self._replicas = {url: Line(url, timeout_s=6.0) for url in replicas}
        self._hot = hot
        self._own: dict[str, int] = {}
        self._unknown: set[str] = set()
        self._unlisted: set[str] = set()
        self._random = random.Random(name)
        self._serial = 0

    def run(self, is_over: threading.Event) -> None:
        """Write and read until it is over; then look once more at everything."""
        try:
            while not is_over.is_set():
                self._step()
            self.look_at_all()
        finally:
            for line in (self._gateway, *self._replicas.values()):
                line.close()

    def look_at_all(self) -> None:
        """Whatever was acknowledged is there still."""
        for id, revision in self._own.items():
            self._look(path_of(self._kind, id), revision)
        self._look_at_list()

    def _step(self) -> None:
        choice = self._random.random()
        if choice < 0.3:
            self._write_hot()
        elif choice < 0.5 or not self._own:
            self._serial += 1
            self._write_own(f"urn:load:{self._name}:{self._serial}")
        elif choice < 0.85:
            self._write_own(self._random.choice(list(self._own)))
        else:
            self._remove_own(self._random.choice(list(self._own)))
        if choice > 0.4:
            self._look_at_list()

    def _document(self, id: str) -> object:
        return document(self._kind, id, idShort=self._name, category=f"at {time.time()}")

    def _write_hot(self) -> None:
        path = self._random.choice(self._hot.paths)
        place, mark = path_of(SUBMODEL, f"urn:load:{path}"), f"by {self._name} at {time.time()}"
        if self._hot.acknowledged(path) and self._random.random() < 0.5:
            answer = self._write("PATCH", f"{place}{MARK}", mark)
        else:
            hot = document(SUBMODEL, f"urn:load:{path}", submodelElements=[prop("Mark", mark)])
            answer = self._write("PUT", place, hot)
        if answer is not None:
            self._hot.acknowledge(path, answer.revision)
        for other, part in ((path, MARK), (path, ""), (self._random.choice(self._hot.paths), "")):
            # What one client has seen, nobody may be shown older, answered or not.
            seen = self._look(f"{path_of(SUBMODEL, f'urn:load:{other}')}{part}", self._hot.acknowledged(other))
            self._hot.acknowledge(other, seen)

    def _write_own(self, id: str) -> None:
        is_new = id not in self._own
        path = path_of(self._kind, id)
        if is_new:
            answer = self._write("POST", f"/{self._kind.collection}", self._document(id))
        else:
            answer = self._write("PUT", path, self._document(id))
        if answer is None:
            if is_new:
                self._unknown.add(id)
            return
        self._own[id] = answer.revision
        self._note_visibility(id, answer)
        for _ in range(2):
            self._look(path, answer.revision)

    def _remove_own(self, id: str) -> None:
        answer = self._write("DELETE", path_of(self._kind, id), None)
        del self._own[id]
        if answer is None:
            self._unknown.add(id)
            return
        self._note_visibility(id, answer)
        for _ in range(2):
            self._look(path_of(self._kind, id), None)

    def _note_visibility(self, id: str, answer: Answer) -> None:
        if answer.visibility == "replicas":
            # Whoever has reached this position has reached all before it.
            self._unlisted.clear()
        else:
            self.tally.unlisted += 1
            self._unlisted.add(id)

    def _write(self, method: str, path: str, plain: object) -> Answer | None:
        """Give the answer; None where the write may stand or not."""
        began = time.monotonic()
        self.tally.writes += 1
        try:
            answer = self._gateway.ask(method, path, plain)
        except Unanswered as error:
            self.tally.failed_writes.append(str(error))
            return None
        self.tally.slowest_write_s = max(self.tally.slowest_write_s, time.monotonic() - began)
        if answer.status in {201, 204}:
            return answer
        self.tally.failed_writes.append(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return None

    def _look(self, path: str, revision: int | None) -> int:
        """Look through the gateway, then at one replica; gives the newest revision seen, 0 where there was none."""
        seen = 0
        began = time.monotonic()
        try:
            answer = self._gateway.ask("GET", path)
        except Unanswered as error:
            self.tally.failed_reads.append(str(error))
        else:
            self.tally.reads += 1
            self.tally.slowest_read_s = max(self.tally.slowest_read_s, time.monotonic() - began)
            if answer.status not in {200, 404}:
                self.tally.failed_reads.append(f"GET {path}: {answer.status} {answer.body[:300]!r}")
            self._judge(answer, path, revision, "the gateway")
            seen = answer.revision if answer.status == 200 else 0
        if not self._replicas:
            return seen
        if revision is not None:
            revision = max(revision, seen)
        url = self._random.choice(list(self._replicas))
        try:
            answer = self._replicas[url].ask("GET", path)
        except Unanswered:
            return seen
        self.tally.direct_reads += 1
        self._judge(answer, path, revision, url)
        return max(seen, answer.revision if answer.status == 200 else 0)

    def _judge(self, answer: Answer, path: str, revision: int | None, where: str) -> None:
        if revision is None:
            is_stale = answer.status == 200
        else:
            is_stale = (answer.status == 200 and answer.revision < revision) or (answer.status == 404 and revision > 0)
        if is_stale:
            self.tally.stale.append(
                f"{self._name} at {where}: {path} was {answer.status} at revision {answer.revision} "
                f"where {revision} was acknowledged"
            )

    def _look_at_list(self) -> None:
        path = f"/{self._kind.collection}?idShort={self._name}&limit=1000"
        try:
            answer = self._gateway.ask("GET", path)
        except Unanswered as error:
            self.tally.failed_reads.append(str(error))
            return
        if answer.status != 200:
            self.tally.failed_reads.append(f"GET {path}: {answer.status} {answer.body[:300]!r}")
            return
        self.tally.lists += 1
        undecided = self._unknown | self._unlisted
        listed = {entry["id"] for entry in msgspec.json.decode(answer.body)["result"]} - undecided
        own = self._own.keys() - undecided
        if listed != own:
            self.tally.stale.append(
                f"{self._name}: the list lacks {sorted(own - listed)} and still has {sorted(listed - own)}"
            )


@contextmanager
def under_load(
    name: str, gateway: str, replicas: Sequence[str], *, clients: int = 16, directly: int = 6
) -> Generator[Tally]:
    """Have clients work while the context is open; the tally is complete after it.

    Args:
        name: Of letters; in the identifiers of what they write.
        gateway: Where they write and read.
        replicas: Where some of them read besides; nobody minds there who does not answer.
        clients: How many.
        directly: How many of them also ask the replicas.
    """
    kinds = list(KINDS.values())
    hot = Hot([f"{name}:hot{number}" for number in range(4)])
    workers = [
        Client(f"{name}{number}x", kinds[number % 3], gateway, replicas if number < directly else (), hot)
        for number in range(clients)
    ]
    is_over = threading.Event()
    tally = Tally()
    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(worker.run, is_over) for worker in workers]
        try:
            yield tally
        finally:
            is_over.set()
        for one in running:
            one.result()
    for worker in workers:
        tally.add(worker.tally)
    print(f"\n{name}: {tally.told()}")
