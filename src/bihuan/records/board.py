"""The appointment board (预约看板): one day of a site by slot, complete at once, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bihuan.org.actor import Actor
from bihuan.records.access import current_site
from bihuan.records.appointments import slot_start
from bihuan.records.models import Appointment, AppointmentStatus, SlotCapacity


@dataclass(frozen=True)
class BoardSlot:
    """One slot: when, how many it takes (None: no limit set), and the bookings in it, cancelled ones apart."""

    starts_at: datetime
    minutes: int
    capacity: int | None
    appointments: tuple[Appointment, ...]
    cancelled: tuple[Appointment, ...]

    @property
    def booked(self) -> int:
        """How many places are taken."""
        return len(self.appointments)

    @property
    def free(self) -> int | None:
        """How many places are left; None without a limit."""
        return None if self.capacity is None else max(self.capacity - self.booked, 0)

    @property
    def ends_at(self) -> datetime:
        """When the slot is over."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Board:
    """A day of a site. `slots` are in order of time; a booking outside today's slots has a slot of its own."""

    site_id: int
    day: date
    slots: tuple[BoardSlot, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many bookings are in each status."""
        found = dict.fromkeys(AppointmentStatus.values, 0)
        for slot in self.slots:
            for appointment in (*slot.appointments, *slot.cancelled):
                found[appointment.status] += 1
        return found


def appointment_board(day: date, *, actor: Actor, site_id: int | None = None) -> Board:
    """The board of a local day, with customer, vehicle, jobs and named technician of every booking."""
    site = current_site(actor, site_id)
    actor.require("appointment.view", site.pk)
    zone = ZoneInfo(site.timezone)
    midnight = datetime.combine(day, time(), tzinfo=zone)
    rows = (
        Appointment.objects.at(site.pk)
        .filter(starts_at__gte=midnight, starts_at__lt=midnight + timedelta(days=1))
        .select_related("customer", "vehicle", "technician", "case")
        .prefetch_related("jobs")
        .order_by("starts_at", "pk")
    )
    shape = {
        slot_start(zone, midnight, row.starts): (row.minutes, row.capacity)
        for row in SlotCapacity.objects.at(site.pk).filter(weekday=day.weekday())
    }
    found: dict[datetime, list[Appointment]] = {starts: [] for starts in shape}
    for appointment in rows:
        found.setdefault(appointment.slot_starts_at.astimezone(UTC), []).append(appointment)
    slots = []
    for starts in sorted(found):
        minutes, capacity = shape.get(starts, (60, None))
        gone = tuple(row for row in found[starts] if row.status == AppointmentStatus.CANCELLED)
        here = tuple(row for row in found[starts] if row.status != AppointmentStatus.CANCELLED)
        slots.append(BoardSlot(starts, minutes, capacity, here, gone))
    return Board(site.pk, day, tuple(slots))
