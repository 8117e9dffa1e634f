"""The rules of the house that no linter knows.

Where a rule here makes the code worse, the rule is wrong: change it in the same commit, and say why.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import titan
from titan.errors import TitanError

ROOT = Path(__file__).resolve().parents[2]
HALVES = (ROOT / "services/titan", ROOT / "shared/titan")
PRODUCT = sorted(path for half in HALVES for path in half.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PYTHON = [*PRODUCT, *sorted((ROOT / "migrations").rglob("*.py")), *TESTS]

LAYOUT = {
    *("services/titan/bridge", "services/titan/dev", "services/titan/operate", "services/titan/projector"),
    *("services/titan/read", "services/titan/write", "services/titan/__main__.py", "services/titan/main.py"),
    *("services/titan/commands.py", "services/titan/options.py"),
    *("services/titan/workers.py", "services/titan/factories.py"),
    *("shared/titan/codec", "shared/titan/events", "shared/titan/http", "shared/titan/metamodel"),
    *("shared/titan/observability", "shared/titan/security", "shared/titan/storage"),
    *("shared/titan/addresses.py", "shared/titan/config.py", "shared/titan/errors.py", "shared/titan/tasks.py"),
}
"""What DESIGN.md lays out: anything else has no place yet, and finding one is worth a minute."""

VAGUE = {"base", "common", "helper", "impl", "manager", "misc", "processor", "service", "util", "wrapper"}
"""Last words of a name that say nothing about what it names."""

MAY_SAY_ANY = {
    "shared/titan/codec/json.py": "the type that a decoder gives is the key that it stands under",
}
"""Modules in which a value may be anything, and why."""

SQL = re.compile(r"\b(SELECT\s|INSERT INTO|UPDATE\s+\S+\s+SET|DELETE FROM|(CREATE|DROP|ALTER) (TABLE|DATABASE|SCHEMA))")
LEFT_FOR_LATER = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K]|NotImplemented[E]rror)\b")
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(root|home|work|Users)/")
WITHOUT_REASON = re.compile(
    r"# (noqa(: [A-Z]+\d+(, ?[A-Z]+\d+)*)?|pyright: ?ignore(\[[\w, ]+\])?|pragma: no cover)\s*$"
)
PUPPET = re.compile(r"monkeypatch\.(setatt[r]|setite[m])")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_files() -> Iterator[Path]:
    """Everything that people write, without what is made or official."""
    folders = ("services", "shared", "tests", "migrations", "compose", "helm", ".ci")
    suffixes = {".py", ".toml", ".md", ".ini", ".yaml", ".yml", ".sql", ".mako", ""}
    inside = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    beside = (path for path in ROOT.iterdir() if path.name not in {"LICENSE", ".git"})
    for path in (*inside, *beside):
        if path.is_file() and path.suffix in suffixes and not any("cache" in part for part in path.parts):
            yield path


def lines_with(pattern: re.Pattern[str], *paths: Path) -> list[str]:
    """`path:line` of every match, as an editor opens it."""
    return [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def last_word(name: str) -> str:
    """`base` of `read_base`, `ReadBase` and `BASES`."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    return words[-1].lower().removesuffix("s") if words else ""


def strings_put_together(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and literal text of every f-string, and of every literal that is added to, filled in or formatted."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=parts):
                yield node.lineno, " ".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add() | ast.Mod()):
                yield node.lineno, text
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format" | "format_map")):
                yield node.lineno, text
            case _:
                pass


def test_the_package_has_both_its_halves() -> None:
    assert {Path(path) for path in titan.__path__} == set(HALVES)


def test_the_roots_of_the_package_have_no_init_file() -> None:
    """One there would hide the other half."""
    assert [name_of(path) for half in HALVES for path in (half, half.parent) if (path / "__init__.py").exists()] == []


def test_there_are_the_packages_of_the_layout_and_no_others() -> None:
    there = {name_of(path) for half in HALVES for path in half.iterdir() if path.name != "__pycache__"}
    assert there - LAYOUT == set()


def test_a_file_has_one_subject() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_a_module_says_what_it_is_for() -> None:
    assert [name_of(path) for path in PYTHON if not ast.get_docstring(tree_of(path))] == []


def test_names_say_something() -> None:
    classes = [
        (path, node.name) for path in PYTHON for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)
    ]
    names = [*((path, path.stem) for path in PYTHON), *classes]
    assert [f"{name_of(path)}: {name}" for path, name in names if last_word(name) in VAGUE] == []


def test_anything_stops_at_the_border() -> None:
    """A value has a type; where it really may be anything, `MAY_SAY_ANY` takes the reason."""
    said = {
        name_of(path)
        for path in PRODUCT
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name) and node.id == "Any"
    }
    assert said - set(MAY_SAY_ANY) == set()


def test_sql_is_never_put_together_from_strings() -> None:
    made = [(path, line, text) for path in PRODUCT for line, text in strings_put_together(tree_of(path))]
    assert [f"{name_of(path)}:{line}" for path, line, text in made if SQL.search(text)] == []


def test_an_ignored_rule_has_a_reason_beside_it() -> None:
    assert lines_with(WITHOUT_REASON, *PRODUCT) == []


def test_names_are_imported_from_where_they_live() -> None:
    assert lines_with(re.compile(r"^__all_[_]\b"), *PRODUCT) == []


def test_nothing_is_left_for_later() -> None:
    assert lines_with(LEFT_FOR_LATER, *text_files()) == []


def test_nothing_knows_the_machine_that_it_was_written_on() -> None:
    assert lines_with(OF_ONE_MACHINE, *text_files()) == []


def test_our_own_code_is_never_replaced_by_a_puppet() -> None:
    """A variable of the environment may be set for a test; a name of ours may not."""
    assert lines_with(PUPPET, *TESTS) == []


def test_every_error_is_a_leaf() -> None:
    """A family of errors invites to catch the wrong one."""

    def below(error: type[Exception]) -> list[type[Exception]]:
        return [kind for kind in error.__subclasses__() if kind.__module__.startswith("titan.")]

    assert [error.__name__ for error in below(TitanError) if below(error)] == []
