"""Opening a case together with the process that carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.limits import clocks
from bihuan.operations.surroundings import CASE, surroundings
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.models import Instance, WorkItem
from bihuan.records import cases as case_records
from bihuan.records.models import Appointment, AppointmentStatus, Case, CaseKind, Vehicle
from bihuan.records.search_keys import plate_key

GREET = "greet"
COMING = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED, AppointmentStatus.NO_SHOW)


@transaction.atomic
def start_case(
    kind: str,
    *,
    actor: Actor,
    site_id: int | None = None,
    variables: Mapping[str, Any] | None = None,
    before_process: Callable[[Case], None] | None = None,
    **columns: Any,
) -> Case:
    """Open a case of a kind and start the process of that name on it.

    `before_process` may write more records of the new case, which the first step already sees.
    """
    case = case_records.open_case(kind, actor=actor, site_id=site_id, **columns)
    if before_process is not None:
        before_process(case)
    start_process(case, actor=actor, variables=variables or {})
    return case


@transaction.atomic
def start_process(
    case: Case, *, actor: Actor, variables: Mapping[str, Any] | None = None, process: str | None = None
) -> int:
    """Start the process named like the case's kind, or another beside it; answers the instance's id.

    Raises NotFound when none of that name is published, Conflict while the case is suspended.
    """
    carrying = main_instance(case.pk) if process else None
    if carrying is not None and carrying.status == Instance.Status.SUSPENDED:
        raise Conflict(f"单据已挂起（{why_suspended(carrying)}），恢复后再办")
    plate = case.vehicle.plate if case.vehicle else ""
    who = case.customer.name if case.customer else ""
    result = engine_store.start_instance(
        process or case.kind,
        site_id=case.site_id,
        subject_kind=CASE,
        subject_id=case.pk,
        title=" ".join(part for part in (plate, who) if part) or case.title or case.number,
        variables=dict(variables or {}),
        actor=actor,
        around=surroundings(),
    )
    return result.instance_id


@transaction.atomic
def receive_vehicle(
    plate: str, *, actor: Actor, site_id: int | None = None, bay: str = "", vehicle_id: int | None = None
) -> Case:
    """A car is parked in the pre-check bay: its visit opens and somebody has one minute to greet (AUTO-06).

    A known plate brings car and customer along; an unknown one is registered by the advisor. A car that is still
    being served is refused.
    """
    words = plate.strip().upper()
    if not words and vehicle_id is None:
        raise BusinessError("请填写车牌", "plate")
    if len(words) > 16:
        raise BusinessError("车牌最多 16 个字", "plate")
    known = Vehicle.objects.filter(pk=vehicle_id) if vehicle_id else Vehicle.objects.filter(plate_key=plate_key(words))
    vehicle = known.select_related("customer").first()
    where = site_id if site_id is not None else actor.site_id
    if vehicle is not None:
        there = Case.unscoped.filter(vehicle=vehicle, kind=CaseKind.SERVICE_VISIT, status="open").first()
        if there is not None:
            raise BusinessError(f"{vehicle.plate} 已经在店：单据 {there.number} 还没有结束", "plate")
    waiting = WorkItem.objects.at(where).filter(node_id=GREET, status=WorkItem.Status.OPEN).count() if where else 0
    now = clock.now()

    def note_arrival(case: Case) -> None:
        Case.unscoped.filter(pk=case.pk).update(arrived_at=now, bay=bay[:30])
        case.arrived_at, case.bay = now, bay[:30]

    return start_case(
        CaseKind.SERVICE_VISIT,
        actor=actor,
        site_id=where,
        vehicle_id=vehicle.pk if vehicle else None,
        title=vehicle.plate if vehicle else words,
        variables={"waiting_cars": waiting + 1, **_expected(vehicle, where, now)},
        before_process=note_arrival,
    )


def _expected(vehicle: Vehicle | None, site_id: int | None, now: datetime) -> dict[str, str]:
    """What the reception form may fill in by itself: that this car has an appointment today, and its number."""
    found = todays_appointment(vehicle.pk, site_id, now) if vehicle is not None and site_id is not None else None
    return {"expected_appointment": "yes", "expected_number": found.number} if found is not None else {}


def todays_appointment(vehicle_id: int, site_id: int, now: datetime) -> Appointment | None:
    """The appointment an arrival most likely belongs to: the car's own, within twelve hours."""
    window = (now - timedelta(hours=12), now + timedelta(hours=12))
    rows = Appointment.objects.at(site_id).filter(vehicle_id=vehicle_id, status__in=COMING)
    return rows.filter(starts_at__range=window).order_by("starts_at").first()


def main_instance(case_id: int) -> Instance | None:
    """The process that carries a case: its first; others (补收款) may run beside it."""
    rows = Instance.unscoped.filter(subject_kind=CASE, subject_id=case_id, parent__isnull=True)
    found: Instance | None = rows.select_related("version").order_by("pk").first()
    return found


def why_suspended(instance: Instance) -> str:
    """The reason somebody gave when the instance was suspended; it stands among the newest of its case's history."""
    steps = Entry.objects.filter(chain=instance.chain, action="process.step").order_by("-seq")
    for entry in steps.iterator(chunk_size=20):
        if entry.data["command"] == "Suspend" and entry.data["instance"] == (instance.root_id or instance.pk):
            return str(entry.data["detail"]["reason"])
    return ""


@transaction.atomic
def cancel_case(case_id: int, *, actor: Actor, reason: str) -> Case:
    """Call a case off with a reason: its process stops, its waits and clocks end."""
    case = case_records.close_case(case_id, actor=actor, cancelled=True, reason=reason)
    clocks.drop_clocks(subject_kind=CASE, subject_id=case.pk, reason=reason, actor=actor)
    stop_processes(case_id, actor=actor, reason=reason)
    return case


def stop_processes(case_id: int, *, actor: Actor, reason: str) -> None:
    """Stop whatever process of a case still runs, within the transaction that ends the case."""
    running = Instance.unscoped.filter(
        subject_kind=CASE, subject_id=case_id, ended_at__isnull=True, parent__isnull=True
    )
    for instance_id in running.values_list("pk", flat=True):
        engine_store.cancel_instance(instance_id, reason=reason, actor=actor, around=surroundings())
