"""Clients that note every call that they make: on a few documents that everybody changes, and on many of their own.

No two writes write the same value, so that a read tells which write it shows. A document names its value in every
branch that its writer gave it, and a large one has many: an answer in which they differ was never written by anybody.
"""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf

import msgspec
from msgspec import Struct

from support.asking import Plain, document, path_of, prop
from support.laboratory.following import own_prefix
from support.laboratory.history import UNTOLD, Call, History, Kind, Listed
from support.load import MARK, Answer, Line, Unanswered
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL
from titan.metamodel.kinds import Kind as DocumentKind

GATEWAY = "gateway"
HOT = "urn:hot:"
PATIENCE_S = 8.0
"""How long a client waits for an answer; longer than a lease and than a database that is started anew."""
LARGE_BRANCHES = 40
"""Of a large document, with 2 kB each: it is more than a row."""
FILLING = "x" * 2_000
HOT_KINDS: Mapping[Kind, float] = {"read": 8, "put": 3, "replace": 3, "patch": 4, "remove": 0.7, "create": 1.5}


class Where(Struct, frozen=True):
    """Whom clients may ask."""

    gateway: str
    replicas: Mapping[str, str]
    writers: Mapping[str, str] = {}

    def lines(self) -> dict[str, Line]:
        everybody = {GATEWAY: self.gateway, **self.replicas, **self.writers}
        return {name: Line(url, timeout_s=PATIENCE_S) for name, url in everybody.items() if url}


class Client(ABC):
    """Asks, and notes what comes of it."""

    def __init__(self, name: str, where: Where, history: History, seed: str) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.history = history
        self._lines = where.lines()
        self._replicas = tuple(where.replicas)
        self._serial = 0

    def run(self, is_over: threading.Event) -> None:
        """Ask until it is over."""
        try:
            while not is_over.is_set():
                self.step()
        finally:
            self.close()

    @abstractmethod
    def step(self) -> None:
        """Ask once or a few times."""

    def close(self) -> None:
        for line in self._lines.values():
            line.close()

    def new_value(self) -> str:
        self._serial += 1
        return f"fire:{self.name}:{self._serial}"

    def anywhere(self, at_the_gateway: float = 0.6) -> str:
        """The gateway, or a replica."""
        return GATEWAY if self.random.random() < at_the_gateway else self.random.choice(self._replicas)

    def read(self, kind: DocumentKind, id: str, *, where: str = GATEWAY, part: str = "") -> Call | None:
        """Read a document, or the value of its mark; None where nobody answers with what it is."""
        path, invoked = path_of(kind, id) + part, time.monotonic()
        answer = self._ask(where, "GET", path)
        if answer is None or answer.status not in {200, 404}:
            if answer is not None and answer.status < 500:
                self.history.tore(f"{self.name} at {where}: GET {path} gave {answer.status} {answer.body[:200]!r}")
            return None
        call = Call(
            client=self.name,
            document=id,
            kind="read",
            where=where,
            value=self._shown(where, path, answer) if answer.status == 200 else "",
            invoked=invoked,
            returned=time.monotonic(),
            status=answer.status,
            revision=answer.revision if answer.status == 200 else 0,
        )
        self.history.saw(call)
        return call

    def write(
        self,
        kind: Kind,
        document: DocumentKind,
        id: str,
        *,
        where: str = GATEWAY,
        expected: int = 0,
        large: bool = False,
    ) -> Call:
        """Write once, and say what came of it."""
        value = "" if kind == "remove" else self.new_value()
        method, path, plain = _asked(kind, document, id, value, client=self.name, large=large)
        invoked = time.monotonic()
        answer = self._ask(where, method, path, plain, if_match=expected)
        is_told = answer is not None and answer.status < 500
        call = Call(
            client=self.name,
            document=id,
            kind=kind,
            where=where,
            value=value,
            expected=expected,
            invoked=invoked,
            returned=time.monotonic() if is_told else inf,
            status=answer.status if answer is not None and is_told else UNTOLD,
            revision=answer.revision if answer is not None and is_told else 0,
            visibility=answer.visibility if answer is not None else "",
            position=answer.position if answer is not None else 0,
        )
        self.history.saw(call)
        return call

    def list_own(self, kind: DocumentKind, *, where: str) -> None:
        """List what carries this client's name."""
        path, invoked = f"/{kind.collection}?idShort={self.name}&limit=1000", time.monotonic()
        answer = self._ask(where, "GET", path)
        if answer is None or answer.status != 200:
            return
        found = frozenset(entry["id"] for entry in msgspec.json.decode(answer.body)["result"])
        self.history.listed(
            Listed(client=self.name, documents=found, invoked=invoked, returned=time.monotonic(), where=where)
        )

    def _ask(self, where: str, method: str, path: str, plain: object = None, *, if_match: int = 0) -> Answer | None:
        try:
            return self._lines[where].ask(method, path, plain, if_match=if_match)
        except Unanswered:
            # Where nobody listens, that is said at once: who asks again at once takes from those who start anew.
            time.sleep(0.1)  # noqa: TID251 - a client that is refused comes again a moment later
            return None

    def _shown(self, where: str, path: str, answer: Answer) -> str:
        """The value that an answer shows."""
        plain = msgspec.json.decode(answer.body)
        if isinstance(plain, str):
            return plain
        elements = plain.get("submodelElements", [])
        if not elements:
            return plain["category"]
        mark, *branches = (element["value"] for element in elements)
        if len({branch.rstrip("x") for branch in branches}) > 1:
            self.history.tore(f"{self.name} at {where}: GET {path} gave branches of several writes")
        return mark


def _asked(
    kind: Kind, document_kind: DocumentKind, id: str, value: str, *, client: str, large: bool
) -> tuple[str, str, object]:
    """Method, path and body."""
    path = path_of(document_kind, id)
    match kind:
        case "remove":
            return "DELETE", path, None
        case "patch":
            return "PATCH", f"{path}{MARK}", value
        case "create":
            return "POST", f"/{document_kind.collection}", _document(document_kind, id, value, client, large=large)
        case _:
            return "PUT", path, _document(document_kind, id, value, client, large=large)


def _document(kind: DocumentKind, id: str, value: str, client: str, *, large: bool) -> Plain:
    if not id.startswith(HOT):
        return document(kind, id, idShort=client, category=value)
    branches = [prop(f"Branch{number}", value + FILLING) for number in range(LARGE_BRANCHES)] if large else []
    return document(kind, id, submodelElements=[prop("Mark", value), *branches])


class Hot(Client):
    """Changes documents that others change too."""

    def __init__(self, name: str, where: Where, history: History, seed: str, documents: Sequence[str]) -> None:
        super().__init__(name, where, history, seed)
        self._documents = documents
        self._revisions: dict[str, int] = {}

    def step(self) -> None:
        id = self.random.choice(self._documents)
        (kind,) = self.random.choices(list(HOT_KINDS), weights=list(HOT_KINDS.values()))
        if kind == "read":
            call = self.read(SUBMODEL, id, where=self.anywhere(), part=self.random.choice(("", MARK)))
        else:
            expected = self._revisions.get(id, 1) if kind == "replace" else 0
            # The first of the documents is the large one.
            call = self.write(kind, SUBMODEL, id, expected=expected, large=id == self._documents[0])
        if call is not None and call.revision:
            self._revisions[id] = call.revision


class Reader(Client):
    """Reads what the hot clients change, and nothing else: waits for no write."""

    def __init__(self, name: str, where: Where, history: History, seed: str, documents: Sequence[str]) -> None:
        super().__init__(name, where, history, seed)
        self._documents = documents

    def step(self) -> None:
        self.read(SUBMODEL, self.random.choice(self._documents), where=self.anywhere(0.8), part=MARK)
        wait = self.random.uniform(0.0, 0.02)
        time.sleep(wait)  # noqa: TID251 - a reader that never rests takes from those who write


class Cold(Client):
    """Keeps documents of its own, and looks at them one by one and in lists."""

    def __init__(self, name: str, where: Where, history: History, seed: str, kind: DocumentKind) -> None:
        super().__init__(name, where, history, seed)
        self.kind = kind
        self._own: list[str] = []

    def step(self) -> None:
        choice = self.random.random()
        if choice < 0.3 or len(self._own) < 3:
            id = f"{own_prefix(self.name)}{len(self._own)}"
            self._own.append(id)
            self.write("create", self.kind, id)
        elif choice < 0.5:
            id = self.random.choice(self._own)
            self.write("put", self.kind, id)
        elif choice < 0.6:
            id = self.random.choice(self._own)
            self.write("remove", self.kind, id)
        else:
            id = self.random.choice(self._own)
        self.read(self.kind, id, where=self.anywhere())
        if choice < 0.7:
            self.list_own(self.kind, where=self.anywhere())


class Crowd(Struct, frozen=True):
    """How many clients there are of each kind."""

    hot: int = 6
    documents: int = 4
    readers: int = 2
    cold: int = 5


def clients(crowd: Crowd, where: Where, history: History, *, name: str, seed: int) -> list[Client]:
    """All clients of a round; `name` is in the identifiers of what they write."""
    documents = [f"{HOT}{name}:{number}" for number in range(crowd.documents)]
    kinds = (SHELL, SUBMODEL, CONCEPT_DESCRIPTION)
    return [
        *(Hot(f"{name}hot{at}", where, history, f"{seed}:hot{at}", documents) for at in range(crowd.hot)),
        *(Reader(f"{name}reader{at}", where, history, f"{seed}:reader{at}", documents) for at in range(crowd.readers)),
        *(Cold(f"{name}cold{at}", where, history, f"{seed}:cold{at}", kinds[at % 3]) for at in range(crowd.cold)),
    ]


@contextmanager
def at_work(everybody: Sequence[Client]) -> Generator[None]:
    """Have clients work while the context is open."""
    is_over = threading.Event()
    with ThreadPoolExecutor(len(everybody)) as pool:
        running = [pool.submit(client.run, is_over) for client in everybody]
        try:
            yield
        finally:
            is_over.set()
        for one in running:
            one.result()
