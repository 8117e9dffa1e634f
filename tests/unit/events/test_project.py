"""What an event means for the read model and for the caches."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from titan.codec.summary import Summary
from titan.events.facts import CREATED, ELEMENT_REPLACED, PATCHED, REMOVED, REPLACED, Event
from titan.events.project import (
    Change,
    Finished,
    Forgotten,
    Listed,
    Pieced,
    Touched,
    Unlisted,
    asset_facet,
    facet,
    facets,
    latest_copies,
    latest_rows,
    project,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(position: int, fact: str, *, document: int = 0, created: int = 1, chunks: int = 0, chunk: int = -1) -> Event:
    body = b'{"modelType":"Submodel","id":"%d","idShort":"S%d"}' % (document, position)
    return Event(
        position=position,
        key=bytes([document]) * 16,
        kind="submodel",
        id=str(document),
        revision=position,
        created=created,
        fact=fact,
        path="",
        chunk=chunk,
        chunks=chunks,
        blobs=False,
        body=b"" if fact == REMOVED else body,
        caller="",
        trace="",
        at=START + timedelta(seconds=position),
    )


def test_a_document_that_is_put_is_listed_and_finished() -> None:
    put = event(7, CREATED, created=7)
    change = project(put)
    assert change.copy == Finished(put)
    assert change.row == Listed(
        kind="submodel",
        sort=7,
        key=put.key,
        id="0",
        id_short="S7",
        created_at=put.at,
        updated_at=put.at,
        facets=(facet("submodel", "idShort", "S7"),),
    )


def test_a_document_that_is_replaced_keeps_its_place_in_the_list() -> None:
    row = project(event(7, REPLACED, created=3)).row
    assert isinstance(row, Listed)
    assert row.sort == 3


def test_a_large_document_is_copied_in_pieces() -> None:
    put = event(7, CREATED, chunks=3)
    assert project(put).copy == Pieced(put)


def test_an_element_that_changes_leaves_its_document_where_it_is_in_the_list() -> None:
    put = event(7, ELEMENT_REPLACED, chunks=3, chunk=1)
    assert project(put) == Change(row=Touched(kind="submodel", sort=1, updated_at=put.at), copy=Pieced(put))


def test_a_patch_that_changes_the_head_changes_what_the_document_is_found_by() -> None:
    named = event(7, REPLACED)
    patch = msgspec.structs.replace(named, fact=PATCHED, body=b'{"head":%b}' % named.body)
    assert project(patch) == Change(row=project(named).row, copy=Pieced(patch))
    only_elements = msgspec.structs.replace(named, fact=PATCHED, body=b'{"elements":{"A":{}}}')
    assert isinstance(project(only_elements).row, Touched)


def test_a_document_that_is_removed_is_gone_from_list_and_cache() -> None:
    gone = event(7, REMOVED, created=3)
    assert project(gone) == Change(row=Unlisted(kind="submodel", sort=3), copy=Forgotten(gone))


def test_a_document_is_found_by_everything_that_a_list_can_be_filtered_by() -> None:
    summary = Summary(
        id_short="Pump",
        semantic_keys=("urn:a", "urn:b"),
        asset_ids=(("globalAssetId", "urn:asset"), ("serial", "4711")),
        is_case_of=("urn:case",),
        data_specifications=("urn:specification",),
    )
    assert facets("shell", summary) == tuple(
        sorted(
            {
                facet("shell", "idShort", "Pump"),
                facet("shell", "semanticId", "urn:a"),
                facet("shell", "semanticId", "urn:b"),
                facet("shell", "isCaseOf", "urn:case"),
                facet("shell", "dataSpecificationRef", "urn:specification"),
                asset_facet("shell", "globalAssetId", "urn:asset"),
                asset_facet("shell", "serial", "4711"),
            }
        )
    )


def test_the_global_asset_id_is_found_by_its_name_in_any_case() -> None:
    assert asset_facet("shell", "GLOBALASSETID", "urn:asset") == asset_facet("shell", "globalAssetId", "urn:asset")


def test_what_differs_has_another_facet() -> None:
    made = {
        facet("shell", "idShort", "a"),
        facet("submodel", "idShort", "a"),
        facet("submodel", "semanticId", "a"),
        facet("submodel", "semanticId", "A"),
        asset_facet("shell", "serial", "a"),
        asset_facet("shell", "Serial", "a"),
    }
    assert len(made) == 6
    assert {len(digest) for digest in made} == {16}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events as a journal has them: documents created, replaced, changed below, removed and created again."""
    stands: dict[int, tuple[int, bool]] = {}
    events: list[Event] = []
    for position in range(1, draw(st.integers(0, 25)) + 1):
        document = draw(st.integers(0, 3))
        if document not in stands:
            large = draw(st.booleans())
            stands[document] = (position, large)
            events.append(event(position, CREATED, document=document, created=position, chunks=3 if large else 0))
            continue
        created, large = stands[document]
        fact = draw(st.sampled_from([REPLACED, REMOVED, ELEMENT_REPLACED] if large else [REPLACED, REMOVED]))
        chunk = draw(st.integers(0, 2)) if fact == ELEMENT_REPLACED else -1
        chunks = 3 if large and fact != REMOVED else 0
        events.append(event(position, fact, document=document, created=created, chunks=chunks, chunk=chunk))
        if fact == REMOVED:
            del stands[document]
    return events


def written(changes: list[Change]) -> dict[tuple[str, int], Listed]:
    """The read model after these changes, one by one, as the database does it."""
    model: dict[tuple[str, int], Listed] = {}
    for row in (change.row for change in changes if change.row is not None):
        before = model.pop((row.kind, row.sort), None)
        if isinstance(row, Touched):
            if before:
                model[(row.kind, row.sort)] = msgspec.structs.replace(before, updated_at=row.updated_at)
        elif isinstance(row, Listed):
            created_at = before.created_at if before else row.created_at
            model[(row.kind, row.sort)] = msgspec.structs.replace(row, created_at=created_at)
    return model


@given(histories())
def test_the_last_rows_of_a_batch_say_what_all_of_them_say(events: list[Event]) -> None:
    changes = [project(each) for each in events]
    rows = latest_rows(changes)
    assert {(row.kind, row.sort): row for row in rows if isinstance(row, Listed)} == written(changes)
    assert len({(row.kind, row.sort) for row in rows}) == len(rows)


@given(histories())
def test_the_last_copies_of_a_batch_begin_with_the_last_whole_one(events: list[Event]) -> None:
    copies = latest_copies(project(each) for each in events)
    for key in {each.key for each in events}:
        mine = [each for each in events if each.key == key]
        last_whole = max((at for at, each in enumerate(mine) if each.chunk < 0), default=0)
        assert [copy.event for copy in copies if copy.event.key == key] == mine[last_whole:]


@given(histories(), st.integers(0, 25))
def test_it_does_not_matter_where_a_batch_ends(events: list[Event], at: int) -> None:
    changes = [project(each) for each in events]
    rows = [*latest_rows(changes[:at]), *latest_rows(changes[at:])]
    assert written([Change(row=row, copy=changes[0].copy) for row in rows]) == written(changes)
