"""`titan validate`: what is wrong, where, and by which rule."""

from pathlib import Path

import msgspec
import pytest

from support.operating import quiet, told
from titan.operate.validating import Told, validate_files

GOOD = b'{"submodels": [{"modelType": "Submodel", "id": "one"}]}'
BREAKS_A_RULE = (
    b'{"submodels": [{"modelType": "Submodel", "id": "one"}, {"modelType": "Submodel", "id": "urn:[two]",'
    b'"submodelElements": [{"modelType": "Range", "idShort": "Limits", "valueType": "xs:int", "min": "much"}]}]}'
)
NO_ENVIRONMENT = b'{"submodules": []}'


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    bodies = {"good": GOOD, "rule": BREAKS_A_RULE, "none": NO_ENVIRONMENT}
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    return {name: tmp_path / name for name in (*bodies, "missing")}


@pytest.mark.parametrize(
    ("names", "lenient", "status"),
    [
        (["good"], False, 0),
        (["rule"], False, 1),
        (["rule"], True, 0),
        (["none"], True, 1),
        (["good", "rule"], False, 1),
        (["missing"], True, 2),
        (["missing", "rule", "good"], False, 2),
    ],
)
def test_the_exit_status_is_that_of_the_worst_file(
    names: list[str], *, lenient: bool, status: int, files: dict[str, Path]
) -> None:
    paths = [files[name] for name in names]
    for as_json in (False, True):
        assert validate_files(paths, lenient=lenient, as_json=as_json, console=quiet()) == status


def test_a_person_reads_where_it_is_and_which_rule_it_breaks(files: dict[str, Path]) -> None:
    console = quiet()
    validate_files([files["good"], files["rule"], files["missing"]], lenient=False, as_json=False, console=console)
    good, rule, document, fault, missing = told(console).splitlines()
    assert good == f"{files['good']}: OK, 1 documents"
    assert rule == f"{files['rule']}: 1 faults in 1 of 2 documents"
    assert document == "  submodel urn:[two]"
    assert fault.startswith("    $.submodels[1].submodelElements[0].min (Limits): ")
    assert missing == f"{files['missing']}: No such file or directory"


def test_a_program_reads_one_object_a_file(files: dict[str, Path]) -> None:
    console = quiet()
    validate_files([*files.values()], lenient=False, as_json=True, console=console)
    reports = [msgspec.json.decode(line, type=Told) for line in told(console).splitlines()]
    assert [(one.is_valid, one.is_readable, len(one.documents)) for one in reports] == [
        (True, True, 1),
        (False, True, 2),
        (False, False, 0),
        (False, False, 0),
    ]
    assert reports[1].documents[1].faults[0].id_short_path == "Limits"
    assert reports[2].faults
    assert reports[3].error == "No such file or directory"
