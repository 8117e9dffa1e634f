"""The documents that are sent: a submodel of 28 elements and about 5 KB, and the smallest one worth listing."""

from hashlib import sha256

import msgspec

from titan.operate.samples import reference, submodel

ID_PREFIX = "https://example.com/bench/"


BODY = submodel(28)
"""With `@ID@` for the identifier."""
SMALL = submodel(1)


def identifier(number: int) -> str:
    """An identifier of the same length as any other."""
    return f"{ID_PREFIX}{number:08d}"


def numbered(number: int, body: str = BODY) -> str:
    """One document."""
    return body.replace("@ID@", identifier(number))


def large(number: int, size: int) -> bytes:
    """One submodel of about that many bytes.

    Its top level has properties and collections of about 2 KB by turns, all with a semanticId and `Section` or `Value`
    and a number in five digits as names.
    """
    top: list[dict[str, object]] = []
    left = size - 200
    while left > 0:
        at = len(top)
        element = _section(at) if at % 2 == 0 else _property(f"Value{at:05d}", at)
        left -= len(msgspec.json.encode(element)) + 1
        top.append(element)
    plain = {"modelType": "Submodel", "id": identifier(number), "idShort": "Large", "submodelElements": top}
    return msgspec.json.encode(plain)


def _property(id_short: str, number: int) -> dict[str, object]:
    named: dict[str, object] = {"modelType": "Property", "idShort": id_short, "semanticId": reference(number % 1000)}
    return named | {"valueType": "xs:string", "value": sha256(b"%d" % number).hexdigest()}


def _section(number: int) -> dict[str, object]:
    named: dict[str, object] = {"modelType": "SubmodelElementCollection", "idShort": f"Section{number:05d}"}
    below = [_property(f"Value{at:02d}", number * 100 + at) for at in range(10)]
    return named | {"semanticId": reference(number % 1000), "value": below}
