"""What is asked of an element because of where it stands: of its name, its type and its meaning among its neighbours.

Spec: IDTA-01001, "Constraints": AASd-022, 107, 108, 109, 114, 117, 129, and the depth of nesting.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from msgspec import Struct

from titan.errors import Fault
from titan.metamodel.constraints import check_at
from titan.metamodel.elements import Element, SubmodelElementList
from titan.metamodel.faults import EnoughError, Faults
from titan.metamodel.paths import Path, text
from titan.metamodel.rules import elements
from titan.metamodel.rules.references import Breaches
from titan.metamodel.walk import ELEMENT_DEPTH_LIMIT, TOO_DEEP, Place


class Surroundings(Struct, frozen=True):
    """Where an element stands, as far as rules ask."""

    parent: Element | None
    """Without the elements below it; None where it is the submodel."""
    likeness: Element | None = None
    """Of a list: a neighbour that has a semantic id."""
    is_template: bool = True
    """Whether the submodel is one."""


def faults_of(element: Element, path: Path, around: Surroundings) -> Sequence[Fault]:
    """Give what is wrong with an element at its place, beyond what is wrong with it anywhere."""
    found = [
        Fault(text=said, path=f"${where.partition(']')[2]}", rule=rule, id_short_path=text(path))
        for rule, breaches in _breaches(element, around)
        for where, said in breaches
    ]
    if len(path) > ELEMENT_DEPTH_LIMIT:
        found.append(Fault(text=TOO_DEEP, path="$", id_short_path=text(path)))
    faults = Faults()
    place = Place(element, depth=len(path), templates=around.is_template)
    with suppress(EnoughError):
        check_at(place, root="$", names=text(path), faults=faults)
    return [*found, *(fault for fault in faults.told() if fault.rule == "AASd-129" or fault.text == TOO_DEEP)]


def _breaches(element: Element, around: Surroundings) -> Iterable[tuple[str, Breaches]]:
    parent = around.parent
    if not isinstance(parent, SubmodelElementList):
        yield "AASd-117", elements.aasd_117([element])
        return
    yield "AASd-107", elements.aasd_107(parent, [element])
    yield "AASd-108", elements.aasd_108(parent, [element])
    yield "AASd-109", [breach for breach in elements.aasd_109(parent, [element]) if breach[0]]
    if around.likeness is not None:
        yield "AASd-114", [breach for breach in elements.aasd_114([around.likeness, element]) if breach[0]]
