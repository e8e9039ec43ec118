"""A walk-in nobody knows yet: customer and car are registered in the middle of the step that needs them (AUTO-07)."""

from __future__ import annotations

from django.db import transaction

from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.operations.registry import under_process
from bihuan.operations.work import load_work
from bihuan.org.actor import Actor
from bihuan.processes.holding import holds
from bihuan.records.access import require_anywhere
from bihuan.records.cases import change_case
from bihuan.records.customers import create_customer
from bihuan.records.models import Case, Customer, Vehicle
from bihuan.records.phones import clean_phone
from bihuan.records.search_keys import plate_key
from bihuan.records.vehicles import create_vehicle


@transaction.atomic
def register_newcomer(
    item_id: int,
    *,
    actor: Actor,
    name: str,
    phone: str,
    plate: str,
    salutation: str = "",
    kind: str = "person",
    brand: str = "",
    model_name: str = "",
    vin: str = "",
    mileage_km: str = "",
) -> Case:
    """Register customer and car and put them on the case of an open item; all or nothing.

    A customer with this phone and name, and their car with this plate, are taken as they are. Refuses with the
    owner's name when the phone or the plate is somebody else's.
    """
    work = load_work(item_id, actor=actor)
    if not holds(work.item, actor):
        raise NotAllowed("这项工作不在您手上，不能在这里建档")
    customer, car = register_customer_and_car(
        actor=actor,
        name=name,
        phone=phone,
        plate=plate,
        salutation=salutation,
        kind=kind,
        brand=brand,
        model_name=model_name,
        vin=vin,
        mileage_km=mileage_km,
    )
    process = under_process(actor, work.case.site_id)
    return change_case(
        work.case.pk, actor=process, customer_id=customer.pk, vehicle_id=car.pk, phone=customer.phone, title=car.plate
    )


@transaction.atomic
def register_customer_and_car(
    *,
    actor: Actor,
    name: str,
    phone: str,
    plate: str,
    salutation: str = "",
    kind: str = "person",
    **car_values: str,
) -> tuple[Customer, Vehicle]:
    """Customer and car of a newcomer; those already known by phone and name, and by plate, are taken as they are."""
    require_anywhere(actor, "customer.manage")
    if not plate.strip():
        raise BusinessError("请填写车牌", "plate")
    customer = _customer(actor, name=name, phone=phone, salutation=salutation, kind=kind)
    car = Vehicle.objects.filter(plate_key=plate_key(plate), customer=customer).first()
    if car is None:
        car = create_vehicle(actor=actor, customer_id=customer.pk, plate=plate, **car_values)
    return customer, car


def _customer(actor: Actor, *, name: str, phone: str, salutation: str, kind: str) -> Customer:
    known = Customer.objects.filter(phone=clean_phone(phone)).first()
    if known is None:
        return create_customer(actor=actor, name=name, phone=phone, salutation=salutation, kind=kind)
    if known.name != name.strip():
        raise Conflict(f"这个电话已经登记在客户“{known.name}”名下；是同一位客户的话，请把姓名填成一样", "phone")
    return known
