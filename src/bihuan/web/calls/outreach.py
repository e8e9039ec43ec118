"""Whom to call on our own account, and beginning to."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import Conflict, NotFound
from bihuan.operations.desk.booking import task_to_go_on_with
from bihuan.operations.desk.outreach import AHEAD, outreach, start_outreach
from bihuan.records.due import REASONS
from bihuan.web.calls.drawing import number
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def page_of_due(request: HttpRequest) -> HttpResponse:
    """The due list with reasons, and the outreach under way."""
    asked = request.GET
    shown = outreach(
        actor=actor_of(request),
        reason=asked.get("reason", ""),
        ahead_days=number(asked.get("ahead", "")) or AHEAD[0],
        page=min(number(asked.get("page", "")) or 1, 10_000),
    )
    return page(request, "calls/outreach.html", {"shown": shown, **_choices(shown.reason, shown.ahead_days)})


@require_POST
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """Begin to call the owner of a car and go to the task."""
    actor = actor_of(request)
    vehicle_id = number(request.POST.get("vehicle", ""))
    if vehicle_id is None:
        raise NotFound("没有这辆车")
    try:
        case = start_outreach(vehicle_id, actor=actor, reason=request.POST.get("reason", ""))
    except Conflict as conflict:
        return go(request, reverse("calls:outreach"), conflict.message, tone="bad")
    item = task_to_go_on_with(case, actor=actor)
    if item is None:
        return go(request, reverse("calls:outreach"), f"{case.number} 已交给客服专员邀约")
    return go(request, reverse("tasks:task", args=(item.pk,)))


def _choices(reason: str, ahead: int) -> dict[str, object]:
    def address(**changed: str | int) -> str:
        values: dict[str, str | int] = {"reason": reason, "ahead": ahead if ahead != AHEAD[0] else "", **changed}
        return "?" + urlencode({key: value for key, value in values.items() if value})

    return {
        "reasons": [
            {"label": label, "href": address(reason=key), "current": key == reason}
            for key, label in {"": "全部", **REASONS}.items()
        ],
        "aheads": [
            {"label": f"{days} 天内到期", "href": address(ahead=days), "current": days == ahead} for days in AHEAD
        ],
        "query": address().removeprefix("?"),
    }
