"""Clocks of a case between two milestones: started, paused, resumed, stopped and cancelled by what the process does.

A running clock obeys the rule it started with; a rule book changed meanwhile holds for clocks that start later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from django.db import transaction

from bihuan.audit.log import record
from bihuan.engine.runtime.events import InstanceStarted
from bihuan.engine.runtime.people.events import Moved
from bihuan.kernel.errors import BusinessError
from bihuan.limits import clocks
from bihuan.limits.changes import Reopening, reopen_clock
from bihuan.limits.definition import CASE, LimitDefinition
from bihuan.limits.models import Clock, ClockPause
from bihuan.limits.rulebook import definition_of, rule_of
from bihuan.operations.facts import case_facts
from bihuan.operations.timing.clock_following import items_follow
from bihuan.org.access import system_actor
from bihuan.org.models import Role
from bihuan.processes.contract import StepResult
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.models import Case

Cause = ClockPause.Cause
RECALL, WAKE = "recall", "wake"
"""How a step is said to be done again in the history."""


def follow_case(result: StepResult, limits: Mapping[str, LimitDefinition]) -> None:
    """Let the case's clocks follow a step. Costs nothing where the process has no limits between milestones."""
    process = result.instance.process_id
    wanted = [limit for limit in limits.values() if limit.of == CASE and limit.process in ("", process)]
    if not wanted:
        return
    step = _Step(result)
    rows = Clock.unscoped.filter(subject_kind="case", subject_id=step.case_id, stopped_at__isnull=True)
    running = {held.key: held for held in rows if held.rule.get("of") == CASE}
    changed: list[Clock] = []
    for held in list(running.values()):
        rule = definition_of(held.rule)
        if rule.process in ("", process) and _ended(held, rule, step):
            del running[held.key]
    for limit in wanted:
        if limit.key not in running and step.has(limit.start, limit):
            begun = _started_or_noted(limit, step)
            if begun is not None and not (step.has(limit.stop, limit) and _ended(begun, limit, step)):
                running[limit.key] = begun
                changed.append(begun)
    for limit in wanted:
        if step.taken_back and limit.key not in running:
            again = _taken_up(limit, step)
            if again is not None:
                running[limit.key] = again
                changed.append(again)
    for held in running.values():
        if _aligned(held, definition_of(held.rule), step):
            changed.append(held)
    items_follow(Clock.unscoped.filter(pk__in=[held.pk for held in changed]) if changed else ())


class _Step:
    """What a step did to a case, and what is so after it; each asked for at most once."""

    def __init__(self, result: StepResult) -> None:
        self.result = result
        self.case_id = result.instance.subject_id or 0

    @cached_property
    def happened(self) -> frozenset[str]:
        """The milestones passed: `opened:<node>` by id and by name, `completed:<node>`, `started` …"""
        result = self.result
        found = {f"opened:{name}" for item in result.opened for name in (item.node_id, item.name)}
        outcomes = {item.id: item.outcome for item in result.closed}
        if outcomes:
            rows = WorkItem.unscoped.filter(pk__in=list(outcomes)).values_list("pk", "node_id", "name")
            found.update(f"{outcomes[pk]}:{name}" for pk, node, label in rows for name in (node, label))
        found.update(f"message:{thrown.name}" for thrown in result.thrown)
        if any(isinstance(event, InstanceStarted) for event in result.events):
            found.add("started")
        if result.ended:
            found.add("ended")
        return frozenset(found)

    @cached_property
    def taken_back(self) -> frozenset[str]:
        """The milestones that are void because the last step is done again: after 撤回, and after 唤醒 the end too."""
        ways = {event.how for event in self.result.events if isinstance(event, Moved)}
        if not ways & {RECALL, WAKE}:
            return frozenset()
        again = {f"completed:{name}" for item in self.result.opened for name in (item.node_id, item.name)}
        return frozenset(again | ({"ended"} if WAKE in ways else set()))

    @cached_property
    def ends_case(self) -> bool:
        """Whether the process that carries the case has ended, not one that it called or one beside it; or the last."""
        if not self.result.ended:
            return False
        rows = Instance.unscoped.filter(subject_kind="case", subject_id=self.case_id, parent__isnull=True)
        found = list(rows.order_by("pk").values_list("pk", "ended_at"))
        return found[0][0] == self.result.instance_id or all(ended_at is not None for _, ended_at in found)

    @cached_property
    def values(self) -> dict[str, Any]:
        """What expressions read: the case's facts, and before them the process variables."""
        case = Case.unscoped.select_related("site", "customer", "vehicle").get(pk=self.case_id)
        instance = Instance.unscoped.get(pk=self.result.instance_id)
        return {**case_facts(case), "timezone": case.site.timezone, **instance.variables}

    @cached_property
    def open_items(self) -> list[tuple[str, str, str]]:
        """Node, name and role of what is open on the case now."""
        rows = WorkItem.unscoped.filter(
            instance__subject_kind="case", instance__subject_id=self.case_id, status=WorkItem.Status.OPEN
        )
        return list(rows.order_by("pk").values_list("node_id", "name", "role"))

    def has(self, triggers: Iterable[str], limit: LimitDefinition) -> bool:
        """Whether one of these milestones was passed, or one of these conditions is true now.

        Start and end are those of the limit's own process; without one, of what no other process called.
        """
        passed = self.happened
        if self.result.instance.is_called and not limit.process:
            passed = passed - {"started", "ended"}
        return any(limit.holds(text, self.values) if text.startswith("=") else text in passed for text in triggers)

    def is_so(self, condition: str, limit: LimitDefinition) -> bool:
        """Whether a pause's condition holds now."""
        if condition.startswith("="):
            return limit.holds(condition, self.values)
        node = condition.removeprefix("open:")
        return any(node in (node_id, name) for node_id, name, _ in self.open_items)


def _started_or_noted(limit: LimitDefinition, step: _Step) -> Clock | None:
    """A limit whose target cannot be told yet must not hold up the work: its reason goes into the case's history."""
    try:
        with transaction.atomic():
            return _started(limit, step)
    except (ValueError, BusinessError) as reason:
        facts = step.result.instance
        data = {"key": limit.key, "name": limit.name, "reason": str(reason)}
        record(actor_id=None, action="clock.not_started", chain=facts.chain, site_id=facts.site_id, data=data)
        return None


def _started(limit: LimitDefinition, step: _Step) -> Clock:
    """A new clock, or the former one reopened the way the limit says."""
    result = step.result
    actor = system_actor(result.instance.site_id)
    former = Clock.unscoped.filter(subject_kind="case", subject_id=step.case_id, key=limit.key, met__isnull=False)
    last = former.order_by("-pk").first()
    if last is not None:
        return reopen_clock(last.pk, policy=limit.reopen, reason="流程再次到达起算环节", actor=actor)
    needs_values = limit.target.startswith("=") or limit.calendar.startswith("=")
    values = step.values if needs_values else {}
    target = limit.target_of(values, result.at, result.instance.timezone)
    return clocks.start_clock(
        subject_kind="case",
        subject_id=step.case_id,
        key=limit.key,
        name=limit.name,
        site_id=result.instance.site_id,
        target_seconds=target.seconds,
        due_at=target.due_at,
        warn_share=limit.warn_share,
        escalate_to=limit.escalate_to,
        calendar=limit.calendar_key(values),
        started_at=result.at,
        role=",".join(limit.team) or limit.role,
        rule=rule_of(limit),
    )


def _taken_up(limit: LimitDefinition, step: _Step) -> Clock | None:
    """The clock that a void milestone had stopped: after 撤回 as if it never had, after 唤醒 the way the limit says.

    With the end of a process that was called off and woken, also one that had been dropped with it.
    """
    woken = "ended" in step.taken_back
    former = Clock.unscoped.filter(subject_kind="case", subject_id=step.case_id, key=limit.key)
    last = former.order_by("-pk").first()
    if last is None or last.stopped_at is None:
        return None
    by_what_is_void = bool(step.taken_back & set(limit.stop)) or (woken and not limit.stop)
    dropped_with_it = woken and last.met is None and not limit.cancel
    if not (by_what_is_void or dropped_with_it):
        return None
    actor = system_actor(last.site_id)
    if woken:
        return reopen_clock(last.pk, policy=limit.reopen, reason="流程已唤醒", actor=actor)
    return reopen_clock(last.pk, policy=Reopening.CONTINUE, reason="这一步已撤回", actor=actor)


def _ended(held: Clock, rule: LimitDefinition, step: _Step) -> bool:
    """Stop or drop the clock where a milestone says so, and at the latest with its process, or the one of the case.

    A process that was called off, withdrawn or failed says nothing about whether its limits were kept.
    """
    result = step.result
    over = bool(result.ended) if rule.process else step.ends_case
    if step.has(rule.cancel, rule) or (over and result.ended not in ("completed", "terminated")):
        actor = system_actor(held.site_id)
        clocks.drop_clocks(
            subject_kind="case", subject_id=held.subject_id, key=held.key, reason="流程取消了这个时限", actor=actor
        )
        return True
    if step.has(rule.stop, rule) or over:
        clocks.stop_clock(
            subject_kind="case", subject_id=held.subject_id, key=held.key, at=result.at, person_id=result.actor_id
        )
        return True
    return False


def _aligned(held: Clock, rule: LimitDefinition, step: _Step) -> bool:
    """Pause and resume as the rule's conditions say; whether anything changed."""
    if not rule.pauses and not rule.team:
        return False
    wanted: dict[str, str] = {}
    reason = next((one.reason for one in rule.pauses if step.is_so(one.condition, rule)), "")
    if reason:
        wanted[Cause.CONDITION] = reason
    if rule.team:
        elsewhere = _held_elsewhere(rule, step)
        if elsewhere:
            wanted[Cause.TEAM] = elsewhere
    open_now = ClockPause.unscoped.filter(
        clock=held, ended_at__isnull=True, cause__in=(Cause.CONDITION, Cause.TEAM)
    ).values_list("cause", flat=True)
    there = set(open_now)
    actor = system_actor(held.site_id)
    for cause in there - set(wanted):
        clocks.resume_clock(held.pk, actor=actor, cause=cause)
    for cause, why in wanted.items():
        if cause not in there:
            clocks.pause_clock(held.pk, reason=why, actor=actor, cause=cause)
    return there != set(wanted)


def _held_elsewhere(rule: LimitDefinition, step: _Step) -> str:
    """Who has the work when the limit's team has none of it; "" when the team has it."""
    roles = {key.strip() for _, _, text in step.open_items for key in text.split(",") if key.strip()}
    if roles & set(rule.team):
        return ""
    names = Role.objects.filter(key__in=roles).order_by("pk").values_list("name", flat=True)
    return f"由{'、'.join(names)}办理" if names else "没有人在办"


def rename_milestones(case_id: int, renamed: Mapping[str, str]) -> None:
    """The process of a case is on another version: its running clocks wait for the same steps, by their new names."""
    if not renamed:
        return
    for held in Clock.unscoped.filter(subject_kind="case", subject_id=case_id, stopped_at__isnull=True):
        rule = _with_names(held.rule, renamed)
        if rule != held.rule:
            Clock.unscoped.filter(pk=held.pk).update(rule=rule)


def _with_names(rule: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    def named(text: str) -> str:
        kind, _, node = text.partition(":")
        return f"{kind}:{renamed[node]}" if node in renamed and not text.startswith("=") else text

    found = dict(rule)
    for part in ("start", "stop", "cancel"):
        said = rule.get(part)
        if said:
            found[part] = named(said) if isinstance(said, str) else [named(text) for text in said]
    if rule.get("pause"):
        found["pause"] = [{**one, "while": named(one["while"])} for one in rule["pause"]]
    return found
