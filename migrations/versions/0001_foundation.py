"""The journal with the current state beside it, and the read model.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

compatible_since = "0001"

TABLES = """
CREATE SCHEMA journal;
CREATE SCHEMA read;

CREATE TABLE journal.event (
    position bigint      NOT NULL,
    key      bytea       NOT NULL,
    kind     text        NOT NULL,
    id       text        NOT NULL,
    revision bigint      NOT NULL,
    created  bigint      NOT NULL,
    fact     text        NOT NULL,
    path     text        NOT NULL,
    chunk    integer     NOT NULL,
    chunks   integer     NOT NULL,
    blobs    boolean     NOT NULL,
    body     bytea       NOT NULL,
    caller   text        NOT NULL,
    trace    text        NOT NULL,
    at       timestamptz NOT NULL,
    CONSTRAINT event_pkey PRIMARY KEY (position),
    CONSTRAINT event_key_revision_key UNIQUE (key, revision)
);

CREATE TABLE journal.head (
    key      bytea       NOT NULL,
    kind     text        NOT NULL,
    id       text        NOT NULL,
    revision bigint      NOT NULL,
    position bigint      NOT NULL,
    created  bigint      NOT NULL,
    removed  boolean     NOT NULL,
    chunks   integer     NOT NULL,
    blobs    boolean     NOT NULL,
    body     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT head_pkey PRIMARY KEY (key)
) WITH (fillfactor = 85);

CREATE TABLE journal.chunk (
    key       bytea   NOT NULL,
    ordinal   integer NOT NULL,
    revision  bigint  NOT NULL,
    id_shorts text    NOT NULL,
    body      bytea   NOT NULL,
    CONSTRAINT chunk_pkey PRIMARY KEY (key, ordinal)
);

CREATE TABLE read.bookmark (
    name     text        NOT NULL,
    position bigint      NOT NULL,
    at       timestamptz NOT NULL,
    CONSTRAINT bookmark_pkey PRIMARY KEY (name)
) WITH (fillfactor = 50);

CREATE TABLE read.listing (
    kind       text        NOT NULL,
    sort       bigint      NOT NULL,
    key        bytea       NOT NULL,
    id         text        NOT NULL,
    id_short   text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT listing_pkey PRIMARY KEY (kind, sort),
    CONSTRAINT listing_key_key UNIQUE (key)
);

CREATE TABLE read.facet (
    facet bytea  NOT NULL,
    sort  bigint NOT NULL,
    CONSTRAINT facet_pkey PRIMARY KEY (facet, sort)
);
CREATE INDEX facet_sort_idx ON read.facet (sort);

CREATE TABLE read.parked (
    position bigint      NOT NULL,
    follower text        NOT NULL,
    key      bytea       NOT NULL,
    error    text        NOT NULL,
    at       timestamptz NOT NULL,
    CONSTRAINT parked_pkey PRIMARY KEY (position, follower)
);

INSERT INTO read.bookmark (name, position, at) VALUES ('projector', 0, now());
"""

# The lock is taken in a statement of its own, before the one that reads the last position: a snapshot that is older
# than the lock would give two transactions the same positions. A function that is VOLATILE gets a new snapshot for
# each statement. Whoever has seen position n has therefore seen everything below n.
# `expected` is the revision that a fact was decided on; the row of a removed document stays, so that revisions go on.
# `change`: p = put the whole document, r = remove it, c = put one chunk of it.
APPEND = """
CREATE FUNCTION journal.append(
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
               SET revision = item.expected + 1, position = last, updated_at = moment, blobs = h.blobs OR item.blobs
             WHERE h.key = item.key;
            UPDATE journal.chunk c
               SET revision = item.expected + 1, id_shorts = k.id_shorts, body = k.body
              FROM unnest(chunk_items, chunk_ordinals, chunk_id_shorts, chunk_bodies)
                   AS k (item, ordinal, id_shorts, body)
             WHERE k.item = item.number AND c.key = item.key AND c.ordinal = k.ordinal;
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

# The bookmark is moved only from where the caller believes it to be: a projector that lost its place without
# knowing it fails here instead of projecting twice.
PROJECT = """
CREATE FUNCTION read.project(
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
        IF item.id IS NULL THEN
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


def upgrade() -> None:
    """Create both schemas."""
    op.execute("SET lock_timeout = '5s'")
    for statement in (TABLES, APPEND, PROJECT):
        op.execute(statement)


def downgrade() -> None:
    """Drop both schemas, and with them every document."""
    op.execute("DROP SCHEMA read CASCADE")
    op.execute("DROP SCHEMA journal CASCADE")
