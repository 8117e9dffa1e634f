"""The format Value: the values of a submodel and its elements, without all that says what they mean. Both ways.

What is sent is told apart by what it is for, so reading it needs the elements that are there: it changes their values,
and never adds or removes an element.

What the standard leaves open, and how it is here:

- An element without a value is left out of an object. In a list its place is taken by what is empty in its form (`{}`,
  or `[]` for texts and lists), since "index n in the JSON array is the ValueOnly serialization of the element at index
  n": left out, the values after it would be sent back to the wrong elements. Not `null`, which no schema of the format
  allows. Sent back, it changes nothing.
- A collection or a list always has a value, `{}` or `[]` where it is empty: JSON of the AAS has no empty arrays, so an
  absent one is the empty one. A list of Capabilities or Operations has none, as they have none.
- Numbers are written as they are kept, digit by digit; what XML Schema allows and JSON does not (`+5`, `007`, `.5`) is
  written as the same number. INF, -INF and NaN are strings. A number that is sent is kept as it is written, but what
  is equal to what was shown leaves the text that is kept as it is. So what is read and sent back changes nothing.
- References are in format Normal, as its prose says; its schema has no `referredSemanticId`, which would then be lost.
- Texts in several languages are an array, annotations and statements are objects; both are read in either form.
- A leaf is replaced as a whole (all texts of a MultiLanguageProperty, all specificAssetIds), a member of an object that
  is left out stays as it is, and null is refused.

Spec: IDTA-01001, "Format Value (Value-Only Serialization) in JSON"; IDTA-01002, "PatchSubmodelElementValueByPath".
"""

from collections.abc import Iterable
from typing import TypeVar

from msgspec import structs

from titan.codec.json import encode
from titan.codec.value_reading import Reading
from titan.codec.value_sent import OBJECT, checked, kind_of, members_of
from titan.codec.value_views import ALL_LEVELS, Scope, has_form, named, view
from titan.errors import Invalid
from titan.metamodel.elements import Element
from titan.metamodel.identifiables import Submodel

E = TypeVar("E", bound=Element)


def value(thing: Element | Submodel, *, core: bool = False, blobs: bool = False) -> bytes | None:
    """Give the value of an element, or the values of a submodel as an object by idShort; None where there is none.

    `core` shows direct children without theirs, `blobs` also the values of Blobs.
    """
    scope = Scope(levels=1 if core else ALL_LEVELS, blobs=blobs)
    if isinstance(thing, Submodel):
        return encode(named(thing.submodel_elements or (), scope.below()))
    shown = view(thing, scope)
    return None if shown is None else encode(shown)


def values(elements: Iterable[Element], *, core: bool = False, blobs: bool = False) -> list[tuple[str, bytes]]:
    """Give idShort and value of direct children of a submodel, in their order; those without one are left out.

    So a large submodel is shown a chunk at a time. Raises nothing where two have one idShort, and gives both.
    """
    scope = Scope(levels=0 if core else ALL_LEVELS, blobs=blobs)
    shown = [(element.id_short, view(element, scope)) for element in elements]
    return [(name, encode(one)) for name, one in shown if one is not None and name is not None]


def has_value_form(element: Element) -> bool:
    """Say whether `$value` is defined for such an element.

    It is not for a Capability, an Operation, or a list of only such: asking for it is a bad request. An element for
    which it is defined may still be without a value.
    """
    return has_form(element)


def with_value(element: E, body: bytes, *, path: str = "") -> E:
    """Give an element with the values that were sent, or the same element where they change nothing.

    `path` is the idShortPath at which it stands, for what is said of faults. Constraints of the whole are not asked.

    Raises:
        Invalid: with every fault: what is no JSON, is not there, or does not fit; then nothing of it is to be done.
    """
    sent = checked(body)
    reading = Reading()
    changed = reading.read(element, sent, path)
    reading.finish()
    return changed


def submodel_with_value(submodel: Submodel, body: bytes) -> Submodel:
    """Give a submodel with the values that were sent, or the same submodel where they change nothing.

    Raises:
        Invalid: as `with_value` does.
    """
    sent = checked(body)
    reading = Reading()
    elements = submodel.submodel_elements or []
    changed = reading.read_branches(elements, sent)
    reading.finish()
    return submodel if changed is elements else structs.replace(submodel, submodel_elements=changed)


def split_values(body: bytes) -> dict[str, bytes]:
    """Give the values in a `$value` of a submodel or a collection by idShort, so that it is read branch by branch.

    Raises:
        Invalid: where it is not one object of JSON in UTF-8, or an object in it names a member twice.
    """
    sent = checked(body)
    if kind_of(sent) != OBJECT:
        raise Invalid("The value of a submodel or a collection is an object, a member for each idShort.", path="$")
    return {name: bytes(member) for name, member in members_of(sent).items()}
