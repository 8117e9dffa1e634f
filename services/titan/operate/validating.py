"""`titan validate`: what is wrong with files, said to a person or as JSON. Nothing is sent anywhere."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console

from titan.codec.environment import Report, Verdict, validate
from titan.errors import Fault
from titan.operate.terminal import say


class Told(Struct, frozen=True):
    """What is said of a file as JSON."""

    file: str
    is_valid: bool
    is_readable: bool
    """Whether a lenient reading lets everything through."""
    documents: tuple[Verdict, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Of the file as a whole."""
    error: str = ""
    """Why the file could not be read from the disk."""


def validate_files(paths: Sequence[Path], *, lenient: bool, as_json: bool, console: Console) -> int:
    """Say what is wrong with each file; as JSON it is one object a line.

    Gives 0 where all are valid (lenient: where all can be stored without loss), 1 where one is not, and 2 where one
    could not be read from the disk.
    """
    status = 0
    for path in paths:
        try:
            body = path.read_bytes()
        except OSError as error:
            told = Told(str(path), is_valid=False, is_readable=False, error=error.strerror or str(error))
            status = 2
        else:
            told = _told(path, validate(body))
            if not (told.is_readable if lenient else told.is_valid):
                status = max(status, 1)
        if as_json:
            console.out(msgspec.json.encode(told).decode(), highlight=False)
        else:
            _show(told, lenient=lenient, console=console)
    return status


def _told(path: Path, report: Report) -> Told:
    return Told(
        file=str(path),
        is_valid=report.is_valid,
        is_readable=report.is_readable,
        documents=report.documents,
        faults=report.faults,
    )


def _show(told: Told, *, lenient: bool, console: Console) -> None:
    if told.error:
        say(console, f"{told.file}: {told.error}", style="bold red")
        return
    wrong = [document for document in told.documents if document.faults]
    count = len(told.faults) + sum(len(document.faults) for document in wrong)
    passes = told.is_readable if lenient else told.is_valid
    if not count:
        say(console, f"{told.file}: OK, {len(told.documents)} documents", style="green")
        return
    let_through = ", let through leniently" if passes else ""
    heading = f"{told.file}: {count} faults in {len(wrong)} of {len(told.documents)} documents{let_through}"
    say(console, heading, style="yellow" if passes else "red")
    for fault in told.faults:
        say(console, f"  {sentence(fault)}")
    for document in wrong:
        say(console, f"  {document.kind} {document.id or document.path}")
        for fault in document.faults:
            say(console, f"    {sentence(fault)}")


def sentence(fault: Fault) -> str:
    """A fault in one line: where it is, the rule that it breaks, and what is wrong."""
    where = f"{fault.path} ({fault.id_short_path})" if fault.id_short_path else fault.path
    return " ".join(part for part in (f"{where}:" if where else "", fault.rule, fault.text) if part)
