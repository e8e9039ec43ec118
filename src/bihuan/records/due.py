"""Whom to call on our own account (主动邀约, AUTO-01): one query, the reason with each, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case as WhenThen
from django.db.models import CharField, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When

from bihuan.kernel import clock
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.access import current_site, local_day
from bihuan.records.models import (
    Appointment,
    AppointmentStatus,
    Case,
    CaseKind,
    CaseStatus,
    Vehicle,
    Voucher,
)

FOLLOW_UP = "follow_up"
MAINTENANCE = "maintenance"
VOUCHER = "voucher"
LAPSED = "lapsed"
REASONS = {FOLLOW_UP: "交车后未回访", MAINTENANCE: "保养到期", VOUCHER: "建议奖励券未用", LAPSED: "久未来店"}
_FOLLOW_UP_AFTER = timedelta(days=3)
_FOLLOW_UP_WITHIN = timedelta(days=60)


@dataclass(frozen=True)
class DueRow:
    """A car whose owner should be called, and why."""

    vehicle: Vehicle
    reason: str

    @property
    def reason_label(self) -> str:
        """The reason in words."""
        return REASONS[self.reason]


@dataclass(frozen=True)
class DuePage:
    """One page of the list; `more` when there is another."""

    rows: tuple[DueRow, ...]
    page: int
    more: bool


def due_list(
    *,
    actor: Actor,
    site_id: int | None = None,
    on: date | None = None,
    ahead_days: int = 14,
    lapsed_months: int = 12,
    reason: str | None = None,
    page: int = 1,
    size: int = 50,
) -> DuePage:
    """Cars due by the day `on` (today by default) at a site: not yet followed up, maintenance within `ahead_days`,
    an unused voucher, or no visit for `lapsed_months`.

    Left out: who asked not to be called yet, has an open outreach, or has an appointment coming.
    """
    site = current_site(actor, site_id)
    actor.require("call.handle", site.pk)
    rows = due_vehicles(site, on or local_day(site), ahead_days=ahead_days, lapsed_months=lapsed_months)
    if reason is not None:
        rows = rows.filter(Q(("due_reason", reason)))
    number, count = max(page, 1), max(1, min(size, 200))
    found = list(rows[(number - 1) * count : number * count + 1])
    shown = tuple(DueRow(vehicle, str(getattr(vehicle, "due_reason"))) for vehicle in found[:count])  # noqa: B009
    return DuePage(shown, number, len(found) > count)


def due_vehicles(site: Site, on: date, *, ahead_days: int = 14, lapsed_months: int = 12) -> QuerySet[Vehicle]:
    """The query behind the list: vehicles with `due_reason`, the most pressing first.

    Every set is fetched once by an index of its own; a question asked anew for each vehicle took minutes at 60,000.
    """
    tests = {
        FOLLOW_UP: Q(pk__in=_not_followed_up(site, on)),
        MAINTENANCE: Q(service_due_on__lte=on + timedelta(days=ahead_days)),
        VOUCHER: Q(customer__in=_rewarded(on)),
        LAPSED: Q(last_visit_on__lt=months_before(on, lapsed_months)),
    }
    by_reason = (When(test, then=Value(key)) for key, test in tests.items())
    by_place = (When(test, then=Value(place)) for place, test in enumerate(tests.values()))
    return (
        Vehicle.objects.filter(reduce(or_, tests.values()))
        .filter(Q(last_site=site) | Q(last_site__isnull=True))
        .exclude(customer__contact_not_before__gt=on)
        .exclude(customer__in=_being_called(site))
        .exclude(pk__in=_expected_or_here())
        .annotate(
            due_reason=WhenThen(*by_reason, default=Value(""), output_field=CharField()),
            pressing=WhenThen(*by_place, default=Value(9), output_field=IntegerField()),
        )
        .select_related("customer")
        .order_by("pressing", F("service_due_on").asc(nulls_last=True), "last_visit_on", "pk")
    )


def _not_followed_up(site: Site, on: date) -> QuerySet[Any, Any]:
    """Vehicles released three to sixty days ago whose visit nobody has followed up."""
    midnight = datetime.combine(on, time(), tzinfo=ZoneInfo(site.timezone))
    released = Case.objects.at(site.pk).filter(
        kind=CaseKind.SERVICE_VISIT,
        vehicle__isnull=False,
        released_at__lt=midnight + timedelta(days=1) - _FOLLOW_UP_AFTER,
        released_at__gte=midnight - _FOLLOW_UP_WITHIN,
    )
    answered = Case.unscoped.filter(parent=OuterRef("pk"), kind=CaseKind.FOLLOW_UP).exclude(status=CaseStatus.CANCELLED)
    return released.filter(~Exists(answered)).values("vehicle_id")


def _rewarded(on: date) -> QuerySet[Any, Any]:
    """Customers with an unused voucher that is still good."""
    good = Q(expires_on__isnull=True) | Q(expires_on__gte=on)
    return Voucher.objects.filter(good, used_at__isnull=True).values("customer_id")


def _being_called(site: Site) -> QuerySet[Any, Any]:
    """Customers with an outreach under way."""
    rows = Case.objects.at(site.pk).filter(kind=CaseKind.OUTREACH, status=CaseStatus.OPEN, customer__isnull=False)
    return rows.values("customer_id")


def _expected_or_here() -> QuerySet[Any, Any]:
    """Vehicles with an appointment coming, or in the workshop now."""
    pending = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
    coming = Appointment.unscoped.filter(status__in=pending, starts_at__gte=clock.now())
    here = Case.unscoped.filter(kind=CaseKind.SERVICE_VISIT, status=CaseStatus.OPEN, vehicle__isnull=False)
    return coming.values("vehicle_id").union(here.values("vehicle_id"))


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"no such day: {day} less {months} months")
