"""What a release after this one may do while this one serves: it only expands.

Revision ID: 9000
Revises: the newest
"""

from alembic import op

from titan.storage.schema import KNOWN

revision = "9000"
down_revision = KNOWN
branch_labels = None
depends_on = None

compatible_since = KNOWN

STATEMENTS = (
    "CREATE TABLE journal.sequel (key bytea NOT NULL PRIMARY KEY, note text NOT NULL)",
    "ALTER TABLE journal.head ADD COLUMN note text",
    "ALTER TABLE journal.event ADD COLUMN note text NOT NULL DEFAULT ''",
    "ALTER TABLE read.listing ADD COLUMN note text",
    "CREATE INDEX listing_note_idx ON read.listing (note)",
)


def upgrade() -> None:
    """Add what is new beside what there is."""
    op.execute("SET lock_timeout = '5s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again."""
    op.execute("ALTER TABLE read.listing DROP COLUMN note")
    op.execute("ALTER TABLE journal.event DROP COLUMN note")
    op.execute("ALTER TABLE journal.head DROP COLUMN note")
    op.execute("DROP TABLE journal.sequel")
