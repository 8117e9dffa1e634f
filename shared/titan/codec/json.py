"""JSON to structs and back, without loss.

What a document says comes back exactly; how it was laid out (white space, order of members, escapes) does not:
documents are kept in the canonical encoding, which is what `encode` gives. In it `modelType` is the first member of an
object, and the elements below an element or a submodel are the last.
"""

from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec

from titan.codec.lexical import (
    has_forbidden_characters,
    marks_of,
    nests_too_deep,
    path_of_duplicate,
    strings,
    without_escapes,
)
from titan.codec.shape import Json, knows, read_slowly
from titan.errors import Fault, Invalid
from titan.metamodel.constraints import check_at
from titan.metamodel.elements import SubmodelElement
from titan.metamodel.faults import EnoughError, Faults
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
from titan.metamodel.walk import Place

T = TypeVar("T")
P = TypeVar("P", bound=Part)
E = TypeVar("E", bound=Part)

IDENTIFIER_LIMIT = 2048
"""Characters of an identifier."""

_FORBIDDEN = Fault(
    text="A string has a character that XML 1.0 cannot carry, such as a control character.", path="$", rule="AASd-130"
)
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
    """Decode what the standard defines, or any other struct of ours; asks no constraints.

    Raises:
        Invalid: where the body is not JSON, nests too deep, or does not have the shape of the model; with all faults
            that there are in the shape of what the standard defines.
    """
    return _decode(_DECODERS.get(model) or decoder_of(model), model, body)


def decode_element(body: bytes) -> SubmodelElement:
    """Decode an element of any type; asks no constraints.

    Raises:
        Invalid: as `decode` does.
    """
    return _decode(_ELEMENT, None, body)


def read(kind: Kind, body: bytes, *, lenient: bool = False) -> tuple[Identifiable, tuple[Fault, ...]]:
    """Decode and check a document that a client sent; gives it with the faults that a lenient reading let through.

    Lenient lets through what can be represented without loss: broken constraints, lengths and patterns, empty arrays.

    Raises:
        Invalid: with every fault, at most 100 of them and then how many more.
    """
    document, faults = read_part(kind.model, body, lenient=lenient)
    if faults and not (0 < len(document.id) <= IDENTIFIER_LIMIT):
        # Nobody could ask for it by its identifier.
        raise Invalid(faults=faults)
    return document, faults


def read_part(model: type[P], body: bytes, *, lenient: bool = False) -> tuple[P, tuple[Fault, ...]]:
    """Do the same for any class of the metamodel.

    Raises:
        Invalid: as `read` does.
    """
    return _read(_DECODERS.get(model) or decoder_of(model), model, body, lenient=lenient)


def read_element(body: bytes, *, lenient: bool = False) -> tuple[SubmodelElement, tuple[Fault, ...]]:
    """Do the same for an element of any type.

    Raises:
        Invalid: as `read` does.
    """
    return _read(_ELEMENT, None, body, lenient=lenient)


def stored(model: type[P], body: bytes) -> P:
    """Decode what was read before and is kept in canonical encoding, be it valid or let through leniently."""
    return _stored(_DECODERS.get(model) or decoder_of(model), model, body)


def stored_element(body: bytes) -> SubmodelElement:
    """Do the same for an element of any type."""
    return _stored(_ELEMENT, None, body)


def _decode(decoder: msgspec.json.Decoder[T], model: type | None, body: bytes) -> T:
    bare, marks = _outline(body)
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(faults=_all_faults(model, body) or (_fault(error),)) from error
    except _NEVER_JSON as error:
        raise Invalid(faults=(_fault(error),)) from error
    if has_forbidden_characters(bare):
        raise Invalid(faults=_all_faults(model, body) or (_FORBIDDEN,))
    if isinstance(value, Part):
        _refuse_duplicates(value, body, marks)
    return value


def _read(
    decoder: msgspec.json.Decoder[E], model: type[Part] | None, body: bytes, *, lenient: bool
) -> tuple[E, tuple[Fault, ...]]:
    body = _compact(body)
    bare, marks = _outline(body)
    faults = Faults(to_the_end=lenient)
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError:
        value = None
    except _NEVER_JSON as error:
        raise Invalid(faults=(_fault(error),)) from error
    if value is None or has_forbidden_characters(bare):
        value = read_slowly(model, _plain(body), faults)
    else:
        with suppress(EnoughError):
            check_at(Place(value), root="$", faults=faults)
    found = faults.told()
    if value is None or (found and not lenient):
        raise Invalid(faults=found)
    _refuse_duplicates(value, body, marks)
    return cast("E", value), found


def _stored(decoder: msgspec.json.Decoder[E], model: type[Part] | None, body: bytes) -> E:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        value = read_slowly(model, msgspec.json.decode(body), Faults(to_the_end=True))
        if value is None:
            raise
        return cast("E", value)


def _compact(body: bytes) -> bytes:
    """Take the white space out of an indented body: the decoder passes over it time and again in search of `modelType`.

    Decoding and checking 40 KB of indented JSON took 1.54 ms and takes 0.61; without white space it is 0.59.
    """
    if b"\n" not in body[:256]:
        return body
    try:
        return msgspec.json.format(body, indent=-1)
    except _NEVER_JSON:
        return body


def _outline(body: bytes) -> tuple[bytes, bytes]:
    bare = without_escapes(body)
    marks = marks_of(bare)
    if nests_too_deep(marks):
        raise Invalid("The document nests too deep.", path="$")
    return bare, marks


def _plain(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body)
    except _NEVER_JSON as error:
        # What does not fit the model is told before what is no JSON further on.
        raise Invalid(faults=(_fault(error),)) from error


def _all_faults(model: type | None, body: bytes) -> tuple[Fault, ...]:
    faults = Faults()
    if model is None or knows(model):
        read_slowly(model, _plain(body), faults)
    return faults.told()


def _refuse_duplicates(value: Part, body: bytes, marks: bytes) -> None:
    # Every member that was read is written again, each with a name: fewer strings means that a name came twice.
    if strings(marks) != strings(without_escapes(encode(value))):
        raise Invalid("This object names a member twice.", path=path_of_duplicate(body))


def _fault(error: Exception) -> Fault:
    if isinstance(error, UnicodeDecodeError):
        return Fault(text="The body is not UTF-8.", path="$")
    if isinstance(error, RecursionError):
        return Fault(text="The document nests too deep.", path="$")
    text, _, path = str(error).partition(" - at `")
    return Fault(text=f"{text}.", path=path.rstrip("`") or "$")
