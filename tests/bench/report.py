"""What was measured, for a person and for a machine."""

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table


class Row(Struct, frozen=True, omit_defaults=True):
    """One figure."""

    section: str
    name: str
    value: float
    unit: str
    detail: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def verdict(self) -> bool | None:
        """Whether it is where it is wanted; None where nothing is wanted of it."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most


class Report(Struct, frozen=True):
    """All that one run measured."""

    at: str
    machine: dict[str, str]
    quick: bool
    rows: Sequence[Row]


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows as a table."""
    table = Table(header_style="bold")
    for name in ("what", "", "value", "", "wanted"):
        table.add_column(name, justify="right" if name == "value" else "left")
    before = ""
    for row in rows:
        if row.section != before:
            table.add_section()
        section, before = ("" if row.section == before else row.section), row.section
        table.add_row(section, row.name, f"{number(row.value)} {row.unit}", row.detail, _wanted(row))
    console.print(table)


def number(value: float) -> str:
    """Three digits that matter."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _wanted(row: Row) -> str:
    if row.verdict is None:
        return ""
    bound = f"≥ {row.at_least:g}" if row.at_least is not None else f"≤ {row.at_most:g}"
    return f"[green]{bound}[/]" if row.verdict else f"[bold red]{bound} MISSED[/]"
