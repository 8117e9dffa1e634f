"""Which of several representations a client wants, by its `Accept`.

Spec: RFC 9110, "Accept"; the most specific range that covers a media type says how welcome it is.
"""

import re
from collections.abc import Sequence

from titan.errors import NotAcceptable
from titan.http.requests import Headers

_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9a-z-]+)/([!#$%&'*+.^_`|~0-9a-z-]+)\s*(;.*)?", re.DOTALL)
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)")


def chosen(headers: Headers, offered: Sequence[str]) -> str:
    """Give the media type that is most welcome; of those that are equally welcome the one that is offered first.

    Raises:
        NotAcceptable: where the client takes none of them.
    """
    given = b",".join([value for name, value in headers if name == b"accept"]).decode("latin-1").lower()
    if not given.strip():
        return offered[0]
    weights = _weights(given)
    best = max(offered, key=lambda media_type: _welcome(media_type, weights))
    if not _welcome(best, weights):
        raise NotAcceptable(f"There is none of what Accept names; there is {', '.join(offered)}.")
    return best


def _weights(given: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in given.split(","):
        if named := _RANGE.fullmatch(part):
            weight = _WEIGHT.search(named[3] or "")
            weights[f"{named[1]}/{named[2]}"] = float(weight[1]) if weight else 1.0
    return weights


def _welcome(media_type: str, weights: dict[str, float]) -> float:
    family = media_type.partition("/")[0]
    named = (weights[known] for known in (media_type, f"{family}/*", "*/*") if known in weights)
    return next(named, 0.0)
