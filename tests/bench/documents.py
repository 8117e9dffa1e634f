"""The documents that are sent: a submodel of 28 elements and about 5 KB, and the smallest one worth listing."""

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
