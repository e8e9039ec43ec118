"""Slips to be served, the shelf, parts that arrive."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError
from bihuan.operations.counters import parts_counter
from bihuan.operations.picking import find_part
from bihuan.records.stock import receive_stock
from bihuan.web.http import actor_of, go, page, signed_in, status_of


@require_GET
@signed_in
def counter(request: HttpRequest) -> HttpResponse:
    """The counter; ?q= searches the shelf, ?part= shows the moves of one part."""
    return _draw(request)


@require_POST
@signed_in
def receive(request: HttpRequest) -> HttpResponse:
    """Parts arrive: code, quantity, shelf."""
    actor = actor_of(request)
    try:
        part = find_part(request.POST.get("code", "")[:40])
        quantity = _quantity(request.POST.get("quantity", ""))
        shelf = request.POST.get("shelf", "").strip()[:30]
        receive_stock(part.pk, quantity, actor=actor, shelf=shelf or None, reason=request.POST.get("reason", "")[:200])
    except BusinessError as error:
        return _draw(request, problem=error, status=status_of(error))
    return go(request, f"{reverse('parts:counter')}?part={part.pk}&q={part.code}", f"{part.name} 已入库")


def _quantity(text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise BusinessError("数量应是数字", "quantity") from None


def _draw(request: HttpRequest, *, problem: BusinessError | None = None, status: int = 200) -> HttpResponse:
    chosen = request.GET.get("part", "")
    part_id = int(chosen) if chosen.isdecimal() and len(chosen) < 18 else None
    shown = parts_counter(actor=actor_of(request), search=request.GET.get("q", ""), part_id=part_id)
    context = {"shown": shown, "problem": problem, "typed": request.POST, "part_id": part_id}
    return page(request, "parts/counter.html", context, part="parts/_slips.html", status=status)
