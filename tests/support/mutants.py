"""Documents that break one constraint each, by rule: what the corpus of aas-core lacks, and some that it has."""

from typing import NamedTuple, TypeAlias

Json: TypeAlias = object
"""Plain data, such as JSON has."""


class Mutant(NamedTuple):
    """A document that breaks a rule, and where."""

    rule: str
    model: str
    document: dict[str, Json]
    path: str
    known_to_oracle: bool = True
    """Whether aas-core3.1 refuses it too."""


def external(*values: str) -> dict[str, Json]:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value} for value in values]}


def reference(kind: str, *keys: tuple[str, str]) -> dict[str, Json]:
    return {"type": kind, "keys": [{"type": type_, "value": value} for type_, value in keys]}


def prop(name: str | None = "Speed", **more: Json) -> dict[str, Json]:
    named: dict[str, Json] = {} if name is None else {"idShort": name}
    return {"modelType": "Property", "valueType": "xs:int", **named, **more}


def qualifier(type_: str = "Cardinality", **more: Json) -> dict[str, Json]:
    return {"type": type_, "valueType": "xs:int", **more}


def collection(*children: Json, name: str = "Folder", **more: Json) -> dict[str, Json]:
    return {"modelType": "SubmodelElementCollection", "idShort": name, "value": [*children], **more}


def sequence(kind: str, *children: Json, **more: Json) -> dict[str, Json]:
    said: dict[str, Json] = {"typeValueListElement": kind}
    return {"modelType": "SubmodelElementList", "idShort": "Readings", **said, "value": [*children], **more}


def submodel(*elements: Json, **more: Json) -> dict[str, Json]:
    below: dict[str, Json] = {"submodelElements": [*elements]} if elements else {}
    return {"modelType": "Submodel", "id": "urn:example:submodel", **more, **below}


def shell(**asset: Json) -> dict[str, Json]:
    information: dict[str, Json] = {"assetKind": "Instance", **asset}
    return {"modelType": "AssetAdministrationShell", "id": "urn:example:shell", "assetInformation": information}


def content(**more: Json) -> dict[str, Json]:
    named: Json = [{"language": "en", "text": "Speed"}]
    return {"modelType": "DataSpecificationIec61360", "preferredName": named, "definition": named, **more}


def concept(specification: dict[str, Json], **more: Json) -> dict[str, Json]:
    left = {name: member for name, member in specification.items() if member != ""}
    embedded: Json = [{"dataSpecification": external("urn:iec61360"), "dataSpecificationContent": left}]
    return {"modelType": "ConceptDescription", "id": "urn:example:cd", "embeddedDataSpecifications": embedded, **more}


def variables(**sides: Json) -> dict[str, Json]:
    return {"modelType": "Operation", "idShort": "Start", **sides}


EVENT: dict[str, Json] = {
    "modelType": "BasicEventElement",
    "idShort": "Changed",
    "observed": reference("ModelReference", ("Submodel", "urn:a")),
    "direction": "output",
    "state": "on",
}
TEMPLATE = qualifier(kind="TemplateQualifier")
ENTITY: dict[str, Json] = {"modelType": "Entity", "idShort": "Pump", "entityType": "SelfManagedEntity"}
NAME: Json = {"name": "note", "value": "x"}
SUBJECT = reference("ModelReference", ("Submodel", "urn:a"))
ELEMENT = "$.submodelElements[0]"
CONTENT = "$.embeddedDataSpecifications[0].dataSpecificationContent"

MUTANTS = [
    Mutant("AASd-002", "Submodel", submodel(prop("x")), f"{ELEMENT}.idShort"),
    Mutant("AASd-002", "Submodel", submodel(prop("Ends-")), f"{ELEMENT}.idShort"),
    Mutant("AASd-002", "Submodel", submodel(prop("Two\n")), f"{ELEMENT}.idShort", known_to_oracle=False),
    Mutant("AASd-005", "Submodel", submodel(administration={"revision": "1"}), "$.administration.revision"),
    Mutant("AASd-014", "Submodel", submodel(ENTITY), ELEMENT),
    Mutant("AASd-020", "Submodel", submodel(qualifiers=[qualifier(value="many")]), "$.qualifiers[0].value"),
    Mutant("AASd-021", "Submodel", submodel(qualifiers=[qualifier(), qualifier()]), "$.qualifiers[1].type"),
    Mutant(
        "AASd-021", "Submodel", submodel(prop(qualifiers=[qualifier(), qualifier()])), f"{ELEMENT}.qualifiers[1].type"
    ),
    Mutant("AASd-022", "Submodel", submodel(prop("Speed"), prop("Speed")), "$.submodelElements[1].idShort"),
    Mutant("AASd-022", "Submodel", submodel(collection(prop(), prop())), f"{ELEMENT}.value[1].idShort"),
    Mutant(
        "AASd-022",
        "Submodel",
        submodel(ENTITY | {"globalAssetId": "urn:a", "statements": [prop(), prop()]}),
        f"{ELEMENT}.statements[1].idShort",
        known_to_oracle=False,
    ),
    Mutant(
        "AASd-022",
        "Submodel",
        submodel({"modelType": "AnnotatedRelationshipElement", "idShort": "Near", "annotations": [prop(), prop()]}),
        f"{ELEMENT}.annotations[1].idShort",
        known_to_oracle=False,
    ),
    Mutant("AASd-077", "Submodel", submodel(extensions=[NAME, NAME]), "$.extensions[1].name"),
    Mutant(
        "AASd-107",
        "Submodel",
        submodel(
            sequence(
                "Capability",
                {"modelType": "Capability", "semanticId": external("b")},
                semanticIdListElement=external("a"),
            )
        ),
        f"{ELEMENT}.value[0].semanticId",
    ),
    Mutant(
        "AASd-108", "Submodel", submodel(sequence("Blob", {"modelType": "Capability"})), f"{ELEMENT}.value[0].modelType"
    ),
    Mutant(
        "AASd-108",
        "Submodel",
        submodel(sequence("DataElement", prop(None), {"modelType": "Capability"})),
        f"{ELEMENT}.value[1].modelType",
    ),
    Mutant("AASd-109", "Submodel", submodel(sequence("Property", prop(None))), f"{ELEMENT}.value"),
    Mutant(
        "AASd-109",
        "Submodel",
        submodel(sequence("Property", prop(None), valueTypeListElement="xs:long")),
        f"{ELEMENT}.value[0].valueType",
    ),
    Mutant(
        "AASd-114",
        "Submodel",
        submodel(
            sequence(
                "Capability",
                {"modelType": "Capability", "semanticId": external("a")},
                {"modelType": "Capability", "semanticId": external("b")},
            )
        ),
        f"{ELEMENT}.value[1].semanticId",
    ),
    Mutant(
        "AASd-116",
        "AssetAdministrationShell",
        shell(globalAssetId="urn:a", specificAssetIds=[{"name": "globalAssetId", "value": "urn:b"}]),
        "$.assetInformation.specificAssetIds[0].value",
    ),
    Mutant(
        "AASd-116",
        "AssetAdministrationShell",
        shell(globalAssetId="urn:a", specificAssetIds=[{"name": "GLOBALASSETID", "value": "urn:b"}]),
        "$.assetInformation.specificAssetIds[0].value",
        known_to_oracle=False,
    ),
    Mutant("AASd-117", "Submodel", submodel(prop(None)), ELEMENT),
    Mutant("AASd-117", "Submodel", submodel(collection(prop(None))), f"{ELEMENT}.value[0]"),
    Mutant(
        "AASd-117",
        "Submodel",
        submodel(ENTITY | {"globalAssetId": "urn:a", "statements": [prop(None)]}),
        f"{ELEMENT}.statements[0]",
    ),
    Mutant(
        "AASd-117",
        "Submodel",
        submodel({"modelType": "AnnotatedRelationshipElement", "idShort": "Near", "annotations": [prop(None)]}),
        f"{ELEMENT}.annotations[0]",
    ),
    Mutant(
        "AASd-117",
        "Submodel",
        submodel(variables(inputVariables=[{"value": prop(None)}])),
        f"{ELEMENT}.inputVariables[0].value",
    ),
    Mutant("AASd-118", "Submodel", submodel(supplementalSemanticIds=[external("a")]), "$.supplementalSemanticIds"),
    Mutant(
        "AASd-118",
        "Submodel",
        submodel(prop(supplementalSemanticIds=[external("a")])),
        f"{ELEMENT}.supplementalSemanticIds",
    ),
    Mutant(
        "AASd-118",
        "Submodel",
        submodel(qualifiers=[qualifier(supplementalSemanticIds=[external("a")])]),
        "$.qualifiers[0].supplementalSemanticIds",
    ),
    Mutant("AASd-119", "Submodel", submodel(qualifiers=[TEMPLATE]), "$.qualifiers[0].kind"),
    Mutant("AASd-119", "Submodel", submodel(qualifiers=[TEMPLATE], kind="Instance"), "$.qualifiers[0].kind"),
    Mutant("AASd-121", "Reference", reference("ModelReference", ("Property", "a")), "$.keys[0].type"),
    Mutant("AASd-122", "Reference", reference("ExternalReference", ("Submodel", "a")), "$.keys[0].type"),
    Mutant("AASd-123", "Reference", reference("ModelReference", ("GlobalReference", "a")), "$.keys[0].type"),
    Mutant(
        "AASd-124",
        "Reference",
        reference("ExternalReference", ("GlobalReference", "a"), ("Property", "b")),
        "$.keys[1].type",
    ),
    Mutant(
        "AASd-125",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("GlobalReference", "b")),
        "$.keys[1].type",
    ),
    Mutant(
        "AASd-126",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("FragmentReference", "b"), ("Property", "c")),
        "$.keys[1].type",
    ),
    Mutant(
        "AASd-127",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("Property", "b"), ("FragmentReference", "c")),
        "$.keys[2].type",
    ),
    Mutant(
        "AASd-128",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("SubmodelElementList", "b"), ("Property", "first")),
        "$.keys[2].value",
    ),
    Mutant(
        "AASd-121",
        "Submodel",
        submodel(semanticId=external("a") | {"referredSemanticId": reference("ModelReference", ("File", "a"))}),
        "$.semanticId.referredSemanticId.keys[0].type",
    ),
    Mutant("AASd-129", "Submodel", submodel(prop(qualifiers=[TEMPLATE])), f"{ELEMENT}.qualifiers[0].kind"),
    Mutant(
        "AASd-129",
        "Submodel",
        submodel(collection(prop(qualifiers=[TEMPLATE]))),
        f"{ELEMENT}.value[0].qualifiers[0].kind",
        known_to_oracle=False,
    ),
    Mutant("AASd-130", "Submodel", submodel(prop(value="\u0000")), f"{ELEMENT}.value"),
    Mutant("AASd-131", "AssetAdministrationShell", shell(), "$.assetInformation"),
    Mutant(
        "AASd-133",
        "AssetAdministrationShell",
        shell(specificAssetIds=[{"name": "serial", "value": "1", "externalSubjectId": SUBJECT}]),
        "$.assetInformation.specificAssetIds[0].externalSubjectId.type",
    ),
    Mutant(
        "AASd-134",
        "Submodel",
        submodel(variables(inputVariables=[{"value": prop()}], outputVariables=[{"value": prop()}])),
        f"{ELEMENT}.outputVariables[0].value.idShort",
    ),
    Mutant(
        "AASd-134",
        "Submodel",
        submodel(variables(inoutputVariables=[{"value": prop()}, {"value": prop()}])),
        f"{ELEMENT}.inoutputVariables[1].value.idShort",
    ),
    Mutant(
        "AASc-3a-002",
        "ConceptDescription",
        concept(content(preferredName=[{"language": "de", "text": "Drehzahl"}])),
        f"{CONTENT}.preferredName",
    ),
    Mutant(
        "AASc-3a-004",
        "ConceptDescription",
        concept(content(dataType="IRI"), category="PROPERTY"),
        f"{CONTENT}.dataType",
    ),
    Mutant("AASc-3a-004", "ConceptDescription", concept(content(), category="VALUE"), f"{CONTENT}.dataType"),
    Mutant(
        "AASc-3a-005",
        "ConceptDescription",
        concept(content(dataType="DATE"), category="REFERENCE"),
        f"{CONTENT}.dataType",
    ),
    Mutant(
        "AASc-3a-006",
        "ConceptDescription",
        concept(content(dataType="STRING"), category="DOCUMENT"),
        f"{CONTENT}.dataType",
    ),
    Mutant("AASc-3a-007", "ConceptDescription", concept(content(), category="QUALIFIER_TYPE"), CONTENT),
    Mutant("AASc-3a-008", "ConceptDescription", concept(content(definition="")), CONTENT),
    Mutant(
        "AASc-3a-008",
        "ConceptDescription",
        concept(content(definition=[{"language": "de", "text": "Drehzahl"}])),
        CONTENT,
    ),
    Mutant("AASc-3a-009", "ConceptDescription", concept(content(dataType="REAL_MEASURE")), CONTENT),
    Mutant(
        "AASc-3a-010",
        "ConceptDescription",
        concept(content(value="1", valueList={"valueReferencePairs": [{"value": "1", "valueId": external("a")}]})),
        f"{CONTENT}.valueList",
    ),
]
"""Each breaks the one rule that it is listed under, and no other."""

NEAR_MISSES = [
    ("AASd-014", "Submodel", submodel(ENTITY | {"globalAssetId": "urn:a"})),
    ("AASd-014", "Submodel", submodel(ENTITY | {"specificAssetIds": [{"name": "serial", "value": "1"}]})),
    ("AASd-014", "Submodel", submodel({"modelType": "Entity", "idShort": "Pump", "entityType": "CoManagedEntity"})),
    ("AASd-022", "Submodel", submodel(prop("Speed"), prop("speed"), collection(prop("Speed")))),
    ("AASd-022", "Submodel", submodel(sequence("Capability", *[{"modelType": "Capability", "idShort": "Same"}] * 2))),
    (
        "AASd-107",
        "Submodel",
        submodel(
            sequence(
                "Capability",
                {"modelType": "Capability", "semanticId": external("a")},
                {"modelType": "Capability"},
                semanticIdListElement=reference("ModelReference", ("ConceptDescription", "a")),
            )
        ),
    ),
    ("AASd-108", "Submodel", submodel(sequence("SubmodelElement", prop(None), {"modelType": "Capability"}))),
    (
        "AASd-116",
        "AssetAdministrationShell",
        shell(globalAssetId="urn:a", specificAssetIds=[{"name": "globalAssetId", "value": "urn:a"}]),
    ),
    ("AASd-117", "Submodel", submodel(sequence("Property", prop(None), valueTypeListElement="xs:int"))),
    ("AASd-119", "Submodel", submodel(qualifiers=[TEMPLATE], kind="Template")),
    ("AASd-124", "Reference", reference("ExternalReference", ("GlobalReference", "a"), ("FragmentReference", "b"))),
    (
        "AASd-127",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("File", "b"), ("FragmentReference", "c")),
    ),
    (
        "AASd-128",
        "Reference",
        reference("ModelReference", ("Submodel", "a"), ("SubmodelElementList", "b"), ("Property", "0")),
    ),
    ("AASd-129", "Submodel", submodel(collection(prop(qualifiers=[TEMPLATE])), kind="Template")),
    ("AASd-129", "Submodel", submodel(variables(inputVariables=[{"value": prop(qualifiers=[TEMPLATE])}]))),
    (
        "AASd-134",
        "Submodel",
        submodel(variables(inputVariables=[{"value": prop()}], outputVariables=[{"value": prop("speed")}])),
    ),
    ("AASc-3a-004", "ConceptDescription", concept(content(dataType="STRING"), category="PROPERTY")),
    ("AASc-3a-008", "ConceptDescription", concept(content(definition="", value="1"))),
    ("AASc-3a-009", "ConceptDescription", concept(content(dataType="REAL_MEASURE", unitId=external("a")))),
]
"""Documents that come close to breaking a rule and do not."""
