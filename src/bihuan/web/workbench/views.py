"""The start page, and the car that just drove in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError
from bihuan.operations.cases import receive_vehicle
from bihuan.operations.pages.workbench import workbench
from bihuan.web.http import actor_of, go, is_htmx, page, signed_in, status_of
from bihuan.web.wording import plate


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Open work by urgency; the refresh answers nothing while nothing changed, so that no row moves."""
    bench = workbench(actor=actor_of(request))
    if is_htmx(request) and request.GET.get("seen") == bench.version:
        return HttpResponse(status=204)
    return page(request, "workbench/page.html", {"bench": bench, "arrival": {}}, part="workbench/_work.html")


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
        context = {"bench": workbench(actor=actor), "arrival": arrival}
        return page(request, "workbench/page.html", context, status=status_of(error))
    return go(request, reverse("workbench:home"), f"{plate(case.title)} 已到店，单号 {case.number}，请一分钟内迎接")
