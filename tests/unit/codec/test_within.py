"""What stands below a submodel or an element, found and changed by bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asking import Plain
from support.made_up import submodels
from titan.codec import within
from titan.codec.json import decode, encode
from titan.codec.within import LostError
from titan.metamodel.elements import (
    AnnotatedRelationshipElement,
    Entity,
    Property,
    SubmodelElementCollection,
    SubmodelElementList,
)
from titan.metamodel.identifiables import Submodel

CHILD = Property(id_short="Child", value_type="xs:string", value="old")
NEW = Property(id_short="Child", value_type="xs:string", value="new")

HOLDERS = [
    SubmodelElementCollection(id_short="Holder", value=[CHILD]),
    Entity(id_short="Holder", entity_type="CoManagedEntity", statements=[CHILD]),
    AnnotatedRelationshipElement(id_short="Holder", annotations=[CHILD]),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_a_path_leads_through_every_element_that_has_elements(holder: SubmodelElementCollection) -> None:
    whole = encode(Submodel(id="urn:a", submodel_elements=[holder]))
    assert within.find(whole, ("Holder", "Child")) == encode(CHILD)
    assert within.put(whole, ("Holder", "Child"), encode(NEW)) == whole.replace(encode(CHILD), encode(NEW))
    emptied = within.remove(whole, ("Holder", "Child"))
    assert encode(CHILD) not in emptied
    assert within.children(within.find(emptied, ("Holder",))) == []
    assert within.add(emptied, ("Holder",), encode(CHILD)) == whole


def test_a_path_leads_through_lists_by_number() -> None:
    several = encode(SubmodelElementList(type_value_list_element="Property", value=[CHILD, CHILD]))
    assert within.put(several, (1,), b"{}").endswith(encode(CHILD) + b",{}]}")
    assert within.remove(several, (0,)).endswith(b'"value":[' + encode(CHILD) + b"]}")


WAYS: list[tuple[tuple[str | int, ...], str]] = [
    (("Missing",), "Missing"),
    ((0,), "[0]"),
    (("Holder", "Missing"), "Holder.Missing"),
    (("Holder", "Child", "Below"), "Holder.Child.Below"),
    (("Holder", "Chil"), "Holder.Chil"),
    (("Holder", 0), "Holder[0]"),
]


@pytest.mark.parametrize(("path", "way"), WAYS)
def test_a_path_that_leads_nowhere_says_how_far_it_leads(path: tuple[str | int, ...], way: str) -> None:
    whole = encode(Submodel(id="urn:a", submodel_elements=[HOLDERS[0]]))
    for lost in (lambda: within.find(whole, path), lambda: within.remove(whole, path)):
        with pytest.raises(LostError) as raised:
            lost()
        assert raised.value.way == way


def test_nothing_is_added_below_a_leaf() -> None:
    with pytest.raises(LostError):
        within.add(encode(HOLDERS[0]), ("Child",), encode(NEW))


@given(submodels(), st.data())
def test_what_is_taken_out_and_added_again_changes_nothing_but_its_place(plain: Plain, data: st.DataObject) -> None:
    whole = encode(decode(Submodel, encode(plain)))
    names = within.names(within.children(whole))
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    element = within.find(whole, (name,))
    assert within.put(whole, (name,), element) == whole
    again = within.add(within.remove(whole, (name,)), (), element)
    assert sorted(map(bytes, within.children(again))) == sorted(map(bytes, within.children(whole)))
