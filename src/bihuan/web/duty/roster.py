"""The roster of a week, what a manager decides, and work that nobody can do."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.duty.absence import answer_leave, ask_for_leave
from bihuan.operations.duty.unattended import unattended_items
from bihuan.operations.pages.clock_signs import signs_of_work
from bihuan.operations.pages.duty import decisions, on_duty_now, roster_page
from bihuan.org.actor import Actor
from bihuan.org.duty.leave import Span
from bihuan.org.duty.models import WEEKDAYS, Leave
from bihuan.org.duty.shifts import add_day_shift, add_weekly_shift, copy_last_week, drop_shift, end_weekly_shift
from bihuan.org.models import Role
from bihuan.web.duty.tabs import sent_day, sent_number, sent_time, tabs_for
from bihuan.web.http import actor_of, go, page, signed_in

SHOWN = 100


@require_GET
@signed_in
def week(request: HttpRequest) -> HttpResponse:
    """Who is on duty in a role, day by day, with who is there now."""
    return _draw_week(request)


@require_GET
@signed_in
def now(request: HttpRequest) -> HttpResponse:
    """A card with who is on duty at this moment, for the pages that ask for it."""
    return page(request, "duty/_now.html", {"rows": on_duty_now(actor=actor_of(request))})


@require_POST
@signed_in
def change(request: HttpRequest, deed: str) -> HttpResponse:
    """Put somebody on duty, take a shift off, or repeat last week."""
    actor = actor_of(request)
    try:
        said = _change(deed, request, actor)
    except (NotAllowed, NotFound):
        raise
    except BusinessError as problem:
        return _draw_week(request, problem)
    place = {"role": request.POST.get("role", ""), "week": request.POST.get("week", "")}
    return go(request, f"{reverse('duty:roster')}?{urlencode(place)}", said)


def _change(deed: str, request: HttpRequest, actor: Actor) -> str:
    site_id, role = actor.site_id or 0, request.POST.get("role", "")
    if deed == "add":
        user_id, day = sent_number(request, "person", "请选择人员"), sent_day(request, "day")
        starts, ends = sent_time(request, "starts"), sent_time(request, "ends")
        if request.POST.get("repeat") == "weekly":
            add_weekly_shift(
                site_id=site_id, role_key=role, user_id=user_id, weekday=day.weekday(), starts=starts, ends=ends,
                since=day, actor=actor,
            )  # fmt: skip
            return f"已排入：自 {day:%m月%d日} 起每{WEEKDAYS[day.weekday()]} {starts:%H:%M}–{ends:%H:%M}"
        add_day_shift(
            site_id=site_id, role_key=role, user_id=user_id, day=day, starts=starts, ends=ends, actor=actor
        )  # fmt: skip
        return f"已排入：{day:%m月%d日} {starts:%H:%M}–{ends:%H:%M}"
    if deed == "copy":
        copied, left_out = copy_last_week(site_id=site_id, role_key=role, day=sent_day(request, "week"), actor=actor)
        return f"已照上周排入 {copied} 个班次" + (f"，{left_out} 个因请假或冲突没有排" if left_out else "")
    row_id, day = sent_number(request, "shift", "没有这个班次"), sent_day(request, "day")
    if deed == "drop":
        drop_shift(row_id=row_id, day=day, weekly=request.POST.get("weekly") == "1", actor=actor)
        return "这一天的班次已取消"
    if deed == "stop":
        end_weekly_shift(row_id, last_day=date.fromordinal(day.toordinal() - 1), actor=actor)
        return f"自 {day:%m月%d日} 起不再排这个班次"
    raise NotFound("没有这个操作")


def _draw_week(request: HttpRequest, problem: BusinessError | None = None) -> HttpResponse:
    actor = actor_of(request)
    asked = request.POST if request.method == "POST" else request.GET
    try:
        day = date.fromisoformat(asked.get("week", ""))
    except ValueError:
        day = None
    context = {
        "tabs": tabs_for(actor, "roster"), "shown": roster_page(asked.get("role", "")[:64], day, actor=actor),
        "weekdays": WEEKDAYS, "problem": problem, "typed": request.POST,
    }  # fmt: skip
    return page(request, "duty/roster.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def decide(request: HttpRequest) -> HttpResponse:
    """Leave asked for and running; sent, it enters leave for somebody."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        try:
            span = Span(sent_day(request, "first"), sent_day(request, "last"))
            made = ask_for_leave(
                span, actor=actor, kind=request.POST.get("kind", ""), reason=request.POST.get("reason", ""),
                user_id=sent_number(request, "person", "请选择人员"),
            )  # fmt: skip
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("duty:decisions"), f"已登记{made.user.name}请假：{span}")
    context = {
        "tabs": tabs_for(actor, "decisions"), "shown": decisions(actor=actor), "kinds": Leave.Kind.choices,
        "problem": problem, "typed": request.POST,
    }  # fmt: skip
    return page(request, "duty/decisions.html", context, status=422 if problem else 200)


@require_POST
@signed_in
def answer(request: HttpRequest, leave_id: int) -> HttpResponse:
    """Approve or refuse leave."""
    approve = request.POST.get("answer") == "approve"
    leave = answer_leave(leave_id, approve=approve, actor=actor_of(request))
    return go(request, reverse("duty:decisions"), f"{leave.user.name}的请假{'已批准' if approve else '未批准'}")


@require_GET
@signed_in
def unattended(request: HttpRequest) -> HttpResponse:
    """Open work that nobody could do now, for whoever manages cases."""
    actor = actor_of(request)
    items = list(unattended_items(actor).select_related("instance")[:SHOWN])
    roles = dict(Role.objects.values_list("key", "name"))
    signs = signs_of_work(items)
    rows = [
        (item, "、".join(roles.get(key, key) for key in item.role.split(",") if key), signs[item.pk]) for item in items
    ]
    return page(request, "duty/unattended.html", {"tabs": tabs_for(actor, "unattended"), "rows": rows})
