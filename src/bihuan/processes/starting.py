"""Beginning processes by themselves: what the worker does when the moment of an automatic start comes.

Removing the job, the new instance and the next job are one transaction: however many workers there are, and whatever is
killed when, each moment begins one instance. Moments missed while no worker ran are made up for by one start.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.audit.log import record
from bihuan.engine.definition import Process
from bihuan.engine.feel import FeelError
from bihuan.engine.runtime import Start, Trouble, start_due
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.access import system_actor
from bihuan.org.actor import Actor
from bihuan.processes.auto_starts import LOOK, START, follow_version, lock_without_jobs, process_begun, schedule
from bihuan.processes.beginnings import begin_pools, insert_about
from bihuan.processes.contract import Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.finishing import finish
from bihuan.processes.jobs import Handler, TakenJob
from bihuan.processes.models import AutoStart

LOOK_AGAIN = timedelta(minutes=1)
"""How often a condition is looked at."""
BY_CLOCK = "clock"
BY_CONDITION = "condition"


def start_handlers(around: Surroundings) -> dict[str, Handler]:
    """The handlers of the kinds `START` and `LOOK`."""

    def begin_due(job: TakenJob) -> None:
        rows = AutoStart.objects.select_related("definition", "version", "site")
        row = rows.filter(pk=job.payload["start"], job_id=job.id).first()
        if row is None or row.held_at is not None:
            return
        is_in_force = row.version_id == row.definition.current_id and row.version.stopped_at is None
        if not (is_in_force and row.site.is_active):
            row.delete()
            return
        now = clock.now()
        row.trouble = ""
        try:
            with transaction.atomic():
                _begin_if_it_is_time(row, now, around)
        except BusinessError as refusal:
            # Trying again at once would not help; the next moment may.
            row.trouble, row.met = refusal.message[:500], False
        schedule(row, _next(row, now))

    return {START: begin_due, LOOK: begin_due}


def _begin_if_it_is_time(row: AutoStart, now: datetime, around: Surroundings) -> None:
    if row.kind == "conditional":
        before, row.met = row.met, _holds(row, now, around)
        if before or not row.met:
            return
    unit = begin(system_actor(row.site_id), now, around)
    instance = insert_about(unit, row.version, process_id=_process(row).id, site_id=row.site_id)
    unit.submit(instance, Start({}, row.node_id, row.part))
    begin_pools(unit, instance, row.version)
    by = BY_CONDITION if row.kind == "conditional" else BY_CLOCK
    due_at = row.next_at.isoformat() if row.next_at else ""
    finish(unit, instance, command="Start", held_before=True, detail={"by": by, "node": row.node_id, "due_at": due_at})
    row.last_at, row.last_instance_id = now, instance.id


def _holds(row: AutoStart, now: datetime, around: Surroundings) -> bool:
    node = _process(row).nodes[row.node_id]
    condition = node.event.all_parts[row.part].condition if node.event is not None else None
    facts = around.site_facts(row.site_id) if around.site_facts is not None else {}
    names = {"site": facts, "timezone": row.site.timezone}
    try:
        there = now.astimezone(ZoneInfo(row.site.timezone))
        return condition is not None and condition.evaluate(names, now=there) is True
    except FeelError as failure:
        raise BusinessError(f"开始条件算不出来：{failure}") from None


def _next(row: AutoStart, now: datetime) -> datetime | None:
    if row.kind == "conditional":
        return now + LOOK_AGAIN
    process, context = _process(row), {"timezone": row.site.timezone}
    try:
        due = start_due(process, row.node_id, now, context=context, previous=row.next_at, left=row.left, part=row.part)
    except Trouble as trouble:
        row.trouble = trouble.reason[:500]
        return None
    if due is None:
        return None
    row.left = due[1]
    return due[0]


def _process(row: AutoStart) -> Process:
    process = process_begun(row)
    assert process is not None
    return process


@transaction.atomic
def hold_start(start_id: int, *, held: bool, reason: str, actor: Actor) -> AutoStart:
    """Let a process no longer begin by itself at a site, or let it begin again; the reason is kept.

    Moments that passed while it was held are not made up for.
    """
    words, now = reason.strip(), clock.now()
    if not words or len(words) > 200:
        raise BusinessError("请填写原因，最多 200 字", field="reason")
    rows = lock_without_jobs(AutoStart.objects.filter(pk=start_id))
    if not rows:
        raise NotFound("没有这个自动发起")
    row = rows[0]
    if (row.held_at is not None) == held:
        raise Conflict("它已经暂停了" if held else "它没有暂停")
    if held:
        row.held_at, row.held_by_id, row.held_reason = now, actor.user_id, words
    else:
        row.held_at, row.held_by_id, row.held_reason = None, None, ""
    row.save(update_fields=["held_at", "held_by", "held_reason"])
    passed = row.next_at is not None and row.next_at <= now
    schedule(row, _next(row, now) if passed and not held else row.next_at)
    record(
        actor_id=actor.user_id,
        action="process.hold_start" if held else "process.free_start",
        chain=f"process:{row.definition.key}",
        site_id=row.site_id,
        data={"node": row.node_id, "reason": words},
    )
    if not held:
        # Meanwhile the process or the site may have lost this start.
        follow_version(row.definition_id)
    return row
