"""Hand-written SQL on the hot path, for either database in its own words; everything else uses the ORM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from bihuan.kernel import clock


@cache
def on_postgres() -> bool:
    """Which of the two databases this installation has; asked many times in a step."""
    return connection.vendor == "postgresql"


@contextmanager
def on_database_time() -> Iterator[None]:
    """Go by the database server's clock, so that workers on machines whose own clocks differ agree what is due.

    One question to PostgreSQL; SQLite has the machine's clock. Time held by `clock.frozen` stays held.
    """
    if not on_postgres() or clock.is_frozen():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    with clock.corrected_by(there - clock.now()):
        yield


def query(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement (`%s` marks) on the driver beneath Django's connection, inside the open transaction.

    On PostgreSQL the statement is bound and prepared by the server (if the settings allow preparing).
    """
    # `connection` stands for the one of this thread and looks it up at each use.
    own = connections[DEFAULT_DB_ALIAS]
    if not own.in_atomic_block:
        raise transaction.TransactionManagementError("steps belong inside a transaction")
    with own.wrap_database_errors:
        return run_on_driver(own.connection, sql, params)


def run_on_driver(raw: Any, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The one place where such a statement leaves; tests and measurements look on here."""
    if isinstance(raw, psycopg.Connection):
        with psycopg.Cursor(raw) as cursor:
            cursor.execute(sql, params, prepare=True)
            return cursor.fetchall() if cursor.description else []
    rows: list[tuple[Any, ...]] = raw.execute(_qmark(sql), params).fetchall()
    return rows


@lru_cache(maxsize=500)
def _qmark(sql: str) -> str:
    return sql.replace("%s", "?")


def moment(value: datetime | None) -> Any:
    """A moment as a parameter: SQLite keeps text without zone, as Django writes it."""
    return value if value is None or on_postgres() else _text(value)


# A step writes the same moment into many columns.
@lru_cache(maxsize=100)
def _text(value: datetime) -> str:
    return str(value.astimezone(UTC).replace(tzinfo=None))


def stored_moment(value: Any) -> datetime | None:
    """A moment as either driver gives it, in UTC."""
    if value is None:
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
