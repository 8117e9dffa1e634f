"""Real and made-up documents for tests: where the material lies, the corpus, and strategies for whole documents.

The material stands beside the project and may be absent; what needs it is skipped then, with the reason.
"""

import tarfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from titan.metamodel import elements, identifiables, references
from titan.metamodel.references import Part

MATERIAL = Path(__file__).resolve().parents[3] / "shared"
CORPUS = MATERIAL / "corpus" / "aas-core-3.1.tar.xz"
ENVIRONMENTS = MATERIAL / "data" / "environments"
SCHEMA = MATERIAL / "spec" / "part1-3.1.2" / "aas.json"

needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason=f"the corpus of aas-core is not at {CORPUS}")
needs_environments = pytest.mark.skipif(not ENVIRONMENTS.exists(), reason=f"no real environments at {ENVIRONMENTS}")


class Instance(NamedTuple):
    """A file of the corpus: one instance of its class."""

    name: str
    """`Expected/<Class>/…` or `Unexpected/{Unserializable,Invalid}/<Category>/<Class>/…`."""
    model: str
    category: str
    body: bytes


@cache
def corpus() -> tuple[Instance, ...]:
    """All JSON of the corpus; none where it is absent."""
    if not CORPUS.exists():
        return ()
    with tarfile.open(CORPUS) as archive:
        return tuple(
            _instance(member.name, file.read())
            for member in archive
            if member.name.startswith("Json/") and (file := archive.extractfile(member)) is not None
        )


def expected() -> list[Instance]:
    return [instance for instance in corpus() if instance.category == "Expected"]


def unexpected(*categories: str) -> list[Instance]:
    return [
        instance
        for instance in corpus()
        if instance.category != "Expected" and (not categories or instance.category in categories)
    ]


def model_of(name: str) -> type[Part]:
    """The class of ours that has a name of the standard."""
    for module in (identifiables, elements, references):
        if hasattr(module, name):
            return getattr(module, name)
    raise AssertionError(name)


def environments() -> list[Path]:
    """Real environments, as files."""
    return sorted(ENVIRONMENTS.glob("*.json"))


def _instance(name: str, body: bytes) -> Instance:
    _, verdict, *rest = name.split("/")
    if verdict == "Expected":
        return Instance(name=name, model=rest[0], category=verdict, body=body)
    return Instance(name=name, model=rest[2], category=rest[1], body=body)
