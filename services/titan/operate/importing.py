"""`titan import`: documents of files, sent to the server one by one, and a report of what it refused and why."""

import asyncio
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct, structs
from rich.console import Console
from rich.progress import Progress, TaskID

from titan.codec.environment import Enclosed, documents
from titan.codec.json import read
from titan.errors import Invalid, Unavailable
from titan.operate.sending import Sender
from titan.operate.terminal import amounts, say
from titan.operate.validating import sentence


class Noted(Struct, frozen=True):
    """A document of which there is something to say."""

    number: int
    """In the order of the files."""
    file: Path
    path: str
    kind: str
    id: str
    sentences: tuple[str, ...]


class Imported(Struct):
    """What an import came to."""

    stored: int = 0
    replaced: int = 0
    repeated: int = 0
    """Documents that a file has several times, each time the same; they are sent once."""
    refused: list[Noted] = []
    let_through: list[Noted] = []
    """Stored, though something is wrong with them."""
    unread: list[str] = []
    """Files that could not be read, and why."""


async def import_files(
    paths: Sequence[Path],
    *,
    url: str,
    replace: bool,
    lenient: bool,
    concurrency: int = 16,
    patience_s: float = 60.0,
    console: Console,
) -> int:
    """Send every document of the files to the server at the URL; gives the exit status.

    A document that stands already is refused, or with `replace` replaced, so that an import can be repeated. A lenient
    import asks the server to store what it can represent without loss, and tells what is wrong with it. A server that
    is busy is asked again for `patience_s`.

    Gives 0 where all were stored, 1 where one was refused, and 2 where a file could not be read or the server could
    not be reached; what was stored until then stays.
    """
    imported = Imported()
    numbers = count()
    failure = ""
    sender = Sender(url, replace=replace, lenient=lenient, connections=concurrency, patience_s=patience_s)
    async with sender:
        with amounts() as bar:
            task = bar.add_task("Importing", total=sum(path.stat().st_size for path in paths if path.is_file()))
            try:
                for path in paths:
                    sending = Sending(path, sender, imported, numbers, lenient=lenient)
                    await sending.run(concurrency, bar, task)
            except* Unavailable as group:
                failure = str(group.exceptions[0])
    show(imported, console)
    if failure:
        say(console, failure, style="bold red")
    if failure or imported.unread:
        return 2
    return 1 if imported.refused else 0


class Sending:
    """One file on its way."""

    def __init__(
        self, path: Path, sender: Sender, imported: Imported, numbers: Iterator[int], *, lenient: bool
    ) -> None:
        self._path = path
        self._sender = sender
        self._imported = imported
        self._numbers = numbers
        self._lenient = lenient
        self._sent: dict[tuple[str, str], bytes] = {}

    async def run(self, concurrency: int, bar: Progress, task: TaskID) -> None:
        """Send its documents, so many at once."""
        try:
            body = await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            self._imported.unread.append(f"{self._path}: {error.strerror or error}")
            return
        ahead = zip(self._documents(body), self._numbers, strict=False)

        async def work() -> None:
            for one, number in ahead:
                await self._send(one, number)
                bar.advance(task, len(one.body))

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())

    def _documents(self, body: bytes) -> Iterator[Enclosed]:
        try:
            yield from documents(body)
        except Invalid as refusal:
            self._imported.unread += [f"{self._path}: {sentence(fault)}" for fault in refusal.faults]

    async def _send(self, one: Enclosed, number: int) -> None:
        id = identifier(one.body)
        digest = sha256(one.body).digest()
        before = self._sent.get((one.kind.name, id)) if id else None
        if before == digest:
            self._imported.repeated += 1
            return
        if before is not None:
            # Sent as well, whichever came last would stay.
            text = f"There is another {one.kind.name} of this id before it in the file."
            self._imported.refused.append(Noted(number, self._path, one.path, one.kind.name, id, (text,)))
            return
        self._sent[one.kind.name, id] = digest
        outcome = await self._sender.send(one.kind, id, one.body)
        noted = Noted(number, self._path, one.path, one.kind.name, id, outcome.messages)
        if not outcome.is_stored:
            self._imported.refused.append(noted)
            return
        self._imported.replaced += outcome.is_replaced
        self._imported.stored += not outcome.is_replaced
        if self._lenient and (faults := faults_of(one)):
            self._imported.let_through.append(structs.replace(noted, sentences=faults))


class _Identified(Struct):
    id: str = ""


_IDENTIFIED = msgspec.json.Decoder(_Identified)


def identifier(body: bytes) -> str:
    """The identifier of a document, as far as it can be read; what is wrong with it is for the server to say."""
    try:
        return _IDENTIFIED.decode(body).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def faults_of(one: Enclosed) -> tuple[str, ...]:
    """What a lenient reading lets through."""
    try:
        _, faults = read(one.kind, one.body, lenient=True)
    except Invalid as refusal:
        faults = refusal.faults
    return tuple(sentence(fault) for fault in faults)


def show(imported: Imported, console: Console) -> None:
    """Tell what became of every document that was not simply stored, and how many there were of each."""
    for heading, noted, style in (
        ("let through", imported.let_through, "yellow"),
        ("refused", imported.refused, "red"),
    ):
        for one in sorted(noted, key=lambda one: one.number):
            say(console, f"{heading}: {one.kind} {one.id or '(no identifier)'}, {one.file} {one.path}", style=style)
            for text in one.sentences:
                say(console, f"  {text}")
    for text in imported.unread:
        say(console, f"not read: {text}", style="red")
    counts = {
        "stored": imported.stored,
        "replaced": imported.replaced,
        "repeated": imported.repeated,
        "let through": len(imported.let_through),
        "refused": len(imported.refused),
    }
    say(console, ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "stored"))
