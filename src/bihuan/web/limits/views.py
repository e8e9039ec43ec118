"""The explanation of a clock, and the ways to it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from bihuan.operations.pages.clock_page import clock_of, clock_of_item, clock_page
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def clock(request: HttpRequest, clock_id: int) -> HttpResponse:
    """Every counted and skipped stretch of one clock."""
    return page(request, "limits/clock.html", {"shown": clock_page(clock_id, actor=actor_of(request))})


@require_GET
@signed_in
def of_item(request: HttpRequest, item_id: int) -> HttpResponse:
    """The clock behind the countdown of a work item."""
    held = clock_of_item(item_id, actor=actor_of(request))
    return go(request, reverse("limits:clock", args=(held.pk,)))


@require_GET
@signed_in
def of_case(request: HttpRequest, case_id: int, key: str) -> HttpResponse:
    """The newest clock of a limit on a case."""
    held = clock_of("case", case_id, key, actor=actor_of(request))
    return go(request, reverse("limits:clock", args=(held.pk,)))
