"""Administration of time: the holiday table by year, and the work calendars of a site."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.kernel.worktime import minutes_of
from bihuan.limits.holidays import FIRST_YEAR, LAST_YEAR, open_year, set_day
from bihuan.limits.work_calendars import calendar_by_id, calendars_at, save_calendar
from bihuan.operations.holiday_import import HolidayReport, import_holidays
from bihuan.operations.pages.administration import read_hours
from bihuan.operations.pages.calendars import (
    calendar_choices,
    confirm_and_recalculate,
    read_own_days,
    recalculate_site,
    this_year,
    year_page,
)
from bihuan.org.actor import Actor
from bihuan.web.admin.policy import DAYS
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in

MAX_BYTES = 2_000_000


@require_GET
@signed_in
def this_years(request: HttpRequest) -> HttpResponse:
    """The holidays of the present year."""
    actor_of(request)
    return go(request, reverse("admin:holidays_of", args=(this_year(),)))


@require_GET
@signed_in
def year(request: HttpRequest, number: int) -> HttpResponse:
    """A year month by month; `?day=` opens a date for changing."""
    return _draw_year(request, number)


@require_POST
@signed_in
def change_year(request: HttpRequest, number: int, deed: str) -> HttpResponse:
    """Open, correct, import or confirm a year; a refusal is shown where it was tried."""
    actor = actor_of(request)
    try:
        if deed == "import":
            return _import(request, number, actor)
        said = _do(deed, number, request, actor)
    except NotAllowed:
        raise
    except BusinessError as error:
        return _draw_year(request, number, problem=error)
    return go(request, reverse("admin:holidays_of", args=(number,)), said)


def _do(deed: str, number: int, request: HttpRequest, actor: Actor) -> str:
    post = request.POST
    if deed == "open":
        return f"{open_year(number, actor=actor).year} 年已建立，请核对后确认"
    if deed == "confirm":
        moved = confirm_and_recalculate(number, actor=actor, recalculate="recalculate" in post)
        return f"{number} 年已确认" + (f"，重算了 {moved} 个计时" if moved else "")
    if deed == "day":
        try:
            day = date.fromisoformat(post.get("day", ""))
            until = minutes_of(post.get("until", "").strip()) if post.get("until", "").strip() else None
        except ValueError:
            raise BusinessError("请填写日期和时间，例如 2026-10-01、12:00", field="day") from None
        set_day(day, kind=post.get("kind", ""), name=post.get("name", ""), until=until, actor=actor)
        return f"{day.month}月{day.day}日已改，{number} 年需要重新确认"
    raise BusinessError("没有这个操作")


def _import(request: HttpRequest, number: int, actor: Actor) -> HttpResponse:
    upload = request.FILES.get("file")
    if upload is None:
        raise BusinessError("请选择 .xlsx 或 .csv 文件", field="file")
    if (upload.size or 0) > MAX_BYTES:
        raise BusinessError("文件超过 2 MB", field="file")
    dry_run = request.POST.get("mode") != "store"
    report = import_holidays(upload.read(), upload.name or "", actor=actor, dry_run=dry_run)
    if report.stored:
        shown = next(iter(report.by_year), number)
        told = "、".join(f"{year} 年 {count} 天" for year, count in report.by_year.items())
        return go(request, reverse("admin:holidays_of", args=(shown,)), f"已导入 {told}，请核对后确认")
    return _draw_year(request, number, report=report, status=200 if report.ok else 422)


def _draw_year(
    request: HttpRequest,
    number: int,
    *,
    problem: BusinessError | None = None,
    report: HolidayReport | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    shown = year_page(min(max(number, FIRST_YEAR), LAST_YEAR), actor=actor)
    chosen = request.POST.get("day") or request.GET.get("day", "")
    held = next((day for day in shown.days if day.date.isoformat() == chosen), None)
    typed: dict[str, Any] = {
        "day": chosen, "kind": held.kind if held else "rest", "name": held.name if held else "",
        "until": f"{held.until // 60:02d}:{held.until % 60:02d}" if held and held.until else "",
    }  # fmt: skip
    if request.method == "POST" and "kind" in request.POST:
        typed = {key: request.POST.get(key, "") for key in typed}
    context = {
        "tabs": tabs_for(actor, "calendars"), "shown": shown, "problem": problem, "report": report, "typed": typed,
        "now_year": this_year(),
    }  # fmt: skip
    return page(request, "admin/holidays.html", context, status=422 if problem else status)


@require_http_methods(["GET", "POST"])
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """The work calendars of the current site; running clocks are worked out anew here when somebody asks."""
    actor = actor_of(request)
    problem: BusinessError | None = None
    if request.method == "POST":
        try:
            moved = recalculate_site(actor=actor, reason=request.POST.get("reason", ""))
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:calendars"), f"重算了 {moved} 个计时")
    context = {
        "tabs": tabs_for(actor, "calendars"), "calendars": calendars_at(actor.site_id or 0, actor=actor),
        "days": DAYS, "problem": problem, "now_year": this_year(),
    }  # fmt: skip
    return page(request, "admin/calendars.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: HttpRequest, calendar_id: int | None = None) -> HttpResponse:
    """One work calendar, new or known."""
    actor = actor_of(request)
    actor.require("calendar.manage")
    held = calendar_by_id(calendar_id, actor=actor) if calendar_id else None
    typed: dict[str, Any] = {
        "key": held.key if held else "", "name": held.name if held else "", "role": held.role if held else "",
        "department": str(held.department_id or "") if held else "", "zone": held.zone if held else "",
        "observes_holidays": held.observes_holidays if held else True,
        "is_active": held.is_active if held else True,
        "own_days": "\n".join(_own_day_line(day, entry) for day, entry in held.own_days.items()) if held else "",
        **{
            f"hours_{day}": " ".join("-".join(span) for span in held.week.get(day, ())) if held else ""
            for day, _ in DAYS
        },
    }  # fmt: skip
    problem: BusinessError | None = None
    if request.method == "POST":
        flags = {name: name in request.POST for name in ("observes_holidays", "is_active")}
        typed = {**{key: request.POST.get(key, "") for key in typed}, **flags}
        if held is not None:
            typed["key"] = held.key
        try:
            saved = save_calendar(
                site_id=actor.site_id or 0,
                key=typed["key"].strip(),
                name=typed["name"],
                week=read_hours(typed),
                role=typed["role"],
                department_id=int(typed["department"]) if typed["department"].isdecimal() else None,
                zone=typed["zone"],
                observes_holidays=typed["observes_holidays"],
                own_days=read_own_days(typed["own_days"]),
                is_active=typed["is_active"],
                actor=actor,
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("admin:calendars"), f"“{saved.name}”已保存，从现在起新开始的计时按它计算")
    context = {
        "tabs": tabs_for(actor, "calendars"), "held": held, "typed": typed, "days": DAYS, "problem": problem,
        "choices": calendar_choices(actor=actor),
    }  # fmt: skip
    return page(request, "admin/calendar.html", context, status=422 if problem else 200)


def _own_day_line(day: str, entry: dict[str, Any]) -> str:
    return " ".join([day, entry["name"], *("-".join(span) for span in entry["hours"])])
