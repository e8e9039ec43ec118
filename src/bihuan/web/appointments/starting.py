"""Starting an appointment: for a car found while talking or from a free place of the board, or for a new customer."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.desk.booking import start_appointment, start_newcomers_appointment, task_to_go_on_with
from bihuan.operations.desk.talk import find_caller, talk
from bihuan.org.actor import Actor
from bihuan.records.models import Case
from bihuan.web.calls.drawing import Newcomer, draw_talk, number
from bihuan.web.http import actor_of, go, page, signed_in, status_of


@require_GET
@signed_in
def new(request: HttpRequest) -> HttpResponse:
    """Who is it for? Search, or register; `at` is the free place it was begun from."""
    newcomer = Newcomer.for_customer(number(request.GET.get("customer", "")))
    return _draw_new(request, newcomer, at=request.GET.get("at", ""), typed=request.GET.get("q", ""))


@require_POST
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """Open the appointment of a car and go to its form."""
    actor = actor_of(request)
    vehicle_id = number(request.POST.get("vehicle", ""))
    if vehicle_id is None:
        raise NotFound("请先选择车辆")
    case = start_appointment(
        vehicle_id, actor=actor, call_id=number(request.POST.get("call", "")), starts_at=_at(request.POST.get("at", ""))
    )
    return _go_on(request, case, actor)


@require_POST
@signed_in
def newcomer(request: HttpRequest) -> HttpResponse:
    """Register customer and car, open the appointment and go to its form. A refusal keeps what was typed."""
    actor = actor_of(request)
    sent = Newcomer.of(request)
    call_id, at = number(request.POST.get("call", "")), request.POST.get("at", "")
    try:
        case = start_newcomers_appointment(
            actor=actor,
            plate=sent.plate,
            name=sent.name,
            phone=sent.phone,
            salutation=sent.salutation,
            brand=sent.brand,
            model_name=sent.model_name,
            customer_id=sent.customer_id,
            call_id=call_id,
            starts_at=_at(at),
        )
    except NotAllowed:
        raise
    except BusinessError as error:
        again = Newcomer.of(request, error)
        if call_id is None:
            return _draw_new(request, again, at=at, status=status_of(error))
        return draw_talk(request, talk(call_id, actor=actor), again, status=status_of(error))
    return _go_on(request, case, actor)


def _go_on(request: HttpRequest, case: Case, actor: Actor) -> HttpResponse:
    item = task_to_go_on_with(case, actor=actor)
    if item is None:
        return go(request, reverse("cases:detail", args=(case.pk,)))
    return go(request, reverse("tasks:task", args=(item.pk,)))


def _draw_new(
    request: HttpRequest, shown: Newcomer, *, at: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    actor.require("appointment.manage")
    context = {
        "newcomer": shown,
        "at": at[:40],
        "starts_at": _at(at),
        "typed": typed[:60],
        "found": find_caller(typed[:60], actor=actor),
        "call_id": None,
    }
    return page(request, "appointments/new.html", context, status=status)


def _at(text: str) -> datetime | None:
    """A moment with its zone, as the board writes it; anything else is as if it were not there."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
