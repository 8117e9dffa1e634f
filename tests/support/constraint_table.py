"""Writes docs/constraints.md: which function asks which constraint of the standard, and which tests hold it to that.

    python tests/support/constraint_table.py

A test compares the file with what this would write.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.mutants import MUTANTS, NEAR_MISSES
from titan.metamodel import coded
from titan.metamodel.rules import attributes, concepts, elements, identifiables, references

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "constraints.md"
TESTS = ROOT / "tests" / "unit"

# What is no function of its own, and why.
ELSEWHERE = {
    "AASd-002": ("An idShort has the form of one.", "`metamodel.values.IdShort`, while decoding"),
    "AASd-012": (
        "A text means the same as what its valueId refers to.",
        "nowhere: no machine can tell what a text means",
    ),
    "AASd-130": ("A string has only characters that XML 1.0 can carry.", "`codec.lexical.has_forbidden_characters`"),
}
RULE = re.compile(r"aas[dc]_(3a_)?\d{3}$")


def text() -> str:
    """The whole file."""
    return f"""# Constraints

Written by `tests/support/constraint_table.py`; do not edit.

Every constraint of Part 1 v3.1 and Part 3a, the function that asks it, and the tests that hold it to that. *Mutants*
are documents that break the one rule, *near misses* documents that come close and do not (`tests/support/mutants.py`);
of each mutant it is tested that its path is told and what aas-core3.1 says of it. The corpus of aas-core, real
environments and made-up documents hold all of them to the same oracle.

| constraint | what is asked | where | mutants | near misses | tests by name |
|---|---|---|---|---|---|
{"".join(map(_row, sorted({*_functions(), *ELSEWHERE})))}
## Rules without a number

What the text of the standard, its schema or its tables ask, without giving it a number.

| what is asked | where |
|---|---|
{"".join(_unnumbered())}
## Where aas-core3.1 differs

{_differences()}
"""


def _row(rule: str) -> str:
    functions = _functions()
    asked, where = ELSEWHERE[rule] if rule in ELSEWHERE else _said(functions[rule])
    mutants = sum(mutant.rule == rule for mutant in MUTANTS)
    misses = sum(missed == rule for missed, _, _ in NEAR_MISSES)
    named = ", ".join(f"`{name}`" for name in _tests_that_name(rule)) or "–"
    return f"| {rule} | {asked} | {where} | {mutants or '–'} | {misses or '–'} | {named} |\n"


def _functions() -> dict[str, Callable[..., object]]:
    found = {}
    for module in (attributes, concepts, elements, identifiables, references):
        for name, function in _of(module):
            if RULE.match(name):
                found[name.replace("aasd_", "AASd-").replace("aasc_3a_", "AASc-3a-")] = function
    return found


def _unnumbered() -> Iterator[str]:
    for module in (attributes, concepts, elements, identifiables):
        for name, function in _of(module):
            if not RULE.match(name) and inspect.signature(function).return_annotation == references.Breaches:
                asked, where = _said(function)
                yield f"| {asked} | {where} |\n"


def _of(module: ModuleType) -> list[tuple[str, Callable[..., object]]]:
    return [
        (name, function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    ]


def _said(function: Callable[..., object]) -> tuple[str, str]:
    asked = (inspect.getdoc(function) or "").partition("\n")[0]
    by = ", by `metamodel.coded.check_coded`" if hasattr(coded, function.__name__) else ""
    return asked, f"`{function.__module__.removeprefix('titan.')}.{function.__name__}`{by}"


def _tests_that_name(rule: str) -> list[str]:
    return sorted(name for name, source in _tests() if rule in source)


@cache
def _tests() -> list[tuple[str, str]]:
    """Every test of a unit, by its name, with its source: parsed once, for all rules."""
    return [
        (node.name, ast.unparse(node))
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def _differences() -> str:
    docstring = ast.get_docstring(ast.parse((TESTS / "metamodel" / "test_oracle.py").read_text())) or ""
    return docstring.partition("\n\n")[2]


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())
