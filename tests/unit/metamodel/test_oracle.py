"""We refuse what aas-core3.1 refuses, and nothing else; where we differ, the standard decides.

Where we refuse and it does not:

- AASd-002, and whatever else is a pattern: it takes a line break after the end, since Python's `$` does.
- AASd-022: "idShort of non-identifiable referables within the same name space shall be unique". It asks that of
  submodels and collections, not of the statements of an entity or of annotations, which are name spaces too.
- AASd-116: "globalAssetId" (case-insensitive) is reserved. It knows one spelling.
- AASd-129: "the SubmodelElement shall be part of a Submodel template". It asks only elements directly below the
  submodel; an element further down is a part as well.
- A `modelType` where the schema has none, as in a qualifier: it passes over it, and would lose it.
- `Blob/value`: "contentEncoding: base64" in the schema. It passes over what is no base64 in it.

Where it refuses and we do not:

- AASd-014: "Either the attribute globalAssetId or specificAssetId of an Entity must be set". It takes that for "but not
  both", which would forbid an entity what AASd-131 allows an asset.
- AASc-3a-002, AASc-3a-008: English is a language tag of BCP 47, in which case does not matter. It knows en and EN.
- AASc-3a-008, asked of each data specification of a concept: it takes one with a definition beside one with a value for
  a breach.
- xs:nonNegativeInteger and those below it: "lexical forms denoting zero, which may be preceded by '+' or '-'", with as
  many zeros as one likes. It takes one.
"""

import copy

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import oracle
from support.documents import environments, needs_environments
from support.made_up import changed, submodels
from titan.codec import json
from titan.errors import Fault, Invalid
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import KINDS, SUBMODEL

WE_ALONE = {"AASd-022", "AASd-116", "AASd-129"}
TEXTS_ALONE = ("base64", "There is no 'modelType' in")
IT_ALONE = ("AASd-014", "AASc-002", "AASc-3a-008", "value type")

LARGE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def faults_of(body: bytes) -> tuple[Fault, ...]:
    try:
        json.read(SUBMODEL, body)
    except Invalid as refusal:
        return refusal.faults
    return ()


@LARGE
@given(submodels())
def test_a_made_up_submodel_is_allowed_and_comes_back_as_it_was_sent(document: dict[str, object]) -> None:
    body = msgspec.json.encode(document)
    assert faults_of(body) == ()
    assert oracle.causes("Submodel", copy.deepcopy(document)) == []
    written = json.encode(json.decode(Submodel, body))
    assert msgspec.json.decode(written) == document


@LARGE
@given(changed(submodels()))
def test_the_oracle_agrees_on_made_up_documents(document: dict[str, object]) -> None:
    faults = faults_of(msgspec.json.encode(document))
    causes = oracle.causes("Submodel", document)
    if faults and not causes:
        assert all(fault.rule in WE_ALONE or any(known in fault.text for known in TEXTS_ALONE) for fault in faults)
    if causes and not faults:
        assert all(any(known in cause for known in IT_ALONE) for cause in causes)


@LARGE
@given(changed(submodels()))
def test_what_is_let_through_leniently_comes_back_as_it_was_sent(document: dict[str, object]) -> None:
    body = msgspec.json.encode(document)
    try:
        read, warnings = json.read(SUBMODEL, body, lenient=True)
    except Invalid as refusal:
        assert refusal.faults == faults_of(body)  # noqa: PT017 - it may also be read
        return
    assert warnings == faults_of(body)
    written = json.encode(read)
    assert msgspec.json.decode(written) == msgspec.json.decode(body)
    assert json.stored(Submodel, written) == read


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_the_oracle_agrees_on_real_documents(file: object) -> None:
    environment = msgspec.json.decode(file.read_bytes())  # pyright: ignore[reportAttributeAccessIssue]
    for kind in KINDS.values():
        for document in environment.get(kind.environment_field, []):
            try:
                json.read(kind, msgspec.json.encode(document))
                faults: tuple[Fault, ...] = ()
            except Invalid as refusal:
                faults = refusal.faults
            causes = oracle.causes(kind.model.__name__, document)
            assert bool(faults) is bool(causes), (document["id"], faults, causes)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for lenient in (False, True):
        try:
            json.read(SUBMODEL, body, lenient=lenient)
        except Invalid as refusal:
            assert refusal.faults  # noqa: PT017 - it may also be read
