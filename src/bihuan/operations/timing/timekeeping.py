"""Time limits along a process: when work is due, clocks of tasks, clocks of the case between two milestones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bihuan.kernel import clock as time
from bihuan.kernel import worktime
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import NoWorkingTime
from bihuan.limits import clocks
from bihuan.limits.arithmetic import Running, due_moment, moment_of
from bihuan.limits.calendars import calendar_now
from bihuan.limits.definition import TASK, LimitDefinition, Target
from bihuan.limits.models import Clock
from bihuan.limits.rulebook import rule_of
from bihuan.operations.timing.case_clocks import follow_case
from bihuan.operations.timing.clock_following import CASE, ITEM, items_follow
from bihuan.processes.contract import InstanceFacts, OpenedItem, StepResult
from bihuan.processes.version_limits import limits_of


class Timekeeper:
    """Keeps the limits of a step, those of the version its process runs on; targets are worked out once."""

    def __init__(self) -> None:
        self._targets: dict[tuple[int, str, datetime | None], tuple[Target, str]] = {}

    def moments(
        self, key: str, instance: InstanceFacts, opened_at: datetime, variables: Mapping[str, Any]
    ) -> tuple[datetime | None, datetime | None]:
        """When an item is due and when to remind: a clock of the case that runs decides, else the limit itself."""
        limit = limits_of(instance).get(key)
        if limit is None:
            return None, None
        shared = _running_on_case(instance, key)
        if shared is not None:
            return shared.due_at, shared.warn_at
        if limit.of != TASK:
            return None, None
        target = limit.target_of(variables, opened_at, instance.timezone)
        calendar = limit.calendar_key(variables)
        try:
            moments = _moments(limit, target, calendar, instance.site_id, opened_at)
        except BusinessError as refusal:
            raise ValueError(refusal.message) from None
        self._targets[instance.id, key, moments[0]] = (target, calendar)
        return moments

    def follow(self, result: StepResult) -> None:
        """After a step: clocks of opened items start, of closed ones stop; those of the case follow its milestones."""
        limits = limits_of(result.instance)
        _stop_item_clocks(result)
        for item in result.opened:
            limit = limits.get(item.limit_key)
            if limit is not None and item.due_at is not None and _running_on_case(result.instance, limit.key) is None:
                self._start_item_clock(limit, item, result)
        for renewed in result.renewed:
            if renewed.item.limit_key != renewed.old_limit_key:
                self._replace_item_clock(limits.get(renewed.item.limit_key), renewed.item, result)
        if result.instance.subject_kind == CASE and result.instance.subject_id is not None:
            follow_case(result, limits)
        # A keeper may live as long as a worker.
        self._targets = {key: found for key, found in self._targets.items() if key[0] != result.instance.id}

    def _replace_item_clock(self, limit: LimitDefinition | None, item: OpenedItem, result: StepResult) -> None:
        """Another version puts open work under another limit: it counts from when the work was opened."""
        for held in clocks.running_clocks(ITEM, item.id):
            clocks.forget_clock(held, at=result.at)
        if limit is not None and item.due_at is not None and _running_on_case(result.instance, limit.key) is None:
            self._start_item_clock(limit, item, result)

    def _start_item_clock(self, limit: LimitDefinition, item: OpenedItem, result: StepResult) -> None:
        known = self._targets.get((result.instance.id, limit.key, item.due_at))
        target, calendar = known or (Target(due_at=item.due_at), limit.calendar)
        seconds = target.seconds
        held = clocks.start_clock(
            subject_kind=ITEM,
            subject_id=item.id,
            key=item.limit_key,
            name=limit.name,
            site_id=result.instance.site_id,
            target_seconds=seconds,
            due_at=target.due_at,
            warn_share=limit.warn_share,
            escalate_to=limit.escalate_to,
            calendar=calendar,
            started_at=item.opened_at,
            role=item.role,
            rule=rule_of(limit),
        )
        # A team's hours are known only with the role.
        if held.due_at != item.due_at:
            items_follow([held])


def _moments(
    limit: LimitDefinition, target: Target, calendar: str, site_id: int, opened_at: datetime
) -> tuple[datetime | None, datetime | None]:
    counted_on, opened_at = calendar_now(calendar, site_id), time.whole_second(opened_at)
    seconds = target.seconds
    if target.due_at is not None:
        seconds = worktime.working_seconds_between(counted_on, opened_at, target.due_at)
    assert seconds is not None
    running = Running(counted_on, opened_at, seconds, due_fixed=target.due_at)
    try:
        due = due_moment(running)
    except NoWorkingTime:
        return None, None
    return due, moment_of(running, seconds - limit.warn_before_seconds(seconds)) if limit.warn_share else None


def _running_on_case(instance: InstanceFacts, key: str) -> Clock | None:
    if instance.subject_kind != CASE or instance.subject_id is None:
        return None
    return clocks.running_clock(CASE, instance.subject_id, key)


def _stop_item_clocks(result: StepResult) -> None:
    outcomes = {item.id: item.outcome for item in result.closed if item.limit_key}
    if not outcomes:
        return
    running = Clock.unscoped.filter(subject_kind=ITEM, subject_id__in=list(outcomes), stopped_at__isnull=True)
    for held in running:
        if outcomes[held.subject_id] == "completed":
            clocks.stop_clock(
                subject_kind=ITEM, subject_id=held.subject_id, key=held.key, at=result.at, person_id=result.actor_id
            )
        else:
            clocks.forget_clock(held, at=result.at)
