"""What the server says of itself.

Spec: IDTA-01002, "Description"; the class `ServiceDescription`.
"""

import msgspec
from msgspec import Struct

from titan.http.operations import served
from titan.http.operations.row import PROFILES

_API = "https://admin-shell.io/aas/API/3/1/"


class _ServiceDescription(Struct, frozen=True):
    profiles: list[str]


def description() -> bytes:
    """The `ServiceDescription`: the profiles of which every operation is served."""
    whole = [f"{_API}{profile}" for profile, count in served().items() if count == PROFILES[profile]]
    return msgspec.json.encode(_ServiceDescription(whole))
