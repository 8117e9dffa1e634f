"""What stands in a canonical shell, without understanding the rest of it."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from titan.metamodel.references import Key


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
    """Give the identifier of the submodel that each reference names; an empty one where it names none."""
    return [named_by(reference.keys) for reference in _REFERENCES.decode(b"[%b]" % b",".join(references))]


def named_by(keys: Sequence[_Key | Key]) -> str:
    """Give the identifier that a reference with these keys names; what was let through leniently may have none."""
    return keys[-1].value if keys else ""


def leads_to(keys: Sequence[_Key | Key], submodel_id: str) -> bool:
    """Whether a reference with these keys is one to the submodel with this identifier."""
    return bool(keys) and keys[0].type == "Submodel" and keys[-1].value == submodel_id


def refers_to(shell: bytes, submodel_id: str) -> bool:
    """Whether a shell has a reference to the submodel with this identifier."""
    found = _REFERENCES.decode(_SHELL.decode(shell).submodels)
    return any(leads_to(reference.keys, submodel_id) for reference in found)
