"""Vehicles: registering, correcting, mileage, and when the next maintenance is due."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from bihuan.audit.log import changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note, optional_text, require_anywhere
from bihuan.records.models import Customer, Vehicle
from bihuan.records.search_keys import plain, plate_key

_NO_VEHICLE = "没有这辆车"
_FIELDS = (
    "plate", "vin", "brand", "model_name", "colour", "customer_id", "mileage_km", "mileage_read_on", "bought_on",
    "last_service_on", "last_service_km", "next_service_on", "next_service_km", "note",
)  # fmt: skip
# One character of a province (示 stands for the invented one), a letter, five or six letters and digits.
_PLATE = re.compile(r"^[\u4e00-\u9fff][A-Z][A-Z0-9]{4,6}[\u4e00-\u9fffA-Z0-9]?$")
# A VIN has no I, O or Q.
_VIN = re.compile(r"^[A-HJ-NPR-Z0-9]{17}$")
MAX_KM = 3_000_000
_LEAST_KM_PER_DAY = 5
_ASSUMED_KM_PER_DAY = 40


@transaction.atomic
def create_vehicle(*, actor: Actor, customer_id: int, plate: str, **values: Any) -> Vehicle:
    """Register a car for a customer; a plate or VIN that exists already is refused with the owner's name."""
    require_anywhere(actor, "customer.manage")
    if not Customer.objects.filter(pk=customer_id).exists():
        raise NotFound("没有这位客户")
    unknown = set(values) - set(_FIELDS)
    if unknown:
        raise BusinessError(f"车辆没有这些栏目: {'、'.join(sorted(unknown))}")
    clean = {**values, **clean_vehicle({**values, "plate": plate})}
    _refuse_taken(clean["plate"], clean.get("vin"), besides=None)
    now = clock.now()
    vehicle = Vehicle(customer_id=customer_id, created_at=now, updated_at=now, **clean)
    vehicle.service_due_on = estimate_due_on(vehicle)
    try:
        with transaction.atomic():
            vehicle.save()
    except IntegrityError:
        raise Conflict("这个车牌或车架号刚刚被别的同事登记了，请重新查找", "plate") from None
    note(actor, "vehicle.created", chain(vehicle.pk), site_id=actor.site_id, after=_snapshot(vehicle))
    return vehicle


@transaction.atomic
def change_vehicle(vehicle_id: int, *, actor: Actor, **values: Any) -> Vehicle:
    """Change the named fields of a vehicle; a new owner is `customer_id`."""
    require_anywhere(actor, "customer.manage")
    vehicle = Vehicle.objects.select_for_update().filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound(_NO_VEHICLE)
    unknown = set(values) - set(_FIELDS)
    if unknown:
        raise BusinessError(f"车辆没有这些栏目: {'、'.join(sorted(unknown))}")
    if "customer_id" in values and not Customer.objects.filter(pk=values["customer_id"]).exists():
        raise NotFound("没有这位客户")
    before = _snapshot(vehicle)
    for field, value in {**values, **clean_vehicle(values)}.items():
        setattr(vehicle, field, value)
    vehicle.fill_keys()
    old, new = changes(before, _snapshot(vehicle))
    if not new:
        return vehicle
    if {"plate", "vin"} & set(new):
        _refuse_taken(vehicle.plate, vehicle.vin, besides=vehicle.pk)
    vehicle.service_due_on = estimate_due_on(vehicle)
    vehicle.updated_at = clock.now()
    try:
        with transaction.atomic():
            vehicle.save(update_fields=[*new, "plate_key", "plate_mirrored", "service_due_on", "updated_at"])
    except IntegrityError:
        raise Conflict("这个车牌或车架号刚刚被别的同事登记了，请重新查找", "plate") from None
    note(actor, "vehicle.changed", chain(vehicle.pk), site_id=actor.site_id, before=old, after=new)
    return vehicle


@transaction.atomic
def record_mileage(vehicle_id: int, mileage_km: int, *, actor: Actor, read_on: date) -> list[str]:
    """Note the mileage read at the car. A lower reading than before is kept, with a warning for the counter."""
    vehicle = Vehicle.objects.select_for_update().filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound(_NO_VEHICLE)
    require_anywhere(actor, "case.view")
    clean = clean_vehicle({"mileage_km": mileage_km})["mileage_km"]
    warnings = []
    if vehicle.mileage_km is not None and clean < vehicle.mileage_km:
        warnings.append(f"本次里程 {clean} 公里比上次登记的 {vehicle.mileage_km} 公里少，请核对")
    before = {"mileage_km": vehicle.mileage_km}
    vehicle.mileage_km, vehicle.mileage_read_on, vehicle.last_visit_on = clean, read_on, read_on
    vehicle.service_due_on = estimate_due_on(vehicle)
    vehicle.save(update_fields=["mileage_km", "mileage_read_on", "last_visit_on", "service_due_on"])
    after = {"mileage_km": clean}
    note(actor, "vehicle.mileage_read", chain(vehicle.pk), site_id=actor.site_id, before=before, after=after)
    return warnings


@transaction.atomic
def tell_next_service(
    vehicle_id: int, *, actor: Actor, done_on: date, done_km: int | None, next_on: date | None, next_km: int | None
) -> Vehicle:
    """After a maintenance: what was done at which mileage, and the next date and mileage told to the customer."""
    require_anywhere(actor, "case.view")
    vehicle = Vehicle.objects.select_for_update().filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound(_NO_VEHICLE)
    if next_on is None and next_km is None:
        raise BusinessError("请告知下次保养日期或里程", "next_service_on")
    if next_on is not None and next_on <= done_on:
        raise BusinessError("下次保养日期应在本次保养之后", "next_service_on")
    if next_km is not None and done_km is not None and next_km <= done_km:
        raise BusinessError("下次保养里程应大于本次里程", "next_service_km")
    before = _snapshot(vehicle)
    vehicle.last_service_on, vehicle.last_service_km = done_on, done_km
    vehicle.next_service_on, vehicle.next_service_km = next_on, next_km
    vehicle.service_due_on = estimate_due_on(vehicle)
    vehicle.save(
        update_fields=["last_service_on", "last_service_km", "next_service_on", "next_service_km", "service_due_on"]
    )
    old, new = changes(before, _snapshot(vehicle))
    note(actor, "vehicle.next_service_told", chain(vehicle.pk), site_id=actor.site_id, before=old, after=new)
    return vehicle


def estimate_due_on(vehicle: Vehicle) -> date | None:
    """The day maintenance is likely due: the told date, or earlier when the told mileage is reached before it.

    Kilometres a day come from purchase to the last reading, else a usual 40.
    """
    by_distance: date | None = None
    read_on, read_km = vehicle.mileage_read_on, vehicle.mileage_km
    if read_on is None or read_km is None:
        read_on, read_km = vehicle.last_service_on, vehicle.last_service_km
    if vehicle.next_service_km is not None and read_on is not None and read_km is not None:
        pace = _ASSUMED_KM_PER_DAY
        if vehicle.bought_on is not None and (read_on - vehicle.bought_on).days >= 30:
            pace = max(_LEAST_KM_PER_DAY, read_km // (read_on - vehicle.bought_on).days)
        days = min(max(vehicle.next_service_km - read_km, 0) // pace, 3650)
        by_distance = read_on + timedelta(days=days)
    return min((day for day in (vehicle.next_service_on, by_distance) if day is not None), default=None)


def chain(vehicle_id: int) -> str:
    """The audit chain of a vehicle."""
    return f"vehicle:{vehicle_id}"


def spaced_plate(plate: str) -> str:
    """The plate as people read it: 示A·12345."""
    key = plate_key(plate)
    return f"{key[:2]}·{key[2:]}" if _PLATE.match(key) else plate


def clean_vehicle(values: dict[str, Any]) -> dict[str, Any]:
    """The given fields checked and normalised; used alike by the counter and the import."""
    clean: dict[str, Any] = {}
    if "plate" in values:
        clean["plate"] = plate_key(str(values["plate"] or ""))
        if not clean["plate"]:
            raise BusinessError("请填写车牌", "plate")
        if not _PLATE.match(clean["plate"]):
            raise BusinessError(f"“{str(values['plate'])[:20]}”不像车牌，例如 示A12345", "plate")
    if "vin" in values:
        vin = plain(str(values["vin"] or "")).upper()
        if vin and not _VIN.match(vin):
            raise BusinessError("车架号应为 17 位字母和数字，不含 I、O、Q", "vin")
        clean["vin"] = vin or None
    for field, label, limit in (
        ("brand", "品牌", 40),
        ("model_name", "车型", 60),
        ("colour", "颜色", 20),
        ("note", "备注", 2000),
    ):
        if field in values:
            clean[field] = optional_text(values[field], label=label, field=field, limit=limit)
    for field, label in (
        ("mileage_km", "里程"),
        ("last_service_km", "上次保养里程"),
        ("next_service_km", "下次保养里程"),
    ):
        if field in values:
            clean[field] = _clean_km(values[field], label=label, field=field)
    return clean


def _clean_km(value: Any, *, label: str, field: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = int(str(value))
    except ValueError:
        raise BusinessError(f"{label}应是整数公里", field) from None
    if not 0 <= number <= MAX_KM:
        raise BusinessError(f"{label}应在 0 到 {MAX_KM} 公里之间", field)
    return number


def _refuse_taken(plate: str, vin: str | None, *, besides: int | None) -> None:
    rows = Vehicle.objects.exclude(pk=besides or 0).select_related("customer")
    other = rows.filter(plate_key=plate_key(plate)).first()
    if other is not None:
        raise Conflict(f"车牌 {spaced_plate(plate)} 已经登记在客户“{other.customer.name}”名下", "plate")
    if vin and rows.filter(vin=vin).exists():
        raise Conflict("这个车架号已经登记在另一辆车上", "vin")


def _snapshot(vehicle: Vehicle) -> dict[str, Any]:
    return {field: getattr(vehicle, field) for field in _FIELDS}
