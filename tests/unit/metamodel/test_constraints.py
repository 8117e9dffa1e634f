"""Every constraint of the standard is asked, and what it is about is found by its path."""

import msgspec
import pytest

from support import oracle
from support.documents import expected, model_of, needs_corpus, unexpected
from support.mutants import ELEMENT, MUTANTS, NEAR_MISSES, Mutant, collection, external, prop, sequence, submodel
from titan.codec import json
from titan.errors import Fault, Invalid
from titan.metamodel.coded import check_coded, coded_values
from titan.metamodel.constraints import check
from titan.metamodel.elements import Capability, SubmodelElementList
from titan.metamodel.faults import COUNT_LIMIT, FAULT_LIMIT, Faults
from titan.metamodel.identifiables import ConceptDescription, Submodel
from titan.metamodel.references import Reference
from titan.metamodel.rules.elements import aasd_115


def faults_of(model: str, document: object) -> tuple[Fault, ...]:
    try:
        json.read_part(model_of(model), msgspec.json.encode(document))
    except Invalid as refusal:
        return refusal.faults
    return ()


@needs_corpus
def test_no_constraint_is_broken_by_what_the_standard_allows() -> None:
    for instance in expected():
        assert check(json.decode(model_of(instance.model), instance.body)) == [], instance.name


@needs_corpus
def test_all_that_the_standard_forbids_is_refused() -> None:
    assert len(unexpected()) == 1792
    for instance in unexpected():
        with pytest.raises(Invalid) as refusal:
            json.read_part(model_of(instance.model), instance.body)
        assert all(fault.text and fault.path.startswith("$") for fault in refusal.value.faults), instance.name


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule} {mutant.path}")
def test_a_broken_constraint_is_named_with_its_path(mutant: Mutant) -> None:
    faults = faults_of(mutant.model, mutant.document)
    assert (mutant.rule, mutant.path) in {(fault.rule, fault.path) for fault in faults}
    # A first key that is of no use breaks the rule of all references and that of its kind.
    together = {"AASd-121", "AASd-122", "AASd-123", "AASd-124", "AASd-125"}
    assert {fault.rule for fault in faults} <= {mutant.rule} | (together if mutant.rule in together else set())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule} {mutant.path}")
def test_the_oracle_agrees_on_what_breaks_a_constraint(mutant: Mutant) -> None:
    found = oracle.causes(mutant.model, mutant.document)
    assert bool(found) is mutant.known_to_oracle
    named_otherwise = {"AASd-002", "AASd-022", "AASd-124"}
    if found and mutant.rule not in named_otherwise:
        assert mutant.rule in oracle.rules(found)


@pytest.mark.parametrize(
    ("rule", "model", "document"), NEAR_MISSES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_what_comes_close_to_breaking_a_constraint_is_let_through(rule: str, model: str, document: object) -> None:
    assert faults_of(model, document) == ()
    assert oracle.causes(model, document) == []


def test_an_entity_may_have_a_global_and_specific_ids() -> None:
    """AASd-014 says which must be set, not that the other must not; aas-core3.1 reads it as exclusive."""
    ids = {"globalAssetId": "urn:a", "specificAssetIds": [{"name": "serial", "value": "1"}]}
    document = submodel({"modelType": "Entity", "idShort": "Pump", "entityType": "SelfManagedEntity", **ids})
    assert faults_of("Submodel", document) == ()
    assert oracle.rules(oracle.causes("Submodel", document)) == {"AASd-014"}


def test_a_coded_value_is_the_value_of_its_concept() -> None:
    """AASd-006 and AASd-007, where the concept is at hand."""
    concept = {
        "modelType": "ConceptDescription",
        "id": "urn:red",
        "embeddedDataSpecifications": [
            {
                "dataSpecification": external("urn:iec61360"),
                "dataSpecificationContent": {
                    "modelType": "DataSpecificationIec61360",
                    "preferredName": [{"language": "en", "text": "red"}],
                    "value": "red",
                },
            }
        ],
    }
    coded = coded_values([json.decode(ConceptDescription, msgspec.json.encode(concept))])
    assert coded == {"urn:red": "red"}

    def faults_with(value: str, value_id: str) -> list[tuple[str, str, str]]:
        said = {"value": value, "valueType": "xs:string", "valueId": external(value_id)}
        inner = prop("Colour") | said | {"qualifiers": [{"type": "Colour"} | said]}
        document = json.decode(Submodel, msgspec.json.encode(submodel(collection(inner))))
        faults = Faults()
        check_coded(document, coded, root="$", faults=faults)
        return [(fault.rule, fault.path, fault.id_short_path) for fault in faults.told()]

    assert faults_with("red", "urn:red") == []
    assert faults_with("blue", "urn:unknown") == []
    assert faults_with("blue", "urn:red") == [
        ("AASd-006", f"{ELEMENT}.value[0].qualifiers[0].value", "Folder.Colour"),
        ("AASd-007", f"{ELEMENT}.value[0].value", "Folder.Colour"),
    ]


def test_texts_are_not_compared_with_what_they_are_a_code_of() -> None:
    """AASd-012 asks whether two texts mean the same, which no machine can tell: any text is let through."""
    text = [{"language": "en", "text": "red"}]
    element = {
        "modelType": "MultiLanguageProperty",
        "idShort": "Colour",
        "value": text,
        "valueId": external("urn:blue"),
    }
    assert faults_of("Submodel", submodel(element)) == ()


def test_an_element_in_a_list_means_what_the_list_says() -> None:
    """AASd-115 is a rule of inference."""
    said = json.decode(Reference, msgspec.json.encode(external("a")))
    own = json.decode(Reference, msgspec.json.encode(external("b")))
    one = SubmodelElementList(type_value_list_element="Capability", semantic_id_list_element=said)
    assert aasd_115(one, Capability()) == said
    assert aasd_115(one, Capability(semantic_id=own)) == own
    assert aasd_115(SubmodelElementList(type_value_list_element="Capability"), Capability()) is None


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (submodel(collection(prop("Speed", value="x"))), "Folder.Speed"),
        (submodel(sequence("Property", prop(None, value="x"), valueTypeListElement="xs:int")), "Readings[0]"),
        (
            submodel(collection(sequence("SubmodelElementCollection", collection(prop(value="x"))))),
            "Folder.Readings[0].Speed",
        ),
        (
            submodel({"modelType": "Operation", "idShort": "Start", "inputVariables": [{"value": prop(value="x")}]}),
            "Start",
        ),
        (
            submodel(
                {
                    "modelType": "Operation",
                    "idShort": "Start",
                    "inputVariables": [{"value": collection(prop(value="x"))}],
                }
            ),
            "Start",
        ),
        (submodel(prop(valueType="int")), "Speed"),
        (submodel(collection(sequence("Property", prop(None, value=True)))), "Folder.Readings[0]"),
        (submodel(collection(prop(value="x"), {"modelType": "Blob", "idShort": "Two", "value": None})), "Folder.Speed"),
        (submodel(qualifiers=[{"type": "Two", "valueType": "xs:int", "value": "x"}]), ""),
    ],
    ids=[
        "in a collection",
        "in a list",
        "deeper",
        "in a variable",
        "deeper in a variable",
        "shape",
        "shape in a list",
        "beside a shape",
        "of the submodel",
    ],
)
def test_below_a_submodel_the_element_is_named(document: object, path: str) -> None:
    assert path in {fault.id_short_path for fault in faults_of("Submodel", document)}


def test_all_faults_are_told_at_once() -> None:
    """Also those of constraints in what could be read, beside what could not."""
    document = submodel(
        prop("Speed", value="fast"),
        {"modelType": "Property", "idShort": "x"},
        collection(prop("Depth", value="deep"), {"modelType": "Unheard"}, prop("Weight", value="heavy")),
        colour="red",
        semanticId={"type": "ModelReference", "keys": [{"type": "Property", "value": "a"}]},
    )
    assert {(fault.path, fault.rule) for fault in faults_of("Submodel", document)} == {
        ("$.colour", ""),
        ("$.semanticId.keys[0].type", "AASd-121"),
        ("$.semanticId.keys[0].type", "AASd-123"),
        ("$.submodelElements[0].value", ""),
        ("$.submodelElements[1].idShort", "AASd-002"),
        ("$.submodelElements[1]", ""),
        ("$.submodelElements[2].value[0].value", ""),
        ("$.submodelElements[2].value[1].modelType", ""),
        ("$.submodelElements[2].value[2].value", ""),
    }


@pytest.mark.parametrize("wrong", [{"value": "x"}, {"colour": "red"}], ids=["constraint", "shape"])
@pytest.mark.parametrize("number", [FAULT_LIMIT, FAULT_LIMIT + 7])
def test_of_many_faults_some_are_told_and_the_rest_counted(wrong: dict[str, str], number: int) -> None:
    faults = faults_of("Submodel", submodel(*[prop(f"Speed{index}", **wrong) for index in range(number)]))
    assert len(faults) == FAULT_LIMIT + (number > FAULT_LIMIT)
    assert (faults[-1].text == "And 7 more.") is (number > FAULT_LIMIT)


@pytest.mark.parametrize("wrong", [{"value": "x"}, {"colour": "red"}], ids=["constraint", "shape"])
def test_counting_comes_to_an_end(wrong: dict[str, str]) -> None:
    elements = [prop(f"Speed{index}", **wrong) for index in range(FAULT_LIMIT + 2 * COUNT_LIMIT)]
    assert faults_of("Submodel", submodel(*elements))[-1].text == "And at least 10000 more."


@pytest.mark.parametrize(("depth", "is_told"), [(31, False), (32, True)])
def test_elements_in_each_other_are_counted(depth: int, is_told: bool) -> None:  # noqa: FBT001 - a row of the table
    inner = prop()
    for _ in range(depth):
        inner = collection(inner)
    told = [fault.path for fault in faults_of("Submodel", submodel(inner)) if "deep" in fault.text]
    assert told == ["$.submodelElements[0]" + ".value[0]" * 31 + ".value"] * is_told
