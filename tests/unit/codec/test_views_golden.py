"""The views of a real environment with every type of element are those that the standard's rules give."""

import msgspec
import pytest

from support.documents import needs_environments
from support.golden import full_submodels, golden
from titan.codec.metadata import metadata, metadata_of_each
from titan.codec.paths import paths, paths_from
from titan.codec.views import element_reference, reference, references_of_each, way_to
from titan.codec.within import children, find
from titan.metamodel.kinds import SUBMODEL
from titan.metamodel.paths import parse

SUBMODELS = sorted(golden("path"))

pytestmark = [needs_environments, pytest.mark.parametrize("id", SUBMODELS)]


def plain(body: bytes) -> dict[str, object]:
    return msgspec.json.decode(body)


def listed(joined: bytes) -> list[object]:
    return msgspec.json.decode(b"[%b]" % joined)


def test_metadata_is_the_thing_without_the_values_of_its_class(id: str) -> None:
    body = full_submodels()[id]
    for path, names in golden("metadata")[id].items():
        whole = find(body, parse(path)) if path else body
        assert plain(metadata(whole)) == {name: plain(whole)[name] for name in names}, path


def test_a_reference_has_a_key_for_every_step(id: str) -> None:
    body = full_submodels()[id]
    for path, keys in golden("reference")[id].items():
        shown = plain(element_reference(id, way_to(body, parse(path))) if path else reference(SUBMODEL, id))
        assert shown == {"type": "ModelReference", "keys": [{"type": type_, "value": value} for type_, value in keys]}


def test_paths_begin_below_the_submodel(id: str) -> None:
    body = full_submodels()[id]
    run = b",".join(children(body))
    expected = golden("path")[id]
    assert listed(paths(run, core=False)) == expected["deep"]
    assert listed(paths(run, core=True)) == expected["core"]


def test_paths_of_an_element_are_its_own_and_those_below(id: str) -> None:
    body = full_submodels()[id]
    deep = golden("path")[id]["deep"]
    for path in deep:
        at = parse(path)
        below = [other for other in deep if parse(other)[: len(at)] == at]
        assert listed(paths_from(find(body, at), at, core=False)) == below
        core = [other for other in below if len(parse(other)) <= len(at) + 1]
        assert listed(paths_from(find(body, at), at, core=True)) == core


def test_many_look_like_each(id: str) -> None:
    elements = [bytes(element) for element in children(full_submodels()[id])]
    run = b",".join(elements)
    assert metadata_of_each(run) == b",".join(metadata(element) for element in elements)
    each = golden("reference")[id]
    shown = listed(references_of_each(id, run))
    assert [[[key["type"], key["value"]] for key in one["keys"]] for one in shown] == [  # pyright: ignore[reportIndexIssue]
        each[path] for path in golden("path")[id]["core"]
    ]
