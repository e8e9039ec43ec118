"""Statements of the hot path on PostgreSQL: prepared once for each connection and run by libpq itself.

A step hands over some forty values. psycopg's cursors look at the type of each and wait for the answer in Python, which
takes longer than the server does; `psycopg.pq`, its own layer over libpq, does neither. Transactions, errors and the
types of answers stay psycopg's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_NAMES: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()
"""By connection: what each statement is called there."""
MOST = 100
"""Statements that a connection keeps; those for many items at once are of every length."""


@dataclass(slots=True)
class Answer:
    """What a statement came to: the part of a cursor that is needed."""

    rows: list[tuple[Any, ...]]
    rowcount: int

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return self.rows


def run(raw: psycopg.Connection[Any], sql: str, params: Sequence[Any]) -> Answer:
    """Run a statement (`%s` marks) inside the connection's transaction, which begins with it if it has not begun.

    Values are texts, numbers, moments, yes or no, or null. Raises psycopg's errors.
    """
    names = _NAMES.setdefault(raw, {})
    name = names.get(sql)
    if name is None and len(names) < MOST:
        name = names[sql] = _prepare(raw, sql, b"step_%d" % len(names))
    if raw.pgconn.transaction_status == TransactionStatus.IDLE:
        if name is not None and params and all(type(value) is int for value in params):
            # Whole numbers can stand in the statement, which then goes out with the BEGIN: one round trip less.
            numbers = ", ".join(map(str, params)).encode()
            return _answer(raw, raw.pgconn.exec_(b"BEGIN; EXECUTE %b(%b)" % (name, numbers)))
        _checked(raw, raw.pgconn.exec_(b"BEGIN"))
    values = [_text(value) for value in params]
    if name is None:
        return _answer(raw, raw.pgconn.exec_params(_numbered(sql), values))
    return _answer(raw, raw.pgconn.exec_prepared(name, values))


def commit(raw: psycopg.Connection[Any]) -> None:
    """Commit what the connection's transaction has written, if it has begun. Raises psycopg's errors."""
    if raw.pgconn.transaction_status != TransactionStatus.IDLE:
        _checked(raw, raw.pgconn.exec_(b"COMMIT"))


def _prepare(raw: psycopg.Connection[Any], sql: str, name: bytes) -> bytes:
    _checked(raw, raw.pgconn.prepare(name, _numbered(sql)))
    return name


def _numbered(sql: str) -> bytes:
    first, *rest = sql.split("%s")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))).encode()


def _text(value: Any) -> Any:
    if value is None:
        return None
    text = str(value).encode()
    if b"\0" in text:
        # libpq would take it for the end of the text.
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text


def _answer(raw: psycopg.Connection[Any], result: PGresult) -> Answer:
    _checked(raw, result)
    if not result.nfields:
        return Answer([], result.command_tuples or 0)
    transformer = Transformer(raw)
    transformer.set_pgresult(result)
    return Answer(transformer.load_rows(0, result.ntuples, tuple), result.ntuples)


def _checked(raw: psycopg.Connection[Any], result: PGresult) -> None:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
