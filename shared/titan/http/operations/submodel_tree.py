"""The operations on a submodel and below it: written once, and mounted wherever the standard has them.

Spec: IDTA-01002 V3.1, the profiles of four services; it is the same tree in each.
"""

from titan.http.operations.mount import Branch, Mount
from titan.http.operations.row import SHELL_SERVICE, SHELLS, SUBMODEL_SERVICE, SUBMODELS
from titan.metamodel.kinds import SUBMODEL

_ELEMENTS = "/submodel-elements"
_ELEMENT = "/submodel-elements/{idShortPath}"
_FILE = f"{_ELEMENT}/attachment"
_RESULT = f"{_ELEMENT}/operation-results/{{handleId}}"

TREE = (
    Branch("GET", "", "GetSubmodelById", "documents.show"),
    Branch("PUT", "", "PutSubmodelById", "documents.put", success=(201, 204)),
    Branch("PATCH", "", "PatchSubmodelById", "documents.patch", success=(204,)),
    Branch("DELETE", "", "DeleteSubmodelById", "documents.remove", success=(204,)),
    Branch("GET", "/$metadata", "GetSubmodelById-Metadata", "documents.show", "metadata"),
    Branch("PATCH", "/$metadata", "PatchSubmodelById-Metadata", "documents.patch", "metadata", (204,)),
    Branch("GET", "/$value", "GetSubmodelById-ValueOnly", "documents.show", "value", extent="instances"),
    Branch("PATCH", "/$value", "PatchSubmodelById-ValueOnly", "documents.patch", "value", (204,), "instances"),
    Branch("GET", "/$reference", "GetSubmodelById-Reference", "documents.show", "reference", extent="instances"),
    Branch("GET", "/$path", "GetSubmodelById-Path", "documents.show", "path", extent="instances"),
    Branch("GET", _ELEMENTS, "GetAllSubmodelElements", "elements.list"),
    Branch("POST", _ELEMENTS, "PostSubmodelElement", "elements.create", success=(201,)),
    Branch("GET", f"{_ELEMENTS}/$metadata", "GetAllSubmodelElements-Metadata", "elements.list", "metadata"),
    Branch(
        "GET", f"{_ELEMENTS}/$value", "GetAllSubmodelElements-ValueOnly", "elements.list", "value", extent="instances"
    ),
    Branch(
        "GET",
        f"{_ELEMENTS}/$reference",
        "GetAllSubmodelElements-Reference",
        "elements.list",
        "reference",
        extent="instances",
    ),
    Branch("GET", f"{_ELEMENTS}/$path", "GetAllSubmodelElements-Path", "elements.list", "path", extent="instances"),
    Branch("GET", _ELEMENT, "GetSubmodelElementByPath", "elements.show"),
    Branch("POST", _ELEMENT, "PostSubmodelElementByPath", "elements.create", success=(201,)),
    Branch("PUT", _ELEMENT, "PutSubmodelElementByPath", "elements.put", success=(201, 204)),
    Branch("PATCH", _ELEMENT, "PatchSubmodelElementByPath", "elements.patch", success=(204,)),
    Branch("DELETE", _ELEMENT, "DeleteSubmodelElementByPath", "elements.remove", success=(204,)),
    Branch("GET", f"{_ELEMENT}/$metadata", "GetSubmodelElementByPath-Metadata", "elements.show", "metadata"),
    Branch(
        "PATCH", f"{_ELEMENT}/$metadata", "PatchSubmodelElementByPath-Metadata", "elements.patch", "metadata", (204,)
    ),
    Branch("GET", f"{_ELEMENT}/$value", "GetSubmodelElementByPath-ValueOnly", "elements.show", "value"),
    Branch("PATCH", f"{_ELEMENT}/$value", "PatchSubmodelElementByPath-ValueOnly", "elements.patch", "value", (204,)),
    Branch("GET", f"{_ELEMENT}/$reference", "GetSubmodelElementByPath-Reference", "elements.show", "reference"),
    Branch("GET", f"{_ELEMENT}/$path", "GetSubmodelElementByPath-Path", "elements.show", "path"),
    Branch("GET", _FILE, "GetFileByPath", "attachment.show"),
    Branch("PUT", _FILE, "PutFileByPath", "attachment.put", success=(204,)),
    Branch("DELETE", _FILE, "DeleteFileByPath", "attachment.remove"),
    Branch("POST", f"{_ELEMENT}/invoke", "InvokeOperation", "operations.invoke", extent="full"),
    Branch(
        "POST", f"{_ELEMENT}/invoke/$value", "InvokeOperation-ValueOnly", "operations.invoke", "value", (200,), "full"
    ),
    Branch("POST", f"{_ELEMENT}/invoke-async", "InvokeOperationAsync", "operations.invoke_async", "", (202,), "full"),
    Branch(
        "POST",
        f"{_ELEMENT}/invoke-async/$value",
        "InvokeOperationAsync-ValueOnly",
        "operations.invoke_async",
        "value",
        (202,),
        "full",
    ),
    Branch(
        "GET",
        f"{_ELEMENT}/operation-status/{{handleId}}",
        "GetOperationAsyncStatus",
        "invocations.status",
        "",
        (200, 302),
        "full",
    ),
    Branch("GET", _RESULT, "GetOperationAsyncResult", "invocations.result", extent="full"),
    Branch(
        "GET", f"{_RESULT}/$value", "GetOperationAsyncResult-ValueOnly", "invocations.result", "value", (200,), "full"
    ),
)

_WITHOUT_SUFFIX = (
    *(branch.name for branch in TREE if not branch.path.startswith(_ELEMENTS) or "Async" in branch.name),
    *("GetAllSubmodelElements", "InvokeOperation-ValueOnly"),
)

REPOSITORY = Mount(
    tree=TREE,
    kind=SUBMODEL.name,
    place="/submodels/{submodelIdentifier}",
    service=SUBMODELS,
    suffix="_SubmodelRepo",
    spelled={name: name for name in _WITHOUT_SUFFIX},
    reading={"templates": (1, 2, 3, 4), "instances": (1, 2), "full": (1,)},
    writing={"templates": (1, 3), "instances": (1,), "full": (1,)},
)
OF_A_SHELL = Mount(
    tree=TREE,
    kind=SUBMODEL.name,
    place="/shells/{aasIdentifier}/submodels/{submodelIdentifier}",
    service=SHELLS,
    suffix="_AasRepository",
    spelled={
        "PatchSubmodelById": "PatchSubmodel_AasRepository",
        "PatchSubmodelElementByPath": "PatchSubmodelElementValueByPath_AasRepository",
        "PatchSubmodelElementByPath-Metadata": "PatchSubmodelElementValueByPath-Metadata",
        "PatchSubmodelElementByPath-ValueOnly": "PatchSubmodelElementValueByPath-ValueOnly",
    },
    handlers={"PutSubmodelById": "submodels.put", "DeleteSubmodelById": "submodels.remove"},
)
OF_A_SINGLE_SHELL = Mount(
    tree=TREE,
    kind=SUBMODEL.name,
    place="/shells/{aasIdentifier}/aas/submodels/{submodelIdentifier}",
    service=SHELL_SERVICE,
    spelled={
        "PatchSubmodelById-Metadata": "PatchSubmodelByIdMetadata",
        "GetAllSubmodelElements-Reference": "GetAllSubmodelElementsReference",
        "GetAllSubmodelElements-Path": "GetAllSubmodelElementsPath",
        "PatchSubmodelElementByPath": "PatchSubmodelElementValueByPath",
        "PatchSubmodelElementByPath-Metadata": "PatchSubmodelElementValueByPath-Metadata",
        "PatchSubmodelElementByPath-ValueOnly": "PatchSubmodelElementValueByPathValueOnly",
        "InvokeOperation": "InvokeOperationSync",
        "InvokeOperation-ValueOnly": "InvokeOperationSync-ValueOnly",
    },
    handlers=OF_A_SHELL.handlers,
    success={"PutSubmodelById": (204,)},
    misspelled={"/invoke-async": "/invoke-asnyc"},
)
SINGLE = Mount(
    tree=TREE,
    kind=SUBMODEL.name,
    place="/submodels/{submodelIdentifier}/submodel",
    service=SUBMODEL_SERVICE,
    spelled={
        **{branch.name: branch.name.replace("SubmodelById", "Submodel") for branch in TREE},
        "InvokeOperation-ValueOnly": "InvokeOperationSync-ValueOnly",
    },
    # The third profile is that for values alone.
    also=dict.fromkeys(
        ("GetSubmodelById", "GetSubmodelById-ValueOnly", "InvokeOperation", "InvokeOperation-ValueOnly"), (3,)
    ),
    success={"PutSubmodelById": (204,)},
    left_out=frozenset({"DeleteSubmodelById"}),
)
