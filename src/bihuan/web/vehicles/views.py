"""Finding, reading and registering vehicles."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.parties import (
    VEHICLE_FILTERS,
    VEHICLE_ORDERS,
    PartyQuery,
    customer_page,
    export_vehicles,
    vehicle_list,
    vehicle_page,
)
from bihuan.records.vehicles import change_vehicle, create_vehicle
from bihuan.web.downloads import workbook
from bihuan.web.http import actor_of, go, page, signed_in, status_of

FIELDS = ("plate", "vin", "brand", "model_name", "colour", "mileage_km")


def _query(request: HttpRequest) -> PartyQuery:
    return PartyQuery.of(request.GET.dict(), filters=VEHICLE_FILTERS, orders=VEHICLE_ORDERS)


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """The list; the address is the view."""
    found = vehicle_list(_query(request), actor=actor_of(request))
    context = {"found": found, "query": found.query, "filters": found.query.choices(VEHICLE_FILTERS)}
    return page(request, "vehicles/list.html", context, part="vehicles/_rows.html")


@require_GET
@signed_in
def export(request: HttpRequest) -> HttpResponse:
    """Exactly this view as a workbook."""
    return workbook(export_vehicles(_query(request), actor=actor_of(request)), "vehicles")


@require_GET
@signed_in
def detail(request: HttpRequest, vehicle_id: int) -> HttpResponse:
    """One car."""
    return page(request, "vehicles/page.html", {"shown": vehicle_page(vehicle_id, actor=actor_of(request))})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def create(request: HttpRequest) -> HttpResponse:
    """Register a car for the customer named by ?customer=."""
    actor = _manager(request)
    chosen = request.GET.get("customer", "")
    owner = customer_page(int(chosen) if chosen.isdecimal() and len(chosen) < 18 else 0, actor=actor).customer
    typed = _typed(request)
    if request.method != "POST":
        return _form(request, typed, owner=owner.name)
    try:
        vehicle = create_vehicle(actor=actor, customer_id=owner.pk, **_filled(typed))
    except BusinessError as error:
        return _form(request, typed, error, owner=owner.name)
    return go(request, reverse("vehicles:detail", args=(vehicle.pk,)), f"{vehicle.plate} 已建档")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def edit(request: HttpRequest, vehicle_id: int) -> HttpResponse:
    """Change a car."""
    actor = _manager(request)
    vehicle = vehicle_page(vehicle_id, actor=actor).vehicle
    if vehicle is None:
        raise NotFound("没有这辆车")
    owner = vehicle.customer.name
    if request.method != "POST":
        known = {name: getattr(vehicle, name) if getattr(vehicle, name) is not None else "" for name in FIELDS}
        return _form(request, known, owner=owner, vehicle_id=vehicle_id)
    typed = _typed(request)
    try:
        change_vehicle(vehicle_id, actor=actor, **_filled(typed))
    except BusinessError as error:
        return _form(request, typed, error, owner=owner, vehicle_id=vehicle_id)
    return go(request, reverse("vehicles:detail", args=(vehicle_id,)), "已保存")


def _manager(request: HttpRequest) -> Any:
    actor = actor_of(request)
    if not actor.can_anywhere("customer.manage"):
        raise NotAllowed("您没有“登记和修改客户、车辆”的权限")
    return actor


def _typed(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST.get(name, "").strip()[:300] for name in FIELDS}


def _filled(typed: dict[str, Any]) -> dict[str, Any]:
    """Empty optional numbers are none, not text."""
    return {**typed, "mileage_km": typed["mileage_km"] or None, "vin": typed["vin"] or None}


def _form(
    request: HttpRequest,
    typed: dict[str, Any],
    error: BusinessError | None = None,
    *,
    owner: str,
    vehicle_id: int | None = None,
) -> HttpResponse:
    context = {"typed": typed, "error": error, "owner": owner, "vehicle_id": vehicle_id}
    return page(request, "vehicles/form.html", context, status=status_of(error) if error else 200)
