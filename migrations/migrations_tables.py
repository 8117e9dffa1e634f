"""The migrated schema as SQLAlchemy sees it, so that `alembic revision --autogenerate` has something to compare with.

Used by migrations alone: at run time the SQL is literal. A test holds it equal to what the migrations make.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, autoincrement=False)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _moment(name: str) -> "Column[object]":
    return Column(name, DateTime(timezone=True), nullable=False)


Table(
    "event",
    metadata,
    _number("position"),
    _bytes("key"),
    _text("kind"),
    _text("id"),
    _number("revision"),
    _number("created"),
    _text("fact"),
    _text("path"),
    _count("chunk"),
    _count("chunks"),
    _flag("blobs"),
    _bytes("body"),
    _text("caller"),
    _text("trace"),
    _moment("at"),
    PrimaryKeyConstraint("position", name="event_pkey"),
    UniqueConstraint("key", "revision", name="event_key_revision_key"),
    schema="journal",
)

Table(
    "head",
    metadata,
    _bytes("key"),
    _text("kind"),
    _text("id"),
    _number("revision"),
    _number("position"),
    _number("created"),
    _flag("removed"),
    _count("chunks"),
    _flag("blobs"),
    _bytes("body"),
    _moment("created_at"),
    _moment("updated_at"),
    PrimaryKeyConstraint("key", name="head_pkey"),
    schema="journal",
)

Table(
    "chunk",
    metadata,
    _bytes("key"),
    _count("ordinal"),
    _number("revision"),
    _text("id_shorts"),
    _bytes("body"),
    PrimaryKeyConstraint("key", "ordinal", name="chunk_pkey"),
    schema="journal",
)

Table(
    "condemned",
    metadata,
    _text("digest"),
    _moment("at"),
    PrimaryKeyConstraint("digest", name="condemned_pkey"),
    schema="journal",
)

Table(
    "bookmark",
    metadata,
    _text("name"),
    _number("position"),
    _moment("at"),
    PrimaryKeyConstraint("name", name="bookmark_pkey"),
    schema="read",
)

Table(
    "listing",
    metadata,
    _text("kind"),
    _number("sort"),
    _bytes("key"),
    _text("id"),
    Column("id_short", Text),
    _moment("created_at"),
    _moment("updated_at"),
    PrimaryKeyConstraint("kind", "sort", name="listing_pkey"),
    UniqueConstraint("key", name="listing_key_key"),
    schema="read",
)

facet = Table(
    "facet",
    metadata,
    _bytes("facet"),
    _number("sort"),
    PrimaryKeyConstraint("facet", "sort", name="facet_pkey"),
    schema="read",
)
Index("facet_sort_idx", facet.c.sort)

Table(
    "parked",
    metadata,
    _number("position"),
    _text("follower"),
    _bytes("key"),
    _text("error"),
    _moment("at"),
    PrimaryKeyConstraint("position", "follower", name="parked_pkey"),
    schema="read",
)

invocation = Table(
    "invocation",
    metadata,
    _text("handle"),
    _bytes("key"),
    _text("path"),
    Column("result", LargeBinary),
    _moment("lease"),
    _moment("expires"),
    PrimaryKeyConstraint("handle", name="invocation_pkey"),
    schema="journal",
)
Index("invocation_expires_idx", invocation.c.expires)
