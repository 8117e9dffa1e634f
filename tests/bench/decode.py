"""How long it takes to decode and check real submodels, against loading and verifying them with aas-core3.1.

    python tests/bench/decode.py

Both in one run, by turns, best of several rounds: the ratio is worth more than the times. Submodels are as clients send
them, without white space. Checking alone is also measured at 1 MB and 10 MB, to see that it is linear.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
from aas_core3_1 import jsonization, verification

from support.documents import environments
from support.mutants import collection, prop
from titan.codec import json as codec
from titan.metamodel.constraints import check
from titan.metamodel.identifiables import Submodel
from titan.metamodel.kinds import SUBMODEL

ROUNDS = 15
SIZES = (5_000, 10_000, 20_000, 50_000, 100_000, 600_000)


def run() -> dict[str, float]:
    """Give our time over that of aas-core3.1 by size, the worst of that, and seconds of checking for each MB."""
    ratios = {size: ratio(body) for size, body in real_submodels().items()}
    measured = {f"decode_and_check_ratio_{size}_bytes": value for size, value in ratios.items()}
    measured["decode_and_check_ratio_worst"] = max(ratios.values(), default=0.0)
    measured["check_seconds_per_mb_at_1_mb"] = seconds_per_mb(1_000_000)
    measured["check_seconds_per_mb_at_10_mb"] = seconds_per_mb(10_000_000)
    return measured


def real_submodels() -> dict[int, bytes]:
    """Real submodels that are valid, the nearest to each size, by their size."""
    bodies = [
        msgspec.json.encode(one)
        for file in environments()
        for one in msgspec.json.decode(file.read_bytes())["submodels"]
    ]
    valid = [body for body in bodies if not codec.read(SUBMODEL, body, lenient=True)[1]]
    chosen = {min(valid, key=lambda body: abs(len(body) - size)) for size in SIZES} if valid else set()
    return {len(body): body for body in sorted(chosen, key=len)}


def ratio(body: bytes) -> float:
    """Give our best time over the best of aas-core3.1."""
    ours = theirs = float("inf")
    for _ in range(ROUNDS):
        ours = min(ours, _seconds(lambda: codec.read(SUBMODEL, body)))
        theirs = min(theirs, _seconds(lambda: _load_and_verify(body)))
    return ours / theirs


def seconds_per_mb(size: int) -> float:
    """Give the time that checking takes for each MB of a submodel of that size."""
    one = msgspec.json.encode(collection(*[prop(f"Speed{index}", value="1") for index in range(20)], name="Folder0"))
    several = [one.replace(b"Folder0", b"Folder%d" % index) for index in range(size // len(one))]
    body = b'{"modelType":"Submodel","id":"urn:a","submodelElements":[' + b",".join(several) + b"]}"
    document = codec.decode(Submodel, body)
    return min(_seconds(lambda: check(document)) for _ in range(3)) / len(body) * 1_000_000


def _load_and_verify(body: bytes) -> None:
    for error in verification.verify(jsonization.submodel_from_jsonable(json.loads(body))):
        raise AssertionError(error)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:45} {value:.4f}")
