"""What aas-core3.1 says of a document: the oracle that our checks are held to."""

import re
from collections.abc import Iterable

from aas_core3_1 import jsonization, verification


def causes(model: str, plain: object) -> list[str]:
    """Everything that it has against an instance of a class, decoded from JSON."""
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", model).lower().replace("iec61360", "iec_61360")
    try:
        instance = getattr(jsonization, f"{snake}_from_jsonable")(plain)
    except jsonization.DeserializationException as refusal:
        return [f"{refusal.path}: {refusal.cause}"]
    except (UnicodeEncodeError, ValueError) as refusal:
        return [f"not base64: {refusal}"]
    return [f"{error.path}: {error.cause}" for error in verification.verify(instance)]


def rules(found: Iterable[str]) -> set[str]:
    """The rules that the oracle names."""
    named = {match.group() for cause in found for match in re.finditer(r"AAS[dc]-(3a-)?\d+", cause)}
    return {"AASc-3a-002" if rule == "AASc-002" else rule for rule in named}
