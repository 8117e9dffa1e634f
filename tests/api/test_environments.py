"""Real documents, and every instance of the corpus within one, through HTTP and back."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from api.conftest import Start
from support.asking import JSON, path_of
from support.documents import Instance, environments, expected, needs_corpus, needs_environments, unexpected
from support.embedding import NOWHERE, embedded
from support.load import Line
from support.processes import Titan
from titan.codec.environment import Enclosed, documents
from titan.codec.json import read
from titan.errors import Invalid

Names = Callable[[], str]

CONNECTIONS = 4


@pytest.fixture(scope="session")
def lenient(start: Start) -> Iterator[Titan]:
    """A Titan that lets older data through."""
    with start(TITAN_VALIDATION="lenient") as run:
        yield run


def is_read(document: Enclosed, *, lenient: bool) -> bool:
    try:
        read(document.kind, document.body, lenient=lenient)
    except Invalid:
        return False
    return True


def without_blob_values(plain: object) -> object:
    if isinstance(plain, dict):
        is_blob = plain.get("modelType") == "Blob"
        return {key: without_blob_values(value) for key, value in plain.items() if not (is_blob and key == "value")}
    return [without_blob_values(value) for value in plain] if isinstance(plain, list) else plain


def identifier_of(document: Enclosed) -> str:
    return str(msgspec.json.decode(document.body)["id"])


def comes_back(client: httpx.Client, document: Enclosed) -> None:
    """Store a document, and hold what is read to what was sent."""
    sent = msgspec.json.decode(document.body)
    path = path_of(document.kind, sent["id"])
    answer = client.put(path, content=document.body, headers=JSON)
    assert answer.status_code in {201, 204}, f"{document.path}: {answer.text[:500]}"
    if answer.status_code == 201:
        assert answer.json() == sent
    assert client.get(path, params={"extent": "withBlobValue"}).json() == sent
    assert client.get(path).json() == without_blob_values(sent)


@needs_environments
@pytest.mark.parametrize("file", environments(), ids=lambda file: file.stem)
def test_real_documents_are_read_back_as_they_were_sent(client: httpx.Client, file: Path) -> None:
    valid = [one for one in documents(file.read_bytes()) if is_read(one, lenient=False)]
    assert valid or file.stem == "time-series-operations", "this file has nothing that is valid"
    for document in valid:
        comes_back(client, document)


@needs_environments
def test_what_breaks_a_rule_is_refused_strictly(client: httpx.Client) -> None:
    for file in environments():
        for document in documents(file.read_bytes()):
            if not is_read(document, lenient=False):
                path = path_of(document.kind, identifier_of(document))
                assert client.put(path, content=document.body, headers=JSON).status_code == 400, document.path


@needs_environments
def test_what_breaks_a_rule_is_let_through_leniently_and_told_in_the_log(lenient: Titan) -> None:
    stored: list[str] = []
    with httpx.Client(base_url=lenient.url, headers={"accept-encoding": "identity"}, timeout=60) as client:
        for file in environments():
            for document in documents(file.read_bytes()):
                if not is_read(document, lenient=False) and is_read(document, lenient=True):
                    comes_back(client, document)
                    stored.append(identifier_of(document))
    assert stored
    warned = [line for line in lenient.said().splitlines() if "let through leniently" in line]
    told = {entry["id"] for line in warned if (entry := msgspec.json.decode(line))["level"] == "warning"}
    assert set(stored) <= told
    assert all(msgspec.json.decode(line)["faults"] for line in warned)


@needs_environments
def test_a_valid_document_is_stored_leniently_without_a_word(lenient: Titan) -> None:
    file = environments()[0]
    valid = [one for one in documents(file.read_bytes()) if is_read(one, lenient=False)]
    before = lenient.said().count("let through leniently")
    with httpx.Client(base_url=lenient.url, headers={"accept-encoding": "identity"}, timeout=60) as client:
        for document in valid:
            comes_back(client, document)
    assert lenient.said().count("let through leniently") == before


def sent_all(url: str, instances: Sequence[Instance], names: Names, check: Callable[[Line, str, bytes], str]) -> None:
    """Send instances, each within a document, over a few connections; `check` gives what is wrong, or nothing."""
    numbered = [(instance, names()) for instance in instances if instance.model not in NOWHERE]

    def send(share: Sequence[tuple[Instance, str]]) -> list[str]:
        wrong: list[str] = []
        with closing(Line(url)) as line:
            for instance, id in share:
                placed = embedded(instance, id)
                assert placed is not None
                kind, body = placed
                if complaint := check(line, f"/{kind.collection}", body):
                    wrong.append(f"{instance.name}: {complaint}")
        return wrong

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [numbered[start::CONNECTIONS] for start in range(CONNECTIONS)]
        assert [complaint for wrong in pool.map(send, shares) for complaint in wrong] == []


@needs_corpus
def test_all_that_the_standard_allows_is_stored_and_read_back(strict: Titan, names: Names) -> None:
    def check(line: Line, path: str, body: bytes) -> str:
        answer = line.ask("POST", path, msgspec.Raw(body))
        if answer.status != 201:
            return f"{answer.status} {answer.body[:400]!r}"
        shown = line.ask("GET", f"{answer.location}?extent=withBlobValue")
        return "" if msgspec.json.decode(shown.body) == msgspec.json.decode(body) else f"read back {shown.body[:400]!r}"

    sent_all(strict.url, expected(), names, check)


@needs_corpus
def test_all_that_the_standard_forbids_is_refused(strict: Titan, names: Names) -> None:
    def check(line: Line, path: str, body: bytes) -> str:
        answer = line.ask("POST", path, msgspec.Raw(body))
        if answer.status != 400:
            return f"{answer.status} {answer.body[:400]!r}"
        messages = msgspec.json.decode(answer.body)["messages"]
        return "" if messages and all(message["text"] for message in messages) else "refused without a word"

    sent_all(strict.url, unexpected(), names, check)
