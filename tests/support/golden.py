"""Expected views of a real environment, derived by hand from the rules of the standard and kept as files.

They hold what a view says beyond the environment itself: names of members that are left, keys, paths.
"""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from support.documents import ENVIRONMENTS
from titan.codec.json import encode, read
from titan.metamodel.kinds import SUBMODEL

_FOLDER = Path(__file__).resolve().parents[1] / "golden"
_FULL = ENVIRONMENTS / "aas-full.json"


def golden(view: str) -> dict[str, dict[str, Any]]:
    """By identifier of the submodel, then by path; the empty path is the submodel itself."""
    return msgspec.json.decode((_FOLDER / f"aas-full-{view}.json").read_bytes())


@cache
def full_environment() -> dict[str, Any]:
    """The environment that has every type of element."""
    return msgspec.json.decode(_FULL.read_bytes())


@cache
def full_submodels() -> dict[str, bytes]:
    """Its submodels in canonical encoding, by identifier."""
    plains = full_environment()["submodels"]
    return {plain["id"]: encode(read(SUBMODEL, encode(plain), lenient=True)[0]) for plain in plains}
