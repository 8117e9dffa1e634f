"""Everything that waits for another machine: PostgreSQL, Redis, blobs.

PostgreSQL holds the truth, in two schemas. `journal` is written by the write tier alone: events, and the current state
beside them in the same transaction. `read` is written by the projector alone and can be thrown away and rebuilt.
Redis holds nothing that the journal cannot rebuild.

SQL is literal and stands above the one function that runs it. There is no ORM, no query builder and no repository
class: a document's bytes are its row. SQLAlchemy is used by the migrations only.

Errors of the drivers become ours here, at the edge of each function: `Unavailable` when the store is away. Whatever
else a driver raises is a defect and is let through.
"""
