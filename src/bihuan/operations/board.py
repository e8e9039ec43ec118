"""The appointment board as the screen shows it (AUTO-05): slots with their cards, who is late, the load of the week."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.limits.standing import Standing, standing
from bihuan.operations.bookings import change_booking
from bihuan.operations.cases import receive_vehicle
from bihuan.operations.pages.clock_signs import ClockSign, open_work
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.access import current_site, local_day
from bihuan.records.appointments import LATE_AFTER
from bihuan.records.board import Board, BoardSlot, appointment_board
from bihuan.records.models import Appointment, AppointmentStatus, Case, CaseKind, CaseStatus, SlotCapacity

PENDING = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
STEP = timedelta(minutes=5)
# State: word, tone, icon. Red calls for a person to act, amber was late, green is here.
STATES = {
    "booked": ("已预约", "info", "calendar"),
    "changed": ("已改期", "info", "repeat"),
    "here": ("已到店", "ok", "car"),
    "overdue": ("迟到", "bad", "clock-exclamation"),
    "arrived": ("已到店", "ok", "car"),
    "late": ("迟到到店", "warn", "clock-exclamation"),
    "no_show": ("未到店", "bad", "user"),
    "cancelled": ("已取消", "none", "x"),
}


@dataclass(frozen=True)
class Light:
    """How the most pressing open step of a case stands with its limit."""

    state: Standing
    due: datetime | None
    warn: datetime | None
    sign: ClockSign


@dataclass(frozen=True)
class Card:
    """A booking on the board. `visit_id` is the open visit of a car that is here though not yet registered.

    `light` is that of the visit, before the car has come that of the appointment (爽约跟进).
    """

    booking: Appointment
    state: str
    visit_id: int | None = None
    light: Light | None = None

    @property
    def word(self) -> str:
        return STATES[self.state][0]

    @property
    def tone(self) -> str:
        return STATES[self.state][1]

    @property
    def icon(self) -> str:
        return STATES[self.state][2]

    @property
    def may_move(self) -> bool:
        """Whether it can be changed, cancelled or received."""
        return self.booking.status in PENDING and self.state != "here"

    @property
    def may_arrive(self) -> bool:
        """Whether its car may drive in: also one that was given up."""
        return self.may_move or self.state == "no_show"

    @property
    def jobs(self) -> str:
        return "、".join(job.name for job in self.booking.jobs.all())


@dataclass(frozen=True)
class Lane:
    """A slot of the day. `open_from` is when a free place of it can still be booked; `now_percent` where now is."""

    slot: BoardSlot
    cards: tuple[Card, ...]
    open_from: datetime | None
    now_percent: int | None
    is_past: bool

    @property
    def free(self) -> int:
        return self.slot.free or 0

    def lit(self, state: str) -> int:
        """How many cards of the lane stand like this with their limits."""
        return sum(card.light is not None and card.light.state == state for card in self.cards)

    @property
    def over(self) -> int:
        """How many more are booked than the slot takes."""
        return max(self.slot.booked - self.slot.capacity, 0) if self.slot.capacity is not None else 0


@dataclass(frozen=True)
class DayLoad:
    """One day of the week strip: places taken and places there are (0 when closed)."""

    day: date
    booked: int
    capacity: int

    @property
    def percent(self) -> int:
        return min(100, self.booked * 100 // self.capacity) if self.capacity else 0

    @property
    def is_full(self) -> bool:
        return 0 < self.capacity <= self.booked


@dataclass(frozen=True)
class BoardPage:
    """A day of the board. `version` changes when anything shown changes, and every minute with the now-line."""

    day: date
    today: date
    lanes: tuple[Lane, ...]
    cancelled: tuple[Card, ...]
    week: tuple[DayLoad, ...]
    places: int
    booked: int
    arrived: int
    overdue: int
    no_show: int
    free: int
    may_manage: bool
    may_receive: bool
    version: str


@dataclass(frozen=True)
class BookingPage:
    """One booking, the local day it is on, and the slots of a day it may move to."""

    card: Card
    local_day: date
    day: date
    today: date
    week: tuple[DayLoad, ...]
    choices: tuple[Lane, ...]
    may_manage: bool
    may_receive: bool


def board_page(day: date | None, *, actor: Actor) -> BoardPage:
    """The board of the present site on a day, today by default. Ten queries whatever is booked."""
    site = current_site(actor)
    today = local_day(site)
    chosen = day or today
    board = appointment_board(chosen, actor=actor, site_id=site.pk)
    now = clock.now()
    here = _cars_here(site, board) if chosen == today else {}
    lights = _lights(site, board, here, now)
    lanes = _with_now([_lane(slot, now, here, lights) for slot in board.slots], now, is_today=chosen == today)
    cancelled = tuple(Card(row, "cancelled") for slot in board.slots for row in slot.cancelled)
    states = [card.state for lane in lanes for card in lane.cards]
    week = _week(site, chosen)
    seen = [now.replace(second=0, microsecond=0), [(one.day, one.booked, one.capacity) for one in week]]
    seen += [(card.booking.pk, card.state, card.booking.starts_at, card.light) for lane in lanes for card in lane.cards]
    seen += [card.booking.pk for card in cancelled]
    return BoardPage(
        day=chosen,
        today=today,
        lanes=lanes,
        cancelled=cancelled,
        week=week,
        places=max([lane.slot.capacity or 0 for lane in lanes] + [len(lane.cards) for lane in lanes], default=0),
        booked=len(states),
        arrived=sum(state in ("arrived", "late", "here") for state in states),
        overdue=states.count("overdue"),
        no_show=states.count("no_show"),
        free=sum(lane.free for lane in lanes if lane.open_from is not None),
        may_manage=actor.can("appointment.manage", site.pk) and actor.can("case.start", site.pk),
        may_receive=actor.can("case.start", site.pk),
        version=hashlib.sha256(str(seen).encode()).hexdigest()[:12],
    )


def booking_page(appointment_id: int, *, actor: Actor, day: date | None = None) -> BookingPage:
    """A booking in full; with a day, the slots of that day to move it to, its own included."""
    rows = Appointment.objects.visible_to(actor).select_related("customer", "vehicle", "technician", "case", "site")
    booking = rows.prefetch_related("jobs").filter(pk=appointment_id).first()
    if booking is None:
        raise NotFound("没有这个预约，或者它不属于您的门店")
    site = booking.site
    actor.require("appointment.view", site.pk)
    today, now = local_day(site), clock.now()
    chosen = max(day or local_day(site, booking.starts_at), today)
    board = appointment_board(chosen, actor=actor, site_id=site.pk)
    visits = Case.objects.at(site.pk).filter(kind=CaseKind.SERVICE_VISIT, status=CaseStatus.OPEN)
    visit = visits.filter(vehicle_id=booking.vehicle_id).values_list("pk", flat=True).first()
    return BookingPage(
        card=_card(booking, now, {booking.vehicle_id: visit} if visit else {}, {}),
        local_day=local_day(site, booking.starts_at),
        day=chosen,
        today=today,
        week=_week(site, chosen),
        choices=tuple(_lane(slot, now, {}, {}) for slot in board.slots),
        may_manage=actor.can("appointment.manage", site.pk),
        may_receive=actor.can("case.start", site.pk),
    )


@transaction.atomic
def move_booking(appointment_id: int, *, actor: Actor, day: str, slot: str = "", exact: str = "") -> Appointment:
    """Move a booking to a slot of a day (`slot` its start, ISO), or to an exact local time `exact` (HH:MM) of it."""
    site = current_site(actor, _site_of(appointment_id, actor))
    return change_booking(appointment_id, actor=actor, starts_at=moment_of(site, day=day, slot=slot, exact=exact))


@transaction.atomic
def receive_booked(appointment_id: int, *, actor: Actor, bay: str = "") -> Case:
    """The booked car is here: its visit opens and somebody has one minute to greet (AUTO-06)."""
    rows = Appointment.objects.visible_to(actor).select_related("vehicle")
    booking = rows.select_for_update(of=("self",)).filter(pk=appointment_id).first()
    if booking is None:
        raise NotFound("没有这个预约，或者它不属于您的门店")
    if booking.status not in (*PENDING, AppointmentStatus.NO_SHOW):
        raise BusinessError(f"预约 {booking.number} 已是“{booking.get_status_display()}”")
    return receive_vehicle(
        booking.vehicle.plate, actor=actor, site_id=booking.site_id, bay=bay, vehicle_id=booking.vehicle_id
    )


def moment_of(site: Site, *, day: str, slot: str = "", exact: str = "") -> datetime:
    """The moment a person chose: an exact time of the day when given, else the start of the slot."""
    try:
        if exact:
            return datetime.combine(date.fromisoformat(day), time.fromisoformat(exact), tzinfo=ZoneInfo(site.timezone))
        chosen = datetime.fromisoformat(slot)
    except ValueError:
        raise BusinessError("请选择新的时间", "starts_at") from None
    if chosen.tzinfo is None:
        raise BusinessError("请选择新的时间", "starts_at")
    return chosen


def _site_of(appointment_id: int, actor: Actor) -> int | None:
    found: int | None = Appointment.objects.visible_to(actor).filter(pk=appointment_id).values_list(
        "site_id", flat=True
    ).first()  # fmt: skip
    if found is None:
        raise NotFound("没有这个预约，或者它不属于您的门店")
    return found


def _cars_here(site: Site, board: Board) -> dict[int, int]:
    """Open visits by car, of the cars expected that day."""
    expected = [row.vehicle_id for slot in board.slots for row in slot.appointments]
    visits = Case.objects.at(site.pk).filter(kind=CaseKind.SERVICE_VISIT, status=CaseStatus.OPEN)
    return {
        vehicle_id: case_id
        for vehicle_id, case_id in visits.filter(vehicle_id__in=expected).values_list("vehicle_id", "pk")
        if vehicle_id is not None
    }


def _lights(site: Site, board: Board, here: dict[int, int], now: datetime) -> dict[int, Light]:
    """By case, how the work on the cars expected and here stands with its limits; two queries."""
    appointments = [row.case_id for slot in board.slots for row in slot.appointments if row.case_id]
    steps, signs = open_work(site.pk, [*appointments, *here.values()])
    found: dict[int, Light] = {}
    for case_id, item in steps.items():
        sign = signs.of(item, case_id)
        state = standing(item.due_at, item.warn_at, now, paused=bool(sign.paused))
        if state != Standing.NONE:
            found[case_id] = Light(state, item.due_at, item.warn_at, sign)
    return found


def _card(booking: Appointment, now: datetime, here: dict[int, int], lights: dict[int, Light]) -> Card:
    visit_id = here.get(booking.vehicle_id)
    light = lights.get(visit_id or 0) or lights.get(booking.case_id or 0)
    if visit_id is not None and booking.status in (*PENDING, AppointmentStatus.NO_SHOW):
        return Card(booking, "here", visit_id, light)
    if booking.status not in PENDING:
        return Card(booking, booking.status, visit_id, light)
    return Card(booking, "overdue" if now > booking.starts_at + LATE_AFTER else str(booking.status), light=light)


def _lane(slot: BoardSlot, now: datetime, here: dict[int, int], lights: dict[int, Light]) -> Lane:
    length = slot.ends_at - slot.starts_at
    inside = slot.starts_at <= now < slot.ends_at
    next_step = now - (now - slot.starts_at) % STEP + STEP if inside else slot.starts_at
    open_from = next_step if slot.starts_at <= next_step < slot.ends_at and now < slot.ends_at else None
    return Lane(
        slot,
        tuple(_card(row, now, here, lights) for row in slot.appointments),
        open_from,
        int((now - slot.starts_at) * 100 / length) if inside else None,
        slot.ends_at <= now,
    )


def _with_now(lanes: list[Lane], now: datetime, *, is_today: bool) -> tuple[Lane, ...]:
    """Between two slots (over lunch, before opening) now stands at the top of the next one."""
    if is_today and all(lane.now_percent is None for lane in lanes):
        following = next((number for number, lane in enumerate(lanes) if now < lane.slot.starts_at), None)
        if following is not None:
            lanes[following] = replace(lanes[following], now_percent=0)
    return tuple(lanes)


def _week(site: Site, day: date) -> tuple[DayLoad, ...]:
    """Monday to Sunday around a day, in two queries."""
    zone = ZoneInfo(site.timezone)
    monday = day - timedelta(days=day.weekday())
    start = datetime.combine(monday, time(), tzinfo=zone)
    end = datetime.combine(monday + timedelta(days=7), time(), tzinfo=zone)
    rows = Appointment.objects.at(site.pk).filter(starts_at__gte=start, starts_at__lt=end)
    taken = rows.filter(~Q(status=AppointmentStatus.CANCELLED)).annotate(on=TruncDate("starts_at", tzinfo=zone))
    booked = {row["on"]: row["count"] for row in taken.values("on").annotate(count=Count("pk")).order_by()}
    places = _places(SlotCapacity.objects.at(site.pk).values_list("weekday", "capacity"))
    days = [monday + timedelta(days=number) for number in range(7)]
    return tuple(DayLoad(one, booked.get(one, 0), places.get(one.weekday(), 0)) for one in days)


def _places(rows: Iterable[tuple[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for weekday, capacity in rows:
        found[weekday] = found.get(weekday, 0) + capacity
    return found
