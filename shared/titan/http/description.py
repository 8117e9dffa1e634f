"""What the server says of itself.

Spec: IDTA-01002, "Description"; the class `ServiceDescription`. Full profiles and those for reading are named both,
and by the identifiers of 3.0 too, which are all that many clients know.
"""

import msgspec
from msgspec import Struct

from titan.http.operations import served
from titan.http.operations.row import (
    CONCEPTS,
    DISCOVERY,
    PROFILES,
    SHELL_REGISTRY,
    SHELLS,
    SUBMODEL_REGISTRY,
    SUBMODELS,
    profiles,
)
from titan.http.responses import JSON, send_bytes
from titan.http.routes import Call

_API = "https://admin-shell.io/aas/API"
_EXCLUSIVE = frozenset(profiles(SUBMODELS, 3, 4))
"""Promises that nothing but templates is stored (AASa-003, AASa-004)."""
_SINCE_3_1 = frozenset(
    (
        *profiles(SHELLS, 3),
        *profiles(SUBMODELS, 5),
        *profiles(CONCEPTS, 2),
        *profiles(SHELL_REGISTRY, 3, 4, 5),
        *profiles(SUBMODEL_REGISTRY, 3, 4),
        *profiles(DISCOVERY, 2),
    )
)
"""What 3.0 did not have: queries, changes in bulk, and parts of other profiles."""
_NAMES_OF_3_0 = {profile: profile.replace("RepositoryService", "Service") for profile in profiles(CONCEPTS, 1)}


class _ServiceDescription(Struct, frozen=True):
    profiles: list[str]


def description(offered: tuple[str, ...] = tuple(PROFILES)) -> bytes:
    """The `ServiceDescription` of a place that offers these profiles: those of which every operation is served."""
    counts = served()
    whole = [name for name in offered if counts[name] == PROFILES[name] and name not in _EXCLUSIVE]
    known = [f"{_API}/3/0/{_NAMES_OF_3_0.get(name, name)}" for name in whole if name not in _SINCE_3_1]
    return msgspec.json.encode(_ServiceDescription([f"{_API}/3/1/{name}" for name in whole] + known))


async def describe(call: Call) -> None:
    """GET /description, of the whole server or of what is at a place in it."""
    await send_bytes(call.send, 200, [JSON], (description(call.operation.profiles),))
