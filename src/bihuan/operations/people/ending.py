"""撤销, 终止, 唤醒, 挂起 and 恢复: the process of a case as a whole."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from bihuan.engine.runtime import State
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.limits import clocks
from bihuan.limits.models import Clock, ClockPause
from bihuan.operations.cases import main_instance, stop_processes
from bihuan.operations.people.going_back import running_instance
from bihuan.operations.people.telling import MAX_REASON, case_url, reason_of, tell, tell_closed
from bihuan.operations.registry import under_process
from bihuan.operations.surroundings import CASE, ITEM, surroundings
from bihuan.org.actor import Actor
from bihuan.processes.compiled import compiled_process
from bihuan.processes.contract import StepResult
from bihuan.processes.handling import returning, standing
from bihuan.processes.handling.allowing import require_allowed
from bihuan.processes.handling.passed import has_passed_final
from bihuan.processes.models import Instance, WorkItem
from bihuan.records import cases as case_records
from bihuan.records.access import access_case, optional_text

OPERATE = "process.operate"


@transaction.atomic
def withdraw_case(case_id: int, *, actor: Actor, reason: str) -> StepResult:
    """Whoever began the process withdraws it (撤销): nothing is left to do, the case is called off.

    What was paid, handed over or issued stays as it is. Refused once a final step is done.
    """
    words = reason_of(reason)
    instance = running_instance(case_id, actor)
    if not returning.is_started_by(instance, actor):
        raise NotAllowed("只有发起人可以撤销；需要时请管理员终止")
    process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
    require_allowed("withdraw", process)
    if has_passed_final(instance.pk, process):
        raise Conflict("已经办过不能回头的环节，不能撤销")
    return _end(case_id, instance, words, withdrawn=True, actor=actor)


@transaction.atomic
def terminate_case(case_id: int, *, actor: Actor, reason: str) -> StepResult:
    """An administrator ends the process (终止), wherever it is. Needs `process.operate`."""
    words = reason_of(reason)
    instance = running_instance(case_id, actor)
    actor.require(OPERATE, instance.site_id)
    return _end(case_id, instance, words, withdrawn=False, actor=actor)


def _end(case_id: int, instance: Instance, words: str, *, withdrawn: bool, actor: Actor) -> StepResult:
    result = standing.end_instance(instance.pk, actor=actor, reason=words, withdrawn=withdrawn, around=surroundings())
    stop_processes(case_id, actor=actor, reason=words)
    case_records.close_case(case_id, actor=under_process(actor, instance.site_id), cancelled=True, reason=words)
    deed = "撤销" if withdrawn else "终止"
    tell_closed(result, f"{actor.name}{deed}：{words}", actor=actor)
    if not withdrawn:
        tell([instance.started_by_id], f"流程已终止：{instance.title}", f"{actor.name}：{words}",
             case_url(result.instance), instance=result.instance, actor=actor)  # fmt: skip
    return result


@transaction.atomic
def wake_case(case_id: int, *, actor: Actor, reason: str) -> StepResult:
    """A finished, withdrawn or terminated process runs again at its last steps (唤醒), its case is open again.

    Whoever began it may, and whoever manages cases.
    """
    words = reason_of(reason)
    access_case(case_id, actor=actor)
    instance = main_instance(case_id)
    if instance is None:
        raise Conflict("这张单据没有流程，或者流程已按保存期限归档")
    if not returning.is_started_by(instance, actor):
        actor.require("case.manage", instance.site_id)
    case_records.reopen_case(case_id, actor=under_process(actor, instance.site_id), reason=words)
    return returning.wake_instance(instance.pk, actor=actor, reason=words, around=surroundings())


@transaction.atomic
def suspend_case(case_id: int, *, actor: Actor, reason: str) -> StepResult:
    """Let a case stand still with everything that runs on it, timers and clocks included (挂起).

    Nothing new begins on it either. Looking, printing, and ending it stay possible. Needs `process.operate`.
    """
    words = reason_of(reason)
    instance = running_instance(case_id, actor)
    actor.require(OPERATE, instance.site_id)
    result = suspend_process(instance, words, actor=actor)
    for other in _beside(instance, Instance.Status.RUNNING):
        suspend_process(other, words, actor=actor)
    _tell_waiting(result, f"单据已挂起：{words}", actor)
    return result


@transaction.atomic
def resume_case(case_id: int, *, actor: Actor, reason: str = "") -> StepResult:
    """Let a suspended case go on; what is due moves by the pause (恢复). Needs `process.operate`.

    What stood still before it was suspended (with its version) goes on standing still.
    """
    instance = running_instance(case_id, actor)
    actor.require(OPERATE, instance.site_id)
    since = _suspended_at(instance)
    words = optional_text(reason, label="原因", field="reason", limit=MAX_REASON)
    result = resume_process(instance, words, actor=actor)
    for other in _beside(instance, Instance.Status.SUSPENDED):
        if since is None or (_suspended_at(other) or since) >= since:
            resume_process(other, words, actor=actor)
    _tell_waiting(result, "单据已恢复", actor)
    return result


def _beside(carrying: Instance, status: str) -> list[Instance]:
    """The other processes of its case in this state, in the order in which they are locked."""
    rows = Instance.unscoped.filter(
        subject_kind=CASE, subject_id=carrying.subject_id, parent__isnull=True, status=status
    )
    return list(rows.exclude(pk=carrying.pk).order_by("pk"))


def _suspended_at(instance: Instance) -> datetime | None:
    return State.from_json(instance.state).suspended_at


def suspend_process(instance: Instance, words: str, *, actor: Actor) -> StepResult:
    """A process that nothing called stands still, with what it called, its timers and clocks; who may is checked."""
    result = standing.suspend_instance(instance.pk, actor=actor, reason=words, around=surroundings())
    for held in _clocks(instance):
        clocks.pause_clock(held.pk, reason=f"流程挂起：{words}"[:200], actor=actor, cause=ClockPause.Cause.INSTANCE)
    return result


def resume_process(instance: Instance, words: str, *, actor: Actor) -> StepResult:
    """It goes on, and so do its clocks with what was left."""
    result = standing.resume_instance(instance.pk, actor=actor, reason=words, around=surroundings())
    standing_still = ClockPause.unscoped.filter(
        clock__in=_clocks(instance), cause=ClockPause.Cause.INSTANCE, ended_at__isnull=True
    )
    for pause in standing_still:
        running = clocks.resume_clock(pause.clock_id, actor=actor, cause=ClockPause.Cause.INSTANCE)
        if running.subject_kind == ITEM and running.due_at is not None:
            WorkItem.unscoped.filter(pk=running.subject_id).update(
                due_at=running.due_at, warn_at=running.warn_at, sort_at=running.due_at
            )
    return result


def _clocks(instance: Instance) -> list[Clock]:
    """The clocks that run on an instance's open work; for the one that carries a case also those of the case itself."""
    mine = Q(instance=instance) | Q(instance__root=instance)
    ids = list(WorkItem.unscoped.filter(mine, completed_at__isnull=True).values_list("pk", flat=True))
    about = Q(subject_kind=ITEM, subject_id__in=ids)
    if instance.subject_kind == CASE and instance.subject_id is not None:
        carrying = main_instance(instance.subject_id)
        if carrying is not None and carrying.pk == instance.pk:
            about |= Q(subject_kind=CASE, subject_id=instance.subject_id)
    return list(Clock.unscoped.filter(about, stopped_at__isnull=True).order_by("pk"))


def _tell_waiting(result: StepResult, words: str, actor: Actor) -> None:
    of_case = Q(instance__subject_kind=CASE, instance__subject_id=result.instance.subject_id)
    items = WorkItem.unscoped.filter(of_case, completed_at__isnull=True, assignee_id__isnull=False)
    tell(set(items.values_list("assignee_id", flat=True)), words, result.instance.title, case_url(result.instance),
         instance=result.instance, actor=actor)  # fmt: skip
