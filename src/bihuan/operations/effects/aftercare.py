"""After the farewell: next maintenance, follow-up, complaint, suggestion and its reward (AUTO-28 to AUTO-31)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.kernel.errors import BusinessError
from bihuan.limits import clocks
from bihuan.limits.rulebook import rule_of
from bihuan.operations.cases import start_case, start_process
from bihuan.operations.registry import EffectContext, effect
from bihuan.processes.version_limits import limits_in_force
from bihuan.records import calls, cases, feedback, vehicles, vouchers
from bihuan.records.access import local_day
from bihuan.records.models import Attachment, Feedback, LineStatus, Voucher, WorkLine

FOLLOW_UP = "follow_up"
VOUCHER_DAYS = 365


@effect("remind_next_service")
def remind_next_service(ctx: EffectContext) -> None:
    """Mileage and date of the next maintenance, told when the order contained maintenance (AUTO-28)."""
    told = ctx.values.get("next_service_on")
    if ctx.case.vehicle_id is None or not told:
        return
    zone = ZoneInfo(ctx.case.site.timezone)
    next_on = told.astimezone(zone).date() if isinstance(told, datetime) else told
    kilometres = ctx.values.get("next_service_km")
    vehicles.tell_next_service(
        ctx.case.vehicle_id,
        actor=ctx.process,
        done_on=local_day(ctx.case.site, ctx.now),
        done_km=ctx.case.mileage_km,
        next_on=next_on,
        next_km=int(kilometres) if kilometres else None,
    )


@effect("schedule_follow_up")
def schedule_follow_up(ctx: EffectContext) -> Mapping[str, Any]:
    """Open the follow-up of a visit at which work was done; its three days run from the car's release (AUTO-29)."""
    if not WorkLine.unscoped.filter(case_id=ctx.case.pk, status=LineStatus.DONE).exists():
        return {}
    case = start_case(
        "follow_up",
        actor=ctx.process,
        site_id=ctx.case.site_id,
        customer_id=ctx.case.customer_id,
        vehicle_id=ctx.case.vehicle_id,
        phone=ctx.case.phone,
        parent_id=ctx.case.pk,
        title=ctx.case.title,
        before_process=lambda opened: _start_follow_up_clock(opened.pk, ctx),
    )
    return {"follow_up_case": case.pk}


def _start_follow_up_clock(case_id: int, ctx: EffectContext) -> None:
    # The follow-up begins now: it goes by the limits in force, not by those its visit began under.
    limit = limits_in_force().get(FOLLOW_UP)
    if limit is None:
        raise BusinessError(f"规则书里没有时限“{FOLLOW_UP}”，请联系流程负责人")
    seconds = limit.target_seconds({})
    clocks.start_clock(
        subject_kind="case",
        subject_id=case_id,
        key=FOLLOW_UP,
        name=limit.name,
        site_id=ctx.case.site_id,
        target_seconds=seconds,
        warn_before_seconds=limit.warn_before_seconds(seconds),
        escalate_to=limit.escalate_to,
        calendar=limit.calendar,
        started_at=ctx.case.released_at or ctx.now,
        role=limit.role,
        rule=rule_of(limit),
    )


@effect("close_case")
def close_case(ctx: EffectContext) -> None:
    """The loop of this case is closed; clocks that still run on it stop."""
    for held in clocks.running_clocks("case", ctx.case.pk):
        clocks.stop_clock(subject_kind="case", subject_id=ctx.case.pk, key=held.key)
    cases.close_case(ctx.case.pk, actor=ctx.process)


@effect("log_call")
def log_call(ctx: EffectContext) -> None:
    """An outbound call of this step: tried, and reached or not."""
    if not ctx.case.phone:
        return
    call = calls.ring(actor=ctx.process, phone=ctx.case.phone, site_id=ctx.case.site_id, direction="out")
    calls.link_call(call.pk, actor=ctx.process, customer_id=ctx.case.customer_id, case_id=ctx.case.pk)
    if ctx.value("call_outcome", "reached") != "unreachable":
        calls.answer(call.pk, actor=ctx.process)
    calls.hang_up(call.pk, actor=ctx.process)


@effect("queue_callback")
def queue_callback(ctx: EffectContext) -> Mapping[str, Any]:
    """Nobody answered: once more tomorrow at this hour. The customer named a time: then (AUTO-01, AUTO-29)."""
    if ctx.value("call_outcome") == "unreachable":
        return {"attempts": int(ctx.variables.get("attempts") or 0) + 1, "callback_at": ctx.now + timedelta(days=1)}
    asked = ctx.values.get("callback_at")
    return {"callback_at": asked} if asked else {}


@effect("record_feedback")
def record_feedback(ctx: EffectContext) -> Mapping[str, Any]:
    """Keep the customer's answer; both dissatisfied levels demand a reason, written or recorded (AUTO-30)."""
    if ctx.value("call_outcome") != "reached" or ctx.value("may_continue") != "yes":
        return {"dissatisfied": False, "has_suggestion": False}
    recording = Attachment.unscoped.filter(case_id=ctx.case.pk, kind="recording").order_by("-pk").first()
    answer = feedback.record_feedback(
        ctx.case.pk,
        actor=ctx.process,
        satisfaction=int(ctx.values["satisfaction"]),
        condition=str(ctx.value("condition", "")),
        praise=str(ctx.values.get("praise") or ""),
        reason=str(ctx.values.get("reason") or ""),
        recording_id=recording.pk if recording else None,
    )
    clocks.stop_clock(subject_kind="case", subject_id=ctx.case.pk, key=FOLLOW_UP)
    return {
        "dissatisfied": answer.satisfaction <= feedback.DISSATISFIED_FROM,
        "has_suggestion": bool(str(ctx.values.get("suggestion") or "").strip()),
    }


@effect("open_complaint")
def open_complaint(ctx: EffectContext) -> Mapping[str, Any]:
    """A dissatisfied answer opens a complaint with the customer's words (AUTO-30)."""
    answer = Feedback.unscoped.filter(case_id=ctx.case.pk).first()
    text = (answer.reason if answer else "") or "客户不满意，原因见回访录音"
    case = feedback.open_complaint(ctx.case.pk, actor=ctx.process, text=text)
    start_process(case, actor=ctx.process)
    return {"complaint_case": case.pk}


@effect("open_suggestion")
def open_suggestion(ctx: EffectContext) -> Mapping[str, Any]:
    """A suggestion goes to the site manager to be judged (AUTO-31)."""
    sheet = ctx.case.sheets.filter(kind="follow_up").first()
    text = str((sheet.data if sheet else {}).get("suggestion") or "客户建议")
    case = feedback.open_suggestion(ctx.case.pk, actor=ctx.process, text=text)
    start_process(case, actor=ctx.process)
    return {"suggestion_case": case.pk}


@effect("issue_voucher")
def issue_voucher(ctx: EffectContext) -> Mapping[str, Any]:
    """The adopted suggestion earns 20 % off (8折) the next repair or maintenance, good for a year (AUTO-31)."""
    held = Voucher.objects.filter(origin_case_id=ctx.case.pk).first()
    if held is None:
        until = local_day(ctx.case.site, ctx.now) + timedelta(days=VOUCHER_DAYS)
        held = vouchers.grant_voucher(ctx.case.pk, actor=ctx.process, expires_on=until)
    return {"voucher_code": held.code}
