"""Messages that come before anybody waits: kept, and handed over when somebody does, the oldest first, each once.

Two transactions may look at the same moment: one opens a wait and finds no message, the other sends and finds nobody
who waits. So both take the lock of the message's key before they look, and hold it to their end; whoever is
second sees what the first has stored. Steps that neither wait for nor send a message do not come here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.engine.definition.iso8601 import Duration, later, parse_duration
from bihuan.engine.runtime import DeliverMessage, MessageThrown, Subscribed, decode, encode
from bihuan.kernel.sql import moment, on_postgres, query
from bihuan.processes.models import Message
from bihuan.processes.room import require_room
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit

DEFAULT_TIME_TO_LIVE = Duration(days=7)
"""For a message whose event says nothing (`bihuan:timeToLive`)."""

_LOCK = "SELECT pg_advisory_xact_lock(2501, hashtext(%s))"
_TAKE = """
DELETE FROM processes_message WHERE id = (
  SELECT id FROM processes_message WHERE name = %s AND correlation = %s AND expires_at > %s
  AND (correlation <> '' OR (sender_id IS NULL AND site_id = %s)
       OR EXISTS (SELECT 1 FROM processes_instance WHERE processes_instance.id = sender_id AND chain = %s))
  ORDER BY id LIMIT 1)
RETURNING id, payload"""
"""One without a key is meant for the case of who sent it, from outside for the site it was sent to."""


def lock_message(name: str, correlation: str) -> None:
    """Nobody else opens a wait for this message or keeps one until this transaction ends.

    One lock for all messages of a key: two who write to each other about one case never wait for each other crosswise.
    """
    if on_postgres():
        query(_LOCK, (correlation or name,))


def keep_message(
    unit: Unit, event: MessageThrown, *, site_id: int, expires_at: datetime, sender: Loaded | None = None
) -> None:
    """Keep a message for whoever comes to wait for it; its lock is held. Raises NoRoom where too many are kept."""
    require_room(event, site_id=site_id, sender_id=sender.id if sender else None, now=unit.now)
    Message.unscoped.create(
        site_id=site_id,
        name=event.name,
        correlation=event.correlation,
        payload=json.dumps(encode(dict(event.payload)), ensure_ascii=False),
        sender_id=sender.id if sender else None,
        node_id=event.node,
        sent_by_id=unit.actor.user_id,
        sent_at=unit.now,
        expires_at=expires_at,
    )


def kept_until(unit: Unit, sender: Loaded, event: MessageThrown) -> datetime:
    """How long a message of a process is kept: as its event says, on the calendar of the site."""
    said = sender.process.nodes[event.node].extension.time_to_live
    span = parse_duration(said) if said else DEFAULT_TIME_TO_LIVE
    return later(unit.now, span, ZoneInfo(sender.facts.timezone))


def take_kept(unit: Unit, instance: Loaded, event: Subscribed) -> None:
    """Give a wait that has just been opened the messages that came before it: one, or all if it goes on listening."""
    lock_message(event.name, event.correlation)
    while event.wait in instance.state.waits and not unit.is_runaway:
        facts = instance.facts
        rows = query(_TAKE, (event.name, event.correlation, moment(unit.now), facts.site_id, facts.chain))
        if not rows:
            return
        number, payload = rows[0]
        instance.taken.append(number)
        unit.follow(instance, DeliverMessage(event.wait, _values(payload)))


def _values(payload: str) -> Mapping[str, Any]:
    values: Mapping[str, Any] = decode(json.loads(payload))
    return values
