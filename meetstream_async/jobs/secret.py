"""A secret that all processes on one job database share, for ids that can't be computed from outside."""

from __future__ import annotations

import contextlib
import secrets

import sqlalchemy as sa

_NAME = "ids"


def shared_secret(pool: sa.Engine) -> bytes:
    """The database's secret; the first process makes it. Raises what SQLAlchemy raises."""
    # In PostgreSQL beside the engine's own tables: whoever may use those may use this one.
    schema = "dbos" if pool.dialect.name == "postgresql" else None
    table = sa.Table(
        "meetstream_secrets",
        sa.MetaData(schema=schema),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    if not sa.inspect(pool).has_table(table.name, schema):
        # Another process may be faster, and PostgreSQL says so in several ways.
        with contextlib.suppress(sa.exc.DBAPIError), pool.begin() as connection:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    chosen = sa.select(table.c.value).where(table.c.name == _NAME)
    with pool.connect() as connection:
        value = connection.execute(chosen).scalar()
    if value is None:
        with contextlib.suppress(sa.exc.IntegrityError), pool.begin() as connection:
            connection.execute(table.insert().values(name=_NAME, value=secrets.token_hex(32)))
        with pool.connect() as connection:
            value = connection.execute(chosen).scalar_one()
    return bytes.fromhex(value)
