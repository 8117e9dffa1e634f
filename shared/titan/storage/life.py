"""Which journal it is: a database that was restored has another one, even where it holds the same events.

Positions tell nothing then: what Redis knows of position 100 may be another event. Restored in whatever way (`titan
restore`, `pg_restore`, `psql`, another cluster), the journal's table is another one than before; a journal that was
rewritten (`VACUUM FULL`) is taken for another, which costs a new generation and nothing else. A restore to a point in
time, and a standby that was promoted, have another timeline.
"""

from titan.storage.postgres import Connection, reachable

# While a restore is under way, the catalogue still shows the table that is about to go; whoever reads it waits.
SETTLED = """
SELECT FROM journal.event LIMIT 0
"""
LIFE = """
SELECT left(md5(concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
                               (SELECT oid FROM pg_database WHERE datname = current_database()),
                               'journal.event'::regclass::oid,
                               pg_relation_filenode('journal.event'),
                               left(pg_walfile_name(pg_current_wal_lsn()), 8))), 12)
"""


async def life(connection: Connection) -> str:
    """Twelve letters that no other journal has; waits for the end of a restore.

    Raises:
        Unavailable: where the database is away.
    """
    with reachable():
        await connection.execute(SETTLED)
        row = await (await connection.execute(LIFE)).fetchone()
    return row[0] if row else ""
