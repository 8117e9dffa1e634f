"""The documents that are sent: a submodel of 28 elements and about 5 KB, and the smallest one worth listing."""

from hashlib import sha256

import msgspec

ID_PREFIX = "https://example.com/bench/"


def _reference(number: int) -> dict[str, object]:
    value = f"urn:m:{number:03d}"
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value}]}


def _submodel(elements: int) -> str:
    return msgspec.json.encode(
        {
            "modelType": "Submodel",
            "id": "@ID@",
            "idShort": "OperationalData",
            "semanticId": _reference(0),
            "submodelElements": [
                {
                    "modelType": "Property",
                    "idShort": f"Value{number:02d}",
                    "semanticId": _reference(number),
                    "valueType": "xs:double",
                    "value": f"{number * 1.25:.2f}",
                }
                for number in range(elements)
            ],
        }
    ).decode()


BODY = _submodel(28)
"""With `@ID@` for the identifier."""
SMALL = _submodel(1)


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
    named: dict[str, object] = {"modelType": "Property", "idShort": id_short, "semanticId": _reference(number % 1000)}
    return named | {"valueType": "xs:string", "value": sha256(b"%d" % number).hexdigest()}


def _section(number: int) -> dict[str, object]:
    named: dict[str, object] = {"modelType": "SubmodelElementCollection", "idShort": f"Section{number:05d}"}
    below = [_property(f"Value{at:02d}", number * 100 + at) for at in range(10)]
    return named | {"semanticId": _reference(number % 1000), "value": below}
