"""What stands in a canonical shell, without understanding the rest of it."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct


class _Key(Struct):
    type: str
    value: str


class _Reference(Struct):
    keys: list[_Key] = []


class _Shell(Struct, rename="camel"):
    asset_information: Raw
    submodels: Raw = Raw(b"[]")


_SHELL = msgspec.json.Decoder(_Shell)
_RAWS = msgspec.json.Decoder(list[Raw])
_REFERENCES = msgspec.json.Decoder(list[_Reference])


def asset_information(shell: bytes) -> bytes:
    """Give the asset information as it stands in the shell."""
    return bytes(_SHELL.decode(shell).asset_information)


def submodel_references(shell: bytes) -> list[Raw]:
    """Give the references to submodels, in their order, as they stand in the shell."""
    return _RAWS.decode(_SHELL.decode(shell).submodels)


def names_of(references: Sequence[Raw]) -> list[str]:
    """Give the value of the last key of each reference: the identifier of the submodel."""
    found = _REFERENCES.decode(b"[%b]" % b",".join(references))
    return [reference.keys[-1].value if reference.keys else "" for reference in found]


def refers_to(shell: bytes, submodel_id: str) -> bool:
    """Whether a shell has a reference to the submodel with this identifier."""
    found = _REFERENCES.decode(_SHELL.decode(shell).submodels)
    return any(
        reference.keys and reference.keys[0].type == "Submodel" and reference.keys[-1].value == submodel_id
        for reference in found
    )
