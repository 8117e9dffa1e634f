"""Operations are invoked over HTTP, and carried out by those whom they are delegated to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from api.conftest import Start
from support.asking import document, path_of, put, refused
from support.processes import Titan
from support.targets import REQUEST, VALUES, Targets, argument, operation, serving, took
from titan.codec.ids import encode_id
from titan.dev.processes import free_port
from titan.metamodel.kinds import SHELL, SUBMODEL

AT_ONCE = 3


WAYS = ("echo", "slow", "silent", "broken", "redirect", "huge", "zipped", "text", "wrong", "hang-up")
DONE = {
    "executionState": "Completed",
    "success": True,
    "outputArguments": [took("0.10")],
    "inoutputArguments": [argument("wear", "7")],
}


@pytest.fixture(scope="module")
def operating(start: Start) -> Iterator[Titan]:
    with start(TITAN_OPERATION_TARGETS="127.0.0.1", TITAN_OPERATION_CONCURRENCY=str(AT_ONCE)) as run:
        yield run


@pytest.fixture
async def targets() -> AsyncIterator[Targets]:
    async with serving() as there:
        yield there


@pytest.fixture
async def client(operating: Titan) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=operating.url, timeout=60) as client:
        yield client


@pytest.fixture
def submodel(operating: Titan, targets: Targets, names: Callable[[], str]) -> str:
    """Path of a submodel with an operation for everything that a target may do, in a collection and outside."""
    id = names()
    inside = [
        *(operation(way.replace("-", "_"), f"{targets.url}/{way}") for way in WAYS),
        operation("nobody", None),
        operation("dead", f"http://127.0.0.1:{free_port()}/"),
        operation("forbidden", "http://10.0.0.1/"),
        operation("unknown", "http://nowhere.invalid/"),
    ]
    elements = [
        {"modelType": "SubmodelElementCollection", "idShort": "all", "value": inside},
        operation("echo", f"{targets.url}/echo"),
        {"modelType": "Capability", "idShort": "drills"},
    ]
    with httpx.Client(base_url=operating.url) as client:
        put(client, SUBMODEL, document(SUBMODEL, id, submodelElements=elements))
    return path_of(SUBMODEL, id)


def at(submodel: str, element: str) -> str:
    return f"{submodel}/submodel-elements/{element}"


async def finished(client: httpx.AsyncClient, status: str) -> str:
    """Where the result is, once there is one."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get(status)
            if answer.status_code == 302:
                return answer.headers["location"]
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"executionState": "Running"}
            await asyncio.sleep(0.02)  # noqa: TID251 - what the standard has clients do


async def test_the_target_is_asked_with_all_arguments_and_its_answer_is_the_result(
    client: httpx.AsyncClient, submodel: str, targets: Targets
) -> None:
    answer = await client.post(f"{at(submodel, 'echo')}/invoke", json=REQUEST)
    assert answer.status_code == 200, answer.text
    assert answer.json() == DONE
    assert targets.asked == [("/echo", [argument("depth", "5"), argument("wear", "7")])]


async def test_values_go_in_and_come_out_where_the_path_ends_on_value(client: httpx.AsyncClient, submodel: str) -> None:
    answer = await client.post(f"{at(submodel, 'all.echo')}/invoke/$value", json=VALUES)
    assert answer.status_code == 200, answer.text
    assert answer.text == (
        '{"executionState":"Completed","success":true,"outputArguments":{"took":0.10},"inoutputArguments":{"wear":7}}'
    )


@pytest.mark.parametrize("value", ["", "/$value"])
async def test_who_asks_later_finds_the_result_by_way_of_the_status(
    client: httpx.AsyncClient, submodel: str, targets: Targets, value: str
) -> None:
    element = f"/api/v3.1{at(submodel, 'all.slow')}"
    accepted = await client.post(f"{element}/invoke-async{value}", json=VALUES if value else REQUEST)
    assert accepted.status_code == 202, accepted.text
    assert accepted.content == b""
    status = accepted.headers["location"]
    assert status.startswith(f"{element}/operation-status/")
    await targets.reached.wait()
    assert (await client.get(status)).json() == {"executionState": "Running"}
    early = await client.get(status.replace("-status/", "-results/"))
    assert early.json() == {"executionState": "Running"}
    targets.released.set()
    result = await finished(client, status)
    assert result == status.replace("-status/", "-results/")
    assert (await client.get(result)).json() == DONE
    assert (await client.get(f"{result}/$value")).json()["outputArguments"] == {"took": 0.1}
    # It can be asked for again.
    assert (await client.get(result)).json() == DONE


@pytest.mark.parametrize(
    ("way", "word"),
    [
        ("broken", "status 500"),
        ("redirect", "redirect"),
        ("huge", "more than"),
        ("zipped", "compression"),
        ("text", "array"),
        ("wrong", "xs:double"),
        ("silent", "missing"),
        ("hang_up", "broke off"),
        ("dead", "cannot be reached"),
        ("unknown", "not known"),
    ],
)
async def test_a_target_that_fails_is_a_result_that_says_so(
    client: httpx.AsyncClient, submodel: str, targets: Targets, way: str, word: str
) -> None:
    answer = await client.post(f"{at(submodel, f'all.{way}')}/invoke", json=REQUEST)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert (result["executionState"], result["success"]) == ("Failed", False)
    assert word in result["messages"][0]["text"]
    assert "stack trace" not in answer.text
    assert len(targets.asked) <= 1
    accepted = await client.post(f"{at(submodel, f'all.{way}')}/invoke-async", json=REQUEST)
    later = await client.get(await finished(client, accepted.headers["location"]))
    assert later.json()["messages"][0]["text"] == result["messages"][0]["text"]


async def test_a_target_that_takes_longer_than_the_client_waits_is_given_up(
    client: httpx.AsyncClient, submodel: str
) -> None:
    request = REQUEST | {"clientTimeoutDuration": "PT0.2S"}
    result = (await client.post(f"{at(submodel, 'all.slow')}/invoke", json=request)).json()
    assert (result["executionState"], result["success"]) == ("Timeout", False)


async def test_more_than_can_be_carried_out_at_once_are_turned_away(
    client: httpx.AsyncClient, submodel: str, targets: Targets
) -> None:
    slow = at(submodel, "all.slow")
    accepted = [await client.post(f"{slow}/invoke-async", json=REQUEST) for _ in range(AT_ONCE)]
    assert [answer.status_code for answer in accepted] == [202] * AT_ONCE
    for ending in ("invoke", "invoke-async"):
        turned_away = await client.post(f"{slow}/{ending}", json=REQUEST)
        assert turned_away.headers["retry-after"] == "1"
        assert turned_away.status_code == 503
    targets.released.set()
    for answer in accepted:
        await finished(client, answer.headers["location"])
    assert (await client.post(f"{slow}/invoke", json=REQUEST)).status_code == 200


@pytest.mark.parametrize(
    ("element", "ending", "request_", "status"),
    [
        ("drills", "invoke", REQUEST, 405),
        ("drills", "invoke-async/$value", VALUES, 405),
        ("all", "invoke", REQUEST, 405),
        ("nothing", "invoke", REQUEST, 404),
        ("all.nothing", "invoke-async", REQUEST, 404),
        ("echo.depth", "invoke", REQUEST, 404),
        ("all[0]", "invoke", REQUEST, 404),
        ("all..echo", "invoke", REQUEST, 400),
        ("echo", "invoke", {}, 400),
        ("echo", "invoke", VALUES, 400),
        ("echo", "invoke/$value", REQUEST, 400),
        ("echo", "invoke-async", REQUEST | {"clientTimeoutDuration": "1s"}, 400),
        ("echo", "invoke", [], 400),
        ("all.nobody", "invoke", REQUEST, 400),
        ("all.forbidden", "invoke", REQUEST, 400),
        ("all.forbidden", "invoke-async", REQUEST, 400),
    ],
)
async def test_what_cannot_be_invoked_is_refused_and_nobody_is_asked(
    client: httpx.AsyncClient,
    submodel: str,
    targets: Targets,
    element: str,
    ending: str,
    request_: object,
    status: int,
) -> None:
    refused(await client.post(f"{at(submodel, element)}/{ending}", json=request_), status)
    assert targets.asked == []


async def test_every_fault_in_the_arguments_is_told_at_once(client: httpx.AsyncClient, submodel: str) -> None:
    sent = {"inputArguments": [argument("depth", "x"), argument("other", "1")]}
    told = refused(await client.post(f"{at(submodel, 'echo')}/invoke", json=sent), 400)
    assert len(told) == 3


async def test_a_handle_is_known_at_its_own_operation_alone(client: httpx.AsyncClient, submodel: str) -> None:
    accepted = await client.post(f"{at(submodel, 'echo')}/invoke-async", json=REQUEST)
    handle = accepted.headers["location"].rpartition("/")[2]
    await finished(client, accepted.headers["location"])
    for place in ("operation-status", "operation-results"):
        refused(await client.get(f"{at(submodel, 'all.echo')}/{place}/{handle}"), 404)
        refused(await client.get(f"{at(path_of(SUBMODEL, 'urn:other'), 'echo')}/{place}/{handle}"), 404)
        refused(await client.get(f"{at(submodel, 'echo')}/{place}/{encode_id('another')}"), 404)
        refused(await client.get(f"{at(submodel, 'echo')}/{place}/{encode_id('a' * 500)}"), 404)
        refused(await client.get(f"{at(submodel, 'echo')}/{place}/{encode_id(chr(0))}"), 400, 404)


async def test_below_a_shell_everything_is_where_it_was_asked_for(
    client: httpx.AsyncClient, operating: Titan, submodel: str, names: Callable[[], str]
) -> None:
    shell = names()
    segment = submodel.rpartition("/")[2]
    await client.put(path_of(SHELL, shell), json=document(SHELL, shell))
    element = at(f"{path_of(SHELL, shell)}/submodels/{segment}", "echo")
    refused(await client.post(f"{element}/invoke", json=REQUEST), 404)
    id = (await client.get(submodel)).json()["id"]
    reference = {"type": "ModelReference", "keys": [{"type": "Submodel", "value": id}]}
    await client.put(path_of(SHELL, shell), json=document(SHELL, shell, submodels=[reference]))
    assert (await client.post(f"{element}/invoke", json=REQUEST)).json() == DONE
    accepted = await client.post(f"{element}/invoke-async", json=REQUEST)
    assert accepted.headers["location"].startswith(f"{element}/operation-status/")
    result = await finished(client, accepted.headers["location"])
    assert (await client.get(result)).json() == DONE


async def test_nobody_is_called_unless_the_operator_says_who(
    strict: Titan, names: Callable[[], str], targets: Targets
) -> None:
    id = names()
    plain = document(SUBMODEL, id, submodelElements=[operation("echo", f"{targets.url}/echo")])
    async with httpx.AsyncClient(base_url=strict.url) as client:
        await client.put(path_of(SUBMODEL, id), json=plain)
        [message] = refused(await client.post(f"{at(path_of(SUBMODEL, id), 'echo')}/invoke", json=REQUEST), 400)
    assert "TITAN_OPERATION_TARGETS=127.0.0.1" in message["text"]
    assert targets.asked == []
