"""The end of a unit: from the events of each instance to its rows, its audit entry and the result for the observer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from msgspec import Struct, field

from bihuan.engine.runtime import (
    Event,
    IncidentRaised,
    IncidentResolved,
    InstanceEnded,
    ItemClosed,
    ItemOpened,
    TimerCleared,
    TimerSet,
    encode,
    events_to_json,
)
from bihuan.kernel.sql import moment, on_postgres, query
from bihuan.processes.assigning.deciding import stand_in
from bihuan.processes.contract import NO_VALUES, ClosedItem, Decided, Moments, OpenedItem, StepResult
from bihuan.processes.handling.writing import write_what_people_did
from bihuan.processes.holding import acted_for
from bihuan.processes.models import Incident, Job, Offer
from bihuan.processes.rows import Held, Loaded
from bihuan.processes.unit import Unit
from bihuan.processes.writing import Change, ItemDone, NewItem, write

TIMER = "timer"
_ACTIVE_USER_SQL = """
SELECT u.id, EXISTS (
  SELECT 1 FROM org_leave l WHERE l.user_id = u.id AND l.status = 'approved' AND l.starts_at <= %s AND l.ends_at > %s)
FROM accounts_user u WHERE u.is_active AND (u.id = %s OR u.username = %s)"""


class Net(Struct):
    """What the events of one transaction come to: what was opened and closed again leaves no row."""

    opened: dict[int, ItemOpened] = field(default_factory=dict)
    closed: dict[int, str] = field(default_factory=dict)
    timers: dict[int, TimerSet] = field(default_factory=dict)
    cleared: list[int] = field(default_factory=list)
    raised: dict[int, IncidentRaised] = field(default_factory=dict)
    resolved: dict[int, str] = field(default_factory=dict)
    ended: str = ""

    @classmethod
    def of(cls, events: Iterable[Event]) -> Net:
        """Sum up the events in their order."""
        net = cls()
        for event in events:
            kind = type(event)
            if kind is ItemOpened:
                net.opened[event.wait] = event  # type: ignore[attr-defined, assignment]
            elif kind is ItemClosed:
                if net.opened.pop(event.wait, None) is None:  # type: ignore[attr-defined]
                    net.closed[event.wait] = event.outcome  # type: ignore[attr-defined]
            elif kind in _RARE:
                net._add_rare(event)
        return net

    def _add_rare(self, event: Event) -> None:
        if isinstance(event, TimerSet):
            self.timers[event.wait] = event
        elif isinstance(event, TimerCleared):
            if self.timers.pop(event.wait, None) is None:
                self.cleared.append(event.wait)
        elif isinstance(event, IncidentRaised):
            self.raised[event.incident] = event
        elif isinstance(event, IncidentResolved):
            if self.raised.pop(event.incident, None) is None:
                self.resolved[event.incident] = event.how
        elif isinstance(event, InstanceEnded):
            self.ended = event.outcome


_RARE = frozenset({TimerSet, TimerCleared, IncidentRaised, IncidentResolved, InstanceEnded})


def finish(
    unit: Unit,
    first: Loaded,
    *,
    command: str,
    done: Held | None = None,
    once_key: str = "",
    held_before: bool = False,
    detail: Mapping[str, Any] | None = None,
) -> StepResult:
    """Write every instance that moved, then tell the observer; answers the result for `first`.

    `done` is the item that a person completed, `held_before` whether records may have been written since it was read.
    """
    try:
        return _finish(unit, first, command, done, once_key, detail, fresh=not (held_before or unit.ran_services))
    except Exception:
        # Rows are half written: whoever catches this must not commit them.
        transaction.set_rollback(True)
        raise


def _finish(
    unit: Unit,
    first: Loaded,
    command: str,
    done: Held | None,
    once_key: str,
    detail: Mapping[str, Any] | None,
    *,
    fresh: bool,
) -> StepResult:
    moved = [instance for instance in unit.loaded.values() if instance.events or instance is first]
    results: dict[int, StepResult] = {}
    for instance in moved:
        main = instance is first
        data: dict[str, Any] = {"instance": instance.id, "process": instance.facts.process_id, "command": command}
        if main and done is not None:
            data.update(item=done.item_id, node=done.node_id)
            if acted_for(done, unit.actor) is not None and done.assignee_id is not None:
                data["acts_for"] = done.assignee_id
        if main and detail:
            data["detail"] = dict(detail)
        item = ItemDone(done.item_id, unit.now, unit.actor.user_id, once_key) if main and done is not None else None
        # Two instances of one case share a chain: only the first writer of this unit can trust what was read.
        results[instance.id] = _write_instance(unit, instance, data, item, done if main else None, fresh)
        fresh = False
    main_result = results.pop(first.id)
    main_result = _with_others(main_result, tuple(results.values()))
    if unit.around.observe is not None:
        for result in (main_result, *main_result.others):
            unit.around.observe(result)
    return main_result


def _with_others(result: StepResult, others: tuple[StepResult, ...]) -> StepResult:
    if not others:
        return result
    return StepResult(
        result.instance, result.actor_id, result.at, result.events, result.opened, result.closed, result.incidents,
        result.ended, result.item_id, others, renewed=result.renewed, copies=result.copies,
    )  # fmt: skip


def _write_instance(
    unit: Unit, instance: Loaded, data: dict[str, Any], item: ItemDone | None, done: Held | None, fresh: bool
) -> StepResult:
    net = Net.of(instance.events)
    new_items = _new_items(unit, instance, net.opened.values()) if net.opened else []
    cancelled = _close_others(unit, instance, net.closed, done)
    if net.timers or net.cleared:
        _write_timers(unit, instance, net)
    if net.raised or net.resolved:
        _write_incidents(unit, instance, net)
    data["events"] = events_to_json(instance.events)
    if instance.taken:
        data["messages"] = instance.taken
    if instance.notes:
        data["notes"] = instance.notes
    if instance.decided:
        data["decided"] = {str(wait): {**one.record, "why": one.why} for wait, one in instance.decided.items()}
    if instance.copies:
        data["copied"] = [
            {"node": one.node_id, "to": one.people, "names": one.names, "why": one.why} for one in instance.copies
        ]
    status = net.ended or ("suspended" if instance.state.status == "suspended" else "running")
    ids = write(
        Change(
            instance=instance,
            status=status,
            ended_at=unit.now if net.ended else None,
            at=unit.now,
            actor_id=unit.actor.user_id,
            data=data,
            done=item,
            opened=new_items,
            fresh_chain=fresh,
        )
    )
    named = [Offer(item_id=ids[new.wait], user_id=user) for new in new_items for user in new.offered]
    if named:
        Offer.objects.bulk_create(named)
    write_what_people_did(instance)
    closed = [ClosedItem(done.item_id, done.wait, "completed", done.node.extension.limit)] if done is not None else []
    return StepResult(
        instance=instance.facts,
        actor_id=unit.actor.user_id,
        at=unit.now,
        events=tuple(instance.events),
        opened=tuple(_opened(ids[new.wait], new) for new in new_items),
        closed=(*closed, *cancelled),
        incidents=tuple(net.raised),
        ended=net.ended,
        item_id=done.item_id if done is not None else None,
        renewed=tuple(instance.renewed),
        copies=tuple(instance.copies),
    )


def _opened(item_id: int, new: NewItem) -> OpenedItem:
    return OpenedItem(
        id=item_id,
        wait=new.wait,
        node_id=new.node_id,
        name=new.name,
        title=new.title,
        role=new.role,
        assignee_id=new.assignee_id,
        form_key=new.form_key,
        limit_key=new.limit_key,
        opened_at=new.opened_at,
        due_at=new.due_at,
        warn_at=new.warn_at,
        offered=new.offered,
        unattended=new.unattended_since is not None,
    )


def _new_items(unit: Unit, instance: Loaded, opened: Iterable[ItemOpened]) -> list[NewItem]:
    events = list(opened)
    plain = [event for event in events if event.wait not in instance.decided]
    named = [event.assignee for event in plain if event.assignee not in (None, "")]
    people = _people(named, unit.now) if named else {}
    items: list[NewItem] = []
    for event in events:
        extension = instance.process.nodes[event.node].extension
        found = instance.decided.get(event.wait) or _decided(unit, instance, event, people)
        due_at, warn_at = moments_of(unit, instance, event, extension.limit, unit.now)
        items.append(
            NewItem(
                wait=event.wait,
                node_id=event.node,
                name=event.name,
                title=event.title or instance.facts.title,
                # One spelling, since inboxes look roles up by the exact text.
                role=",".join(part.strip() for part in found.role.split(",") if part.strip())[:200],
                assignee_id=found.assignee_id,
                why=found.why[:300],
                unattended_since=unit.now if found.unattended else None,
                offered=found.offered,
                form_key=event.form,
                limit_key=extension.limit,
                script_key=extension.script,
                button=extension.button,
                local=json.dumps(encode(dict(event.variables)), ensure_ascii=False) if event.variables else "",
                opened_at=unit.now,
                due_at=due_at,
                warn_at=warn_at,
            )
        )
    return items


def _decided(unit: Unit, instance: Loaded, event: ItemOpened, people: Mapping[str, tuple[int, bool]]) -> Decided:
    """Where the diagram has no rule: whom its expression names (or stands in for them), else its role."""
    if event.assignee in (None, ""):
        return Decided(None, (), event.role, "", NO_VALUES)
    named = people.get(str(event.assignee))
    if named is None:
        instance.notes.append(f"找不到在职人员“{event.assignee}”，“{event.name}”改由角色办理")
        return Decided(None, (), event.role, "", NO_VALUES)
    user_id, is_away = named
    found = stand_in(unit, instance, event, user_id) if is_away else None
    if found is not None:
        instance.decided[event.wait] = found
    return found or Decided(user_id, (), event.role, "", NO_VALUES)


def moments_of(unit: Unit, instance: Loaded, event: ItemOpened, key: str, opened_at: datetime) -> Moments:
    """When an item opened at that moment is due under a limit, and when to remind."""
    limits = unit.around.limits
    if not key or not limits:
        return None, None
    if callable(limits):
        variables = {**unit.visible(instance), **instance.state.variables, **event.variables}
        try:
            return limits(key, instance.facts, opened_at, variables)
        except ValueError as failure:
            # Work without a limit is better than no work.
            instance.notes.append(f"“{event.name}”没有到期时间：{failure}")
            return None, None
    spec = limits.get(key)
    if spec is None:
        return None, None
    warn = None if spec.warn_seconds is None else opened_at + timedelta(seconds=float(spec.warn_seconds))
    return opened_at + timedelta(seconds=float(spec.target_seconds)), warn


def _people(names: list[Any], now: datetime) -> dict[str, tuple[int, bool]]:
    """Active users by what a model calls them (their id or their name to sign in), and whether they are on leave."""
    found: dict[str, tuple[int, bool]] = {}
    at = moment(now)
    for name in dict.fromkeys(str(name) for name in names):
        number = int(name) if name.isdecimal() and len(name) < 18 else 0
        # On PostgreSQL the account stays in use until the item is written; SQLite has one writer anyway.
        rows = query(_ACTIVE_USER_SQL + (" FOR SHARE OF u" if on_postgres() else ""), (at, at, number, name))
        if rows:
            # A name of digits only may be somebody's number and somebody else's name: the number is meant.
            user_id, is_away = next((row for row in rows if row[0] == number), rows[0])
            found[name] = user_id, bool(is_away)
    return found


def _close_others(unit: Unit, instance: Loaded, closed: Mapping[int, str], done: Held | None) -> list[ClosedItem]:
    """Items that ended without being completed by this person: cancelled by an event, or with the instance."""
    waits = [wait for wait in closed if done is None or wait != done.wait]
    if not waits:
        return []
    marks = ", ".join(["%s"] * len(waits))
    rows = query(
        "UPDATE processes_workitem SET status = 'cancelled', completed_at = %s "
        f"WHERE instance_id = %s AND status IN ('open', 'waiting') AND wait IN ({marks}) RETURNING id, wait, limit_key",
        (moment(unit.now), instance.id, *waits),
    )
    return [ClosedItem(item_id, wait, "cancelled", limit) for item_id, wait, limit in sorted(rows)]


def _write_timers(unit: Unit, instance: Loaded, net: Net) -> None:
    if net.cleared:
        Job.objects.filter(instance_id=instance.id, wait__in=net.cleared).delete()
    Job.objects.bulk_create(
        Job(
            kind=TIMER,
            due_at=event.due_at,
            run_at=event.due_at,
            created_at=unit.now,
            site_id=instance.facts.site_id,
            instance_id=instance.id,
            wait=wait,
            node_id=event.node,
        )
        for wait, event in net.timers.items()
    )


def _write_incidents(unit: Unit, instance: Loaded, net: Net) -> None:
    Incident.unscoped.bulk_create(
        Incident(
            site_id=instance.facts.site_id,
            instance_id=instance.id,
            number=number,
            node_id=event.node,
            reason=event.reason[:500],
            raised_at=unit.now,
        )
        for number, event in net.raised.items()
    )
    for number, how in net.resolved.items():
        Incident.unscoped.filter(instance_id=instance.id, number=number).update(
            resolved_at=unit.now, resolution=how, resolved_by_id=unit.actor.user_id
        )
