"""docs/promises.md is what is held, and names every promise of the runbook that this product answers to."""

import re

import pytest

from support.promises import FILE, PROMISES, ROOT, missing, text

TRUTHS = ROOT.parent / "shared" / "reference" / "runbook-truths.md"


def test_the_table_is_what_is_held() -> None:
    assert FILE.read_text() == text(), "Written anew by: python tests/support/promises.py"


def test_every_proof_is_there() -> None:
    assert list(missing()) == []


def test_what_nothing_holds_says_what_will() -> None:
    assert [promise.number for promise in PROMISES if not promise.proofs and not promise.later] == []


def test_no_promise_is_left_out() -> None:
    if not TRUTHS.exists():
        pytest.skip("the list of promises lies beside the project, and is not there")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", TRUTHS.read_text(), re.MULTILINE)]
    assert [promise.number for promise in PROMISES] == numbers
