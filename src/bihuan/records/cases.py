"""The life of a case: opened, given its people and promises, stamped, closed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from bihuan.accounts.models import User
from bihuan.audit.log import changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.org.numbering import next_number
from bihuan.records.access import current_site, local_day, lock_case, note_on_case, optional_text
from bihuan.records.models import (
    Appointment,
    Case,
    CaseKind,
    CaseStatus,
    Customer,
    CustomerNotice,
    CustomerNoticeState,
    OwnKind,
    Vehicle,
)
from bihuan.records.phones import clean_phone

# The letters in a case's number, from the pinyin of its kind.
NUMBER_KINDS = {
    CaseKind.SERVICE_VISIT: "JD",
    CaseKind.APPOINTMENT: "YD",
    CaseKind.OUTREACH: "WH",
    CaseKind.FOLLOW_UP: "HF",
    CaseKind.COMPLAINT: "TS",
    CaseKind.SUGGESTION: "JY",
    CaseKind.ROUTINE: "LX",
}
CHANGEABLE = (
    "title", "phone", "customer_id", "vehicle_id", "appointment_id", "advisor_id", "technician_id", "waiting_mode",
    "agreed_hours", "agreed_done_at", "arrived_at", "work_started_at", "work_done_at", "bay", "mileage_km", "fuel",
)  # fmt: skip


@transaction.atomic
def open_case(
    kind: str,
    *,
    actor: Actor,
    site_id: int | None = None,
    title: str = "",
    customer_id: int | None = None,
    vehicle_id: int | None = None,
    phone: str = "",
    parent_id: int | None = None,
    appointment_id: int | None = None,
    advisor_id: int | None = None,
) -> Case:
    """Open a case of a kind at a site. A vehicle brings its owner along; the phone defaults to the customer's."""
    kind_name, letters = _called(kind)
    site = current_site(actor, site_id)
    actor.require("case.start", site.pk)
    vehicle = _found(Vehicle.objects.filter(pk=vehicle_id).first(), "没有这辆车") if vehicle_id else None
    owner_id = customer_id or (vehicle.customer_id if vehicle else None)
    customer = _found(Customer.objects.filter(pk=owner_id).first(), "没有这位客户") if owner_id else None
    _check_links(site.pk, parent_id, appointment_id)
    now = clock.now()
    case = Case.objects.create(
        site=site,
        number=next_number(site, letters, local_day(site, now)),
        kind=kind,
        kind_name=kind_name,
        title=optional_text(title, label="标题", field="title", limit=200),
        customer=customer,
        vehicle=vehicle,
        phone=clean_phone(phone) if phone else (customer.phone if customer else ""),
        opened_at=now,
        parent_id=parent_id,
        appointment_id=appointment_id,
        advisor_id=advisor_id,
    )
    if kind == CaseKind.SERVICE_VISIT and vehicle is not None:
        Vehicle.objects.filter(pk=vehicle.pk).update(last_site=site, last_visit_on=local_day(site, now))
    after = {"number": case.number, "kind": kind, "customer": owner_id, "vehicle": vehicle_id, "parent": parent_id}
    note_on_case(actor, "case.opened", case, after=after)
    return case


def _called(kind: str) -> tuple[str, str]:
    """What the cases of a kind keep as its name, and the letters of their numbers."""
    if kind in NUMBER_KINDS:
        return "", NUMBER_KINDS[CaseKind(kind)]
    own = OwnKind.objects.filter(pk=kind).first()
    if own is None:
        raise BusinessError(f"没有“{kind}”这种单据")
    return own.name, own.letters


def kind_choices() -> list[tuple[str, str]]:
    """Every kind of case there is with its name: those the product knows, then those of the rule books."""
    return [*CaseKind.choices, *OwnKind.objects.values_list("key", "name")]


def is_kind(key: str) -> bool:
    """Whether there are cases of this kind."""
    return key in CaseKind.values or OwnKind.objects.filter(pk=key).exists()


@transaction.atomic
def change_case(case_id: int, *, actor: Actor, **values: Any) -> Case:
    """Change the named columns of an open case; leaving (waiting_mode "leave") needs a reachable phone (AUTO-13)."""
    case = lock_case(case_id, actor=actor)
    unknown = set(values) - set(CHANGEABLE)
    if unknown:
        raise BusinessError(f"单据没有这些栏目: {'、'.join(sorted(unknown))}")
    before = {field: getattr(case, field) for field in values}
    for field, value in {**values, **_clean(values)}.items():
        setattr(case, field, value)
    if case.waiting_mode == "leave" and not case.phone:
        raise BusinessError("客户离店等候，需要一个能打通的电话", "phone")
    _check_people_and_car(values)
    if "appointment_id" in values:
        _check_links(case.site_id, None, case.appointment_id)
    old, new = changes(before, {field: getattr(case, field) for field in values})
    if new:
        case.save(update_fields=list(new))
        note_on_case(actor, "case.changed", case, before=old, after=new)
    return case


@transaction.atomic
def start_work(case_id: int, *, actor: Actor) -> Case:
    """The first spanner is lifted; a second start (after rework) keeps the first time."""
    case = lock_case(case_id, actor=actor)
    if case.work_started_at is None:
        case.work_started_at = clock.now()
        case.save(update_fields=["work_started_at"])
        note_on_case(actor, "case.work_started", case, after={"at": case.work_started_at})
    return case


@transaction.atomic
def stamp_case(case_id: int, *, actor: Actor, within_agreed_hours: bool, worked_hours: Decimal | None = None) -> Case:
    """Sign the repair off: the blue stamp when it kept the agreed hours, the red one when it ran over (AUTO-20)."""
    case = lock_case(case_id, actor=actor)
    if case.stamp:
        raise BusinessError(f"单据 {case.number} 已经盖过完工章")
    case.stamp = "blue" if within_agreed_hours else "red"
    case.work_done_at = case.work_done_at or clock.now()
    case.save(update_fields=["stamp", "work_done_at"])
    after = {"stamp": case.stamp, "agreed_hours": case.agreed_hours, "worked_hours": worked_hours}
    note_on_case(actor, "case.stamped", case, after=after)
    return case


@transaction.atomic
def close_case(case_id: int, *, actor: Actor, cancelled: bool = False, reason: str = "") -> Case:
    """The loop is closed, or the case is called off (with a reason). Closing a closed case changes nothing."""
    case = lock_case(case_id, actor=actor, open_only=False)
    if case.status != CaseStatus.OPEN:
        return case
    if cancelled:
        actor.require("case.manage", case.site_id)
        if not reason.strip():
            raise BusinessError("请填写取消原因", "reason")
    case.status = CaseStatus.CANCELLED if cancelled else CaseStatus.CLOSED
    case.closed_at = clock.now()
    case.save(update_fields=["status", "closed_at"])
    _nothing_more_to_tell(case)
    text = optional_text(reason, label="原因", field="reason", limit=500)
    note_on_case(actor, "case.cancelled" if cancelled else "case.closed", case, data={"reason": text})
    return case


def _nothing_more_to_tell(case: Case) -> None:
    """What the customer was to be told later has been overtaken, and so have the calls nobody made."""
    told = CustomerNotice.unscoped.filter(case_id=case.pk)
    later = told.filter(state=CustomerNoticeState.PLANNED, send_at__gt=case.closed_at)
    later.update(state=CustomerNoticeState.WITHDRAWN, done_at=case.closed_at)
    told.filter(state=CustomerNoticeState.TO_CALL).update(state=CustomerNoticeState.SKIPPED, done_at=case.closed_at)


@transaction.atomic
def reopen_case(case_id: int, *, actor: Actor, reason: str) -> Case:
    """A closed or cancelled case is open again, with a reason. Reopening an open one changes nothing."""
    case = lock_case(case_id, actor=actor, open_only=False)
    if case.status == CaseStatus.OPEN:
        return case
    actor.require("case.manage", case.site_id)
    case.status, case.closed_at = CaseStatus.OPEN, None
    case.save(update_fields=["status", "closed_at"])
    text = optional_text(reason, label="原因", field="reason", limit=500)
    note_on_case(actor, "case.reopened", case, data={"reason": text})
    return case


def worked_hours(started: datetime, done: datetime, paused_seconds: int = 0) -> Decimal:
    """Hours from start to end less the pauses, to two places."""
    seconds = max(int((done - started).total_seconds()) - paused_seconds, 0)
    return (Decimal(seconds) / 3600).quantize(Decimal("0.01"))


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    if values.get("phone"):
        clean["phone"] = clean_phone(values["phone"])
    if "waiting_mode" in values and values["waiting_mode"] not in ("", "wait", "leave"):
        raise BusinessError("请选择在店等候或离店", "waiting_mode")
    for field, label, limit in (("title", "标题", 200), ("bay", "工位", 30), ("fuel", "油量", 10)):
        if field in values:
            clean[field] = optional_text(values[field], label=label, field=field, limit=limit)
    hours = values.get("agreed_hours")
    if hours is not None:
        clean["agreed_hours"] = Decimal(hours).quantize(Decimal("0.01"))
        if not 0 <= clean["agreed_hours"] <= 999:
            raise BusinessError("约定工时应在 0 到 999 小时之间", "agreed_hours")
    return clean


def _check_people_and_car(values: dict[str, Any]) -> None:
    """A picker sends an id; one that is made up, or gone meanwhile, is told at its field."""
    rows: dict[str, tuple[Any, str]] = {
        "customer_id": (Customer.objects.all(), "没有这位客户，请重新选择"),
        "vehicle_id": (Vehicle.objects.all(), "没有这辆车，请重新选择"),
        "advisor_id": (User.objects.all(), "没有这位服务顾问，请重新选择"),
        "technician_id": (User.objects.all(), "没有这位技师，请重新选择"),
    }
    for field in rows.keys() & values.keys():
        known, message = rows[field]
        if values[field] is not None and not known.filter(pk=values[field]).exists():
            raise BusinessError(message, field.removesuffix("_id"))


def _check_links(site_id: int, parent_id: int | None, appointment_id: int | None) -> None:
    if parent_id is not None and not Case.unscoped.filter(pk=parent_id).exists():
        raise NotFound("没有上级单据")
    if appointment_id is not None and not Appointment.objects.at(site_id).filter(pk=appointment_id).exists():
        raise NotFound("本店没有这个预约")


def _found(row: Any, message: str) -> Any:
    if row is None:
        raise NotFound(message)
    return row
