"""Reading what a client sent: strictly by default, leniently where that is wished, and never beyond its size."""

import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.documents import environments, expected, model_of, needs_corpus, needs_environments
from support.mutants import ELEMENT, MUTANTS, Mutant, collection, concept, content, external, prop, shell, submodel
from titan.codec import json
from titan.codec.environment import documents, validate
from titan.errors import Invalid
from titan.metamodel.constraints import check
from titan.metamodel.elements import Property
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, SHELL, SUBMODEL, Kind

LOSSLESS = [mutant for mutant in MUTANTS if mutant.rule != "AASd-130"]


@pytest.mark.parametrize("mutant", LOSSLESS, ids=lambda mutant: f"{mutant.rule} {mutant.path}")
def test_a_broken_constraint_is_let_through_leniently_and_told(mutant: Mutant) -> None:
    body = msgspec.json.encode(mutant.document)
    read, warnings = json.read_part(model_of(mutant.model), body, lenient=True)
    assert mutant.rule in {warning.rule for warning in warnings}
    assert msgspec.json.decode(json.encode(read)) == mutant.document


@pytest.mark.parametrize(
    ("kind", "document", "path"),
    [
        (SUBMODEL, submodel(prop("x")), f"{ELEMENT}.idShort"),
        (SUBMODEL, submodel(collection(name="Empty")), f"{ELEMENT}.value"),
        (SUBMODEL, submodel(qualifiers=[]), "$.qualifiers"),
        (SUBMODEL, submodel(prop(category="")), f"{ELEMENT}.category"),
        (SUBMODEL, submodel(prop(category="x" * 129)), f"{ELEMENT}.category"),
        (SUBMODEL, submodel({"modelType": "File", "idShort": "Manual", "value": ""}), f"{ELEMENT}.value"),
        (SUBMODEL, submodel({"modelType": "Blob", "idShort": "Picture", "value": "no base64!"}), f"{ELEMENT}.value"),
        (SUBMODEL, submodel(prop(value="fast")), f"{ELEMENT}.value"),
        (SUBMODEL, submodel(administration={"version": "01"}), "$.administration.version"),
        (SUBMODEL, submodel(description=[{"language": "english!", "text": "x"}]), "$.description[0].language"),
        (SHELL, shell(globalAssetId="urn:a", assetType=""), "$.assetInformation.assetType"),
        (CONCEPT_DESCRIPTION, concept(content(unit="x", dataType="REAL_MEASURE"), isCaseOf=[]), "$.isCaseOf"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_can_be_kept_without_loss_is_let_through_leniently(kind: Kind, document: object, path: str) -> None:
    body = msgspec.json.encode(document)
    with pytest.raises(Invalid) as refusal:
        json.read(kind, body)
    read, warnings = json.read(kind, body, lenient=True)
    assert path in {warning.path for warning in warnings}
    assert warnings == refusal.value.faults
    assert msgspec.json.decode(json.encode(read)) == document
    assert json.stored(kind.model, json.encode(read)) == read


@pytest.mark.parametrize(
    "document",
    [
        submodel(colour="red"),
        submodel(idShort=None),
        submodel(prop(valueType="int")),
        submodel(prop(value=5)),
        submodel({"modelType": "Property", "idShort": "Speed"}),
        submodel(prop(value="\u0000")),
        submodel(id=""),
        submodel(id="x" * 2049),
        {"modelType": "Submodel"},
        {"id": "urn:a"},
        [],
    ],
    ids=lambda document: str(document)[:50],
)
def test_what_cannot_be_kept_is_refused_however_leniently_it_is_read(document: object) -> None:
    with pytest.raises(Invalid) as refusal:
        json.read(SUBMODEL, msgspec.json.encode(document), lenient=True)
    assert all(fault.text and fault.path.startswith("$") for fault in refusal.value.faults)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        b'{"modelType":"Submodel","colour":1,',
        b'{"modelType":"Submodel","id":"a","id":"bb"}',
        b'{"id":"\xff","modelType":1}',
    ],
    ids=["no JSON further on", "named twice", "no UTF-8"],
)
def test_what_is_no_json_is_refused_in_any_case(body: bytes, lenient: bool) -> None:  # noqa: FBT001 - a row of the table
    with pytest.raises(Invalid):
        json.read(SUBMODEL, body, lenient=lenient)


def test_an_element_is_read_by_itself() -> None:
    element, warnings = json.read_element(msgspec.json.encode(prop("x")), lenient=True)
    assert (element.id_short, [warning.rule for warning in warnings]) == ("x", ["AASd-002"])
    assert json.stored_element(json.encode(element)) == element
    with pytest.raises(Invalid):
        json.read_element(msgspec.json.encode(prop("x")))
    assert json.read_part(Property, msgspec.json.encode(prop("Speed")))[0].id_short == "Speed"


def test_what_is_stored_and_cannot_be_read_is_our_own_fault() -> None:
    with pytest.raises(msgspec.ValidationError):
        json.stored(Submodel, b'{"modelType":"Submodel"}')


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_every_real_document_can_be_read_leniently(file: Path) -> None:
    report = validate(file.read_bytes())
    assert report.is_readable
    plain = msgspec.json.decode(file.read_bytes())
    enclosed = list(documents(file.read_bytes()))
    assert len(enclosed) == len(report.documents) == sum(map(len, plain.values()))
    for one in enclosed:
        read, _ = json.read(one.kind, one.body, lenient=True)
        assert msgspec.json.decode(json.encode(read)) == msgspec.json.decode(one.body)


def test_a_report_says_what_is_wrong_with_each_document() -> None:
    wrong = submodel(prop(value="fast"))
    environment = {"submodels": [submodel(), wrong, submodel(colour="red")], "assetAdministrationShells": [shell()]}
    report = validate(msgspec.json.encode(environment))
    assert not report.is_valid
    assert not report.is_readable
    assert [(one.kind, one.path, one.is_readable) for one in report.documents] == [
        ("submodel", "$.submodels[0]", True),
        ("submodel", "$.submodels[1]", True),
        ("submodel", "$.submodels[2]", False),
        ("shell", "$.assetAdministrationShells[0]", True),
    ]
    assert [fault.path for one in report.documents for fault in one.faults] == [
        "$.submodels[1].submodelElements[0].value",
        "$.submodels[1].id",
        "$.submodels[2].colour",
        "$.assetAdministrationShells[0].assetInformation",
    ]


def test_a_report_knows_the_concepts_beside_a_submodel() -> None:
    red = concept(content(value="red"))
    said = prop("Colour", valueType="xs:string", value="blue", valueId=external("urn:example:cd"))
    report = validate(msgspec.json.encode({"submodels": [submodel(said)], "conceptDescriptions": [red]}))
    assert [(fault.rule, fault.path) for one in report.documents for fault in one.faults] == [
        ("AASd-007", "$.submodels[0].submodelElements[0].value")
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a":1}', b'{"submodels":{}}', b'{"modelType":"File"}', b"[" * 10**6]
)
def test_what_is_no_environment_is_reported_as_a_whole(body: bytes) -> None:
    report = validate(body)
    assert (report.is_valid, report.is_readable, report.documents) == (False, False, ())
    assert report.faults[0].path.startswith("$")


def test_an_empty_environment_is_valid() -> None:
    assert validate(b"{}").is_valid


@needs_corpus
@settings(deadline=None)
@given(st.data())
def test_a_mutated_document_is_read_or_refused(data: st.DataObject) -> None:
    several = [instance for instance in expected() if instance.model in {"Submodel", "ConceptDescription", "Entity"}]
    instance = data.draw(st.sampled_from(several))
    body = bytearray(instance.body)
    for _ in range(data.draw(st.integers(min_value=1, max_value=8))):
        at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
        piece = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"}", b"[", b"]", b"null", b"\xff", b"\\u0000", b","])
        )
        body[at : at + data.draw(st.integers(0, 3))] = piece
    for lenient in (False, True):
        try:
            json.read_part(model_of(instance.model), bytes(body), lenient=lenient)
        except Invalid as refusal:
            assert refusal.faults  # noqa: PT017 - it may also be read


def large(size: int, **members: str) -> bytes:
    one = msgspec.json.encode(collection(*[prop(f"Speed{index}", **members) for index in range(20)], name="Folder0"))
    several = [one.replace(b"Folder0", b"Folder%d" % index) for index in range(size // len(one))]
    return b'{"modelType":"Submodel","id":"urn:a","submodelElements":[' + b",".join(several) + b"]}"


def seconds(body: bytes, *, lenient: bool = False) -> float:
    best = 9.0
    for _ in range(3):
        started = time.process_time()
        with suppress(Invalid):
            json.read(SUBMODEL, body, lenient=lenient)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize(
    ("members", "lenient"),
    [({"value": "1"}, False), ({"value": "fast"}, False), ({"colour": "red"}, False), ({"category": ""}, True)],
    ids=["valid", "wrong values", "wrong shape", "lenient"],
)
def test_reading_is_linear_in_the_size(members: dict[str, str], lenient: bool) -> None:  # noqa: FBT001 - a row of the table
    small, big = large(400_000, **members), large(4_000_000, **members)
    assert seconds(big, lenient=lenient) / len(big) < 3 * seconds(small, lenient=lenient) / len(small)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 300_000,
        b'{"a":' * 100_000,
        b'"' * 300_000,
        b"\\" * 300_000,
        b'{"modelType":"Submodel","id":"' + b'\\"' * 150_000 + b'"}',
        b'{"modelType":"Submodel","id":"urn:a","submodelElements":[' + b"{}," * 100_000 + b"{}]}",
        b'{"modelType":"Submodel","id":"urn:a","submodelElements":[' + b"null," * 60_000 + b"null]}",
        b"{" + b",".join(b'"a%d":1' % index for index in range(30_000)) + b"}",
        large(300_000, colour="red"),
    ],
    ids=["arrays", "objects", "quotes", "backslashes", "escapes", "empty elements", "nulls", "members", "unknown"],
)
def test_no_body_takes_long_or_much(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Invalid):
        json.read(SUBMODEL, body)
    assert time.process_time() - started < 1
    tracemalloc.start()
    try:
        with pytest.raises(Invalid):
            json.read(SUBMODEL, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * len(body)


def test_checking_is_linear_in_the_size() -> None:
    def per_byte(size: int) -> float:
        body = large(size, value="1")
        document = json.decode(Submodel, body)
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            assert check(document) == []
            best = min(best, time.process_time() - started)
        return best / len(body)

    assert per_byte(10_000_000) < 2 * per_byte(1_000_000)
