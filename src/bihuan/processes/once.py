"""Doing a request once: one-time keys and the first result they stand for."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bihuan.audit.models import Entry
from bihuan.engine.runtime import IncidentRaised, InstanceEnded, ItemClosed, ItemOpened, event_from_json
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.kernel.sql import execute, moment
from bihuan.processes.contract import ClosedItem, OpenedItem, StepResult
from bihuan.processes.models import OnceKey, WorkItem
from bihuan.processes.rows import Loaded

_REMEMBER_SQL = (
    "INSERT INTO processes_oncekey (key, action, actor_id, result, at) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (key) DO NOTHING"
)


def recall(key: str, action: str) -> Any:
    """The stored first result of a request, None if it has not been made. A key of another action is refused."""
    found = OnceKey.objects.filter(pk=key).first()
    if found is None:
        return None
    if found.action != action:
        raise BusinessError("这个页面已经用过了，请刷新后重试")
    return found.value


def remember(key: str, action: str, *, actor_id: int | None, result: Any, at: datetime) -> None:
    """Store the first result in the transaction that made it.

    Two requests with one key at the same time: the second waits here, and is then refused by Conflict for the caller
    to ask again, when `recall` has the answer.
    """
    if not execute(_REMEMBER_SQL, (key, action, actor_id, json.dumps(result), moment(at))):
        raise Conflict("同一操作正在处理，请稍候刷新")


def first_result(instance: Loaded, *, item_id: int | None) -> StepResult:
    """The result of the step that completed the item (or, without one, started the instance), from its history."""
    entries = Entry.objects.filter(chain=instance.facts.chain, action="process.step").order_by("-seq")
    for entry in entries.iterator(chunk_size=50):
        data = entry.data
        is_it = data.get("item") == item_id if item_id is not None else data.get("command") == "Start"
        if is_it and data.get("instance") == instance.id:
            return _result(instance, entry, item_id)
    return StepResult(instance.facts, None, entries[0].at, item_id=item_id, repeated=True)


def _result(instance: Loaded, entry: Entry, item_id: int | None) -> StepResult:
    events = tuple(event_from_json(data) for data in entry.data["events"])
    items = {item.wait: item for item in WorkItem.unscoped.filter(instance_id=instance.id)}
    opened = [items[event.wait] for event in events if isinstance(event, ItemOpened) and event.wait in items]
    closed = [event for event in events if isinstance(event, ItemClosed) and event.wait in items]
    return StepResult(
        instance=instance.facts,
        actor_id=entry.actor_id,
        at=entry.at,
        events=events,
        opened=tuple(opened_item(item) for item in opened),
        closed=tuple(
            ClosedItem(items[event.wait].pk, event.wait, event.outcome, items[event.wait].limit_key) for event in closed
        ),
        incidents=tuple(event.incident for event in events if isinstance(event, IncidentRaised)),
        ended=next((event.outcome for event in events if isinstance(event, InstanceEnded)), ""),
        item_id=item_id,
        repeated=True,
    )


def opened_item(item: WorkItem) -> OpenedItem:
    """A stored item as results tell of it."""
    return OpenedItem(
        id=item.pk,
        wait=item.wait,
        node_id=item.node_id,
        name=item.name,
        title=item.title,
        role=item.role,
        assignee_id=item.assignee_id,
        form_key=item.form_key,
        limit_key=item.limit_key,
        opened_at=item.opened_at,
        due_at=item.due_at,
        warn_at=item.warn_at,
    )
