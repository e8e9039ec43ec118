"""From the parking bay to the front desk: who serves the car, its appointment, its key (AUTO-06 to AUTO-10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.notify.notices import About, notify_people, notify_role
from bihuan.operations.cases import COMING, todays_appointment
from bihuan.operations.messages import tell_process
from bihuan.operations.registry import EffectContext, effect
from bihuan.records import appointments, custody, vehicles
from bihuan.records.access import local_day
from bihuan.records.cases import change_case
from bihuan.records.custody import Holder
from bihuan.records.models import Appointment, AppointmentStatus, Custody, HolderKind, Thing

GUARD_DESK = "值班室"
FRONT_DESK = "前台"


@effect("assign_advisor")
def assign_advisor(ctx: EffectContext) -> Mapping[str, Any]:
    """Whoever greets the customer stays responsible for the visit."""
    change_case(ctx.case.pk, actor=ctx.process, advisor_id=ctx.actor.user_id)
    return {"advisor": ctx.actor.user_id}


@effect("assign_technician")
def assign_technician(ctx: EffectContext) -> Mapping[str, Any]:
    """The technician who pre-checks also confirms the fault (AUTO-15)."""
    change_case(ctx.case.pk, actor=ctx.process, technician_id=ctx.actor.user_id)
    return {"technician": ctx.actor.user_id}


@effect("alert_front_desk")
def alert_front_desk(ctx: EffectContext) -> None:
    """More than one car waits: the front desk is told at once (AUTO-06)."""
    plate = ctx.case.vehicle.plate if ctx.case.vehicle else ctx.case.title
    notify_role(
        "front_desk",
        ctx.case.site_id,
        "等候车辆超过一台，请加派服务顾问",
        f"{plate} 已停到预检区，前面还有车在等。",
        f"/cases/{ctx.case.pk}",
        About(urgent=True, subject=("case", ctx.case.pk), template="cars_waiting", words={"车牌": plate}),
    )


@effect("send_advisor")
def send_advisor(ctx: EffectContext) -> None:
    """The advisor named by the front desk is told to go to the pre-check bay."""
    extra = ctx.value("extra_advisor")
    if extra:
        called = About(urgent=True, subject=("case", ctx.case.pk), site_id=ctx.case.site_id, template="advisor_called")
        notify_people([int(extra)], "请到预检区接待车辆", f"前台 {ctx.actor.name} 请您接待下一台车。", "/", called)


@effect("link_appointment")
def link_appointment(ctx: EffectContext) -> Mapping[str, Any]:
    """Link the visit to its appointment, mark the arrival on the board, end the waiting of that process."""
    found = _appointment(ctx)
    if found is None:
        if ctx.value("has_appointment") != "yes":
            return {"appointed": False}
        raise BusinessError("没有找到这位客户今天的预约，请核对预约号，或选择“没有预约”", "appointment_number")
    arrived = appointments.mark_arrived(found.pk, actor=ctx.process, at=ctx.case.arrived_at or ctx.now)
    change_case(ctx.case.pk, actor=ctx.process, appointment_id=found.pk)
    if found.case_id:
        tell_process("vehicle_arrived", found.case_id, actor=ctx.actor, variables={"visit": ctx.case.pk})
    return {"appointed": True, "appointment_late": arrived.status == AppointmentStatus.LATE}


def _appointment(ctx: EffectContext) -> Appointment | None:
    number = str(ctx.values.get("appointment_number") or "").strip().upper()
    rows = Appointment.objects.at(ctx.case.site_id).filter(status__in=COMING)
    if number:
        return rows.filter(number=number).first()
    if ctx.case.vehicle_id is None:
        return None
    return todays_appointment(ctx.case.vehicle_id, ctx.case.site_id, ctx.now)


@effect("record_mileage")
def record_mileage(ctx: EffectContext) -> None:
    """The mileage read at the walk-around is the car's newest (AUTO-09)."""
    if ctx.case.vehicle_id and ctx.case.mileage_km is not None:
        today = local_day(ctx.case.site, ctx.now)
        vehicles.record_mileage(ctx.case.vehicle_id, ctx.case.mileage_km, actor=ctx.process, read_on=today)


@effect("take_custody")
def take_custody(ctx: EffectContext) -> None:
    """Key, licence, manual and valuables taken over the desk lie at the front desk from now on (AUTO-25, FAW-05)."""
    held = {row.thing for row in custody.in_our_care(ctx.case.pk)}
    for thing in ctx.values.get("custody") or []:
        if thing not in held:
            custody.take_custody(ctx.case.pk, thing, actor=ctx.process, holder=custody.desk(FRONT_DESK))


@effect("take_key")
def take_key(ctx: EffectContext) -> None:
    """The one who does this step has the key now; a guard takes it for the guard's desk and signs."""
    at_guard = "guard" in ctx.actor.roles_at(ctx.case.site_id) and ctx.item is not None and ctx.item.role == "guard"
    receiver = Holder(HolderKind.DESK, GUARD_DESK, GUARD_DESK) if at_guard else custody.acting(ctx.actor)
    pass_key(ctx, receiver, signed_by=ctx.actor.name)


@effect("hand_over_key")
def hand_over_key(ctx: EffectContext) -> Mapping[str, Any]:
    """After washing the key goes straight to the waiting advisor; to the guard only when the guard signs for it."""
    if ctx.value("key_to") == "advisor":
        advisor = ctx.case.advisor
        if advisor is None:
            raise BusinessError("本单没有服务顾问，请把钥匙交到值班室", "key_to")
        pass_key(ctx, custody.colleague(advisor), signed_by=advisor.name)
    return {}


def pass_key(ctx: EffectContext, receiver: Holder, *, signed_by: str) -> None:
    """Move the key to the receiver unless it is there already; without a key in our care there is nothing to move."""
    key = Custody.unscoped.filter(case_id=ctx.case.pk, thing=Thing.KEY).first()
    if key is None or key.holder_kind == HolderKind.CUSTOMER:
        return
    if (key.holder_kind, key.holder) != (receiver.kind, receiver.key):
        custody.hand_over(ctx.case.pk, Thing.KEY, actor=ctx.process, to=receiver, signed_by=signed_by)
