"""Two papers in, a clear verdict out."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.ids import new_once_key
from bihuan.operations.counters import guard_desk, let_go, scanned_kind
from bihuan.web.http import actor_of, go, page, signed_in, status_of

SCANNED = "guard_scanned"
TOGETHER_SECONDS = 120


@require_GET
@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    """The desk; ?pass= and ?settlement= (numbers or scanned codes) are checked at once."""
    return _draw(request, request.GET.get("pass", "")[:200], request.GET.get("settlement", "")[:200])


@require_POST
@signed_in
def let_car_go(request: HttpRequest) -> HttpResponse:
    """Both papers fit: the key is given out and the visit goes on."""
    gate_pass, settlement = request.POST.get("pass", "")[:200], request.POST.get("settlement", "")[:200]
    try:
        case = let_go(gate_pass, settlement, actor=actor_of(request), once_key=request.POST.get("once_key", "")[:64])
    except BusinessError as error:
        return _draw(request, gate_pass, settlement, problem=error.message, status=status_of(error))
    request.session.pop(SCANNED, None)
    plate = case.vehicle.plate if case.vehicle else case.title
    return go(request, reverse("guard:desk"), f"{plate} 已放行，钥匙已交给客户")


@require_GET
@signed_in
def scan(request: HttpRequest, token: str) -> HttpResponse:
    """A paper's code read with the telephone: it joins the other paper of this person read a moment ago."""
    kind = scanned_kind(token, actor=actor_of(request))
    now = clock.now().timestamp()
    recent = {name: seen for name, seen in request.session.get(SCANNED, {}).items() if now - seen[1] < TOGETHER_SECONDS}
    recent[kind] = [token, now]
    request.session[SCANNED] = recent
    papers = {"pass": recent.get("gate_pass"), "settlement": recent.get("settlement")}
    return redirect(f"{reverse('guard:desk')}?{urlencode({name: seen[0] for name, seen in papers.items() if seen})}")


def _draw(
    request: HttpRequest, gate_pass: str, settlement: str, *, problem: str = "", status: int = 200
) -> HttpResponse:
    shown = guard_desk(actor=actor_of(request), gate_pass=gate_pass, settlement=settlement)
    context = {
        "shown": shown,
        "gate_pass": gate_pass,
        "settlement": settlement,
        "problem": problem,
        "once_key": new_once_key(),
    }
    return page(request, "guard/desk.html", context, part="guard/_live.html", status=status)
