"""Hand-written SQL on the hot path, for either database in its own words; everything else uses the ORM."""

from __future__ import annotations

import sqlite3
import threading
from asyncio import _get_running_loop
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, NoReturn

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction
from django.db.transaction import Atomic

from bihuan.kernel import clock, prepared


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


DRIVER_ERRORS = (psycopg.Error, sqlite3.Error)


class _Thread(threading.local):
    """The connection of each thread. `django.db.connection` looks it up at each use, which costs a step as much as a
    statement."""

    def __init__(self) -> None:
        self.connection = connections[DEFAULT_DB_ALIAS]


_THREAD = _Thread()


def _own_connection() -> Any:
    """Django's connection of this thread; while an event loop runs in it (a browser test's does) Django has another."""
    return _THREAD.connection if _get_running_loop() is None else connections[DEFAULT_DB_ALIAS]


def in_transaction() -> bool:
    """Whether this thread is inside a transaction."""
    return bool(_own_connection().in_atomic_block)


class whole_transaction(Atomic):  # noqa: N801 used like `transaction.atomic`
    """`transaction.atomic` for the hot path: the outermost begins and commits without detours.

    Django gets there over a dozen questions to its connection, which cost more than the two statements. Whatever is not
    everyday (inside another transaction, an exception, a commit that fails, functions to call afterwards) is Django's.
    """

    def __init__(self) -> None:
        super().__init__(DEFAULT_DB_ALIAS, savepoint=True, durable=False)

    def __enter__(self) -> None:
        own = _own_connection()
        if not own.in_atomic_block:
            own.close_if_health_check_failed()
        if own.in_atomic_block or own.connection is None or not own.autocommit:
            super().__enter__()
            return
        begin_on_driver(own)
        own.autocommit = False
        own.commit_on_exit, own.needs_rollback = True, False
        own.in_atomic_block = True
        own.atomic_blocks.append(self)

    def __exit__(self, kind: Any, failure: Any, traceback: Any) -> None:
        own = _own_connection()
        is_whole = own.atomic_blocks == [self] and not own.savepoint_ids
        if kind is not None or own.needs_rollback or own.run_on_commit or not is_whole:
            super().__exit__(kind, failure, traceback)
            return
        try:
            commit_on_driver(own)
        except DatabaseError as failed:
            super().__exit__(type(failed), failed, failed.__traceback__)
            raise
        own.atomic_blocks.clear()
        own.in_atomic_block = False
        own.autocommit = True


def query(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement (`%s` marks) that answers rows on the driver beneath Django's connection, inside the transaction.

    On PostgreSQL the statement is bound and prepared by the server (if the settings allow preparing).
    """
    own = _own_connection()
    if not own.in_atomic_block:
        raise transaction.TransactionManagementError("steps belong inside a transaction")
    try:
        rows: list[tuple[Any, ...]] = run_on_driver(own.connection, sql, params).fetchall()
    except DRIVER_ERRORS:
        _raise_as_django(own)
    return rows


def execute(sql: str, params: Sequence[Any] = ()) -> int:
    """The same for a statement that answers no rows: how many rows it wrote."""
    own = _own_connection()
    if not own.in_atomic_block:
        raise transaction.TransactionManagementError("steps belong inside a transaction")
    try:
        return int(run_on_driver(own.connection, sql, params).rowcount)
    except DRIVER_ERRORS:
        _raise_as_django(own)


def _raise_as_django(own: Any) -> NoReturn:
    """Raise the driver's error that is being handled under Django's name for it."""
    with own.wrap_database_errors:
        raise


MOST_ROWS = 500
"""Rows of one INSERT: far below the number of parameters either database takes."""


def insert_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, ignore_conflicts: bool) -> int:
    """Write many rows of values as the driver takes them; answers how many were new. In the transaction around it.

    What `bulk_create` does, for tables that get thousands of rows at one moment: it spends most of that time on itself.
    """
    head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    one = f"({', '.join(['%s'] * len(columns))})"
    written = 0
    for first in range(0, len(rows), MOST_ROWS):
        part = rows[first : first + MOST_ROWS]
        written += execute(head + ", ".join([one] * len(part)) + tail, [value for row in part for value in row])
    return written


def run_on_driver(raw: Any, sql: str, params: Sequence[Any]) -> Any:
    """The one place where such a statement leaves, and its cursor; tests and measurements look on here."""
    if isinstance(raw, psycopg.Connection):
        if raw.prepare_threshold is not None:
            return prepared.run(raw, sql, params)
        return psycopg.Cursor(raw).execute(sql, params)
    return raw.execute(_qmark(sql), params)


def begin_on_driver(own: Any) -> None:
    """The one place where such a transaction begins, as the next is where it is committed."""
    try:
        if on_postgres():
            # The first statement sends the BEGIN.
            own.connection.autocommit = False
        else:
            own.connection.execute(f"BEGIN {own.transaction_mode}")
    except DRIVER_ERRORS:
        _raise_as_django(own)


def commit_on_driver(own: Any) -> None:
    """Measurements look on here."""
    try:
        if on_postgres():
            prepared.commit(own.connection)
            own.connection.autocommit = True
        else:
            own.connection.commit()
    except DRIVER_ERRORS:
        _raise_as_django(own)


@lru_cache(maxsize=500)
def _qmark(sql: str) -> str:
    return sql.replace("%s", "?")


def moment(value: datetime | None) -> Any:
    """A moment as a parameter: SQLite keeps text without zone, as Django writes it."""
    if value is None or on_postgres():
        return value
    global _last_moment
    last, text = _last_moment
    if value is not last:
        text = value.astimezone(UTC).isoformat(" ").removesuffix("+00:00")
        _last_moment = value, text
    return text


_last_moment: tuple[datetime | None, str] = (None, "")
"""A step writes the same moment into many columns."""


def stored_moment(value: Any) -> datetime | None:
    """A moment as either driver gives it, in UTC."""
    if value is None:
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
