"""What tests of the API say and expect: small documents of every kind, paths, and the form of a refusal."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import zstandard

from titan.codec.ids import encode_id
from titan.metamodel.kinds import CONCEPT_DESCRIPTION, KINDS, SHELL, SUBMODEL, Kind

Plain = dict[str, Any]
Param = str | int | list[str]

KIND_NAMES = tuple(KINDS)
BODY_LIMIT = 4 << 20
"""Bytes, of the Titan that tests ask: above the longest document of the material, small enough to be passed."""
JSON = {"content-type": "application/json"}
_MODEL_TYPES = {
    SHELL.name: "AssetAdministrationShell",
    SUBMODEL.name: "Submodel",
    CONCEPT_DESCRIPTION.name: "ConceptDescription",
}


def document(kind: Kind, id: str, **more: object) -> Plain:
    """The smallest document of a kind, and what else it is to have."""
    plain: Plain = {"modelType": _MODEL_TYPES[kind.name], "id": id}
    if kind is SHELL:
        plain["assetInformation"] = {"assetKind": "Instance", "globalAssetId": f"{id}:asset"}
    return plain | more


def prop(id_short: str, value: str = "1") -> Plain:
    return {"modelType": "Property", "idShort": id_short, "valueType": "xs:string", "value": value}


def path_of(kind: Kind, id: str) -> str:
    return f"/{kind.collection}/{encode_id(id)}"


def reference(*values: str) -> Plain:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value} for value in values]}


def put(client: httpx.Client, kind: Kind, plain: Plain) -> httpx.Response:
    """Store a document, or replace it."""
    answer = client.put(path_of(kind, plain["id"]), json=plain)
    assert answer.status_code in {201, 204}, answer.text
    return answer


def pages(client: httpx.Client, path: str, **params: Param) -> Iterator[list[Any]]:
    """Follow the cursors of a list to its end; each page is held to the form that the standard gives it."""
    while True:
        answer = client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page.keys() == {"paging_metadata", "result"}
        yield page["result"]
        if "cursor" not in page["paging_metadata"]:
            return
        cursor = page["paging_metadata"]["cursor"]
        assert isinstance(cursor, str)
        assert cursor
        params["cursor"] = cursor


def identifiers(client: httpx.Client, path: str, **params: Param) -> list[str]:
    """All that a list shows, in its order."""
    return [entry["id"] for page in pages(client, path, **params) for entry in page]


def refused(answer: httpx.Response, *statuses: int) -> list[Plain]:
    """Hold a refusal to the standard's `Result`; gives its messages."""
    assert answer.status_code in statuses if statuses else 400 <= answer.status_code < 500, (
        f"{answer.status_code} {answer.text[:500]}"
    )
    assert answer.headers["content-type"] == "application/json"
    result = answer.json()
    assert result.keys() == {"messages"}, answer.text[:500]
    assert result["messages"]
    for message in result["messages"]:
        assert message["messageType"] == "Error"
        assert message["text"]
        assert message["code"] == str(answer.status_code) or 0 < len(message["code"]) <= 32
        assert message["correlationId"] == answer.headers["x-request-id"]
        assert datetime.fromisoformat(message["timestamp"]).tzinfo == UTC
    return result["messages"]


def unpacked(client: httpx.Client, path: str, encoding: str) -> tuple[bytes, httpx.Headers]:
    """The body of an answer in an encoding, unpacked by our own hand."""
    with client.stream("GET", path, headers={"accept-encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())
        assert answer.status_code == 200
        assert answer.headers["content-encoding"] == encoding
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(raw, max_output_size=1 << 28), answer.headers
    return gzip_unpacked(raw), answer.headers


def gzip_unpacked(raw: bytes) -> bytes:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, content=raw).content
