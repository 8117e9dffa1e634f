"""The table of operations, the document that is made of it, and what is served are what the official OpenAPI says."""

from collections import Counter, defaultdict

import httpx
import msgspec
import pytest

from support.official import PLACES, SERVED, SPEC, Plain, file_of, loaded, looked_up, operations
from titan.codec.ids import encode_id
from titan.http.operations import OPERATIONS
from titan.http.operations.row import PROFILES, SHELL_SERVICE, SUBMODEL_SERVICE, Operation

OFFICIAL = SPEC / "operations-3.1.2.json"

pytestmark = pytest.mark.skipif(not OFFICIAL.exists(), reason="the official list of operations is not here")

BEYOND = {
    *(("GET", "/openapi.json"), ("GET", "/docs")),
    *(("GET", f"/docs/{name}") for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")),
    ("POST", f"{PLACES[SHELL_SERVICE]}/aas{PLACES[SUBMODEL_SERVICE]}/submodel-elements/{{idShortPath}}/invoke-async"),
}
"""How the API is documented, and what the standard means where it misspells a path."""


@pytest.fixture(scope="module")
def official() -> dict[tuple[str, str], list[dict]]:
    """Entries by method and path, as they are mounted here."""
    found: defaultdict[tuple[str, str], list[dict]] = defaultdict(list)
    for entry in msgspec.json.decode(OFFICIAL.read_bytes()):
        found[entry["method"], PLACES.get(entry["service"], "") + entry["path"]].append(entry)
    return found


def profile_of(entry: dict) -> str:
    return f"{entry['service']}/{entry['profile']}"


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.profiles], ids=lambda row: f"{row.method} {row.path}")
def test_a_row_is_an_official_operation(row: Operation, official: dict[tuple[str, str], list[dict]]) -> None:
    entries = official[row.method, row.path]
    assert {entry["operationId"] for entry in entries} == {row.operation_id}
    assert {profile_of(entry) for entry in entries} == set(row.profiles)
    for entry in entries:
        documented = {int(status) for status in entry["responses"] if status.isdigit() and int(status) < 400}
        assert set(row.success) == documented


def test_nothing_is_served_beyond_the_standard_but_what_is_named_here() -> None:
    assert {(row.method, row.path) for row in OPERATIONS if not row.profiles} == BEYOND


def test_profiles_have_as_many_operations_as_we_think(official: dict[tuple[str, str], list[dict]]) -> None:
    counted = Counter(profile_of(entry) for entries in official.values() for entry in entries)
    assert counted == PROFILES


IRREGULAR = {
    # Files of the standard that have a parameter, or lack one, where those of the other services have it otherwise.
    "GetAllSubmodelElements-Path_AasRepository": {"extent"},
    "GetAllSubmodelElements-ValueOnly_AasRepository": {"extent"},
    "GetSubmodelElementByPath-Reference_AasRepository": {"level"},
    "PatchSubmodelById-Metadata": {"level"},
    "PutSubmodelElementByPath_SubmodelRepo": {"level"},
    "GetSubmodelById-Reference_AasService": {"level"},
    "GetSubmodelElementByPath-ValueOnly_AasService": {"extent"},
    "PutSubmodelById_AasService": {"level"},
    "GetSubmodel-Reference_SubmodelService": {"level"},
    "GetSubmodelElementByPath-Reference_SubmodelService": {"level"},
    "PutSubmodel_SubmodelService": {"level"},
    "PutSubmodelElementByPath_SubmodelService": {"level"},
}
"""Operations of our document, and the parameters that only it has, or only a file of the standard."""
ENDS = {SHELL_SERVICE: "_AasService", SUBMODEL_SERVICE: "_SubmodelService"}


@pytest.fixture(scope="module", params=SERVED)
def profile(request: pytest.FixtureRequest) -> tuple[str, Plain]:
    """The name of a profile, and its file."""
    return request.param, loaded(file_of(request.param))


@pytest.fixture(scope="module")
def ours(client: httpx.Client) -> dict[tuple[str, str], Plain]:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return {(method, path): operation for method, path, operation in operations(answer.json())}


def parameters(operation: Plain, where: str) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("in") == where}


def resolved(operation: Plain, whole: Plain) -> Plain:
    """The operation with its parameters, most of which stand elsewhere."""
    return operation | {"parameters": [looked_up(parameter, whole) for parameter in operation["parameters"]]}


def test_our_document_says_of_each_operation_what_the_official_files_say(
    profile: tuple[str, Plain], ours: dict[tuple[str, str], Plain]
) -> None:
    name, whole = profile
    service = name.partition("/")[0]
    for method, path, found in operations(whole, PLACES.get(service, "")):
        described, operation = ours[method, path], resolved(found, whole)
        assert described["operationId"].removesuffix(ENDS.get(service, "")) == operation["operationId"]
        # By the path itself: one official operation has a parameter that its path lacks, and single things are mounted.
        assert parameters(described, "path") == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        differing = parameters(described, "query") ^ parameters(operation, "query")
        assert differing <= IRREGULAR.get(described["operationId"], set()), described["operationId"]
        good = {status for status in map(str, operation["responses"]) if status[0] in "23"}
        assert {status for status in described["responses"] if status[0] in "23"} == good
        assert ("requestBody" in described) == ("requestBody" in operation)


FILLED = {"{idShortPath}": "Motor.Readings%5B0%5D"}


def target(path: str) -> str:
    """A path with identifiers of nothing."""
    parts = path.split("/")
    return "/".join(
        FILLED.get(part, encode_id("urn:titan:nothing")) if part.startswith("{") else part for part in parts
    )


def test_every_operation_of_the_official_files_reaches_its_handler(
    profile: tuple[str, Plain], client: httpx.Client
) -> None:
    name, whole = profile
    unreached: set[str] = set()
    for method, path, _ in operations(whole, PLACES.get(name.partition("/")[0], "")):
        answer = client.request(method, target(path))
        told = answer.text if answer.status_code in {404, 405, 501} else ""
        if answer.status_code in {405, 501} or "no such path" in told:
            unreached.add(f"{method} {path}: {answer.status_code}")
    assert unreached == set()


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.method == "GET"], ids=lambda row: row.path)
def test_head_is_answered_as_get_is_without_the_body(row: Operation, client: httpx.Client) -> None:
    head, get = [client.request(method, target(row.path)) for method in ("HEAD", "GET")]
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize(
    "path",
    [
        "/shells/{aasIdentifier}/$value",
        "/shells/{aasIdentifier}/$metadata",
        "/shells/$metadata",
        "/submodels/{submodelIdentifier}/$nothing",
        "/submodels/{submodelIdentifier}/submodel-elements/{idShortPath}/$nothing",
        "/submodels/{submodelIdentifier}/submodel-elements/{idShortPath}/attachment/$value",
        "/concept-descriptions/{cdIdentifier}/$value",
    ],
)
def test_what_no_operation_has_behind_its_path_is_refused_with_a_sentence(path: str, client: httpx.Client) -> None:
    answer = client.get(target(path))
    assert answer.status_code in {400, 404}
    (message,) = answer.json()["messages"]
    assert message["text"].endswith(".")
