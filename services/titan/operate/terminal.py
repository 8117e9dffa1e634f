"""How commands speak to a person at a terminal."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """As the bar shows it."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


def progress() -> Progress:
    """A bar that counts documents."""
    return _bar(MofNCompleteColumn(), Rate())


def amounts() -> Progress:
    """A bar that counts bytes."""
    return _bar(DownloadColumn())


def _bar(*columns: ProgressColumn) -> Progress:
    """A bar on stderr; silent where nobody looks."""
    console = Console(stderr=True, emoji=False)
    named = TextColumn("{task.description}")
    return Progress(
        named, BarColumn(), *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )


def say(console: Console, text: str = "", *, style: str | None = None) -> None:
    """One line as it is: identifiers may hold brackets, and a long line stays one."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
