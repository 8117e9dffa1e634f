"""What a document can be found by."""

import msgspec

from support.documents import expected, needs_corpus
from titan.codec import json
from titan.codec.summary import Summary, match_key, summarise
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL
from titan.metamodel.references import Key, Reference


def external(*values: str) -> dict[str, object]:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value} for value in values]}


def key(*values: str) -> str:
    return match_key(Reference(type="ModelReference", keys=[Key(type="Submodel", value=value) for value in values]))


def test_references_match_by_the_values_of_their_keys() -> None:
    one = json.decode(Reference, msgspec.json.encode(external("a", "b")))
    assert match_key(one) == key("a", "b")
    assert key("a", "b") != key("ab")
    assert key("a b") != key("a", "b")


def test_a_submodel_is_found_by_each_of_its_semantic_ids() -> None:
    head = msgspec.json.encode(
        {
            "modelType": "Submodel",
            "idShort": "Motor",
            "id": "urn:a",
            "semanticId": external("main"),
            "supplementalSemanticIds": [external("more", "x"), external("main")],
            "submodelElements": [{"modelType": "Capability"}],
        }
    )
    assert summarise(SUBMODEL, head) == Summary(id_short="Motor", semantic_keys=(key("main"), key("more", "x")))


def test_a_shell_is_found_by_its_asset_ids() -> None:
    head = msgspec.json.encode(
        {
            "modelType": "AssetAdministrationShell",
            "id": "urn:a",
            "assetInformation": {
                "assetKind": "Instance",
                "globalAssetId": "urn:asset",
                "specificAssetIds": [{"name": "serial", "value": "1"}, {"name": "serial", "value": "2"}],
            },
        }
    )
    ids = (("globalAssetId", "urn:asset"), ("serial", "1"), ("serial", "2"))
    assert summarise(SHELL, head) == Summary(id_short=None, asset_ids=ids)


def test_a_concept_is_found_by_its_case_and_its_data_specifications() -> None:
    embedded = {"dataSpecification": external("iec"), "dataSpecificationContent": {"modelType": "…"}}
    head = msgspec.json.encode(
        {
            "modelType": "ConceptDescription",
            "id": "urn:a",
            "isCaseOf": [external("case")],
            "embeddedDataSpecifications": [embedded],
        }
    )
    expected_summary = Summary(id_short=None, is_case_of=(key("case"),), data_specifications=(key("iec"),))
    assert summarise(CONCEPT_DESCRIPTION, head) == expected_summary


@needs_corpus
def test_every_document_has_a_summary() -> None:
    seen = 0
    for instance in expected():
        for kind in KINDS.values():
            if kind.model.__name__ == instance.model:
                document = json.decode(kind.model, instance.body)
                assert summarise(kind, json.encode(document)).id_short == document.id_short
                seen += 1
    assert seen > 5
