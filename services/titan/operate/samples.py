"""Documents to measure with: submodels of properties, made from a number."""

import msgspec

PROPERTY_BYTES = 172
"""What one property takes, more or less."""
HEAD_BYTES = 230


def submodel(properties: int, *, id_short: str = "OperationalData") -> str:
    """A submodel with `@ID@` for the identifier; its properties are `Value00`, `Value01` and so on."""
    return msgspec.json.encode(
        {
            "modelType": "Submodel",
            "id": "@ID@",
            "idShort": id_short,
            "semanticId": reference(0),
            "submodelElements": [
                {
                    "modelType": "Property",
                    "idShort": f"Value{number:02d}",
                    "semanticId": reference(number),
                    "valueType": "xs:double",
                    "value": f"{number * 1.25:.2f}",
                }
                for number in range(properties)
            ],
        }
    ).decode()


def properties_in(size: int) -> int:
    """How many properties come to about that many bytes; at least one."""
    return max(1, round((size - HEAD_BYTES) / PROPERTY_BYTES))


def reference(number: int) -> dict[str, object]:
    """To something outside."""
    value = f"urn:m:{number:03d}"
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": value}]}
