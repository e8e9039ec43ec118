"""Dispatch, parts over the counter, repair against the agreed hours, inspection and stamp (AUTO-18 to AUTO-20)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from bihuan.kernel.errors import BusinessError
from bihuan.limits import clocks
from bihuan.limits.changes import move_target
from bihuan.limits.models import Clock
from bihuan.limits.reading import figures_of
from bihuan.limits.rulebook import rule_of
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people, notify_role
from bihuan.operations.effects.estimate import standing_lines
from bihuan.operations.registry import EffectContext, effect
from bihuan.records import lines, stock
from bihuan.records.cases import change_case, stamp_case, start_work, worked_hours
from bihuan.records.documents import issue_document
from bihuan.records.models import DocumentKind, LineStatus, WorkLine
from bihuan.records.stock import ShortStockError

REPAIR = "repair_hours"
WAITING_FOR_INSPECTION = "完工待检"
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


def repair_clock(case_id: int) -> Clock | None:
    """The running clock of the agreed hours of a case."""
    return Clock.unscoped.filter(subject_kind="case", subject_id=case_id, key=REPAIR, stopped_at__isnull=True).first()


@effect("dispatch_work")
def dispatch_work(ctx: EffectContext) -> Mapping[str, Any]:
    """The workshop manager names technician, bay and agreed hours; whether parts must be drawn decides the way on."""
    agreed = [line for line in standing_lines(ctx.case.pk) if line.status == LineStatus.AGREED]
    if not agreed:
        raise BusinessError("没有客户同意的作业，不能派工")
    needed = any(line.part_id and line.issued_quantity < line.quantity for line in agreed)
    if needed:
        issue_document(
            ctx.case.pk,
            DocumentKind.PICK_SLIP,
            {"lines": [line.pk for line in agreed if line.part_id]},
            actor=ctx.process,
        )
    notify_people(
        [int(ctx.value("technician"))], "新派工", f"{ctx.case.number}，{ctx.case.bay}", _url(ctx),
        _about(ctx, NoticeKind.TASK, "work_dispatched", 工位=ctx.case.bay),
    )  # fmt: skip
    return {"parts_needed": needed, "agreed_hours": ctx.case.agreed_hours}


@effect("issue_parts")
def issue_parts(ctx: EffectContext) -> Mapping[str, Any]:
    """Hand over what is there against the yellow copy; what is short is named and back-ordered (AUTO-18)."""
    missing: list[dict[str, Any]] = []
    for line in standing_lines(ctx.case.pk):
        if line.part_id is None or line.status != LineStatus.AGREED or line.issued_quantity >= line.quantity:
            continue
        try:
            with transaction.atomic():
                stock.issue_for_line(line.pk, actor=ctx.actor)
        except ShortStockError as refusal:
            missing.append(
                {"part_id": line.part_id, "part_code": refusal.part.code, "quantity": refusal.wanted, "note": ""}
            )
    if missing:
        notify_people(
            _responsible(ctx), "缺件，请告知客户", f"{ctx.case.number} 有配件缺货，到货后再发料。", _url(ctx),
            _about(ctx, NoticeKind.CASE, "part_short", 配件="、".join(row["part_code"] for row in missing)),
        )  # fmt: skip
    return {"parts_missing": bool(missing), "missing_parts": missing}


@effect("receive_backorder")
def receive_backorder(ctx: EffectContext) -> None:
    """The missing parts have arrived and lie on the shelf."""
    for row in ctx.values.get("received") or []:
        if row.get("part_id") and row.get("quantity"):
            stock.receive_stock(
                int(row["part_id"]), row["quantity"], actor=ctx.actor, site_id=ctx.case.site_id, reason=ctx.case.number
            )


@effect("start_repair")
def start_repair(ctx: EffectContext) -> Mapping[str, Any]:
    """The agreed hours begin to run; after a failed inspection they go on where they stood."""
    start_work(ctx.case.pk, actor=ctx.process)
    ctx.case.refresh_from_db()
    held = repair_clock(ctx.case.pk)
    if held is None:
        limit = ctx.limit(REPAIR)
        seconds = limit.target_seconds({"agreed_hours": ctx.case.agreed_hours or Decimal(0)})
        held = clocks.start_clock(
            subject_kind="case",
            subject_id=ctx.case.pk,
            key=REPAIR,
            name=limit.name,
            site_id=ctx.case.site_id,
            target_seconds=seconds,
            warn_before_seconds=limit.warn_before_seconds(seconds),
            escalate_to=limit.escalate_to,
            calendar=limit.calendar,
            role=limit.role,
            rule=rule_of(limit),
        )
    else:
        held = _taken_up(held, ctx)
    if held.due_at is not None:
        change_case(ctx.case.pk, actor=ctx.process, agreed_done_at=held.due_at)
    told, over = held.warned_at is not None, held.breached_at is not None
    return {
        "repair_warn_at": NEVER if told or held.warn_at is None else held.warn_at,
        "repair_due_at": NEVER if over or held.due_at is None else held.due_at,
    }


def _taken_up(held: Clock, ctx: EffectContext) -> Clock:
    """The clock goes on; hours the customer has agreed to meanwhile (extra work) move its target, with that reason."""
    if held.paused_at is not None:
        held = clocks.resume_clock(held.pk, actor=ctx.process)
    agreed_seconds = float((ctx.case.agreed_hours or Decimal(0)) * 3600)
    if agreed_seconds > held.target_seconds:
        reason = f"客户同意后约定工时为 {ctx.case.agreed_hours} 小时"
        held = move_target(held.pk, target_seconds=agreed_seconds, reason=reason, actor=ctx.process)
    return held


@effect("warn_overrun")
def warn_overrun(ctx: EffectContext) -> None:
    """The agreed hours are nearly used up: technician, advisor and workshop manager know before it is late."""
    text = f"{ctx.case.number} 约定完工 {_local_time(ctx)}，请抓紧或尽早告知客户。"
    about = _about(ctx, NoticeKind.LIMIT, "repair_nearly_late", 完工时间=_local_time(ctx))
    notify_people(_responsible(ctx), "维修即将超时", text, _url(ctx), about)
    notify_role("workshop_manager", ctx.case.site_id, "维修即将超时", text, _url(ctx), about)


@effect("note_overrun")
def note_overrun(ctx: EffectContext) -> None:
    """The new promise of the workshop manager; the advisor is told so that the customer is."""
    promised = ctx.values.get("new_done_at")
    if promised:
        change_case(ctx.case.pk, actor=ctx.process, agreed_done_at=promised)
    notify_people(
        _responsible(ctx), "维修超时，请告知客户", f"{ctx.case.number} 预计完工时间已改。", _url(ctx),
        _about(ctx, NoticeKind.BREACH, "repair_late"),
    )  # fmt: skip


@effect("return_unused_parts")
def return_unused_parts(ctx: EffectContext) -> None:
    """What was drawn but not used goes back to the shelf, and is not paid for (AUTO-18)."""
    for row in ctx.values.get("unused") or []:
        left = Decimal(row.get("quantity") or 0)
        drawn = WorkLine.unscoped.filter(case_id=ctx.case.pk, part_id=row.get("part_id"), issued_quantity__gt=0)
        if left > sum(line.issued_quantity for line in drawn):
            raise BusinessError("退库数量多于领出的数量", "unused")
        for line in drawn.order_by("seq"):
            count = min(left, line.issued_quantity)
            if count > 0:
                stock.return_for_line(line.pk, count, actor=ctx.process, reason=row.get("note") or "未使用")
                left -= count
                # A line keeps naming its part; with none of it used, the part costs nothing.
                kept = {"quantity": line.quantity - count} if count < line.quantity else {"part_price_yuan": Decimal(0)}
                WorkLine.unscoped.filter(pk=line.pk).update(**kept)


@effect("finish_repair")
def finish_repair(ctx: EffectContext) -> None:
    """The technician has done every agreed line; the clock stands still while the inspection is waited for."""
    for line in standing_lines(ctx.case.pk):
        if line.status == LineStatus.AGREED:
            lines.mark_line_done(line.pk, actor=ctx.process, old_part_present=True if line.part_id else None)
    held = repair_clock(ctx.case.pk)
    if held is not None and held.paused_at is None:
        clocks.pause_clock(held.pk, reason=WAITING_FOR_INSPECTION, actor=ctx.process)
    change_case(ctx.case.pk, actor=ctx.process, work_done_at=ctx.now)


@effect("inspect_work")
def inspect_work(ctx: EffectContext) -> Mapping[str, Any]:
    """The technical director's verdict on every line; a pass needs every line to pass, rework sends the failed back."""
    done = [line for line in standing_lines(ctx.case.pk) if line.status == LineStatus.DONE]
    verdicts = {row["id"]: row.get("inspected_ok") for row in ctx.values.get("lines") or [] if row.get("id")}
    passed = ctx.value("inspect_result") == "pass"
    failed = [line for line in done if verdicts.get(line.pk) is False] if verdicts else []
    if passed and failed:
        names = "、".join(line.description for line in failed)
        raise BusinessError(f"还有项目没有检验合格：{names}。请逐项确认，或选择返工", "lines")
    for line in done:
        lines.inspect_line(line.pk, actor=ctx.process, passed=passed or (bool(failed) and line not in failed))
    return {"rework": not passed} if passed else {"rework": True, "road_test": None}


@effect("stamp_work")
def stamp_work(ctx: EffectContext) -> Mapping[str, Any]:
    """Sign-off: the blue stamp within the agreed hours, the red one beyond (AUTO-20)."""
    held = clocks.stop_clock(subject_kind="case", subject_id=ctx.case.pk, key=REPAIR)
    ctx.case.refresh_from_db()
    if ctx.case.stamp:
        return {"stamp": ctx.case.stamp}
    in_time = held is None or bool(held.met)
    if held is not None:
        # The stamp and the hours beside it come from the same clock.
        hours = (Decimal(figures_of(held).used_seconds) / 3600).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    else:
        hours = worked_hours(ctx.case.work_started_at or ctx.now, ctx.case.work_done_at or ctx.now)
    stamped = stamp_case(ctx.case.pk, actor=ctx.process, within_agreed_hours=in_time, worked_hours=hours)
    return {"stamp": stamped.stamp}


def _responsible(ctx: EffectContext) -> list[int]:
    return [user for user in (ctx.case.technician_id, ctx.case.advisor_id) if user is not None]


def _about(ctx: EffectContext, kind: NoticeKind, template: str, **words: str) -> About:
    case = ctx.case
    known = {"单号": case.number, "车牌": case.vehicle.plate if case.vehicle else "", **words}
    return About(kind, subject=("case", case.pk), site_id=case.site_id, template=template, words=known)


def _url(ctx: EffectContext) -> str:
    return f"/cases/{ctx.case.pk}"


def _local_time(ctx: EffectContext) -> str:
    at = ctx.case.agreed_done_at
    return at.astimezone(ZoneInfo(ctx.case.site.timezone)).strftime("%H:%M") if at else "未定"
