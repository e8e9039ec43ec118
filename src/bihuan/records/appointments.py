"""Booking arrivals: complete or refused, never more than a slot takes, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.org.numbering import next_number
from bihuan.records.access import current_site, local_day, note, optional_text
from bihuan.records.models import (
    Appointment,
    AppointmentStatus,
    JobType,
    SlotCapacity,
    SlotUse,
    Vehicle,
)
from bihuan.records.phones import clean_phone

LATE_AFTER = timedelta(minutes=15)
_PENDING = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
_GRACE = timedelta(minutes=5)
_FURTHEST = timedelta(days=366)
_DEFAULT_MINUTES = 60


@dataclass(frozen=True)
class Slot:
    """One slot of a day. `capacity` None means the site has set no limits."""

    starts_at: datetime
    minutes: int
    capacity: int | None


@transaction.atomic
def book_appointment(
    *,
    actor: Actor,
    customer_id: int | None,
    vehicle_id: int | None,
    starts_at: datetime | None,
    job_ids: Iterable[int] | None,
    phone: str | None,
    site_id: int | None = None,
    minutes: int | None = None,
    request: str = "",
    technician_id: int | None = None,
    source: str = "call",
    case_id: int | None = None,
) -> Appointment:
    """Put an arrival on the board (AUTO-04, AUTO-05). A missing field is refused by its name; a full slot too."""
    site = current_site(actor, site_id)
    actor.require("appointment.manage", site.pk)
    jobs = list(dict.fromkeys(job_ids or []))
    for value, message, field in (
        (customer_id, "请选择客户", "customer"),
        (vehicle_id, "请选择车辆", "vehicle"),
        (starts_at, "请填写预约时间", "starts_at"),
        (jobs, "请至少选择一个预约项目", "jobs"),
        (phone, "请填写联系电话", "phone"),
    ):
        if not value:
            raise BusinessError(message, field)
    if customer_id is None or vehicle_id is None or starts_at is None:
        raise BusinessError("预约信息不完整")
    number = clean_phone(phone or "")
    vehicle = Vehicle.objects.select_for_update().filter(pk=vehicle_id).first()
    if vehicle is None or vehicle.customer_id != customer_id:
        raise BusinessError("这辆车不在该客户名下", "vehicle")
    found = _site_jobs(site, jobs)
    starts = _bookable(starts_at)
    _refuse_second_booking(site, vehicle, starts, besides=None)
    slot = slot_of(site, starts)
    _take_place(site, slot)
    now = clock.now()
    appointment = Appointment.objects.create(
        site=site,
        number=next_number(site, "YY", local_day(site, now)),
        customer_id=customer_id,
        vehicle=vehicle,
        phone=number,
        starts_at=starts,
        slot_starts_at=slot.starts_at,
        minutes=_clean_minutes(minutes if minutes is not None else slot.minutes),
        request=optional_text(request, label="客户要求", field="request", limit=1000),
        technician_id=technician_id,
        source=source,
        case_id=case_id,
        created_at=now,
        created_by_id=actor.user_id,
    )
    appointment.jobs.set(found)
    _note(actor, "appointment.booked", appointment, after={"starts_at": starts, "jobs": jobs, "phone": number})
    return appointment


@transaction.atomic
def change_appointment(appointment_id: int, *, actor: Actor, **values: Any) -> Appointment:
    """Change `starts_at`, `job_ids`, `request`, `technician_id`, `phone` or `minutes` of a pending booking."""
    appointment = _lock(appointment_id, actor, "appointment.manage")
    _require_pending(appointment)
    unknown = set(values) - {"starts_at", "job_ids", "request", "technician_id", "phone", "minutes"}
    if unknown:
        raise BusinessError(f"预约没有这些栏目: {'、'.join(sorted(unknown))}")
    before = {key: getattr(appointment, key) for key in values if key != "job_ids"}
    if "starts_at" in values:
        _move(appointment, values["starts_at"])
    if "job_ids" in values:
        jobs = list(dict.fromkeys(values["job_ids"] or []))
        if not jobs:
            raise BusinessError("请至少选择一个预约项目", "jobs")
        appointment.jobs.set(_site_jobs(appointment.site, jobs))
    if "request" in values:
        appointment.request = optional_text(values["request"], label="客户要求", field="request", limit=1000)
    if "phone" in values:
        appointment.phone = clean_phone(values["phone"] or "")
    if "technician_id" in values:
        appointment.technician_id = values["technician_id"]
    if "minutes" in values:
        appointment.minutes = _clean_minutes(values["minutes"])
    appointment.status = AppointmentStatus.CHANGED
    appointment.save(
        update_fields=["starts_at", "slot_starts_at", "request", "phone", "technician", "minutes", "status"]
    )
    _note(actor, "appointment.changed", appointment, before=before, after=values)
    return appointment


@transaction.atomic
def change_technician(appointment_id: int, technician_id: int, *, actor: Actor) -> Appointment:
    """Give a pending booking to another technician; for the customer nothing changes."""
    appointment = _lock(appointment_id, actor, "appointment.manage")
    _require_pending(appointment)
    before = {"technician_id": appointment.technician_id}
    appointment.technician_id = technician_id
    appointment.save(update_fields=["technician"])
    _note(actor, "appointment.changed", appointment, before=before, after={"technician_id": technician_id})
    return appointment


@transaction.atomic
def cancel_appointment(appointment_id: int, *, actor: Actor, reason: str) -> Appointment:
    """Take the booking off; its place in the slot is free again."""
    appointment = _lock(appointment_id, actor, "appointment.manage")
    _require_pending(appointment)
    if not reason.strip():
        raise BusinessError("请填写取消原因", "reason")
    appointment.status = AppointmentStatus.CANCELLED
    appointment.cancelled_reason = optional_text(reason, label="取消原因", field="reason", limit=200)
    appointment.save(update_fields=["status", "cancelled_reason"])
    _free_place(appointment.site_id, appointment.slot_starts_at)
    _note(actor, "appointment.cancelled", appointment, data={"reason": appointment.cancelled_reason})
    return appointment


@transaction.atomic
def mark_arrived(appointment_id: int, *, actor: Actor, at: datetime | None = None) -> Appointment:
    """The car is here; late when more than 15 minutes after the time. A no-show of the day may still arrive."""
    appointment = _lock(appointment_id, actor, "case.start")
    if appointment.status in (AppointmentStatus.ARRIVED, AppointmentStatus.LATE):
        return appointment
    if appointment.status == AppointmentStatus.CANCELLED:
        raise BusinessError(f"预约 {appointment.number} 已经取消")
    arrived = at or clock.now()
    late = arrived > appointment.starts_at + LATE_AFTER
    appointment.status = AppointmentStatus.LATE if late else AppointmentStatus.ARRIVED
    appointment.arrived_at = arrived
    appointment.save(update_fields=["status", "arrived_at"])
    _note(actor, "appointment.arrived", appointment, data={"at": arrived, "late": late})
    return appointment


@transaction.atomic
def mark_no_show(appointment_id: int, *, actor: Actor) -> Appointment:
    """The time has passed by more than 15 minutes and nobody came."""
    appointment = _lock(appointment_id, actor, "appointment.manage")
    _require_pending(appointment)
    if clock.now() <= appointment.starts_at + LATE_AFTER:
        raise BusinessError("还没超过预约时间 15 分钟，不能标记未到店")
    appointment.status = AppointmentStatus.NO_SHOW
    appointment.save(update_fields=["status"])
    _note(actor, "appointment.no_show", appointment)
    return appointment


def slot_of(site: Site, starts_at: datetime) -> Slot:
    """The slot that a moment falls into. Refused outside the slots of a site that has set some."""
    zone = ZoneInfo(site.timezone)
    local = starts_at.astimezone(zone)
    slots = list(SlotCapacity.objects.at(site.pk))
    if not slots:
        return Slot(local.replace(minute=0, second=0, microsecond=0).astimezone(UTC), _DEFAULT_MINUTES, None)
    for row in slots:
        if row.weekday != local.weekday():
            continue
        begins = slot_start(zone, local, row.starts)
        if begins <= starts_at < begins + timedelta(minutes=row.minutes):
            return Slot(begins, row.minutes, row.capacity)
    raise BusinessError("这个时间不在可预约的时段内，请换一个时间", "starts_at")


def slot_start(zone: ZoneInfo, local: datetime, starts: time) -> datetime:
    """The moment (UTC) at which a slot of that local day begins."""
    return datetime.combine(local.date(), starts, tzinfo=zone).astimezone(UTC)


def _take_place(site: Site, slot: Slot) -> None:
    """Count one more into the slot, if and only if there is room: one guarded statement decides between two clerks."""
    SlotUse.objects.bulk_create([SlotUse(site=site, starts_at=slot.starts_at)], ignore_conflicts=True)
    rows = SlotUse.objects.at(site.pk).filter(starts_at=slot.starts_at)
    if slot.capacity is not None:
        rows = rows.filter(used__lt=slot.capacity)
    if not rows.update(used=F("used") + 1):
        local = slot.starts_at.astimezone(ZoneInfo(site.timezone))
        raise Conflict(f"{local:%m月%d日 %H:%M} 的时段已约满（{slot.capacity} 台），请换一个时间", "starts_at")


def _free_place(site_id: int, slot_starts_at: datetime) -> None:
    SlotUse.objects.at(site_id).filter(starts_at=slot_starts_at, used__gt=0).update(used=F("used") - 1)


def _move(appointment: Appointment, starts_at: datetime | None) -> None:
    if starts_at is None:
        raise BusinessError("请填写预约时间", "starts_at")
    starts = _bookable(starts_at)
    vehicle = Vehicle.objects.select_for_update().get(pk=appointment.vehicle_id)
    _refuse_second_booking(appointment.site, vehicle, starts, besides=appointment.pk)
    slot = slot_of(appointment.site, starts)
    if slot.starts_at != appointment.slot_starts_at:
        _take_place(appointment.site, slot)
        _free_place(appointment.site_id, appointment.slot_starts_at)
    appointment.starts_at, appointment.slot_starts_at = starts, slot.starts_at


def _bookable(starts_at: datetime) -> datetime:
    starts, now = clock.as_utc(starts_at), clock.now()
    if starts < now - _GRACE:
        raise BusinessError("预约时间已经过去了", "starts_at")
    if starts > now + _FURTHEST:
        raise BusinessError("预约时间最多提前一年", "starts_at")
    return starts


def _refuse_second_booking(site: Site, vehicle: Vehicle, starts: datetime, *, besides: int | None) -> None:
    zone = ZoneInfo(site.timezone)
    day = datetime.combine(starts.astimezone(zone).date(), time(), tzinfo=zone)
    same_day = Appointment.unscoped.filter(
        vehicle=vehicle, status__in=_PENDING, starts_at__gte=day, starts_at__lt=day + timedelta(days=1)
    ).exclude(pk=besides or 0)
    other = same_day.first()
    if other is not None:
        local = other.starts_at.astimezone(zone)
        raise Conflict(f"这辆车当天 {local:%H:%M} 已有预约 {other.number}", "starts_at")


def _site_jobs(site: Site, job_ids: list[int]) -> list[JobType]:
    found = list(JobType.objects.at(site.pk).filter(pk__in=job_ids, active=True))
    if len(found) != len(job_ids):
        raise BusinessError("有的预约项目本店没有或已停用", "jobs")
    return found


def _clean_minutes(minutes: int) -> int:
    if not 5 <= minutes <= 1440:
        raise BusinessError("占用时长应在 5 到 1440 分钟之间", "minutes")
    return minutes


def _lock(appointment_id: int, actor: Actor, action: str) -> Appointment:
    rows = Appointment.unscoped.all() if actor.is_system else Appointment.objects.visible_to(actor)
    appointment = rows.select_for_update().filter(pk=appointment_id).first()
    if appointment is None:
        raise NotFound("没有这个预约，或者它不属于您的门店")
    actor.require(action, appointment.site_id)
    return appointment


def _require_pending(appointment: Appointment) -> None:
    if appointment.status not in _PENDING:
        raise BusinessError(f"预约 {appointment.number} 已是“{appointment.get_status_display()}”，不能再变更")


def _note(actor: Actor, action: str, appointment: Appointment, **content: Any) -> None:
    chain = f"appointment:{appointment.pk}"
    note(actor, action, chain, site_id=appointment.site_id, **content)
