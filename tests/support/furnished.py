"""An installation with everything in it that suites of others ask for, and what fits there."""

from collections.abc import Mapping

import httpx

from support.asking import Plain, document, path_of, prop, put
from support.targets import REQUEST, VALUES, operation
from support.waiting import eventually
from titan.codec.ids import encode_id
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL

_TIMED: Plain = {"clientTimeoutDuration": "PT20S"}


class Place:
    """What the installation holds, put back as often as something took it away, and how to ask for it."""

    def __init__(self, client: httpx.Client, environment: dict[str, list[Plain]], target: str) -> None:
        self._client = client
        self._environment = environment
        shell, submodel = environment["assetAdministrationShells"][0], environment["submodels"][0]
        concept = environment["conceptDescriptions"][0]
        self._shell, self._submodel = path_of(SHELL, shell["id"]), path_of(SUBMODEL, submodel["id"])
        self._operation = operation("Inspect", f"{target}/echo")
        self.ids = {
            "aasIdentifier": encode_id(shell["id"]),
            "submodelIdentifier": encode_id(submodel["id"]),
            "cdIdentifier": encode_id(concept["id"]),
        }
        self.paths = [*(element["idShort"] for element in submodel["submodelElements"]), "Smc.Deep.Leaf", "Sml[0]"]
        self.restore()
        self.bodies = self._bodies()

    def _bodies(self) -> Mapping[str, object]:
        """What fits, by the name of its schema; nothing of it takes away what other operations need."""
        shell, submodel = [self._client.get(path).json() for path in (self._shell, self._submodel)]
        number = submodel["submodelElements"][0]
        return {
            "AssetAdministrationShell": shell,
            "POST AssetAdministrationShell": document(SHELL, "urn:schemathesis:shell"),
            "AssetInformation": shell["assetInformation"],
            "ConceptDescription": self._environment["conceptDescriptions"][0],
            "POST ConceptDescription": document(CONCEPT_DESCRIPTION, "urn:schemathesis:concept"),
            "Reference": {"type": "ModelReference", "keys": [{"type": "Submodel", "value": "urn:schemathesis"}]},
            "Submodel": submodel,
            "POST Submodel": document(SUBMODEL, "urn:schemathesis:submodel"),
            "SubmodelMetadata": document(SUBMODEL, submodel["id"], idShort=submodel["idShort"]),
            "SubmodelValue": {"IntProp": 7},
            "SubmodelElement": number,
            "POST SubmodelElement": prop("Explored"),
            "SubmodelElementMetadata": {name: number[name] for name in ("modelType", "idShort", "valueType")},
            "SubmodelElementValue": 5,
            "OperationRequest": REQUEST,
            "OperationRequestValueOnly": VALUES,
            "OperationRequestAsync": REQUEST | _TIMED,
            "OperationRequestAsyncValueOnly": VALUES | _TIMED,
        }

    def restore(self) -> str:
        """Put everything back; gives the handle of an operation that is over."""
        for kind in KINDS.values():
            for plain in self._environment[kind.environment_field]:
                put(self._client, kind, plain)
        for path in (
            f"{self._submodel}/submodel-elements/Fil/attachment",
            f"{self._shell}/asset-information/thumbnail",
        ):
            self._client.put(path, data={"fileName": "a.pdf"}, files={"file": b"of a file"}).raise_for_status()
        inspect = f"{self._submodel}/submodel-elements/Inspect"
        self._client.put(inspect, json=self._operation).raise_for_status()
        status = self._client.post(f"{inspect}/invoke-async", json=REQUEST).headers["location"]
        assert eventually(lambda: self._client.get(status).status_code == 302, timeout_s=30)
        return status.rpartition("/")[2]
