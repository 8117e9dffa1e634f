"""What a row of the table of operations is, and which profiles there are.

Spec: IDTA-01002 V3.1, service specifications and profiles.
"""

from typing import Literal

from msgspec import Struct

Side = Literal["command", "query"]
View = Literal["", "metadata", "value", "reference", "path"]

SHELLS = "AssetAdministrationShellRepositoryServiceSpecification"
SUBMODELS = "SubmodelRepositoryServiceSpecification"
CONCEPTS = "ConceptDescriptionRepositoryServiceSpecification"
SHELL_REGISTRY = "AssetAdministrationShellRegistryServiceSpecification"
SUBMODEL_REGISTRY = "SubmodelRegistryServiceSpecification"
DISCOVERY = "DiscoveryServiceSpecification"
AASX = "AasxFileServerServiceSpecification"
SHELL_SERVICE = "AssetAdministrationShellServiceSpecification"
SUBMODEL_SERVICE = "SubmodelServiceSpecification"


class Operation(Struct, frozen=True):
    """One operation of the standard."""

    method: str
    path: str
    """Template as the standard writes it: `/shells/{aasIdentifier}`."""
    operation_id: str
    profiles: tuple[str, ...]
    """Keys of `PROFILES`; none for what is served beyond the standard."""
    side: Side
    """Which tier serves it: command is the write tier, query the read tier."""
    success: tuple[int, ...]
    handler: str
    """What serves it; the same for operations that differ in the kind, the view or the place of the mount alone."""
    kind: str | None = None
    """Name of the kind of document, where it is about one."""
    view: View = ""
    """The form that is asked for or sent, by the end of the path: `$value`."""


def profiles(service: str, *numbers: int) -> tuple[str, ...]:
    """Names of the profiles of a service that have these numbers."""
    return tuple(f"{service}/SSP-{number:03}" for number in numbers)


def _sizes(service: str, *sizes: int) -> dict[str, int]:
    return dict(zip(profiles(service, *range(1, len(sizes) + 1)), sizes, strict=True))


PROFILES: dict[str, int] = {
    **_sizes(SHELLS, 54, 25, 2),
    **_sizes(SUBMODELS, 45, 23, 29, 15, 2),
    **_sizes(CONCEPTS, 7, 2),
    **_sizes(SHELL_REGISTRY, 11, 5, 6, 2, 3),
    **_sizes(SUBMODEL_REGISTRY, 6, 3, 6, 2),
    **_sizes(DISCOVERY, 6, 3),
    **_sizes(AASX, 6),
    **_sizes(SHELL_SERVICE, 50, 23),
    **_sizes(SUBMODEL_SERVICE, 38, 18, 5),
}
"""Every profile of the standard, and how many operations it has."""
