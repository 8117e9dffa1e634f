"""Rules of references.

Spec: IDTA-01001, "Referencing", "Constraints for References".
"""

from collections.abc import Iterable
from typing import get_args

from titan.metamodel.references import Reference
from titan.metamodel.values import AasSubmodelElements

Breaches = Iterable[tuple[str, str]]
"""Where, from the thing on that the rule is about, and a sentence."""

AAS_IDENTIFIABLES = frozenset[str](("AssetAdministrationShell", "ConceptDescription", "Identifiable", "Submodel"))
GENERIC_GLOBALLY_IDENTIFIABLES = frozenset[str](("GlobalReference",))
GENERIC_FRAGMENT_KEYS = frozenset[str](("FragmentReference",))
GLOBALLY_IDENTIFIABLES = AAS_IDENTIFIABLES | GENERIC_GLOBALLY_IDENTIFIABLES
FRAGMENT_KEYS = GENERIC_FRAGMENT_KEYS | frozenset[str](get_args(AasSubmodelElements))
AAS_REFERABLES = AAS_IDENTIFIABLES | frozenset[str](get_args(AasSubmodelElements)) | {"Referable"}

_PLAIN_STEPS = frozenset[str](get_args(AasSubmodelElements)) - {"SubmodelElementList"}


def is_plain(reference: Reference) -> bool:
    """Say at one look that a reference breaks no rule: it begins as it may, and what follows are elements by name."""
    keys = reference.keys
    if not keys:
        return False
    if reference.type == "ExternalReference":
        return len(keys) == 1 and keys[0].type == "GlobalReference"
    if keys[0].type not in AAS_IDENTIFIABLES:
        return False
    return len(keys) == 1 or all(key.type in _PLAIN_STEPS for key in keys[1:])


def aasd_121(reference: Reference) -> Breaches:
    """The first key names something that has a global identifier."""
    if reference.keys and reference.keys[0].type not in GLOBALLY_IDENTIFIABLES:
        found = reference.keys[0].type
        return ((".keys[0].type", f"A reference begins with something that has a global identifier, not a {found}."),)
    return ()


def aasd_122(reference: Reference) -> Breaches:
    """The first key of an external reference is a GlobalReference."""
    if not reference.keys or reference.type != "ExternalReference":
        return ()
    if reference.keys[0].type in GENERIC_GLOBALLY_IDENTIFIABLES:
        return ()
    return ((".keys[0].type", f"An external reference begins with GlobalReference, not {reference.keys[0].type}."),)


def aasd_123(reference: Reference) -> Breaches:
    """The first key of a model reference is an identifiable."""
    if not reference.keys or reference.type != "ModelReference" or reference.keys[0].type in AAS_IDENTIFIABLES:
        return ()
    found = reference.keys[0].type
    return ((".keys[0].type", f"A model reference begins with a shell, a submodel or a concept, not {found}."),)


def aasd_124(reference: Reference) -> Breaches:
    """The last key of an external reference is generic."""
    if not reference.keys or reference.type != "ExternalReference":
        return ()
    last = reference.keys[-1].type
    if last in GENERIC_GLOBALLY_IDENTIFIABLES or last in GENERIC_FRAGMENT_KEYS:
        return ()
    where = f".keys[{len(reference.keys) - 1}].type"
    return ((where, f"An external reference ends with GlobalReference or FragmentReference, not {last}."),)


def aasd_125(reference: Reference) -> Breaches:
    """The keys of a model reference after the first are elements or fragments."""
    if reference.type != "ModelReference":
        return ()
    return [
        (f".keys[{index}].type", f"After its first key a model reference names elements or fragments, not {key.type}.")
        for index, key in enumerate(reference.keys)
        if index and key.type not in FRAGMENT_KEYS
    ]


def aasd_126(reference: Reference) -> Breaches:
    """Only the last key of a model reference may be a fragment."""
    if reference.type != "ModelReference":
        return ()
    return [
        (f".keys[{index}].type", "Only the last key of a model reference may be a FragmentReference.")
        for index, key in enumerate(reference.keys[:-1])
        if key.type in GENERIC_FRAGMENT_KEYS
    ]


def aasd_127(reference: Reference) -> Breaches:
    """A fragment at the end of a model reference is one of a File or a Blob."""
    if reference.type != "ModelReference" or len(reference.keys) < 2:
        return ()
    if reference.keys[-1].type != "FragmentReference" or reference.keys[-2].type in {"File", "Blob"}:
        return ()
    where = f".keys[{len(reference.keys) - 1}].type"
    return ((where, f"A FragmentReference follows a File or a Blob, not {reference.keys[-2].type}."),)


def aasd_128(reference: Reference) -> Breaches:
    """The key after a SubmodelElementList is a position in it."""
    if reference.type != "ModelReference":
        return ()
    return [
        (f".keys[{index + 1}].value", "The key after a SubmodelElementList is the position in the list, from 0.")
        for index, key in enumerate(reference.keys[:-1])
        if key.type == "SubmodelElementList" and not _is_position(reference.keys[index + 1].value)
    ]


def points_to(reference: Reference, types: frozenset[str]) -> bool:
    """Say whether a reference is one within the model, to something of one of these types."""
    return reference.type == "ModelReference" and bool(reference.keys) and reference.keys[-1].type in types


def matches(one: Reference, other: Reference) -> bool:
    """Say whether the references match by value. Spec: IDTA-01001, "Matching Strategies"."""
    return [key.value for key in one.keys] == [key.value for key in other.keys]


def _is_position(value: str) -> bool:
    return value == "-0" or (value.isascii() and value.removeprefix("+").isdigit())


RULES = {
    "AASd-121": aasd_121,
    "AASd-122": aasd_122,
    "AASd-123": aasd_123,
    "AASd-124": aasd_124,
    "AASd-125": aasd_125,
    "AASd-126": aasd_126,
    "AASd-127": aasd_127,
    "AASd-128": aasd_128,
}
"""All that are asked of each reference."""
