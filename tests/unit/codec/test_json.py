"""What the decoder promises of any body that is thrown at it."""

import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.documents import environments, expected, needs_corpus, needs_environments
from titan.codec import json
from titan.codec.lexical import NESTING_LIMIT, marks_of, nests_too_deep, strings, without_escapes
from titan.errors import Invalid
from titan.metamodel.elements import Property
from titan.metamodel.identifiables import Environment, Submodel
from titan.metamodel.kinds import SUBMODEL

# Each has a string that the standard does not allow to be empty.
NOT_VALID = {"handover-documentation-example.json", "technical-data-sample.json"}


def submodel(*members: str) -> bytes:
    return ('{"modelType":"Submodel","id":"urn:a"' + "".join(f",{member}" for member in members) + "}").encode()


def collections(depth: int) -> bytes:
    body = '{"modelType":"Capability","idShort":"Deep"}'
    for _ in range(depth - 1):
        body = '{"modelType":"SubmodelElementCollection","idShort":"Level","value":[' + body + "]}"
    return submodel(f'"submodelElements":[{body}]')


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_real_environments_come_back_as_they_were_sent(file: Path) -> None:
    if file.name in NOT_VALID:
        with pytest.raises(Invalid) as refusal:
            json.decode(Environment, file.read_bytes())
        assert refusal.value.faults[0].path.startswith("$.")
        return
    body = file.read_bytes()
    written = json.encode(json.decode(Environment, body))
    assert msgspec.json.decode(written) == msgspec.json.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'"text"',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"modelType":"Submodel","id":"urn:a"}',
        b'{"id":"urn:a"}',
        b'{"modelType":"Property","id":"urn:a"}',
        b'{"modelType":"Submodel","id":"urn:a"} {}',
        b'{"modelType":"Submodel","id":"\xc3\x28"}',
        b'{"modelType":"Submodel","id":"\\ud800"}',
        submodel('"idShort":null'),
        submodel('"colour":"red"'),
        submodel('"submodelElements":[]'),
        b"[" * 1_000_000,
        b'{"a":' * 500_000,
    ],
    ids=lambda body: body[:60].decode("latin-1") or "nothing",
)
def test_what_is_no_document_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        json.decode(Submodel, body)
    assert all(fault.text and fault.path.startswith("$") for fault in refusal.value.faults)


def test_a_fault_is_found_by_its_path() -> None:
    body = submodel('"submodelElements":[{"modelType":"Capability","idShort":"Good"},{"modelType":"Property"}]')
    with pytest.raises(Invalid) as refusal:
        json.decode(Submodel, body)
    assert refusal.value.faults[0].path == "$.submodelElements[1]"


def test_a_model_type_is_demanded_of_an_element_that_stands_alone() -> None:
    with pytest.raises(Invalid):
        json.decode(Property, b'{"valueType":"xs:int"}')
    assert json.decode(Property, b'{"modelType":"Property","valueType":"xs:int"}').value_type == "xs:int"
    with pytest.raises(Invalid):
        json.decode_element(b'{"valueType":"xs:int"}')


@pytest.mark.parametrize("escape", [r"\u0000", r"\b", r"\u001F", r"\uFFFE", r"\\\u0000", "\uffff"])
def test_a_character_that_xml_cannot_carry_is_refused(escape: str) -> None:
    with pytest.raises(Invalid) as refusal:
        json.decode(Submodel, submodel(f'"category":"{escape}"'))
    assert refusal.value.faults[0].rule == "AASd-130"


@pytest.mark.parametrize("escape", [r"\t", r"\n", r"\r", r"\\u0000", r"\\b", r"\"", r"\u0022", r"\ud83d\ude00", "\x7f"])
def test_a_character_that_xml_can_carry_is_kept(escape: str) -> None:
    body = submodel(f'"category":"x{escape}"')
    assert json.decode(Submodel, body).category == msgspec.json.decode(body)["category"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (submodel('"id":"urn:b"'), "$"),
        (submodel('"modelType":"Submodel"'), "$"),
        (
            submodel(r'"semanticId":{"type":"ModelReference","keys":[{"type":"Submodel","value":"\"","value":"b"}]}'),
            "$.semanticId.keys[0]",
        ),
    ],
    ids=["id", "modelType", "nested"],
)
def test_a_member_that_is_named_twice_is_refused(body: bytes, path: str) -> None:
    with pytest.raises(Invalid) as refusal:
        json.decode(Submodel, body)
    assert refusal.value.faults[0].path == path


@pytest.mark.parametrize("depth", [1, 16, 32])
def test_elements_may_lie_in_each_other_32_deep(depth: int) -> None:
    assert json.encode(json.decode(Submodel, collections(depth))) == collections(depth)


@pytest.mark.parametrize("depth", [62, 300, 20_000])
def test_deeper_nesting_is_refused(depth: int) -> None:
    with pytest.raises(Invalid) as refusal:
        json.decode(Submodel, collections(depth))
    assert "deep" in refusal.value.faults[0].text


def test_brackets_in_strings_are_not_nesting() -> None:
    text = r"[{\"[{\\" * 25
    body = submodel(f'"administration":{{"templateId":"{text}"}}')
    assert json.encode(json.decode(Submodel, body)) == body


nested = st.recursive(
    st.text(alphabet='[]{}"\\a,:', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(nested, st.integers(min_value=90, max_value=130))
@example([], NESTING_LIMIT - 1)
@example([], NESTING_LIMIT)
def test_nesting_is_counted_as_it_is(value: object, around: int) -> None:
    def depth(value: object) -> int:
        if isinstance(value, list):
            return 1 + max(map(depth, value), default=0)
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 0

    body = b'[["]"],' * around + msgspec.json.encode(value) + b"]" * around
    deepest = around + max(depth(value), 1)
    assert nests_too_deep(marks_of(without_escapes(body))) is (deepest > NESTING_LIMIT)


@given(nested)
def test_strings_are_counted_as_they_are(value: object) -> None:
    def count(value: object) -> int:
        if isinstance(value, list):
            return sum(map(count, value))
        if isinstance(value, dict):
            return len(value) + sum(map(count, value.values()))
        return 1

    bare = without_escapes(msgspec.json.encode(value))
    assert strings(bare) == strings(marks_of(bare)) == count(value)


@needs_corpus
@settings(deadline=None)  # the first example reads the corpus
@given(st.data())
def test_a_body_with_a_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    instance = data.draw(st.sampled_from([instance for instance in expected() if instance.model == "Submodel"]))
    body = bytearray(instance.body)
    for _ in range(data.draw(st.integers(min_value=1, max_value=5))):
        body[data.draw(st.integers(min_value=0, max_value=len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        json.decode(Submodel, bytes(body))
    except Invalid as refusal:
        assert refusal.faults  # noqa: PT017 - it may also be read


def test_tags_that_come_last_cost_no_more_than_the_depth_that_is_allowed() -> None:
    """Decoding looks for `modelType` first at each level, which is quadratic in the depth where it comes last."""
    body = '{"idShort":"Deep","valueType":"xs:string","value":"%s","modelType":"Property"}' % ("x" * 1_000_000)
    for _ in range(31):
        body = '{"value":[' + body + '],"idShort":"Level","modelType":"SubmodelElementCollection"}'
    started = time.process_time()
    json.decode(Submodel, submodel(f'"submodelElements":[{body}]'))
    assert time.process_time() - started < 1


def test_what_a_client_sends_is_read() -> None:
    document, warnings = json.read(SUBMODEL, submodel('"idShort":"Motor"'))
    assert (document.id, document.id_short, warnings) == ("urn:a", "Motor", ())
