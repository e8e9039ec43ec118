"""The start page, and the car that just drove in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.cases import receive_vehicle
from bihuan.operations.desk.beginning import begin, openings
from bihuan.operations.pages.workbench import workbench
from bihuan.web.http import actor_of, go, is_htmx, page, signed_in, status_of
from bihuan.web.wording import plate


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Open work by urgency; the refresh answers nothing while nothing changed, so that no row moves."""
    if is_htmx(request):
        bench = workbench(actor=actor_of(request))
        if request.GET.get("seen") == bench.version:
            return HttpResponse(status=204)
        return page(request, "workbench/page.html", {"bench": bench}, part="workbench/_work.html")
    return _whole(request)


@require_POST
@signed_in
def arrive(request: HttpRequest) -> HttpResponse:
    """A car is parked in the pre-check bay; a refusal keeps what was typed."""
    actor = actor_of(request)
    arrival: dict[str, Any] = {"plate": request.POST.get("plate", ""), "bay": request.POST.get("bay", "")}
    try:
        case = receive_vehicle(arrival["plate"], actor=actor, bay=arrival["bay"])
    except BusinessError as error:
        arrival.update(error=error.message, field=error.field)
        return _whole(request, arrival=arrival, status=status_of(error))
    return go(request, reverse("workbench:home"), f"{plate(case.title)} 已到店，单号 {case.number}，请一分钟内迎接")


@require_POST
@signed_in
def begin_case(request: HttpRequest) -> HttpResponse:
    """Begin a process of a rule book; then to its first work, where that waits for whoever began it."""
    sent = {name: request.POST.get(name, "") for name in ("kind", "title", "once_key")}
    try:
        begun = begin(sent["kind"], title=sent["title"], actor=actor_of(request), once_key=sent["once_key"][:64])
    except NotAllowed:
        raise
    except BusinessError as error:
        return _whole(request, beginning={**sent, "error": error.message}, status=status_of(error))
    there = (
        reverse("tasks:task", args=(begun.item_id,))
        if begun.item_id
        else reverse("cases:detail", args=(begun.case_id,))
    )
    return go(request, there, f"已发起，单号 {begun.number}")


def _whole(request: HttpRequest, *, status: int = 200, **typed: Mapping[str, Any]) -> HttpResponse:
    """The page with its forms; a refusal keeps what was typed."""
    actor = actor_of(request)
    forms = {"openings": openings(actor=actor), "arrival": {}, "beginning": {}, **typed}
    return page(request, "workbench/page.html", {"bench": workbench(actor=actor), **forms}, status=status)
