"""Starting an appointment for a car, from a call or from a free place on the board (AUTO-04)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction

from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.cases import start_case
from bihuan.operations.newcomers import register_customer_and_car
from bihuan.org.actor import Actor
from bihuan.processes.holding import holds
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import open_items_of_subject
from bihuan.records.access import current_site, require_anywhere
from bihuan.records.calls import link_call
from bihuan.records.models import Appointment, CallLog, Case, CaseKind, CaseStatus, Vehicle
from bihuan.records.phones import clean_phone
from bihuan.records.sheets import write_sheet
from bihuan.records.vehicles import create_vehicle

SHEET = "appointment"


@transaction.atomic
def start_appointment(
    vehicle_id: int, *, actor: Actor, call_id: int | None = None, starts_at: datetime | None = None
) -> Case:
    """Open the appointment case of a car; whoever took the call goes on with it, whatever their role.

    A call is linked to it, and the number calling is the phone of the case. `starts_at` stands in the form already.
    One that is still being taken down for this car is gone on with instead of a second one.
    """
    site = current_site(actor)
    actor.require("appointment.manage", site.pk)
    vehicle = Vehicle.objects.select_related("customer").select_for_update(of=("self",)).filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound("没有这辆车")
    call = CallLog.objects.at(site.pk).filter(pk=call_id).first() if call_id is not None else None
    case = _unfinished(site.pk, vehicle, actor)
    if case is None:
        case = start_case(
            CaseKind.APPOINTMENT,
            actor=actor,
            site_id=site.pk,
            customer_id=vehicle.customer_id,
            vehicle_id=vehicle.pk,
            phone=_reachable(call) or vehicle.customer.phone,
            title=vehicle.plate,
            variables={"taken_by": actor.user_id},
        )
    if starts_at is not None:
        write_sheet(case.pk, SHEET, {"starts_at": starts_at.astimezone(UTC).isoformat()}, actor=actor)
    if call is not None:
        link_call(call.pk, actor=actor, customer_id=vehicle.customer_id, case_id=case.pk)
    return case


@transaction.atomic
def start_newcomers_appointment(
    *,
    actor: Actor,
    plate: str,
    name: str = "",
    phone: str = "",
    salutation: str = "",
    brand: str = "",
    model_name: str = "",
    customer_id: int | None = None,
    call_id: int | None = None,
    starts_at: datetime | None = None,
) -> Case:
    """Register an unknown caller with their car, or another car of a known customer, and start its appointment."""
    if customer_id is not None:
        require_anywhere(actor, "customer.manage")
        car = create_vehicle(actor=actor, customer_id=customer_id, plate=plate, brand=brand, model_name=model_name)
    else:
        _, car = register_customer_and_car(
            actor=actor,
            name=name,
            phone=phone,
            plate=plate,
            salutation=salutation,
            brand=brand,
            model_name=model_name,
        )
    return start_appointment(car.pk, actor=actor, call_id=call_id, starts_at=starts_at)


def task_to_go_on_with(case: Case, *, actor: Actor) -> WorkItem | None:
    """The open step of a case that the actor may do now."""
    return next((item for item in open_items_of_subject("case", case.pk) if holds(item, actor)), None)


def _reachable(call: CallLog | None) -> str:
    """The number calling, unless it is withheld or an extension."""
    try:
        return clean_phone(call.phone) if call is not None else ""
    except BusinessError:
        return ""


def _unfinished(site_id: int, vehicle: Vehicle, actor: Actor) -> Case | None:
    """An appointment of this car that is not on the board yet and that the actor may go on with."""
    rows = Case.objects.at(site_id).filter(kind=CaseKind.APPOINTMENT, status=CaseStatus.OPEN, vehicle=vehicle)
    booked = Appointment.objects.at(site_id).filter(vehicle=vehicle, case__isnull=False).values("case_id")
    for case in rows.exclude(pk__in=booked).select_related("customer", "vehicle").order_by("-pk")[:5]:
        if task_to_go_on_with(case, actor=actor) is not None:
            return case
    return None
