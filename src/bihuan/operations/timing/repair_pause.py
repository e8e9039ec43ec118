"""Pausing the agreed hours for a reason that is kept, and going on (AUTO-19)."""

from __future__ import annotations

from django.db import transaction

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.limits import clocks
from bihuan.limits.models import Clock
from bihuan.operations.effects.workshop import NEVER, REPAIR
from bihuan.operations.registry import under_process
from bihuan.operations.surroundings import CASE
from bihuan.operations.timing.clock_following import items_follow
from bihuan.org.actor import Actor
from bihuan.processes.models import Instance, Job, WorkItem
from bihuan.records.access import access_case
from bihuan.records.cases import change_case
from bihuan.records.models import Case

REASONS = ("等待配件", "等待客户答复", "等待工位", "其他")
REPAIR_NODE = "repair"


@transaction.atomic
def pause_repair(case_id: int, *, actor: Actor, reason: str) -> Clock:
    """Stop the repair clock; the technician on the job or the workshop manager says why."""
    case, held = _running(case_id, actor)
    paused = clocks.pause_clock(held.pk, reason=reason, actor=actor)
    move_repair_timers(case.pk, None)
    items_follow([paused])
    return paused


@transaction.atomic
def resume_repair(case_id: int, *, actor: Actor) -> Clock:
    """Go on; what was left of the agreed hours is left still, the promise moves by the pause."""
    case, held = _running(case_id, actor)
    running = clocks.resume_clock(held.pk, actor=actor)
    move_repair_timers(case.pk, running)
    items_follow([running])
    if running.due_at is not None:
        change_case(case.pk, actor=under_process(actor, case.site_id), agreed_done_at=running.due_at)
    return running


def _running(case_id: int, actor: Actor) -> tuple[Case, Clock]:
    case = access_case(case_id, actor=actor)
    if actor.user_id != case.technician_id and not actor.can("case.manage", case.site_id):
        raise NotAllowed("只有本单的维修技师或车间主管可以暂停、恢复维修计时")
    held = Clock.unscoped.filter(subject_kind=CASE, subject_id=case.pk, key=REPAIR, stopped_at__isnull=True).first()
    open_repair = WorkItem.unscoped.filter(
        instance__subject_kind=CASE, instance__subject_id=case.pk, node_id=REPAIR_NODE, status=WorkItem.Status.OPEN
    )
    if held is None or not open_repair.exists():
        raise BusinessError("这张单据现在不在维修计时中")
    return case, held


def move_repair_timers(case_id: int, held: Clock | None) -> None:
    """The timers at the repair step follow the clock: far away while paused, at its new moments afterwards."""
    moments = {
        "repair_warn": held.warn_at if held and held.warned_at is None else None,
        "repair_over": held.due_at if held and held.breached_at is None else None,
    }
    for instance in Instance.unscoped.filter(subject_kind=CASE, subject_id=case_id, status=Instance.Status.RUNNING):
        for node_id, moment in moments.items():
            timers = Job.objects.filter(instance_id=instance.pk, kind="timer", node_id=node_id)
            timers.update(due_at=moment or NEVER, run_at=moment or NEVER)
