"""Rules of shells and submodels.

Spec: IDTA-01001, "Asset Administration Shell", "Asset Information", "Submodel".
"""

from titan.metamodel.elements import EventPayload
from titan.metamodel.identifiables import AssetAdministrationShell, AssetInformation, Submodel
from titan.metamodel.rules.references import AAS_REFERABLES, Breaches, points_to

_SHELLS = frozenset(("AssetAdministrationShell",))
_SUBMODELS = frozenset(("Submodel",))
_EVENTS = frozenset(("EventElement", "BasicEventElement"))


def aasd_116(asset: AssetInformation) -> Breaches:
    """An asset id of the name globalAssetId, in whatever case, says the same as the global asset id."""
    return [
        (f".specificAssetIds[{index}].value", "An asset id of the name globalAssetId has the value of globalAssetId.")
        for index, asset_id in enumerate(asset.specific_asset_ids or ())
        if asset_id.name.lower() == "globalassetid" and asset_id.value != asset.global_asset_id
    ]


def aasd_119(submodel: Submodel) -> Breaches:
    """A template qualifier makes what it qualifies a template."""
    if submodel.kind == "Template":
        return ()
    return [
        (f".qualifiers[{index}].kind", "A TemplateQualifier belongs to a Submodel of kind Template.")
        for index, qualifier in enumerate(submodel.qualifiers or ())
        if qualifier.kind == "TemplateQualifier"
    ]


def aasd_131(asset: AssetInformation) -> Breaches:
    """An asset has a global id or at least one specific one."""
    if asset.global_asset_id is not None or asset.specific_asset_ids:
        return ()
    return (("", "An asset requires a globalAssetId or at least one of specificAssetIds."),)


def references_of_shell(shell: AssetAdministrationShell) -> Breaches:
    """A shell is derived from a shell, and what it calls its submodels are submodels."""
    breaches: list[tuple[str, str]] = []
    if shell.derived_from is not None and not points_to(shell.derived_from, _SHELLS):
        breaches.append((".derivedFrom", "A shell is derived from a shell: a ModelReference to one."))
    breaches += [
        (f".submodels[{index}]", "This is no ModelReference to a Submodel.")
        for index, reference in enumerate(shell.submodels or ())
        if not points_to(reference, _SUBMODELS)
    ]
    return breaches


def references_of_payload(payload: EventPayload) -> Breaches:
    """An event comes from an element for events, and is about something in the model."""
    breaches: list[tuple[str, str]] = []
    if not points_to(payload.source, _EVENTS):
        breaches.append((".source", "The source is a ModelReference to an element for events."))
    if not points_to(payload.observable_reference, AAS_REFERABLES):
        breaches.append((".observableReference", "What was observed is a ModelReference to a referable."))
    return breaches
