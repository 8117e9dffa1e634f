"""The operations on a shell and what is in it: written once, and mounted in the repository and in the single service.

Spec: IDTA-01002 V3.1, the profiles of the two services.
"""

from titan.http.operations.mount import Branch, Mount
from titan.http.operations.row import SHELL_SERVICE, SHELLS
from titan.metamodel.kinds import SHELL

_ASSET = "/asset-information"
_THUMBNAIL = f"{_ASSET}/thumbnail"

TREE = (
    Branch("GET", "", "GetAssetAdministrationShellById", "documents.show"),
    Branch("PUT", "", "PutAssetAdministrationShellById", "documents.put", success=(201, 204)),
    Branch("DELETE", "", "DeleteAssetAdministrationShellById", "documents.remove", success=(204,)),
    Branch("GET", "/$reference", "GetAssetAdministrationShellById-Reference", "documents.show", "reference"),
    Branch("GET", _ASSET, "GetAssetInformation", "asset.show"),
    Branch("PUT", _ASSET, "PutAssetInformation", "asset.put", success=(204,)),
    Branch("GET", _THUMBNAIL, "GetThumbnail", "thumbnail.show"),
    Branch("PUT", _THUMBNAIL, "PutThumbnail", "thumbnail.put", success=(204,)),
    Branch("DELETE", _THUMBNAIL, "DeleteThumbnail", "thumbnail.remove", success=(200, 204)),
    Branch("GET", "/submodel-refs", "GetAllSubmodelReferences", "submodel_refs.list"),
    Branch("POST", "/submodel-refs", "PostSubmodelReference", "submodel_refs.create", success=(201,)),
    Branch(
        "DELETE",
        "/submodel-refs/{submodelIdentifier}",
        "DeleteSubmodelReference",
        "submodel_refs.remove",
        success=(204,),
    ),
)

REPOSITORY = Mount(
    tree=TREE,
    kind=SHELL.name,
    place="/shells/{aasIdentifier}",
    service=SHELLS,
    suffix="_AasRepository",
    spelled={branch.name: branch.name for branch in TREE if not branch.path},
)
SINGLE = Mount(
    tree=TREE,
    kind=SHELL.name,
    place="/shells/{aasIdentifier}/aas",
    service=SHELL_SERVICE,
    spelled={branch.name: branch.name.replace("ShellById", "Shell") for branch in TREE},
    success={"PutAssetAdministrationShellById": (204,)},
    left_out=frozenset({"DeleteAssetAdministrationShellById"}),
)
