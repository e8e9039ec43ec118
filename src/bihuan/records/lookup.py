"""Looking a customer up while talking: by phone, plate, name, pinyin or document number (AUTO-03).

Every search is a prefix of an indexed key (tails are stored back to front), and every list is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from bihuan.kernel.errors import NotAllowed
from bihuan.org.actor import Actor
from bihuan.records.models import (
    Appointment,
    AppointmentStatus,
    Case,
    CaseKind,
    CaseStatus,
    Contact,
    Customer,
    Document,
    Vehicle,
    Voucher,
)
from bihuan.records.search_keys import digits, mirrored, plain, plate_key

LIMIT = 12
SHORTEST_TAIL = 4
_DIGITS_ONLY = re.compile(r"^[\d\s\-+()]+$")
_LETTERS_ONLY = re.compile(r"^[A-Za-z][A-Za-z ']*$")
_NUMBER = re.compile(r"^[A-Z0-9]{1,12}-[A-Z]{1,12}-\d{1,8}(-\d{0,8})?$")


@dataclass
class Hit:
    """One possible match, with what the person at the telephone needs. `score` is higher for surer matches."""

    customer: Customer
    vehicle: Vehicle | None
    matched: str
    score: int
    open_cases: list[Case] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    last_visit_at: datetime | None = None
    open_voucher: Voucher | None = None

    @property
    def next_service(self) -> tuple[Any, int | None]:
        """Date and mileage of the next maintenance, as told to the customer."""
        if self.vehicle is None:
            return None, None
        return self.vehicle.next_service_on, self.vehicle.next_service_km


def look_up(text: str, *, actor: Actor, limit: int = LIMIT) -> list[Hit]:
    """The likeliest customers and cars for what was typed, surest first, at most `limit`; empty for too little text."""
    if not (actor.can_anywhere("customer.view") or actor.can_anywhere("call.handle")):
        raise NotAllowed("您没有“查看客户和车辆”的权限")
    # What no keyboard types (zero bytes, halves of letters) would only upset the database.
    typed = "".join(letter for letter in plain(text)[:60] if letter.isprintable())
    if not typed:
        return []
    most = max(1, min(limit, 50))
    found: dict[tuple[int, int | None], Hit] = {}
    for hit in _matches(typed, actor, most):
        key = (hit.customer.pk, hit.vehicle.pk if hit.vehicle else None)
        if key not in found or found[key].score < hit.score:
            found[key] = hit
    hits = sorted(found.values(), key=lambda hit: (-hit.score, hit.customer.name, hit.customer.pk))[:most]
    _enrich(hits, actor)
    return hits


def prefix(column: str, start: str) -> Q:
    """Rows whose column starts with the text, by index on both databases.

    PostgreSQL has a pattern index for LIKE; SQLite's LIKE ignores case and so cannot use the index, a range can.
    """
    if connection.vendor == "sqlite":
        return Q(**{f"{column}__gte": start, f"{column}__lt": start + "\U0010ffff"})
    return Q(**{f"{column}__startswith": start})


def _matches(typed: str, actor: Actor, limit: int) -> Iterable[Hit]:
    number = digits(typed)
    if _DIGITS_ONLY.match(typed):
        if len(number) >= SHORTEST_TAIL:
            yield from _by_phone(number, limit)
            yield from _by_plate(number, limit)
        return
    if _NUMBER.match(typed.upper()):
        yield from _by_document(typed.upper(), actor, limit)
        return
    key = plate_key(typed)
    if len(key) >= 3 and any(letter.isdigit() for letter in key):
        yield from _by_plate(key, limit)
    if len(key) >= 6 and key.isascii():
        yield from _of_vehicles(
            Vehicle.objects.filter(prefix("vin", key)), limit, "车架号", 90 if len(key) == 17 else 60
        )
    if _LETTERS_ONLY.match(typed):
        yield from _by_pinyin(typed.lower().replace(" ", "").replace("'", ""), limit)
    elif not typed.isascii():
        yield from _of_customers(Customer.objects.filter(name=typed), limit, "姓名", 95)
        yield from _of_customers(Customer.objects.filter(prefix("name", typed)).order_by("name"), limit, "姓名", 70)


def _by_phone(number: str, limit: int) -> Iterable[Hit]:
    if len(number) >= 10:
        bare = number.removeprefix("86") if len(number) > 12 else number
        yield from _of_customers(Customer.objects.filter(phone=bare), limit, "电话", 100)
        owners = Contact.objects.filter(phone=bare).values("customer_id")
        yield from _of_customers(Customer.objects.filter(pk__in=owners), limit, "联系人电话", 85)
        return
    tail = mirrored(number)
    yield from _of_customers(Customer.objects.filter(prefix("phone_mirrored", tail)), limit, "电话尾号", 75)
    owners = Contact.objects.filter(prefix("phone_mirrored", tail)).values("customer_id")[:limit]
    yield from _of_customers(
        Customer.objects.filter(pk__in=list(owners.values_list("customer_id", flat=True))), limit, "联系人电话尾号", 65
    )
    yield from _of_customers(Customer.objects.filter(prefix("phone", number)).order_by("phone"), limit, "电话", 55)


def _by_plate(key: str, limit: int) -> Iterable[Hit]:
    yield from _of_vehicles(Vehicle.objects.filter(plate_key=key), limit, "车牌", 100)
    yield from _of_vehicles(Vehicle.objects.filter(prefix("plate_key", key)).order_by("plate_key"), limit, "车牌", 80)
    if len(key) >= SHORTEST_TAIL:
        tail = Vehicle.objects.filter(prefix("plate_mirrored", mirrored(key)))
        yield from _of_vehicles(tail.order_by("plate_mirrored"), limit, "车牌尾号", 78)


def _by_pinyin(letters: str, limit: int) -> Iterable[Hit]:
    if len(letters) >= 2:
        yield from _of_customers(Customer.objects.filter(initials=letters), limit, "拼音首字母", 72)
        yield from _of_customers(Customer.objects.filter(pinyin=letters), limit, "拼音", 90)
        longer = Customer.objects.filter(prefix("pinyin", letters)).order_by("pinyin")
        yield from _of_customers(longer, limit, "拼音", 60)
        starting = Customer.objects.filter(prefix("initials", letters)).order_by("initials")
        yield from _of_customers(starting, limit, "拼音首字母", 50)


def _by_document(number: str, actor: Actor, limit: int) -> Iterable[Hit]:
    cases = Case.objects.visible_to(actor).filter(customer__isnull=False)
    papers = Document.objects.visible_to(actor).filter(number=number).values("case_id")
    rows = cases.filter(Q(pk__in=papers) | prefix("number", number)).select_related("customer", "vehicle")
    for case in rows.order_by("number")[:limit]:
        if case.customer is not None:
            yield Hit(case.customer, case.vehicle, f"单号 {case.number}", 100 if case.number == number else 88)
    booked = Appointment.objects.visible_to(actor).filter(prefix("number", number))
    for row in booked.select_related("customer", "vehicle").order_by("number")[:limit]:
        yield Hit(row.customer, row.vehicle, f"预约号 {row.number}", 100 if row.number == number else 88)


def _of_vehicles(rows: QuerySet[Vehicle], limit: int, matched: str, score: int) -> Iterable[Hit]:
    for vehicle in rows.select_related("customer")[:limit]:
        yield Hit(vehicle.customer, vehicle, matched, score)


def _of_customers(rows: QuerySet[Customer], limit: int, matched: str, score: int) -> Iterable[Hit]:
    customers = list(rows[:limit])
    cars: dict[int, list[Vehicle]] = {}
    for vehicle in Vehicle.objects.filter(customer__in=customers).order_by("plate_key")[: limit * 5]:
        cars.setdefault(vehicle.customer_id, []).append(vehicle)
    for customer in customers:
        owned = cars.get(customer.pk)
        if not owned:
            yield Hit(customer, None, matched, score)
        for vehicle in owned or []:
            yield Hit(customer, vehicle, matched, score)


def _enrich(hits: list[Hit], actor: Actor) -> None:
    """Open cases, coming appointments, last visit and unused voucher of all hits, in four bounded queries."""
    if not hits:
        return
    people = {hit.customer.pk for hit in hits}
    cars = {hit.vehicle.pk for hit in hits if hit.vehicle}
    mine = Case.objects.visible_to(actor)
    open_cases = list(
        mine.filter(customer__in=people, status=CaseStatus.OPEN).select_related("site").order_by("-opened_at")[:100]
    )
    pending = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
    coming = list(
        Appointment.objects.visible_to(actor)
        .filter(customer__in=people, status__in=pending)
        .prefetch_related("jobs")
        .order_by("starts_at")[:100]
    )
    visits = Case.unscoped.filter(vehicle__in=cars, kind=CaseKind.SERVICE_VISIT).order_by("-opened_at")
    last: dict[int, datetime] = {}
    for vehicle_id, opened_at in visits.values_list("vehicle_id", "opened_at")[:500]:
        if vehicle_id is not None:
            last.setdefault(vehicle_id, opened_at)
    vouchers = {row.customer_id: row for row in Voucher.objects.filter(customer__in=people, used_at__isnull=True)[:100]}
    for hit in hits:
        car = hit.vehicle.pk if hit.vehicle else None
        hit.open_cases = [
            case for case in open_cases if case.customer_id == hit.customer.pk and case.vehicle_id in (None, car)
        ]
        hit.appointments = [row for row in coming if row.customer_id == hit.customer.pk and row.vehicle_id == car]
        hit.last_visit_at = last.get(car) if car else None
        hit.open_voucher = vouchers.get(hit.customer.pk)
