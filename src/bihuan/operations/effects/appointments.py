"""The appointment board seen from the processes (AUTO-04, AUTO-05)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.templates import Ahead, template_for
from bihuan.operations.cases import start_case
from bihuan.operations.notice_words import REMINDER
from bihuan.operations.registry import EffectContext, effect
from bihuan.records import appointments
from bihuan.records.models import Appointment, AppointmentStatus, CaseKind

NO_SHOW_AFTER = timedelta(minutes=30)
USUALLY_AHEAD = Ahead(days=1, at=time(10, 0))


def moments_of(booked: Appointment) -> dict[str, Any]:
    """The moments at which the process acts by itself: when the customer is reminded, as the rule book's notice says,
    and half an hour after the time agreed."""
    template = template_for(REMINDER, channels=frozenset(KINDS))
    ahead = (template.ahead if template is not None else None) or USUALLY_AHEAD
    return {
        "remind_at": ahead.of(booked.starts_at, clock.now(), ZoneInfo(booked.site.timezone)),
        "no_show_at": booked.starts_at + NO_SHOW_AFTER,
    }


@effect("book_appointment")
def book_appointment(ctx: EffectContext) -> Mapping[str, Any]:
    """The customer has confirmed what was read back: the appointment goes on the board, complete or not at all.

    Out of an outreach it gets a case of its own, which waits for the arrival.
    """
    if ctx.value("readback_ok", "yes") != "yes":
        return {}
    sheet = ctx.case.sheets.filter(kind="appointment").first()
    data = sheet.data if sheet else {}
    starts_at = parse_datetime(str(data.get("starts_at") or ""))
    from_outreach = ctx.case.kind == CaseKind.OUTREACH
    booked = appointments.book_appointment(
        actor=ctx.process,
        site_id=ctx.case.site_id,
        customer_id=ctx.case.customer_id,
        vehicle_id=ctx.case.vehicle_id,
        phone=ctx.case.phone,
        starts_at=starts_at,
        job_ids=[int(row["job_id"]) for row in data.get("jobs") or [] if row.get("job_id")],
        request=str(data.get("request") or ""),
        technician_id=int(data["technician"]) if data.get("technician") else None,
        source="outreach" if from_outreach else "call",
        case_id=None if from_outreach else ctx.case.pk,
    )
    if from_outreach:
        _wait_for_arrival(ctx, booked)
    return {**moments_of(booked), "booked": True, "appointment": booked.pk}


def _wait_for_arrival(ctx: EffectContext, booked: Appointment) -> None:
    def link(opened: Any) -> None:
        Appointment.unscoped.filter(pk=booked.pk).update(case_id=opened.pk)

    start_case(
        "appointment",
        actor=ctx.process,
        site_id=ctx.case.site_id,
        customer_id=ctx.case.customer_id,
        vehicle_id=ctx.case.vehicle_id,
        phone=ctx.case.phone,
        parent_id=ctx.case.pk,
        title=ctx.case.title,
        variables={**moments_of(booked), "booked": True, "appointment": booked.pk},
        before_process=link,
    )


def appointment_of(case_id: int) -> Appointment | None:
    """The newest appointment a case put on the board."""
    return Appointment.unscoped.filter(case_id=case_id).order_by("-pk").first()


@effect("mark_no_show")
def mark_no_show(ctx: EffectContext) -> None:
    """Half an hour after the time nobody has come."""
    booked = appointment_of(ctx.case.pk)
    if booked is not None and booked.status in (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED):
        appointments.mark_no_show(booked.pk, actor=ctx.process)


@effect("change_appointment")
def change_appointment(ctx: EffectContext) -> Mapping[str, Any]:
    """After a no-show the customer takes another time: a fresh booking, the missed one stays on record."""
    if ctx.value("no_show_result") != "rebook":
        return {}
    missed = appointment_of(ctx.case.pk)
    if missed is None:
        raise BusinessError("没有找到原来的预约")
    booked = appointments.book_appointment(
        actor=ctx.process,
        site_id=ctx.case.site_id,
        customer_id=missed.customer_id,
        vehicle_id=missed.vehicle_id,
        phone=missed.phone,
        starts_at=ctx.values.get("starts_at"),
        job_ids=list(missed.jobs.values_list("pk", flat=True)),
        request=missed.request,
        technician_id=missed.technician_id,
        case_id=ctx.case.pk,
    )
    return moments_of(booked)


@effect("cancel_appointment")
def cancel_appointment(ctx: EffectContext) -> None:
    """The customer does not come: a booking still pending is taken off the board."""
    booked = appointment_of(ctx.case.pk)
    pending = booked is not None and booked.status in (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
    if booked is not None and pending and ctx.value("no_show_result") in ("cancel", "lost"):
        reason = str(ctx.value("cancel_reason", "")) or "联系不上客户"
        appointments.cancel_appointment(booked.pk, actor=ctx.process, reason=reason)
