"""The explanation of a clock, the ways to it, and what may be decided about it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.clock_page import clock_of, clock_of_item, clock_page
from bihuan.operations.timing.clock_decisions import agree_target, pause_limit, reopen_limit, resume_limit
from bihuan.org.actor import Actor
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def clock(request: HttpRequest, clock_id: int) -> HttpResponse:
    """Every counted and skipped stretch of one clock."""
    return _draw(request, clock_id)


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


@require_POST
@signed_in
def decide(request: HttpRequest, clock_id: int, deed: str) -> HttpResponse:
    """Agree another promise, pause, resume, reopen; a refusal is shown where it was tried."""
    try:
        running_id, said = _do(deed, clock_id, request, actor_of(request))
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        return _draw(request, clock_id, problem=error, deed=deed)
    return go(request, reverse("limits:clock", args=(running_id,)), said)


def _do(deed: str, clock_id: int, request: HttpRequest, actor: Actor) -> tuple[int, str]:
    reason = request.POST.get("reason", "").strip()[:200]
    if deed == "agree":
        hours, until = request.POST.get("hours", "").strip(), request.POST.get("until", "").strip()
        agree_target(
            clock_id,
            actor=actor,
            reason=reason,
            hours=_hours(hours) if hours or not until else None,
            due_at=_moment(until, clock_page(clock_id, actor=actor).zone) if until and not hours else None,
        )
        return clock_id, "新的时限已记下"
    if deed == "pause":
        pause_limit(clock_id, actor=actor, reason=reason)
        return clock_id, "已暂停计时"
    if deed == "resume":
        resume_limit(clock_id, actor=actor)
        return clock_id, "已恢复计时"
    if deed == "reopen":
        return reopen_limit(clock_id, actor=actor, reason=reason).pk, "已重新开始计时"
    raise NotFound("没有这个操作")


def _hours(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    # NaN compares as false with everything.
    if not 0 < found <= 100_000:
        raise BusinessError("请填写小时数，例如 2.5", field="hours")
    return found


def _moment(text: str, zone: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise BusinessError("请填写新的约定时刻", field="until") from None


def _draw(request: HttpRequest, clock_id: int, *, problem: BusinessError | None = None, deed: str = "") -> HttpResponse:
    context = {
        "shown": clock_page(clock_id, actor=actor_of(request)), "problem": problem, "deed": deed,
        "typed": request.POST,
    }  # fmt: skip
    return page(request, "limits/clock.html", context, status=422 if problem else 200)
