"""Operations that the standard has in several services: written once as a tree, and mounted at several places.

What differs from mount to mount is which profiles have an operation and how its identifier is spelled, which follows no
rule throughout: the exceptions are data of the mount.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from titan.http.operations.row import Operation, View, profiles

Extent = Literal["templates", "instances", "full"]
"""Who has an operation: the profiles for templates too; all but those; those alone that can do everything."""


class Branch(Struct, frozen=True):
    """An operation of a tree, wherever that is mounted."""

    method: str
    path: str
    """Behind the place of the mount."""
    name: str
    """Its identifier, before the mount spells it."""
    handler: str
    view: View = ""
    success: tuple[int, ...] = (200,)
    extent: Extent = "templates"


_READING: Mapping[Extent, tuple[int, ...]] = {"templates": (1, 2), "instances": (1, 2), "full": (1,)}
_WRITING: Mapping[Extent, tuple[int, ...]] = {"templates": (1,), "instances": (1,), "full": (1,)}


class Mount(Struct, frozen=True):
    """A place where a tree hangs."""

    tree: tuple[Branch, ...]
    kind: str
    place: str
    service: str
    suffix: str = ""
    """Behind the names of operations."""
    spelled: Mapping[str, str] = {}
    """Identifiers that are not the name and the suffix, by name."""
    handlers: Mapping[str, str] = {}
    """What is another thing to do here, by name."""
    success: Mapping[str, tuple[int, ...]] = {}
    """What is answered otherwise, by name."""
    reading: Mapping[Extent, tuple[int, ...]] = field(default_factory=lambda: _READING)
    """Numbers of the profiles that have what reads."""
    writing: Mapping[Extent, tuple[int, ...]] = field(default_factory=lambda: _WRITING)
    """Numbers of the profiles that have what writes."""
    also: Mapping[str, tuple[int, ...]] = {}
    """Numbers of profiles that have single operations beside those, by name."""
    left_out: frozenset[str] = frozenset()
    """Names of what is not here."""
    misspelled: Mapping[str, str] = {}
    """Ends of paths that the standard misspells here; served is what it means too, beyond any profile."""

    def operations(self) -> Iterator[Operation]:
        """The rows of the tree at this place."""
        for branch in self.tree:
            if branch.name in self.left_out:
                continue
            row = self._row(branch)
            wrong = next((end for end in self.misspelled if branch.path.endswith(end)), None)
            if wrong is None:
                yield row
            else:
                yield replace(row, path=row.path.removesuffix(wrong) + self.misspelled[wrong])
                yield replace(row, profiles=())

    def _row(self, branch: Branch) -> Operation:
        reads = branch.method == "GET"
        numbers = (self.reading if reads else self.writing)[branch.extent]
        return Operation(
            method=branch.method,
            path=self.place + branch.path,
            operation_id=self.spelled.get(branch.name, branch.name + self.suffix),
            profiles=profiles(self.service, *numbers, *self.also.get(branch.name, ())),
            side="query" if reads else "command",
            success=self.success.get(branch.name, branch.success),
            handler=self.handlers.get(branch.name, branch.handler),
            kind=self.kind,
            view=branch.view,
        )
