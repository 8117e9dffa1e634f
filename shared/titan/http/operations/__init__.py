"""The API as a table: one row an operation of the standard that is served.

Routes, `/description`, the OpenAPI document, what the gateway sends where, and the table of conformance in README are
derived from it; a test holds it against the official OpenAPI.

Spec: IDTA-01002 V3.1, service specifications and profiles. Identifiers of operations are those of the profile files.
"""

from itertools import chain

from titan.http.operations import shell_tree, submodel_tree
from titan.http.operations.collections import (
    CONCEPT_COLLECTION,
    DOCUMENTATION,
    EMBEDDED,
    SHELL_COLLECTION,
    SUBMODEL_COLLECTION,
)
from titan.http.operations.derived import Reached, count_served, split, table_of
from titan.http.operations.row import Operation, Side

BASE_PATHS = ("", "/api/v3", "/api/v3.0", "/api/v3.1")
"""Where every path is served; the standard recommends the major version, clients write the minor one as well."""

_MOUNTS = (
    *(shell_tree.REPOSITORY, submodel_tree.OF_A_SHELL, submodel_tree.REPOSITORY),
    *(shell_tree.SINGLE, submodel_tree.OF_A_SINGLE_SHELL, submodel_tree.SINGLE),
)

OPERATIONS: tuple[Operation, ...] = (
    *SHELL_COLLECTION,
    *SUBMODEL_COLLECTION,
    *CONCEPT_COLLECTION,
    *chain.from_iterable(mount.operations() for mount in _MOUNTS),
    *EMBEDDED,
    *DOCUMENTATION,
)


def served() -> dict[str, int]:
    """How many operations of each profile are served."""
    return count_served(OPERATIONS)


def gateway_split() -> dict[Side, tuple[Reached, ...]]:
    """What the gateway sends to the tier of each side; the more specific pattern wins."""
    return split(OPERATIONS)


def conformance_table() -> str:
    """Profiles and how much of each is served, as a Markdown table for the documentation."""
    return table_of(served())
