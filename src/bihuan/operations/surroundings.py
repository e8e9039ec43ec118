"""What a step of a process gets from the records: services, facts for conditions, time limits, clocks, notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bihuan.kernel.errors import NotFound
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.copies import send_step_copies
from bihuan.operations.decisions import answer_decision
from bihuan.operations.facts import case_facts
from bihuan.operations.registry import EFFECTS, EffectContext, run_effects
from bihuan.operations.starting import open_subject, site_facts
from bihuan.operations.timing import clock_following
from bihuan.operations.timing.timekeeping import Timekeeper
from bihuan.org.access import system_actor
from bihuan.org.duty.chart import answerable_for
from bihuan.org.roles import people_allowed
from bihuan.processes.contract import InstanceFacts, OpenedItem, ServiceCall, StepResult, Surroundings
from bihuan.processes.services import DECISION
from bihuan.processes.version_limits import limits_of
from bihuan.records.cases import close_case
from bihuan.records.models import Case, CaseKind

CASE = clock_following.CASE
ITEM = clock_following.ITEM
ENDS_OF_A_DRAWING = frozenset({"completed", "terminated"})
"""Outcomes a diagram reaches by itself: at its last end event, or at one that terminates."""


def surroundings() -> Surroundings:
    """Everything a step needs from outside the processes."""
    keeper = Timekeeper()

    def observe(result: StepResult) -> None:
        keeper.follow(result)
        tell_step(result)
        close_own_kind(result)

    return Surroundings(
        services=Services(),
        context=facts_of_instance,
        limits=keeper.moments,
        observe=observe,
        open_subject=open_subject,
        site_facts=site_facts,
    )


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
        actor=call.actor,
        case=case,
        now=call.now,
        values=call.inputs,
        variables={**call.variables, **call.inputs},
        limits=limits_of(call.instance),
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


def tell_step(result: StepResult) -> None:
    """After a step, in its transaction: the people whose turn it is are told."""
    handed_on = [renewed.item for renewed in result.renewed if renewed.handed_on]
    for item in (*result.opened, *handed_on):
        if item.assignee_id is not None and item.assignee_id != result.actor_id:
            _tell_of_task((item.assignee_id,), f"新待办：{item.name}", item, result.instance)
        elif item.offered:
            _tell_of_task(item.offered, f"待领取：{item.name}", item, result.instance)
        elif item.unattended:
            tell_nobody_is_there(result.instance.site_id, item.name, item.title, (item.id,))
    if result.copies:
        send_step_copies(result)
    if result.incidents:
        _tell_of_trouble(result)


def close_own_kind(result: StepResult) -> None:
    """A rule book's own kind ends with its process, whether or not the diagram says so."""
    facts = result.instance
    if result.ended not in ENDS_OF_A_DRAWING or facts.process_id in CaseKind.values:
        return
    if facts.subject_kind == CASE and not facts.is_called:
        case = load_case(facts.subject_id, ())
        if case.kind == facts.process_id:
            close_case(case.pk, actor=system_actor(case.site_id))


def _tell_of_trouble(result: StepResult) -> None:
    """Whoever may put a process right is told that one stands still; once for each incident."""
    instance = result.instance
    about = About(
        NoticeKind.SYSTEM,
        urgent=True,
        subject=(instance.subject_kind, instance.subject_id) if instance.subject_id is not None else None,
        site_id=instance.site_id,
        key=f"incident {result.incidents[0]}",
    )
    people = people_allowed("process.operate", instance.site_id)
    title, body = f"流程停住了：{instance.title or '未命名'}", "有一步没有做成，请到“流程异常”处理。"
    notify_people(people, title, body, "/processes/incidents", about)


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
