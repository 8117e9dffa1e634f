"""What a request about an element comes to, given the branch that it is in. No I/O.

Spec: IDTA-01002, "Submodel Interface", and the constraints on elements in IDTA-01001. Nothing is changed where one of
them would be broken.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Raw, Struct, structs

from titan.codec import within
from titan.codec.json import encode, read_element, stored_element
from titan.codec.merge import View, merged
from titan.codec.value import has_value_form, with_value
from titan.codec.within import CHILDREN, LostError
from titan.errors import AlreadyExists, Fault, Invalid, NotFound
from titan.events.edit import Branch
from titan.events.facts import ELEMENT_CREATED, ELEMENT_REMOVED, ELEMENT_REPLACED, Changed
from titan.metamodel.constraints import check
from titan.metamodel.elements import Blob, Element, File, MultiLanguageProperty, Property, Range, ReferenceElement
from titan.metamodel.elements import SubmodelElement as AnyElement
from titan.metamodel.paths import Path, parse, text
from titan.metamodel.references import Part
from titan.metamodel.surroundings import Surroundings, faults_of

E = TypeVar("E", bound=Part)

Edit: TypeAlias = Callable[[AnyElement], AnyElement]

_DATA_ELEMENTS = (Blob, File, MultiLanguageProperty, Property, Range, ReferenceElement)


class _Kind(Struct):
    kind: str | None = None


class _Meaning(Struct, rename="camel"):
    semantic_id: Raw | msgspec.UnsetType = msgspec.UNSET


_KIND = msgspec.json.Decoder(_Kind)
_MEANING = msgspec.json.Decoder(_Meaning)


def create(branch: Branch, parent: Path, element: AnyElement, *, lenient: bool) -> Changed | None:
    """Add an element behind those below `parent`; the path of the fact says where it is.

    Raises:
        NotFound: where there is no such parent.
        AlreadyExists: where the idShort is taken.
        Invalid: where nothing can be below the parent, or not this.
    """
    holder = _found(branch.find, parent) if parent else branch.parent(("",))
    _require_holder(holder, element, parent)
    below = within.children(holder)
    if within.model(holder) == "SubmodelElementList":
        path: Path = (*parent, len(below))
    else:
        path = (*parent, element.id_short or "")
        if element.id_short is not None and element.id_short in within.names(below):
            where = f"below {text(parent)}" if parent else "in the submodel"
            raise AlreadyExists(f"There is an element of the idShort {element.id_short!r} {where} already.")
    _require_fit(branch, holder, path, element, below, lenient=lenient)
    return branch.changed(ELEMENT_CREATED, path, encode(element))


def put(branch: Branch, path: Path, element: AnyElement, *, lenient: bool) -> Changed | None:
    """Replace the element at a path, or create it where there is none.

    Raises:
        NotFound: where the path leads nowhere before its last step, or beyond the end of a list.
        Invalid: where the element has another idShort than the path, or cannot be there.
    """
    holder = _found(branch.parent, path)
    last = path[-1]
    element = named(element, path)
    if isinstance(last, str) and element.id_short != last:
        raise Invalid(f"The idShort is not {last!r}, with which the path ends.", path="$.idShort")
    _require_holder(holder, element, path[:-1])
    below = within.children(holder)
    index = within.index_of(holder, last)
    if index is None:
        is_list = within.model(holder) == "SubmodelElementList"
        if is_list != isinstance(last, int) or (isinstance(last, int) and last > len(below)):
            raise lost(text(path))
        fact = ELEMENT_CREATED
    else:
        del below[index]
        fact = ELEMENT_REPLACED
    _require_fit(branch, holder, path, element, below, lenient=lenient)
    return branch.changed(fact, path, encode(element))


def named(element: AnyElement, path: Path) -> AnyElement:
    """Give an element that came without an idShort the one that its path ends with."""
    last = path[-1]
    return structs.replace(element, id_short=last) if element.id_short is None and isinstance(last, str) else element


def remove(branch: Branch, path: Path) -> Changed | None:
    """Take an element out, with all below it; those behind it in a list move up.

    Raises:
        NotFound: where there is none.
    """
    _found(branch.find, path)
    return branch.changed(ELEMENT_REMOVED, path, b"")


class Keep(Protocol):
    """Puts markers in the place of large values, `stands` being what may have some already."""

    def __call__(self, part: E, /, *, stands: bytes) -> E:
        """Give the part with markers; may raise, to be asked again."""
        ...


def patch(branch: Branch, path: Path, sent: bytes, view: str, *, lenient: bool, keep: Keep) -> Changed | None:
    """Change what was sent of an element, of its metadata or of its value; all of it or nothing.

    Raises:
        NotFound: where there is none.
        Invalid: where what was sent is not there, is of another type, or would break a rule.
    """
    stands = _found(branch.find, path)
    if view == "value":
        changed = keep(_with_value(stands, path, sent, lenient=lenient), stands=stands)
        return branch.changed(ELEMENT_REPLACED, path, encode(changed))
    element, faults = read_element(merged(stands, sent, cast("View", view)), lenient=True)
    if faults and not lenient:
        require_none_new(faults, read_element(stands, lenient=True)[1])
    holder = branch.parent(path)
    below = within.children(holder)
    del below[within.index_of(holder, path[-1]) or 0]
    _require_fit(branch, holder, path, element, below, lenient=lenient)
    return branch.changed(ELEMENT_REPLACED, path, encode(keep(element, stands=stands)))


def change(branch: Branch, path: Path, edit: Edit) -> Changed | None:
    """Replace an element by what becomes of it.

    Raises:
        NotFound: where there is none; and whatever `edit` refuses with.
    """
    return branch.changed(ELEMENT_REPLACED, path, encode(edit(found(branch, path))))


def found(branch: Branch, path: Path) -> AnyElement:
    """Give the element at a path.

    Raises:
        NotFound: where there is none.
    """
    return stored_element(_found(branch.find, path))


def lost(way: str) -> NotFound:
    """Say that there is no such element."""
    return NotFound(f"There is no element at {way}.")


def _found(find: Callable[[Path], bytes], path: Path) -> bytes:
    try:
        return find(path)
    except LostError as error:
        raise lost(error.way) from error


def _with_value(stands: bytes, path: Path, sent: bytes, *, lenient: bool) -> AnyElement:
    element = stored_element(stands)
    if not has_value_form(element):
        raise Invalid(f"There is no value of {text(path)}, which is of the type {within.model(stands)}.")
    changed = with_value(element, sent, path=text(path))
    if changed is not element and not lenient:
        require_none_new(check(changed), check(element))
    return changed


def require_none_new(faults: Sequence[Fault], known: Sequence[Fault]) -> None:
    """Let a change of what was let through leniently keep the faults that it had.

    Raises:
        Invalid: where there are others.
    """
    new = tuple(fault for fault in faults if fault not in known)
    if new:
        raise Invalid(faults=new)


def _require_holder(holder: bytes, element: Element, path: Path) -> None:
    model = within.model(holder)
    if model not in CHILDREN:
        raise Invalid(f"There are no elements below {text(path)}, which is of the type {model}.")
    if model == "AnnotatedRelationshipElement" and not isinstance(element, _DATA_ELEMENTS):
        raise Invalid(f"An annotation is a data element, and this is a {type(element).__name__}.", path="$.modelType")


def _require_fit(
    branch: Branch, holder: bytes, path: Path, element: AnyElement, others: Sequence[bytes | Raw], *, lenient: bool
) -> None:
    _require_addressable(path)
    parent = likeness = None
    if len(path) > 1:
        parent = stored_element(within.with_children(holder, ()))
        is_list = isinstance(path[-1], int)
        alike = next((one for one in others if _MEANING.decode(one).semantic_id is not msgspec.UNSET), None)
        likeness = stored_element(bytes(alike)) if alike is not None and is_list else None
    around = Surroundings(parent=parent, likeness=likeness, is_template=_KIND.decode(branch.head).kind == "Template")
    faults: tuple[Fault, ...] = tuple(faults_of(element, path, around))
    if faults and not lenient:
        raise Invalid(faults=faults)


def _require_addressable(path: Path) -> None:
    """Refuse, however leniently, a name that no path can hold: the journal could not say what was changed."""
    if not path[-1] and isinstance(path[-1], str):
        raise Invalid("An idShort is required of an element here.", path="$.idShort", rule="AASd-117")
    try:
        is_same = parse(text(path)) == path
    except Invalid:
        is_same = False
    if not is_same:
        raise Invalid(f"No path leads to an element of the idShort {path[-1]!r}.", path="$.idShort", rule="AASd-002")
