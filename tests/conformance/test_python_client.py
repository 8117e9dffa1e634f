"""aas-python-http-client, generated from the standard's OpenAPI 3.0, with every method that it has for what is served.

It wants identifiers in base64url. What it gets wrong by itself is in `allowed/client.toml`, by method.
"""

import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import aas_python_http_client as client_package
import httpx
import msgspec
import pytest
from aas_python_http_client import ApiClient, Configuration

from support.asking import Plain
from support.furnished import Place
from support.official import PLACES
from support.processes import Titan
from titan.http.operations.row import SHELL_SERVICE, SUBMODEL_SERVICE

APIS = {
    "AssetAdministrationShellRepositoryAPIApi": "",
    "SubmodelRepositoryAPIApi": "",
    "ConceptDescriptionRepositoryAPIApi": "",
    "AssetAdministrationShellAPIApi": PLACES[SHELL_SERVICE],
    "SubmodelAPIApi": PLACES[SUBMODEL_SERVICE],
    "SerializationAPIApi": "",
    "DescriptionAPIApi": "",
}
"""What is served, and where; the others are for registries, discovery and packages."""


class Way(NamedTuple):
    """A method of the client, and what it asks for."""

    name: str
    method: str
    path: str
    parameters: list[str]
    """Those that it demands."""


class _Asking(ApiClient):
    """Asks nobody, and notes what it would have asked."""

    asked: tuple[str, str] = ("", "")

    def call_api(self, resource_path: str, method: str, *_: object, **__: object) -> None:
        self.asked = (method, resource_path)


def ways(api: str) -> list[Way]:
    asking = _Asking()
    instance = getattr(client_package, api)(asking)
    found: list[Way] = []
    for name, method in inspect.getmembers(instance, inspect.ismethod):
        if not name.startswith("_") and not name.endswith("_with_http_info"):
            parameters = [one for one in inspect.signature(method).parameters if one != "kwargs"]
            method(*("x" for _ in parameters))
            found.append(Way(name, *asking.asked, parameters))
    return found


class Defect(msgspec.Struct, forbid_unknown_fields=True):
    """Methods that fail since the client is wrong."""

    reason: str
    methods: list[str]
    """`<api>.<method>`."""


DEFECTS = msgspec.toml.decode(
    (Path(__file__).parent / "allowed/client.toml").read_bytes(), type=dict[str, list[Defect]]
)["defect"]


class Driven:
    """The client on a server that has everything, and what fits each of its methods."""

    def __init__(self, place: Place, url: str, described: Plain) -> None:
        self._place = place
        self._url = url
        self._described = described

    def api(self, name: str) -> tuple[Any, ApiClient]:
        settings = Configuration()
        settings.host = self._url + APIS[name].format(**self._place.ids)
        client = ApiClient(settings)
        return getattr(client_package, name)(client), client

    def arguments(self, api: str, way: Way, handle: str, file: Path) -> list[object]:
        known: dict[str, object] = {
            "aas_identifier": self._place.ids["aasIdentifier"],
            "submodel_identifier": self._place.ids["submodelIdentifier"],
            "cd_identifier": self._place.ids["cdIdentifier"],
            "id_short_path": _path_for(way),
            "handle_id": handle,
            "file_name": file.name,
            "file": str(file),
        }
        return [self._body(api, way) if name == "body" else known[name] for name in way.parameters]

    def _body(self, api: str, way: Way) -> object:
        paths, path = self._described["paths"], APIS[api] + way.path
        # The standard misspells some of these paths, in each version others.
        described = next(paths[one] for one in (path, *_respelled(path)) if one in paths)
        content = described[way.method.lower()]["requestBody"]["content"]
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return self._place.bodies.get(f"{way.method} {name}") or self._place.bodies[name]

    def fails(self, api: str, way: Way, handle: str, file: Path) -> str:
        """What is wrong about it; nothing where it gives what it was asked for."""
        instance, client = self.api(api)
        try:
            given = getattr(instance, way.name)(*self.arguments(api, way, handle, file))
        except Exception as error:  # noqa: BLE001 - whatever it raises, on a right answer or none
            return f"{type(error).__name__}: {error}"
        if way.method == "GET" and not given:
            return "It gives nothing."
        status = client.last_response.status
        return "" if 200 <= status < 300 else f"It took {status} for well."


def _respelled(path: str) -> tuple[str, str]:
    return path.replace("asnyc", "async"), path.replace("async", "asnyc")


def _path_for(way: Way) -> str:
    if way.path.endswith("/attachment"):
        return "Fil"
    if re.search("/(invoke|operation)", way.path):
        return "Inspect"
    return "Smc" if way.method == "POST" or way.path.endswith("/$path") else "IntProp"


_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture(scope="module")
def driven(place: Place, installation: Titan, client: httpx.Client) -> Driven:
    return Driven(place, installation.url, client.get("/openapi.json").json())


@pytest.mark.parametrize("api", APIS)
def test_every_method_gives_what_it_is_asked_for(api: str, driven: Driven, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "manual.pdf"
    file.write_bytes(b"of a file")
    failed: dict[str, str] = {}
    methods = ways(api)
    handle = place.restore()
    for way in sorted(methods, key=lambda way: _ORDER.index(way.method)):
        if way.method == "DELETE":
            place.restore()
        if wrong := driven.fails(api, way, handle, file):
            failed[f"{api}.{way.name}"] = wrong
    allowed = {name for defect in DEFECTS for name in defect.methods if name.startswith(f"{api}.")}
    assert failed.keys() == allowed, failed


def test_as_many_methods_are_driven_as_the_client_has_for_what_is_served() -> None:
    assert {api: len(ways(api)) for api in APIS} == {
        "AssetAdministrationShellRepositoryAPIApi": 52,
        "SubmodelRepositoryAPIApi": 43,
        "ConceptDescriptionRepositoryAPIApi": 5,
        "AssetAdministrationShellAPIApi": 48,
        "SubmodelAPIApi": 36,
        "SerializationAPIApi": 1,
        "DescriptionAPIApi": 1,
    }
