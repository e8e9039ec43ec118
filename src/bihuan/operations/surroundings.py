"""What a step of a process gets from the records: services, facts for conditions, time limits, clocks, notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bihuan.kernel import worktime
from bihuan.kernel.errors import NotFound
from bihuan.limits import clocks
from bihuan.limits.calendars import WALL, calendar_now
from bihuan.limits.models import Clock
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.decisions import answer_decision
from bihuan.operations.facts import case_facts
from bihuan.operations.registry import EFFECTS, EffectContext, run_effects
from bihuan.operations.rules import limit_definitions
from bihuan.org.duty.chart import answerable_for
from bihuan.processes.contract import InstanceFacts, OpenedItem, ServiceCall, StepResult, Surroundings
from bihuan.processes.services import DECISION
from bihuan.records.models import Case

CASE = "case"
ITEM = "item"


def surroundings() -> Surroundings:
    """Everything a step needs from outside the processes."""
    return Surroundings(services=Services(), context=facts_of_instance, limits=moments_of_limit, observe=follow_step)


class Services(Mapping[str, Callable[[ServiceCall], Mapping[str, Any]]]):
    """Service tasks by name: every registered effect can serve one, and decision tables serve business-rule tasks."""

    def __getitem__(self, name: str) -> Callable[[ServiceCall], Mapping[str, Any]]:
        if name == DECISION:
            return run_decision
        if name not in EFFECTS:
            raise KeyError(name)
        return run_service

    def __iter__(self) -> Any:
        return iter(EFFECTS)

    def __len__(self) -> int:
        return len(EFFECTS)


def run_decision(call: ServiceCall) -> Mapping[str, Any]:
    """Answer a business-rule task from the decision tables in force."""
    return answer_decision(call, facts_of_instance(call.instance))


def run_service(call: ServiceCall) -> Mapping[str, Any]:
    """Run the effect a service task names, on the case its instance is about."""
    case = load_case(call.instance.subject_id)
    context = EffectContext(
        actor=call.actor, case=case, now=call.now, values=call.inputs, variables={**call.variables, **call.inputs}
    )
    return run_effects((call.service,), context)


LOOKED_AT = ("site", "customer", "vehicle", "advisor", "technician", "appointment", "appointment__technician")
IN_FACTS = ("site", "customer", "vehicle")


def load_case(case_id: int | None, related: tuple[str, ...] = LOOKED_AT) -> Case:
    """The case with everything effects and scripts look at, in one query; `IN_FACTS` suffices for conditions."""
    if case_id is None:
        raise NotFound("这个流程没有业务单")
    return Case.unscoped.select_related(*related).get(pk=case_id)


def facts_of_instance(instance: InstanceFacts) -> Mapping[str, Any]:
    """The read-only view of the case for conditions."""
    if instance.subject_kind != CASE or instance.subject_id is None:
        return {}
    case = load_case(instance.subject_id)
    return {**case_facts(case), "timezone": case.site.timezone}


def moments_of_limit(
    key: str, instance: InstanceFacts, opened_at: datetime, variables: Mapping[str, Any]
) -> tuple[datetime | None, datetime | None]:
    """When an item is due and when to remind: a clock of the case that already runs decides, else the limit itself."""
    limit = limit_definitions().get(key)
    if limit is None:
        return None, None
    running = _running_on_case(instance, key)
    if running is not None:
        return running.due_at, running.warn_at
    seconds = limit.target_seconds(variables)
    if limit.calendar != WALL:
        calendar = calendar_now(limit.calendar, instance.site_id)
        due = worktime.add_working_seconds(calendar, opened_at, seconds)
        warn = worktime.add_working_seconds(calendar, opened_at, seconds - limit.warn_before_seconds(seconds))
    else:
        due = opened_at + timedelta(seconds=seconds)
        warn = due - timedelta(seconds=limit.warn_before_seconds(seconds))
    return due, warn if limit.warn_share else None


def follow_step(result: StepResult) -> None:
    """After a step, in its transaction: clocks of opened items start, of closed ones stop; assigned people are told."""
    limits = limit_definitions() if any(item.limit_key for item in result.opened) else {}
    _stop_item_clocks(result)
    for item in result.opened:
        limit = limits.get(item.limit_key)
        if limit is not None and item.due_at is not None and _running_on_case(result.instance, limit.key) is None:
            seconds = limit.target_seconds({})
            clocks.start_clock(
                subject_kind=ITEM,
                subject_id=item.id,
                key=item.limit_key,
                name=limit.name,
                site_id=result.instance.site_id,
                target_seconds=seconds,
                warn_before_seconds=limit.warn_before_seconds(seconds),
                escalate_to=limit.escalate_to,
                calendar=limit.calendar,
                started_at=item.opened_at,
                role=item.role,
            )
        if item.assignee_id is not None and item.assignee_id != result.actor_id:
            _tell_of_task((item.assignee_id,), f"新待办：{item.name}", item, result.instance)
        elif item.offered:
            _tell_of_task(item.offered, f"待领取：{item.name}", item, result.instance)
        elif item.unattended:
            tell_nobody_is_there(result.instance.site_id, item.name, item.title, (item.id,))


def tell_nobody_is_there(site_id: int, name: str, body: str, item_ids: Sequence[int]) -> int:
    """Tell whoever answers for the site that nobody can do work that is open there."""
    url = f"/tasks/{item_ids[0]}" if len(item_ids) == 1 else "/duty/unattended"
    about = About(NoticeKind.DUTY, urgent=True, site_id=site_id)
    return notify_people(answerable_for(site_id), f"没有人能办：{name}", body, url, about)


def _tell_of_task(people: Iterable[int], title: str, item: OpenedItem, instance: InstanceFacts) -> None:
    about = About(
        NoticeKind.TASK,
        subject=(instance.subject_kind, instance.subject_id) if instance.subject_id is not None else None,
        site_id=instance.site_id,
        template="task_assigned",
        words={"环节": item.name, "事项": item.title},
    )
    notify_people(people, title, item.title, f"/tasks/{item.id}", about)


def _running_on_case(instance: InstanceFacts, key: str) -> Clock | None:
    if instance.subject_kind != CASE or instance.subject_id is None:
        return None
    rows = Clock.unscoped.filter(subject_kind=CASE, subject_id=instance.subject_id, key=key, stopped_at__isnull=True)
    return rows.first()


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
            # Cancelled work was neither in time nor late.
            Clock.unscoped.filter(pk=held.pk).update(stopped_at=result.at, due_at=None, warn_at=None)
