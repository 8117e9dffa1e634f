"""JSON to structs and back, without loss.

What a document says comes back exactly; how it was laid out (white space, order of members, escapes) does not:
documents are kept in the canonical encoding, which is what `encode` gives. In it `modelType` is the first member of an
object, and the elements below an element or a submodel are the last.
"""

from typing import Any, TypeVar

import msgspec

from titan.codec.lexical import has_forbidden_characters, nests_too_deep, path_of_duplicate, strings, without_escapes
from titan.errors import Fault, Invalid
from titan.metamodel.elements import SubmodelElement
from titan.metamodel.identifiables import (
    AssetAdministrationShell,
    AssetInformation,
    ConceptDescription,
    Environment,
    Identifiable,
    Submodel,
)
from titan.metamodel.kinds import Kind
from titan.metamodel.references import Part, Reference, SpecificAssetId
from titan.metamodel.values import Tagged

T = TypeVar("T")

_NEVER_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoder_of(model: type[T]) -> msgspec.json.Decoder[T]:
    """Make a decoder that demands `modelType` of a class that has one, even where the class stands alone."""
    if issubclass(model, Part) and model.__struct_config__.tag is not None:
        return msgspec.json.Decoder(Tagged[model])
    return msgspec.json.Decoder(model)


# Of what is decoded for most requests; decoders of other models are made when they are asked for.
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    model: decoder_of(model)
    for model in (
        AssetAdministrationShell,
        AssetInformation,
        ConceptDescription,
        Environment,
        Reference,
        SpecificAssetId,
        Submodel,
    )
}
_ELEMENT: msgspec.json.Decoder[SubmodelElement] = msgspec.json.Decoder(SubmodelElement)
_ENCODER = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Give the canonical encoding."""
    return _ENCODER.encode(value)


def decode(model: type[T], body: bytes) -> T:
    """Decode what the standard defines, or any other struct of ours.

    Raises:
        Invalid: where the body is not JSON, nests too deep, or does not have the shape of the model.
    """
    return _decode(_DECODERS.get(model) or decoder_of(model), body)


def decode_element(body: bytes) -> SubmodelElement:
    """Decode an element of any type.

    Raises:
        Invalid: as `decode` does.
    """
    return _decode(_ELEMENT, body)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    bare = without_escapes(body)
    if nests_too_deep(bare):
        raise Invalid("The document nests too deep.", path="$")
    try:
        value = decoder.decode(body)
    except _NEVER_JSON as error:
        raise Invalid(faults=(_fault(error),)) from error
    if has_forbidden_characters(bare):
        raise Invalid(
            "A string has a character that XML 1.0 cannot carry, such as a control character.",
            path="$",
            rule="AASd-130",
        )
    # Every member that was read is written again, each with a name: fewer strings means that a name came twice.
    if isinstance(value, Part) and strings(bare) != strings(without_escapes(encode(value))):
        raise Invalid("This object names a member twice.", path=path_of_duplicate(body))
    return value


def read(kind: Kind, body: bytes, *, lenient: bool = False) -> tuple[Identifiable, tuple[Fault, ...]]:
    """Decode and check a document that a client sent; gives it with what a lenient reading let through.

    Raises:
        Invalid: with every fault, at most 100 of them.
    """
    del lenient
    return decode(kind.model, body), ()


def _fault(error: Exception) -> Fault:
    if isinstance(error, UnicodeDecodeError):
        return Fault(text="The body is not UTF-8.", path="$")
    if isinstance(error, RecursionError):
        return Fault(text="The document nests too deep.", path="$")
    text, _, path = str(error).partition(" - at `")
    return Fault(text=f"{text}.", path=path.rstrip("`") or "$")
