"""Reading instances and work items for a step.

Lock rule: the root instance of a family first, then the instance, then the item, once per transaction and before any
other row; the last entry of the audit chain is written last. On SQLite the transaction itself is the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import OperationalError
from msgspec import Struct, field

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import Event, State
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.kernel.sql import in_transaction, on_postgres, query, whole_transaction
from bihuan.processes.compiled import compiled_process
from bihuan.processes.contract import Copied, Decided, InstanceFacts, RenewedItem
from bihuan.processes.models import Instance

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 3
BUSY = "同一业务正被多人同时处理，请稍后再试一次"

_INSTANCE = """
i.id, i.site_id, i.version_id, v.sha256, i.process_id, i.subject_kind, i.subject_id, i.title, i.chain, i.state,
i.lock_version, i.status, i.root_id, i.parent_id, i.parent_wait, a.seq, a.hash, s.timezone"""
_ROOT = "JOIN processes_instance r ON r.id = COALESCE(i.root_id, i.id)"
_JOINS = f"""
JOIN processes_version v ON v.id = i.version_id
JOIN org_site s ON s.id = i.site_id
{_ROOT}
LEFT JOIN audit_entry a ON a.chain = i.chain AND a.seq = (SELECT max(seq) FROM audit_entry t WHERE t.chain = i.chain)
"""
_ITEM_SQL = f"""
SELECT w.id, w.wait, w.node_id, w.name, w.role, w.assignee_id, w.status, w.once_key, w.local, w.form_key,
f.sha256, f.id, {_INSTANCE}
FROM processes_workitem w JOIN processes_instance i ON i.id = w.instance_id {_JOINS}
LEFT JOIN forms_formversion f
    ON f.id = (SELECT g.id FROM forms_formversion g WHERE g.key = w.form_key ORDER BY g.number DESC LIMIT 1)
WHERE w.id = %s"""
_ITEM_COLUMNS = 12
_INSTANCE_SQL = f"SELECT {_INSTANCE} FROM processes_instance i {_JOINS} WHERE i.id = %s"


class Loaded(Struct):
    """A running instance in memory, with what this transaction has done to it so far."""

    facts: InstanceFacts
    lock_version: int
    status: str
    root_id: int | None
    parent_id: int | None
    parent_wait: int | None
    process: Process
    state: State
    last: tuple[int, str] | None
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    decided: dict[int, Decided] = field(default_factory=dict)
    """Who does the steps opened now, by wait, where the diagram has a rule for it."""
    copies: list[Copied] = field(default_factory=list)
    """Who is to be told of what happened."""
    taken: list[int] = field(default_factory=list)
    """Numbers of the messages it was given that had been kept for it."""
    renewed: list[RenewedItem] = field(default_factory=list)
    """Open items that another version describes anew."""
    started_by: int | None = None
    """Who started it, once somebody has asked; 0: the system."""
    visible: Mapping[str, Any] | None = None
    """The read-only names that expressions see."""

    @property
    def id(self) -> int:
        return self.facts.id

    @property
    def version_id(self) -> int:
        return self.facts.version_id


class Held(Struct):
    """A work item with its instance, locked for the rest of the transaction."""

    item_id: int
    wait: int
    node_id: str
    name: str
    role: str
    assignee_id: int | None
    status: str
    once_key: str
    local: str
    form_key: str
    form_version: tuple[str, int] | None
    """Digest and id of the form in force, for `forms.publishing.loaded_form`; None without a published form."""
    instance: Loaded

    @property
    def node(self) -> Node:
        """The step in the published process: its effects, prints, form."""
        return self.instance.process.nodes[self.node_id]

    @property
    def variables(self) -> dict[str, Any]:
        """A copy of the process variables before the step."""
        return dict(self.instance.state.variables)

    @property
    def is_open(self) -> bool:
        return self.status == "open"


def transactional(function: Callable[P, R]) -> Callable[P, R]:
    """Run in one transaction, or as part of the caller's, which then stands or falls as a whole.

    When the database gives up because of other transactions, ours is tried again; a caller's becomes a Conflict.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        is_part = in_transaction()
        attempts = 1 if is_part else ATTEMPTS
        while True:
            attempts -= 1
            try:
                if is_part:
                    return function(*args, **kwargs)
                with whole_transaction():
                    return function(*args, **kwargs)
            except OperationalError as failure:
                if not is_contention(failure):
                    raise
                if not attempts:
                    raise Conflict(BUSY) from failure

    return run


def is_contention(failure: BaseException) -> bool:
    """Whether the database gave up because of other transactions: trying again may help."""
    cause = failure.__cause__ or failure
    if isinstance(cause, (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)):
        return True
    return "database is locked" in str(failure)


def read_item(item_id: int) -> Held:
    """Lock a work item and its instance, and read both with the end of the audit chain. Raises NotFound."""
    rows = _locked(_ITEM_SQL, "r, i, w", item_id)
    if not rows:
        raise NotFound("没有这项工作")
    row = rows[0]
    instance = _loaded(row[_ITEM_COLUMNS:])
    form_version = None if row[10] is None else (row[10], row[11])
    return Held(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], form_version, instance)


_PRESENT_SQL = """
SELECT i.lock_version, a.seq, a.hash FROM processes_instance i
LEFT JOIN audit_entry a ON a.chain = i.chain AND a.seq = (SELECT max(seq) FROM audit_entry t WHERE t.chain = i.chain)
WHERE i.id = %s"""


def refreshed(held: Held) -> Held:
    """The held item with the present end of its chain; read again if this very transaction has moved its instance.

    Records are written between holding and completing: they log to the same chain, and an effect may send a message to
    the instance itself.
    """
    instance = held.instance
    [(lock_version, seq, digest)] = query(_PRESENT_SQL, (instance.id,))
    if lock_version != instance.lock_version:
        return read_item(held.item_id)
    instance.last = None if seq is None else (seq, digest)
    return held


def hold_instance(instance_id: int) -> Loaded:
    """Lock an instance and read it. Raises NotFound."""
    rows = _locked(_INSTANCE_SQL, "r, i", instance_id)
    if not rows:
        raise NotFound("没有这个流程实例")
    return _loaded(rows[0])


def starter_of(instance: Loaded) -> int | None:
    """Who started the process, or whatever called it; None when the system did. Asked once."""
    if instance.started_by is None:
        found = Instance.unscoped.filter(pk=instance.id).values_list("started_by_id", flat=True).first()
        instance.started_by = found or 0
    return instance.started_by or None


def _locked(sql: str, tables: str, number: int) -> list[tuple[Any, ...]]:
    rows = query(_locking(sql, tables), (number,))
    if not rows and on_postgres():
        # After waiting for a lock PostgreSQL drops a row whose version is another one by now: the instance was moved.
        rows = query(_locking(sql, tables), (number,))
    return rows


@cache
def _locking(sql: str, tables: str) -> str:
    if not on_postgres():
        # The root is only read to be locked.
        return sql.replace(_ROOT, "")
    # After waiting for a lock PostgreSQL reads the locked rows again, but not the unlocked end of the chain:
    # the insert of the audit entry notices that and takes the next number.
    return f"{sql} FOR NO KEY UPDATE OF {tables}"


def _loaded(row: tuple[Any, ...]) -> Loaded:
    facts = InstanceFacts(
        id=row[0],
        site_id=row[1],
        version_id=row[2],
        sha256=row[3],
        process_id=row[4],
        subject_kind=row[5],
        subject_id=row[6],
        chain=row[8],
        title=row[7],
        timezone=row[17],
        is_called=row[13] is not None,
    )
    return Loaded(
        facts=facts,
        lock_version=row[10],
        status=row[11],
        root_id=row[12],
        parent_id=row[13],
        parent_wait=row[14],
        process=compiled_process(row[2], row[3], row[4]),
        state=State.from_json(row[9]),
        last=None if row[15] is None else (row[15], row[16]),
    )
