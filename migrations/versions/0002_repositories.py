"""Changes of single elements, files beside documents, and operations that are under way.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

compatible_since = "0002"
"""Processes of the release before know nothing of facts about elements, which those of this one record."""

# Contents of the blob store that nothing referred to when they were last looked at.
CONDEMNED = """
CREATE TABLE journal.condemned (
    digest text        NOT NULL,
    at     timestamptz NOT NULL,
    CONSTRAINT condemned_pkey PRIMARY KEY (digest)
)
"""

# What operations that were invoked to be asked about later have come to. `lease` is how long the one who carries one
# out is taken to be at it without a further sign: one that runs beyond its lease has failed.
INVOCATION = """
CREATE TABLE journal.invocation (
    handle  text        NOT NULL,
    key     bytea       NOT NULL,
    path    text        NOT NULL,
    result  bytea,
    lease   timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    CONSTRAINT invocation_pkey PRIMARY KEY (handle)
);
CREATE INDEX invocation_expires_idx ON journal.invocation (expires);
"""

# As it was, but that `c` changes what it is told of head and chunks, and adds chunks that are new: an element that is
# created or removed, or several that are patched.
APPEND = """
CREATE OR REPLACE FUNCTION journal.append(
    keys bytea[], kinds text[], ids text[], expecteds bigint[], facts text[], paths text[], changes text[],
    bodies bytea[], heads bytea[], has_blobs boolean[], ordinals integer[], counts integer[],
    callers text[], traces text[],
    chunk_items integer[], chunk_ordinals integer[], chunk_id_shorts text[], chunk_bodies bytea[]
) RETURNS TABLE (
    appended bigint, current_revision bigint, standing boolean, created_sort bigint, appended_at timestamptz
)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    last  bigint;
    first bigint;
    item  record;
    old   record;
    born  bigint;
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7241001);
    SELECT coalesce(max(e.position), 0) INTO last FROM journal.event e;
    first := last;
    moment := clock_timestamp();
    FOR item IN
        SELECT * FROM unnest(keys, kinds, ids, expecteds, facts, paths, changes, bodies, heads, has_blobs, ordinals,
                             counts, callers, traces)
               WITH ORDINALITY AS i (key, kind, id, expected, fact, path, change, body, head, blobs, ordinal,
                                     count, caller, trace, number)
    LOOP
        SELECT h.revision, h.created, h.removed, h.chunks, h.blobs INTO old FROM journal.head h WHERE h.key = item.key;
        IF coalesce(old.revision, 0) <> item.expected THEN
            appended := NULL;
            current_revision := coalesce(old.revision, 0);
            standing := old.revision IS NOT NULL AND NOT old.removed;
            created_sort := coalesce(old.created, 0);
            RETURN NEXT;
            CONTINUE;
        END IF;
        last := last + 1;
        born := CASE WHEN old.revision IS NULL OR old.removed THEN last ELSE old.created END;
        INSERT INTO journal.event (position, key, kind, id, revision, created, fact, path, chunk, chunks, blobs, body,
                                   caller, trace, at)
        VALUES (last, item.key, item.kind, item.id, item.expected + 1, born, item.fact, item.path, item.ordinal,
                item.count, item.blobs, item.body, item.caller, item.trace, moment);
        IF item.change = 'c' THEN
            UPDATE journal.head h
               SET revision = item.expected + 1, position = last, updated_at = moment, blobs = h.blobs OR item.blobs,
                   chunks = item.count, body = coalesce(item.head, h.body)
             WHERE h.key = item.key;
            INSERT INTO journal.chunk (key, ordinal, revision, id_shorts, body)
            SELECT item.key, k.ordinal, item.expected + 1, k.id_shorts, k.body
              FROM unnest(chunk_items, chunk_ordinals, chunk_id_shorts, chunk_bodies)
                   AS k (item, ordinal, id_shorts, body)
             WHERE k.item = item.number
                ON CONFLICT ON CONSTRAINT chunk_pkey DO UPDATE
               SET revision = excluded.revision, id_shorts = excluded.id_shorts, body = excluded.body;
        ELSE
            INSERT INTO journal.head AS h (key, kind, id, revision, position, created, removed, chunks, blobs, body,
                                           created_at, updated_at)
            VALUES (item.key, item.kind, item.id, item.expected + 1, last, born, item.change = 'r', item.count,
                    item.blobs, item.head, moment, moment)
            ON CONFLICT ON CONSTRAINT head_pkey DO UPDATE
               SET revision = excluded.revision, position = excluded.position, created = excluded.created,
                   removed = excluded.removed, chunks = excluded.chunks, blobs = excluded.blobs, body = excluded.body,
                   created_at = CASE WHEN h.created = excluded.created THEN h.created_at ELSE excluded.created_at END,
                   updated_at = excluded.updated_at;
            IF coalesce(old.chunks, 0) > 0 THEN
                DELETE FROM journal.chunk c WHERE c.key = item.key;
            END IF;
            IF item.count > 0 THEN
                INSERT INTO journal.chunk (key, ordinal, revision, id_shorts, body)
                SELECT item.key, k.ordinal, item.expected + 1, k.id_shorts, k.body
                  FROM unnest(chunk_items, chunk_ordinals, chunk_id_shorts, chunk_bodies)
                       AS k (item, ordinal, id_shorts, body)
                 WHERE k.item = item.number;
            END IF;
        END IF;
        appended := last;
        current_revision := item.expected + 1;
        standing := item.change <> 'r';
        created_sort := born;
        appended_at := moment;
        RETURN NEXT;
    END LOOP;
    IF last > first THEN
        PERFORM pg_notify('titan_journal', last::text);
    END IF;
END
$$;
"""

# As it was, but that a row without an identifier, and with a time, is touched: something changed that no list is
# filtered by.
PROJECT = """
CREATE OR REPLACE FUNCTION read.project(
    after bigint, upto bigint,
    gone_sorts bigint[],
    kinds text[], sorts bigint[], keys bytea[], ids text[], id_shorts text[],
    created timestamptz[], updated timestamptz[],
    facets bytea[], facet_sorts bigint[]
) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    item record;
BEGIN
    UPDATE read.bookmark b SET position = upto, at = clock_timestamp()
     WHERE b.name = 'projector' AND b.position = after;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF cardinality(gone_sorts) > 0 THEN
        FOR item IN SELECT * FROM unnest(gone_sorts) AS g (sort) LOOP
            DELETE FROM read.facet f WHERE f.sort = item.sort;
        END LOOP;
    END IF;
    FOR item IN
        SELECT * FROM unnest(kinds, sorts, keys, ids, id_shorts, created, updated)
               AS l (kind, sort, key, id, id_short, created_at, updated_at)
    LOOP
        IF item.id IS NULL AND item.updated_at IS NOT NULL THEN
            UPDATE read.listing l SET updated_at = item.updated_at
             WHERE l.kind = item.kind AND l.sort = item.sort;
        ELSIF item.id IS NULL THEN
            DELETE FROM read.listing l WHERE l.kind = item.kind AND l.sort = item.sort;
        ELSE
            INSERT INTO read.listing AS l (kind, sort, key, id, id_short, created_at, updated_at)
            VALUES (item.kind, item.sort, item.key, item.id, item.id_short, item.created_at, item.updated_at)
            ON CONFLICT ON CONSTRAINT listing_pkey DO UPDATE
               SET id_short = excluded.id_short, updated_at = excluded.updated_at;
        END IF;
    END LOOP;
    FOR item IN SELECT * FROM unnest(facets, facet_sorts) AS f (facet, sort) LOOP
        INSERT INTO read.facet (facet, sort) VALUES (item.facet, item.sort) ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM pg_notify('titan_projected', upto::text);
    RETURN true;
END
$$;
"""

# A body that compresses well would stand in the row and be read with the names of every branch that is looked for: it
# goes out of the row even so. Holds for rows that are written from now on; the lock stops neither readers nor writers.
CHUNK = "ALTER TABLE journal.chunk SET (toast_tuple_target = 512)"

STATEMENTS: tuple[str, ...] = (CONDEMNED, INVOCATION, APPEND, PROJECT, CHUNK)
UNDONE: tuple[str, ...] = (
    "ALTER TABLE journal.chunk RESET (toast_tuple_target)",
    "DROP TABLE journal.invocation",
    "DROP TABLE journal.condemned",
)


def upgrade() -> None:
    """Add what is new beside what there is: writers of the release before go on meanwhile."""
    op.execute("SET lock_timeout = '5s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again."""
    for statement in UNDONE:
        op.execute(statement)
