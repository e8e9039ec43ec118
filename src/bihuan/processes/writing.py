"""Writing what a step did to one instance: its row, the closed and opened items, and one audit entry.

On PostgreSQL these four are one statement (one round trip); on SQLite four. Rarer things (timers, incidents, items
cancelled by the way) are further statements before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from msgspec import Struct, field

from bihuan.audit.log import ATTEMPTS, Row, append_row, end_of
from bihuan.kernel.errors import Conflict
from bihuan.kernel.sql import execute, moment, on_postgres, query
from bihuan.processes.models import NEVER
from bihuan.processes.rows import BUSY, Loaded

# Columns with the type that PostgreSQL needs to be told where a value may be null.
_ITEM_COLUMNS = (
    ("site_id", "bigint"), ("instance_id", "bigint"), ("wait", "int"), ("node_id", ""), ("name", ""), ("title", ""),
    ("role", ""), ("shared", "boolean"), ("assignee_id", "bigint"), ("why", ""),
    ("unattended_since", "timestamptz"), ("status", ""), ("form_key", ""), ("limit_key", ""),
    ("script_key", ""), ("button", ""), ("local", ""), ("opened_at", "timestamptz"), ("due_at", "timestamptz"),
    ("warn_at", "timestamptz"), ("sort_at", "timestamptz"), ("once_key", ""),
)  # fmt: skip
_AUDIT_COLUMNS = (
    ("chain", ""), ("seq", "int"), ("at", "timestamptz"), ("actor_id", "bigint"), ("action", ""),
    ("site_id", "bigint"), ("data", ""), ("prev_hash", ""), ("hash", ""),
)  # fmt: skip


class NewItem(Struct):
    """An item to be opened, with everything but its id."""

    wait: int
    node_id: str
    name: str
    title: str
    role: str
    assignee_id: int | None
    form_key: str
    limit_key: str
    script_key: str
    button: str
    local: str
    opened_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    why: str = ""
    unattended_since: datetime | None = None
    offered: tuple[int, ...] = ()
    """Named people of whom one takes it."""

    def params(self, instance: Loaded) -> tuple[Any, ...]:
        """The values of the columns of `_ITEM_COLUMNS`."""
        return (
            instance.facts.site_id, instance.id, self.wait, self.node_id, self.name[:200], self.title[:200],
            self.role, "," in self.role, self.assignee_id, self.why, moment(self.unattended_since), "open",
            self.form_key, self.limit_key, self.script_key, self.button, self.local, moment(self.opened_at),
            moment(self.due_at), moment(self.warn_at), moment(self.due_at) if self.due_at else _never(), "",
        )  # fmt: skip


@cache
def _never() -> Any:
    return moment(NEVER)


class ItemDone(Struct):
    """The item that a person completed."""

    item_id: int
    at: datetime
    actor_id: int | None
    once_key: str = ""


class Change(Struct):
    """All that one transaction writes for one instance."""

    instance: Loaded
    status: str
    ended_at: datetime | None
    at: datetime
    actor_id: int | None
    data: dict[str, Any]
    done: ItemDone | None = None
    opened: Sequence[NewItem] = field(default_factory=list)
    fresh_chain: bool = True
    """Whether the end of the chain that was read with the instance can still be the end."""


def write(change: Change) -> dict[int, int]:
    """Write the change; answers the ids of the opened items by wait. Raises Conflict when somebody was faster."""
    if not change.fresh_chain:
        change.instance.last = end_of(change.instance.facts.chain)
    entry = _entry(change)
    ids = _write_together(change, entry) if on_postgres() else _write_in_turn(change, entry)
    instance = change.instance
    instance.lock_version += 1
    instance.status = change.status
    return ids


def _entry(change: Change) -> Row:
    return append_row(
        chain=change.instance.facts.chain,
        last=change.instance.last,
        at=change.at,
        actor_id=change.actor_id,
        action="process.step",
        site_id=change.instance.facts.site_id,
        data=change.data,
    )


# Most steps leave an instance running: a status that is not named keeps SQLite from writing its two indexes anew.
_MOVED_SQL = (
    "UPDATE processes_instance SET state = %s, lock_version = lock_version + 1 WHERE id = %s AND lock_version = %s"
)
_TURNED_SQL = (
    "UPDATE processes_instance SET state = %s, status = %s, ended_at = %s, lock_version = lock_version + 1 "
    "WHERE id = %s AND lock_version = %s"
)


def _instance_part(change: Change) -> tuple[str, tuple[Any, ...]]:
    instance = change.instance
    state, version = instance.state.to_text(), (instance.id, instance.lock_version)
    if change.status == instance.status and change.ended_at is None:
        return _MOVED_SQL, (state, *version)
    return _TURNED_SQL, (state, change.status, moment(change.ended_at), *version)


def _done_part(done: ItemDone) -> tuple[str, tuple[Any, ...]]:
    # Were 'open' in the text, PostgreSQL would think the index over all open items as good a way as the key while there
    # are few of them, and a connection keeps its plan.
    sql = (
        "UPDATE processes_workitem SET status = 'done', completed_at = %s, completed_by_id = %s, once_key = %s "
        "WHERE id = %s AND status = %s"
    )
    return sql, (moment(done.at), done.actor_id, done.once_key, done.item_id, "open")


def _opened_part(change: Change) -> tuple[str, tuple[Any, ...]]:
    values: list[Any] = []
    for item in change.opened:
        values.extend(item.params(change.instance))
    return _opened_sql(len(change.opened)), tuple(values)


@lru_cache(maxsize=100)
def _opened_sql(count: int) -> str:
    rows = ", ".join([_marks(_ITEM_COLUMNS)] * count)
    names = ", ".join(name for name, _ in _ITEM_COLUMNS)
    return f"INSERT INTO processes_workitem ({names}) VALUES {rows}"


def _marks(columns: Sequence[tuple[str, str]]) -> str:
    cast = on_postgres()
    return "(" + ", ".join(f"%s::{kind}" if cast and kind else "%s" for _, kind in columns) + ")"


def _audit_part(entry: Row) -> tuple[str, tuple[Any, ...]]:
    return _audit_sql(), (*entry[:2], moment(entry.at), *entry[3:])


@cache
def _audit_sql() -> str:
    names = ", ".join(name for name, _ in _AUDIT_COLUMNS)
    return f"INSERT INTO audit_entry ({names}) VALUES {_marks(_AUDIT_COLUMNS)} ON CONFLICT (chain, seq) DO NOTHING"


def _write_together(change: Change, entry: Row) -> dict[int, int]:
    parts = [("i", *_instance_part(change)), ("a", *_audit_part(entry))]
    if change.done is not None:
        parts.insert(1, ("d", *_done_part(change.done)))
    if change.opened:
        parts.insert(1, ("o", *_opened_part(change)))
    key = tuple(text for _, text, _ in parts)
    sql = _TOGETHER_SQL.get(key)
    if sql is None:
        steps = ", ".join(f"{name} AS ({text} RETURNING id{_MORE.get(name, '')})" for name, text, _ in parts)
        answers = " UNION ALL ".join(f"SELECT '{name}', id{_MORE.get(name, ', 0')} FROM {name}" for name, _, _ in parts)
        sql = _TOGETHER_SQL[key] = f"WITH {steps} {answers}"
    written: dict[str, list[tuple[int, int]]] = {}
    for name, row_id, wait in query(sql, [value for _, _, values in parts for value in values]):
        written.setdefault(name, []).append((row_id, wait))
    if "i" not in written or (change.done is not None and "d" not in written):
        raise Conflict(BUSY)
    if "a" not in written:
        _append_again(change)
    else:
        change.instance.last = entry.end
    return {wait: row_id for row_id, wait in written.get("o", ())}


_TOGETHER_SQL: dict[tuple[str, ...], str] = {}
_MORE = {"o": ", wait"}


def _write_in_turn(change: Change, entry: Row) -> dict[int, int]:
    if not execute(*_instance_part(change)):
        raise Conflict(BUSY)
    if change.done is not None and not execute(*_done_part(change.done)):
        raise Conflict(BUSY)
    opened: list[tuple[int, int]] = []
    if change.opened:
        sql, values = _opened_part(change)
        opened = query(f"{sql} RETURNING id, wait", values)
    if execute(*_audit_part(entry)):
        change.instance.last = entry.end
    else:
        _append_again(change)
    return {wait: row_id for row_id, wait in opened}


def _append_again(change: Change) -> None:
    """Somebody else wrote to the chain (records do so too): read its new end and take the next number."""
    for _ in range(ATTEMPTS):
        change.instance.last = end_of(change.instance.facts.chain)
        entry = _entry(change)
        if execute(*_audit_part(entry)):
            change.instance.last = entry.end
            return
    raise Conflict(BUSY)
