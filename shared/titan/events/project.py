"""What an event means for the read model and for the caches."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

import msgspec
from msgspec import UNSET, Struct, structs

from titan.codec.summary import Summary, summarise
from titan.events.facts import CHANGES, PATCHED, REMOVED, Event, Patch
from titan.metamodel.kinds import KINDS


class Listed(Struct, frozen=True):
    """A row of the read model: what lists and look-ups need to know of a document."""

    kind: str
    sort: int
    """Position of creation: unique, and never changes."""
    key: bytes
    id: str
    id_short: str | None
    created_at: datetime
    """As far as the event knows: a row that stands already keeps its own."""
    updated_at: datetime
    facets: tuple[bytes, ...]
    """Digests of everything that a list can be filtered by."""


class Touched(Struct, frozen=True):
    """Something in the document changed that no list is filtered by."""

    kind: str
    sort: int
    updated_at: datetime


class Unlisted(Struct, frozen=True):
    """The row is gone."""

    kind: str
    sort: int


class Finished(Struct, frozen=True):
    """The document as a whole, fit to be served from the cache."""

    event: Event


class Pieced(Struct, frozen=True):
    """The cache takes the document from the state, or the one chunk of it that changed.

    The document is large, or the event tells of a part of it only.
    """

    event: Event


class Forgotten(Struct, frozen=True):
    """The document is gone."""

    event: Event


_PATCH = msgspec.json.Decoder(Patch)

Row = Listed | Touched | Unlisted
Copy = Finished | Pieced | Forgotten


class Change(Struct, frozen=True):
    """What one event changes."""

    row: Row | None
    """None where the read model stays as it is."""
    copy: Copy


def facet(kind: str, name: str, value: str) -> bytes:
    """16 bytes that stand for a value by which documents of a kind can be found."""
    return sha256(f"{kind}\n{name}\n{value}".encode()).digest()[:16]


def facets(kind: str, summary: Summary) -> tuple[bytes, ...]:
    """Everything that a document can be found by, each once."""
    found = {facet(kind, "semanticId", value) for value in summary.semantic_keys}
    found |= {facet(kind, "isCaseOf", value) for value in summary.is_case_of}
    found |= {facet(kind, "dataSpecificationRef", value) for value in summary.data_specifications}
    found |= {asset_facet(kind, name, value) for name, value in summary.asset_ids}
    if summary.id_short is not None:
        found.add(facet(kind, "idShort", summary.id_short))
    return tuple(sorted(found))


def asset_facet(kind: str, name: str, value: str) -> bytes:
    """The facet of an asset identifier. The name `globalAssetId` is reserved in any case (AASd-116)."""
    name = "globalAssetId" if name.lower() == "globalassetid" else name
    return facet(kind, "assetIds", f"{name}\n{value}")


def project(event: Event) -> Change:
    """Say what the event changes. Its body must be there unless it is a removal or tells of one element."""
    if event.fact == REMOVED:
        return Change(row=Unlisted(kind=event.kind, sort=event.created), copy=Forgotten(event))
    if event.fact in CHANGES:
        head = _PATCH.decode(event.body).head if event.fact == PATCHED else UNSET
        if head is UNSET:
            row = Touched(kind=event.kind, sort=event.created, updated_at=event.at)
            return Change(row=row, copy=Pieced(event))
        return Change(row=_listed(event, bytes(head)), copy=Pieced(event))
    return Change(row=_listed(event, event.body), copy=Pieced(event) if event.chunks else Finished(event))


def _listed(event: Event, body: bytes) -> Listed:
    summary = summarise(KINDS[event.kind], body)
    return Listed(
        kind=event.kind,
        sort=event.created,
        key=event.key,
        id=event.id,
        id_short=summary.id_short,
        created_at=event.at,
        updated_at=event.at,
        facets=facets(event.kind, summary),
    )


def latest_rows(changes: Iterable[Change]) -> list[Row]:
    """The rows that are left to write when several events of a batch touch one: the last of each, in order."""
    rows: dict[tuple[str, int], Row] = {}
    for change in changes:
        row = change.row
        if row is None:
            continue
        before = rows.get((row.kind, row.sort))
        if isinstance(row, Listed) and isinstance(before, Listed):
            # A document that is created and replaced in one batch was created when it was created.
            row = structs.replace(row, created_at=before.created_at)
        elif isinstance(row, Touched) and isinstance(before, Listed):
            row = structs.replace(before, updated_at=row.updated_at)
        rows[(row.kind, row.sort)] = row
    return list(rows.values())


def latest_copies(changes: Iterable[Change]) -> list[Copy]:
    """The copies that are left to make: the last whole one of each document, and every chunk that changed after it."""
    copies: dict[bytes, list[Copy]] = {}
    for change in changes:
        key = change.copy.event.key
        if change.copy.event.chunk >= 0:
            copies.setdefault(key, []).append(change.copy)
        else:
            copies[key] = [change.copy]
    return [copy for group in copies.values() for copy in group]
