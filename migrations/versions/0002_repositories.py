"""Changes of single elements, files beside documents, and operations that are under way.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

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
    owner   text        NOT NULL,
    result  bytea,
    lease   timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    CONSTRAINT invocation_pkey PRIMARY KEY (handle)
);
CREATE INDEX invocation_expires_idx ON journal.invocation (expires);
CREATE INDEX invocation_owner_idx ON journal.invocation (owner) WHERE result IS NULL;
"""

STATEMENTS: tuple[str, ...] = (CONDEMNED, INVOCATION)
UNDONE: tuple[str, ...] = (
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
