"""Telling processes that something has happened, and looking after messages that nobody has taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from bihuan.audit.log import record
from bihuan.engine.runtime import decode
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.operations.surroundings import surroundings
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.keeping import lock_message
from bihuan.processes.models import Message
from bihuan.records.models import Case

KEEP_AGAIN = timedelta(days=7)
"""How long a message that is sent again is kept if still nobody waits."""
GONE = "这条消息已经取走或删除了"


@dataclass(frozen=True, slots=True)
class Sent:
    """How many instances a message reached or began; whether it is kept because there was none."""

    reached: int
    kept: bool


def tell_process(
    name: str,
    case_id: int,
    *,
    actor: Actor,
    variables: Mapping[str, Any] | None = None,
    keep_for: timedelta | None = None,
) -> bool:
    """Deliver a message to the process of a case, inside the caller's transaction; False when nobody waits for it.

    It is then lost, or kept at the site of the case for so long.
    """
    site_id = Case.unscoped.values_list("site_id", flat=True).get(pk=case_id) if keep_for is not None else None
    delivered = engine_store.deliver_message(
        name,
        correlation=str(case_id),
        variables=dict(variables or {}),
        actor=actor,
        site_id=site_id,
        keep_for=keep_for,
        around=surroundings(),
    )
    return bool(delivered)


@transaction.atomic
def send_message(
    name: str,
    key: str,
    *,
    site_id: int,
    actor: Actor,
    variables: Mapping[str, Any] | None = None,
    keep_for: timedelta | None = None,
    sender_id: int | None = None,
) -> Sent:
    """Send a message from outside: to all who wait for it (without a key: at the site), else it begins a process at the
    site, else it is kept there so long. Needs `process.operate`. Raises NoRoom where too many are kept already.

    `sender_id` is the instance that has sent it before: without a key it is for that case.
    """
    actor.require("process.operate", site_id)
    if not name.strip() or len(name) > 120 or len(key) > 200:
        raise BusinessError("请填写消息名（最多 120 字）；对应键最多 200 字", field="name")
    result = engine_store.deliver_message(
        name,
        key,
        variables,
        actor=actor,
        site_id=site_id,
        keep_for=keep_for,
        sender_id=sender_id,
        around=surroundings(),
    )
    reached = 1 + len(result.others) if result is not None else 0
    sent = Sent(reached, kept=not reached and keep_for is not None and keep_for > timedelta())
    record(
        actor_id=actor.user_id,
        action="message.send",
        chain=f"message:{name[:60]}",
        site_id=site_id,
        data={"key": key, "reached": sent.reached, "kept": sent.kept},
    )
    return sent


@transaction.atomic
def send_again(message_id: int, *, actor: Actor) -> Sent:
    """Send a message that nobody has taken once more, as if it came now."""
    row = _hold(message_id, actor)
    row.delete()
    values: Mapping[str, Any] = decode(json.loads(row.payload))
    return send_message(
        row.name,
        row.correlation,
        site_id=row.site_id,
        actor=actor,
        variables=values,
        keep_for=KEEP_AGAIN,
        sender_id=row.sender_id,
    )


@transaction.atomic
def drop_message(message_id: int, *, reason: str, actor: Actor) -> None:
    """Delete a message that nobody needs any more; the reason is kept."""
    words = reason.strip()
    if not words or len(words) > 200:
        raise BusinessError("请填写原因，最多 200 字", field="reason")
    row = _hold(message_id, actor)
    row.delete()
    record(
        actor_id=actor.user_id,
        action="message.drop",
        chain=f"message:{row.name[:60]}",
        site_id=row.site_id,
        data={"key": row.correlation, "reason": words},
    )


def _hold(message_id: int, actor: Actor) -> Message:
    """The message, if nobody takes it just now; from here on nobody does."""
    row: Message | None = Message.unscoped.filter(pk=message_id).first()
    if row is None or not (actor.is_system or row.site_id in actor.site_ids):
        raise NotFound(GONE)
    actor.require("process.operate", row.site_id)
    lock_message(row.name, row.correlation)
    if not Message.unscoped.filter(pk=row.pk).exists():
        raise Conflict(GONE)
    return row
