"""Identifiers of an asset that were sent by name and value alone, and what else the ones that are kept say."""

from collections import defaultdict
from collections.abc import Sequence

from msgspec import structs

from titan.metamodel.references import SpecificAssetId


def with_what_they_had(
    sent: Sequence[SpecificAssetId], kept: Sequence[SpecificAssetId], short: Sequence[int]
) -> list[SpecificAssetId]:
    """Give what was sent, those at the positions of `short` with what else the kept ones say.

    Matched by name and value, and of what is left by name, each time in their order.
    """
    by_pair = defaultdict[tuple[str, str], list[int]](list)
    by_name = defaultdict[str, list[int]](list)
    for index in reversed(range(len(kept))):
        by_pair[kept[index].name, kept[index].value].append(index)
        by_name[kept[index].name].append(index)
    taken: set[int] = set()
    found: dict[int, int] = {}
    for index in short:
        _take(found, index, by_pair[sent[index].name, sent[index].value], taken)
    for index in [index for index in short if index not in found]:
        _take(found, index, by_name[sent[index].name], taken)
    return [
        structs.replace(kept[found[index]], value=one.value) if index in found else one
        for index, one in enumerate(sent)
    ]


def _take(found: dict[int, int], index: int, candidates: list[int], taken: set[int]) -> None:
    while candidates:
        candidate = candidates.pop()
        if candidate not in taken:
            taken.add(candidate)
            found[index] = candidate
            return
