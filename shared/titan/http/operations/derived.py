"""What follows from the table of operations: how whole the profiles are, and where the gateway sends what."""

from itertools import chain

from titan.http.operations.row import PROFILES, Operation, Side

Reached = tuple[tuple[str, ...], str]
"""Methods, and a pattern of paths without a base path: `*` stands for a segment, `/**` for everything."""


def count_served(operations: tuple[Operation, ...]) -> dict[str, int]:
    """How many operations of each profile are served."""
    named = list(chain.from_iterable(operation.profiles for operation in operations))
    return {profile: named.count(profile) for profile in PROFILES}


def split(operations: tuple[Operation, ...]) -> dict[Side, tuple[Reached, ...]]:
    """What the gateway sends to the tier of each side; the more specific pattern wins.

    What only reads goes by its method. Everything else is for the write tier, unknown methods included, but for the
    questions that are asked with a body.
    """
    asked = tuple(((row.method,), _starred(row.path)) for row in operations if _is_asked_with_a_body(row))
    changing = sorted({row.method for row in operations if row.side == "command"})
    return {
        "query": ((("GET", "HEAD", "OPTIONS"), "/**"), *asked),
        "command": ((tuple(changing), "/**"),),
    }


def _is_asked_with_a_body(row: Operation) -> bool:
    return row.side == "query" and row.method != "GET"


def _starred(path: str) -> str:
    return "/".join("*" if segment.startswith("{") else segment for segment in path.split("/"))


def table_of(served: dict[str, int]) -> str:
    """Profiles and how much of each is served, as a Markdown table."""
    lines = ["| Profile | Served | Operations |", "|---|---|---|"]
    lines += [f"| {profile} | {count} | {PROFILES[profile]} |" for profile, count in served.items()]
    return "\n".join(lines) + "\n"
