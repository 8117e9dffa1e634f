--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: journal; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA journal;


--
-- Name: read; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA read;


--
-- Name: append(bytea[], text[], text[], bigint[], text[], text[], text[], bytea[], bytea[], boolean[], integer[], integer[], text[], text[], integer[], integer[], text[], bytea[]); Type: FUNCTION; Schema: journal; Owner: -
--

CREATE FUNCTION journal.append(keys bytea[], kinds text[], ids text[], expecteds bigint[], facts text[], paths text[], changes text[], bodies bytea[], heads bytea[], has_blobs boolean[], ordinals integer[], counts integer[], callers text[], traces text[], chunk_items integer[], chunk_ordinals integer[], chunk_id_shorts text[], chunk_bodies bytea[]) RETURNS TABLE(appended bigint, current_revision bigint, standing boolean, created_sort bigint, appended_at timestamp with time zone)
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: project(bigint, bigint, bigint[], text[], bigint[], bytea[], text[], text[], timestamp with time zone[], timestamp with time zone[], bytea[], bigint[]); Type: FUNCTION; Schema: read; Owner: -
--

CREATE FUNCTION read.project(after bigint, upto bigint, gone_sorts bigint[], kinds text[], sorts bigint[], keys bytea[], ids text[], id_shorts text[], created timestamp with time zone[], updated timestamp with time zone[], facets bytea[], facet_sorts bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chunk; Type: TABLE; Schema: journal; Owner: -
--

CREATE TABLE journal.chunk (
    key bytea NOT NULL,
    ordinal integer NOT NULL,
    revision bigint NOT NULL,
    id_shorts text NOT NULL,
    body bytea NOT NULL
);


--
-- Name: event; Type: TABLE; Schema: journal; Owner: -
--

CREATE TABLE journal.event (
    "position" bigint NOT NULL,
    key bytea NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    created bigint NOT NULL,
    fact text NOT NULL,
    path text NOT NULL,
    chunk integer NOT NULL,
    chunks integer NOT NULL,
    blobs boolean NOT NULL,
    body bytea NOT NULL,
    caller text NOT NULL,
    trace text NOT NULL,
    at timestamp with time zone NOT NULL
);


--
-- Name: head; Type: TABLE; Schema: journal; Owner: -
--

CREATE TABLE journal.head (
    key bytea NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    revision bigint NOT NULL,
    "position" bigint NOT NULL,
    created bigint NOT NULL,
    removed boolean NOT NULL,
    chunks integer NOT NULL,
    blobs boolean NOT NULL,
    body bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
)
WITH (fillfactor='85');


--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: bookmark; Type: TABLE; Schema: read; Owner: -
--

CREATE TABLE read.bookmark (
    name text NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');


--
-- Name: facet; Type: TABLE; Schema: read; Owner: -
--

CREATE TABLE read.facet (
    facet bytea NOT NULL,
    sort bigint NOT NULL
);


--
-- Name: listing; Type: TABLE; Schema: read; Owner: -
--

CREATE TABLE read.listing (
    kind text NOT NULL,
    sort bigint NOT NULL,
    key bytea NOT NULL,
    id text NOT NULL,
    id_short text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);


--
-- Name: parked; Type: TABLE; Schema: read; Owner: -
--

CREATE TABLE read.parked (
    "position" bigint NOT NULL,
    follower text NOT NULL,
    key bytea NOT NULL,
    error text NOT NULL,
    at timestamp with time zone NOT NULL
);


--
-- Data for Name: chunk; Type: TABLE DATA; Schema: journal; Owner: -
--

INSERT INTO journal.chunk VALUES
	('\x9dcbd9c40f12f15f7b61a55e17c3ec11', 0, 1, 'Property0Property1', '\x7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747930222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22302e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747931222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22312e30227d'),
	('\x9dcbd9c40f12f15f7b61a55e17c3ec11', 1, 1, 'Property2Property3', '\x7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747932222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22322e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747933222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22332e30227d'),
	('\x9dcbd9c40f12f15f7b61a55e17c3ec11', 2, 1, 'Property4Property5', '\x7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747934222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22342e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747935222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22352e30227d');


--
-- Data for Name: event; Type: TABLE DATA; Schema: journal; Owner: -
--

INSERT INTO journal.event VALUES
	(1, '\x8176c833997c9ef669ed64952db5c9fb', 'shell', 'https://example.com/shells/1', 1, 1, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a22417373657441646d696e697374726174696f6e5368656c6c222c22696453686f7274223a2250756d70222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7368656c6c732f31222c226173736574496e666f726d6174696f6e223a7b2261737365744b696e64223a22496e7374616e6365222c22676c6f62616c41737365744964223a2275726e3a61737365743a31222c2273706563696669634173736574496473223a5b7b226e616d65223a2273657269616c222c2276616c7565223a2230383135227d5d7d2c227375626d6f64656c73223a5b7b2274797065223a224d6f64656c5265666572656e6365222c226b657973223a5b7b2274797065223a225375626d6f64656c222c2276616c7565223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f31227d5d7d5d7d', '', '', '2026-11-24 09:08:14.039935+00'),
	(2, '\x98ef6b7e3644a8a83c233b39caa659f6', 'shell', 'https://example.com/shells/2', 1, 2, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a22417373657441646d696e697374726174696f6e5368656c6c222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7368656c6c732f32222c226173736574496e666f726d6174696f6e223a7b2261737365744b696e64223a22496e7374616e6365222c22676c6f62616c41737365744964223a2268747470733a2f2f6578616d706c652e636f6d2f7368656c6c732f323a6173736574227d7d', '', '', '2026-11-24 09:08:14.039935+00'),
	(3, '\x8100534fd2339efddc170eb56096556a', 'submodel', 'https://example.com/submodels/1', 1, 3, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224e616d65706c617465222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f31222c2273656d616e7469634964223a7b2274797065223a2245787465726e616c5265666572656e6365222c226b657973223a5b7b2274797065223a22476c6f62616c5265666572656e6365222c2276616c7565223a2275726e3a6d65616e696e673a6e616d65706c617465227d5d7d2c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a225375626d6f64656c456c656d656e74436f6c6c656374696f6e222c22696453686f7274223a224e616d65706c617465222c2276616c7565223a5b7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a224d616b6572222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22c39c6ec3af636f6465205c2271756f7465645c22205c5c205c74227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2259656172222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a2232303234227d5d7d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a22537461747573222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a226e6577227d5d7d', '', '', '2026-11-24 09:08:14.039935+00'),
	(4, '\x2e4e082a1aca130d2c10ec418f36a304', 'submodel', 'https://example.com/submodels/2', 1, 4, 'created', '', -1, 0, true, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a225069637475726573222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f32222c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a22426c6f62222c22696453686f7274223a2250696374757265222c22636f6e74656e7454797065223a22696d6167652f706e67222c2276616c7565223a226956424f5277304b47676f3d227d5d7d', '', '', '2026-11-24 09:08:14.039935+00'),
	(5, '\x788881baf026205865a8c1cc0b5ec890', 'submodel', 'https://example.com/submodels/3', 1, 5, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f33227d', '', '', '2026-11-24 09:08:14.039935+00'),
	(6, '\x4518a934237791db87533d4cea1e09cb', 'concept-description', 'https://example.com/concepts/1', 1, 6, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a22436f6e636570744465736372697074696f6e222c22696453686f7274223a22576569676874222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f636f6e63657074732f31222c226973436173654f66223a5b7b2274797065223a2245787465726e616c5265666572656e6365222c226b657973223a5b7b2274797065223a22476c6f62616c5265666572656e6365222c2276616c7565223a2275726e3a636173653a776569676874227d5d7d5d7d', '', '', '2026-11-24 09:08:14.039935+00'),
	(7, '\x065e40c788b77127102bdd538bedd2c6', 'concept-description', 'https://example.com/concepts/2', 1, 7, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a22436f6e636570744465736372697074696f6e222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f636f6e63657074732f32227d', '', '', '2026-11-24 09:08:14.039935+00'),
	(8, '\x9dcbd9c40f12f15f7b61a55e17c3ec11', 'submodel', 'https://example.com/submodels/4', 1, 8, 'created', '', -1, 3, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224c61726765222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f34222c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747930222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22302e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747931222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22312e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747932222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22322e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747933222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22332e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747934222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22342e30227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2250726f706572747935222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22352e30227d5d7d', '', '', '2026-11-24 09:08:14.042285+00'),
	(9, '\x8100534fd2339efddc170eb56096556a', 'submodel', 'https://example.com/submodels/1', 2, 3, 'replaced', '', -1, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224e616d65706c617465222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f31222c2273656d616e7469634964223a7b2274797065223a2245787465726e616c5265666572656e6365222c226b657973223a5b7b2274797065223a22476c6f62616c5265666572656e6365222c2276616c7565223a2275726e3a6d65616e696e673a6e616d65706c617465227d5d7d2c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a225375626d6f64656c456c656d656e74436f6c6c656374696f6e222c22696453686f7274223a224e616d65706c617465222c2276616c7565223a5b7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a224d616b6572222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22c39c6ec3af636f6465205c2271756f7465645c22205c5c205c74227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2259656172222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a2232303234227d5d7d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a22537461747573222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22696e2073657276696365227d5d7d', '', '', '2026-11-24 09:08:14.043407+00'),
	(10, '\x98ef6b7e3644a8a83c233b39caa659f6', 'shell', 'https://example.com/shells/2', 2, 2, 'removed', '', -1, 0, false, '\x', '', '', '2026-11-24 09:08:14.043407+00'),
	(11, '\x788881baf026205865a8c1cc0b5ec890', 'submodel', 'https://example.com/submodels/3', 2, 5, 'removed', '', -1, 0, false, '\x', '', '', '2026-11-24 09:08:14.043407+00'),
	(12, '\x788881baf026205865a8c1cc0b5ec890', 'submodel', 'https://example.com/submodels/3', 3, 12, 'created', '', -1, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224261636b222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f33227d', '', '', '2026-11-24 09:08:14.043974+00');


--
-- Data for Name: head; Type: TABLE DATA; Schema: journal; Owner: -
--

INSERT INTO journal.head VALUES
	('\x8176c833997c9ef669ed64952db5c9fb', 'shell', 'https://example.com/shells/1', 1, 1, 1, false, 0, false, '\x7b226d6f64656c54797065223a22417373657441646d696e697374726174696f6e5368656c6c222c22696453686f7274223a2250756d70222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7368656c6c732f31222c226173736574496e666f726d6174696f6e223a7b2261737365744b696e64223a22496e7374616e6365222c22676c6f62616c41737365744964223a2275726e3a61737365743a31222c2273706563696669634173736574496473223a5b7b226e616d65223a2273657269616c222c2276616c7565223a2230383135227d5d7d2c227375626d6f64656c73223a5b7b2274797065223a224d6f64656c5265666572656e6365222c226b657973223a5b7b2274797065223a225375626d6f64656c222c2276616c7565223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f31227d5d7d5d7d', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('\x2e4e082a1aca130d2c10ec418f36a304', 'submodel', 'https://example.com/submodels/2', 1, 4, 4, false, 0, true, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a225069637475726573222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f32222c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a22426c6f62222c22696453686f7274223a2250696374757265222c22636f6e74656e7454797065223a22696d6167652f706e67222c2276616c7565223a226956424f5277304b47676f3d227d5d7d', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('\x4518a934237791db87533d4cea1e09cb', 'concept-description', 'https://example.com/concepts/1', 1, 6, 6, false, 0, false, '\x7b226d6f64656c54797065223a22436f6e636570744465736372697074696f6e222c22696453686f7274223a22576569676874222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f636f6e63657074732f31222c226973436173654f66223a5b7b2274797065223a2245787465726e616c5265666572656e6365222c226b657973223a5b7b2274797065223a22476c6f62616c5265666572656e6365222c2276616c7565223a2275726e3a636173653a776569676874227d5d7d5d7d', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('\x065e40c788b77127102bdd538bedd2c6', 'concept-description', 'https://example.com/concepts/2', 1, 7, 7, false, 0, false, '\x7b226d6f64656c54797065223a22436f6e636570744465736372697074696f6e222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f636f6e63657074732f32227d', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('\x9dcbd9c40f12f15f7b61a55e17c3ec11', 'submodel', 'https://example.com/submodels/4', 1, 8, 8, false, 3, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224c61726765222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f34227d', '2026-11-24 09:08:14.042285+00', '2026-11-24 09:08:14.042285+00'),
	('\x8100534fd2339efddc170eb56096556a', 'submodel', 'https://example.com/submodels/1', 2, 9, 3, false, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224e616d65706c617465222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f31222c2273656d616e7469634964223a7b2274797065223a2245787465726e616c5265666572656e6365222c226b657973223a5b7b2274797065223a22476c6f62616c5265666572656e6365222c2276616c7565223a2275726e3a6d65616e696e673a6e616d65706c617465227d5d7d2c227375626d6f64656c456c656d656e7473223a5b7b226d6f64656c54797065223a225375626d6f64656c456c656d656e74436f6c6c656374696f6e222c22696453686f7274223a224e616d65706c617465222c2276616c7565223a5b7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a224d616b6572222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22c39c6ec3af636f6465205c2271756f7465645c22205c5c205c74227d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a2259656172222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a2232303234227d5d7d2c7b226d6f64656c54797065223a2250726f7065727479222c22696453686f7274223a22537461747573222c2276616c756554797065223a2278733a737472696e67222c2276616c7565223a22696e2073657276696365227d5d7d', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.043407+00'),
	('\x98ef6b7e3644a8a83c233b39caa659f6', 'shell', 'https://example.com/shells/2', 2, 10, 2, true, 0, false, '\x', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.043407+00'),
	('\x788881baf026205865a8c1cc0b5ec890', 'submodel', 'https://example.com/submodels/3', 3, 12, 12, false, 0, false, '\x7b226d6f64656c54797065223a225375626d6f64656c222c22696453686f7274223a224261636b222c226964223a2268747470733a2f2f6578616d706c652e636f6d2f7375626d6f64656c732f33227d', '2026-11-24 09:08:14.043974+00', '2026-11-24 09:08:14.043974+00');


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES
	('0001');


--
-- Data for Name: bookmark; Type: TABLE DATA; Schema: read; Owner: -
--

INSERT INTO read.bookmark VALUES
	('projector', 12, '2026-11-24 09:08:16.806345+00');


--
-- Data for Name: facet; Type: TABLE DATA; Schema: read; Owner: -
--

INSERT INTO read.facet VALUES
	('\x188a223a54453128d7987caeb2cb5d8a', 1),
	('\x62d53685a0e8785a7061deb61b5ee7ea', 1),
	('\xc3f63d100acebb939f9187247f8e48dc', 1),
	('\x26f10301dc6e9a482302907f1cea32b2', 3),
	('\x574a5244cc08c7e48614629644015f08', 3),
	('\x3d24abba971a47e7f56f2834bd5089c2', 4),
	('\x3ba38b20dc46ccc5996965ea890d8d65', 6),
	('\xf5386a45a0682fd392f9433c9462f986', 6),
	('\xc7c6dd08245ed01e80d990220abaed7f', 8),
	('\x790bc549afe712f8fde111304bfc4ed7', 12);


--
-- Data for Name: listing; Type: TABLE DATA; Schema: read; Owner: -
--

INSERT INTO read.listing VALUES
	('shell', 1, '\x8176c833997c9ef669ed64952db5c9fb', 'https://example.com/shells/1', 'Pump', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('submodel', 3, '\x8100534fd2339efddc170eb56096556a', 'https://example.com/submodels/1', 'Nameplate', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.043407+00'),
	('submodel', 4, '\x2e4e082a1aca130d2c10ec418f36a304', 'https://example.com/submodels/2', 'Pictures', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('concept-description', 6, '\x4518a934237791db87533d4cea1e09cb', 'https://example.com/concepts/1', 'Weight', '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('concept-description', 7, '\x065e40c788b77127102bdd538bedd2c6', 'https://example.com/concepts/2', NULL, '2026-11-24 09:08:14.039935+00', '2026-11-24 09:08:14.039935+00'),
	('submodel', 8, '\x9dcbd9c40f12f15f7b61a55e17c3ec11', 'https://example.com/submodels/4', 'Large', '2026-11-24 09:08:14.042285+00', '2026-11-24 09:08:14.042285+00'),
	('submodel', 12, '\x788881baf026205865a8c1cc0b5ec890', 'https://example.com/submodels/3', 'Back', '2026-11-24 09:08:14.043974+00', '2026-11-24 09:08:14.043974+00');


--
-- Data for Name: parked; Type: TABLE DATA; Schema: read; Owner: -
--



--
-- Name: chunk chunk_pkey; Type: CONSTRAINT; Schema: journal; Owner: -
--

ALTER TABLE ONLY journal.chunk
    ADD CONSTRAINT chunk_pkey PRIMARY KEY (key, ordinal);


--
-- Name: event event_key_revision_key; Type: CONSTRAINT; Schema: journal; Owner: -
--

ALTER TABLE ONLY journal.event
    ADD CONSTRAINT event_key_revision_key UNIQUE (key, revision);


--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: journal; Owner: -
--

ALTER TABLE ONLY journal.event
    ADD CONSTRAINT event_pkey PRIMARY KEY ("position");


--
-- Name: head head_pkey; Type: CONSTRAINT; Schema: journal; Owner: -
--

ALTER TABLE ONLY journal.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (key);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: bookmark bookmark_pkey; Type: CONSTRAINT; Schema: read; Owner: -
--

ALTER TABLE ONLY read.bookmark
    ADD CONSTRAINT bookmark_pkey PRIMARY KEY (name);


--
-- Name: facet facet_pkey; Type: CONSTRAINT; Schema: read; Owner: -
--

ALTER TABLE ONLY read.facet
    ADD CONSTRAINT facet_pkey PRIMARY KEY (facet, sort);


--
-- Name: listing listing_key_key; Type: CONSTRAINT; Schema: read; Owner: -
--

ALTER TABLE ONLY read.listing
    ADD CONSTRAINT listing_key_key UNIQUE (key);


--
-- Name: listing listing_pkey; Type: CONSTRAINT; Schema: read; Owner: -
--

ALTER TABLE ONLY read.listing
    ADD CONSTRAINT listing_pkey PRIMARY KEY (kind, sort);


--
-- Name: parked parked_pkey; Type: CONSTRAINT; Schema: read; Owner: -
--

ALTER TABLE ONLY read.parked
    ADD CONSTRAINT parked_pkey PRIMARY KEY ("position", follower);


--
-- Name: facet_sort_idx; Type: INDEX; Schema: read; Owner: -
--

CREATE INDEX facet_sort_idx ON read.facet USING btree (sort);


--
-- PostgreSQL database dump complete
--


