"""Time in scenarios: given hours, calendars, holidays and limits; agreeing and reopening as steps; what clocks show.

See docs/scenarios.md, “Time”.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from bihuan.forms.texts import publish_text
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import DAY_NAMES, minutes_of
from bihuan.limits.definition import CASE
from bihuan.limits.durations import parse_duration
from bihuan.limits.holidays import NewDay, confirm_year, open_year, replace_years
from bihuan.limits.models import Clock, DayKind
from bihuan.limits.reading import figures_of
from bihuan.limits.rulebook import LimitDefinitionError, parse_calendars, parse_limits
from bihuan.limits.work_calendars import save_calendar
from bihuan.operations.desk.answering import CALL, CALL_ANSWER
from bihuan.operations.pages.calendars import confirm_and_recalculate
from bihuan.operations.pages.clock_page import clock_page
from bihuan.operations.scenarios.format import Step, moment
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.operations.timing import clock_decisions
from bihuan.org.actor import Actor
from bihuan.org.sites import change_site
from bihuan.processes.models import WorkItem
from bihuan.processes.publishing import renew_limits

_KINDS = {"放假": DayKind.REST, "休": DayKind.REST, "调休上班": DayKind.WORK, "班": DayKind.WORK}
_TIME = re.compile(r"\d{1,2}:\d{2}")


def given_time(world: World, given: Mapping[str, Any], now: datetime) -> None:
    """Put what a story says about time in place. Raises StepProblem naming what cannot be."""
    try:
        if "hours" in given:
            change_site(world.site.pk, hours=_week(given["hours"]), actor=world.system)
            world.site.refresh_from_db()
        if "holidays" in given:
            _holidays(world, given["holidays"], now)
        for year in _list(given.get("confirmed")):
            confirm_year(int(year), actor=world.system)
        for row in _list(given.get("calendars")):
            _calendar(world, row)
        if "limits" in given:
            _limits(str(given["limits"]))
    except BusinessError as refusal:
        raise StepProblem(refusal.message) from refusal
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise StepProblem(f"given 里关于时间的写法不对：{error}") from error


def _week(rows: Any) -> dict[str, list[list[str]]]:
    """`{mon-fri: "08:30-12:00 13:00-17:30", sat: "09:00-12:00"}` into what a site keeps."""
    found: dict[str, list[list[str]]] = {}
    for days, text in dict(rows).items():
        first, _, last = str(days).partition("-")
        span = DAY_NAMES[DAY_NAMES.index(first) : DAY_NAMES.index(last or first) + 1]
        for day in span:
            found[day] = [part.split("-") for part in str(text).split()]
    return found


def _holidays(world: World, rows: Any, now: datetime) -> None:
    """`published` opens this year and the next; else a date to 放假, 调休上班, or the hour a half day ends at."""
    year = now.astimezone(world.zone).year
    if rows == "published":
        for number in (year, year + 1):
            open_year(number, actor=world.system)
        return
    days = []
    for text, what in dict(rows).items():
        day, words = date.fromisoformat(str(text)), str(what)
        if _TIME.fullmatch(words):
            days.append(NewDay(day, DayKind.HALF, "半天", minutes_of(words)))
        else:
            days.append(NewDay(day, _KINDS.get(words, DayKind.REST), words))
    replace_years(days, source="场景", actor=world.system)


def _calendar(world: World, row: Any) -> None:
    save_calendar(
        site_id=world.site.pk,
        key=str(row["key"]),
        name=str(row.get("name") or row["key"]),
        week=_week(row.get("week") or {}),
        role=str(row.get("role") or ""),
        zone=str(row.get("zone") or ""),
        observes_holidays=row.get("holidays", True) is True,
        actor=world.system,
    )


def _limits(text: str) -> None:
    """Limits of the story's own, beside those of the pack, written as in limits.toml."""
    try:
        parse_calendars(text)
        parse_limits(text)
    except LimitDefinitionError as error:
        raise StepProblem("；".join(error.problems)) from error
    publish_text("limits/zz_scenario", text)
    renew_limits()


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def newest_clock(world: World, case_name: str | None, key: str) -> Clock | None:
    """The newest clock of a limit on the case or its tasks; of the last call for the limit of answering."""
    rows = Clock.unscoped.filter(key=key)
    if key == CALL_ANSWER:
        return rows.filter(subject_kind=CALL, subject_id=world.call or 0).order_by("-pk").first()
    case = world.case(case_name)
    items = WorkItem.unscoped.filter(instance__subject_kind=CASE, instance__subject_id=case.pk).values("pk")
    mine = rows.filter(subject_kind=CASE, subject_id=case.pk) | rows.filter(subject_kind="item", subject_id__in=items)
    return mine.order_by("-pk").first()


def clock_named(world: World, case_name: str | None, key: str) -> Clock:
    """The newest clock of a limit. Raises StepProblem when there is none."""
    held = newest_clock(world, case_name, key)
    if held is None:
        raise StepProblem(f"没有时限“{key}”的计时")
    return held


def agree_limit(world: World, step: Step) -> None:
    """Another promise for a limit: `hours` from its start, or `until` a moment."""
    until = step.values.get("until")
    hours = step.values.get("hours")
    clock_decisions.agree_target(
        _limit(world, step).pk,
        actor=_actor(world, step),
        reason=_reason(step),
        hours=float(str(hours)) if hours is not None else None,
        due_at=moment(str(until), clock.now().astimezone(world.zone)) if until is not None else None,
    )


def pause_limit(world: World, step: Step) -> None:
    """A limit stands still, with a reason."""
    clock_decisions.pause_limit(_limit(world, step).pk, actor=_actor(world, step), reason=_reason(step))


def resume_limit(world: World, step: Step) -> None:
    """A limit goes on."""
    clock_decisions.resume_limit(_limit(world, step).pk, actor=_actor(world, step))


def reopen_limit(world: World, step: Step) -> None:
    """A stopped limit is taken up again (`policy` continue, restart or exclude)."""
    clock_decisions.reopen_limit(
        _limit(world, step).pk,
        actor=_actor(world, step),
        reason=_reason(step),
        policy=str(step.values.get("policy") or ""),
    )


def confirm_holidays(world: World, step: Step) -> None:
    """A year's holidays are confirmed; with `recalculate` the clocks that waited are worked out anew."""
    year = int(step.values.get("year") or clock.now().year)
    confirm_and_recalculate(year, actor=world.system, recalculate=bool(step.values.get("recalculate")))


def _limit(world: World, step: Step) -> Clock:
    return clock_named(world, step.case, str(step.values.get("limit") or ""))


def _actor(world: World, step: Step) -> Actor:
    return world.actor(step.actor) if step.actor else world.system


def _reason(step: Step) -> str:
    return str(step.values.get("reason") or "")


def _clock_due(world: World, case_name: str | None, value: Any) -> str:
    for key, text in dict(value).items():
        held = clock_named(world, case_name, key)
        due = figures_of(held).due_at
        wanted = None if text is None else moment(str(text), held.started_at.astimezone(world.zone))
        if due != wanted:
            return f"时限 {key} 应在 {wanted} 到期，实际：{due and due.astimezone(world.zone)}"
    return ""


def _amount(name: str, label: str) -> Callable[[World, str | None, Any], str]:
    def check(world: World, case_name: str | None, value: Any) -> str:
        for key, text in dict(value).items():
            found = getattr(figures_of(clock_named(world, case_name, key)), name)
            if found != parse_duration(str(text)):
                return f"时限 {key} {label}应为 {text}，实际：{found:g} 秒"
        return ""

    return check


def _explain(world: World, case_name: str | None, value: Any) -> str:
    for key, texts in dict(value).items():
        shown = clock_page(clock_named(world, case_name, key).pk, actor=world.system)
        told = [f"{row.kind} {row.reason} {row.seconds:g} 秒" for row in shown.rows]
        missing = [text for text in map(str, _list(texts)) if not any(text in line for line in told)]
        if missing:
            return f"时限 {key} 的说明里应有“{'、'.join(missing)}”，实际：{'；'.join(told)}"
    return ""


def _provisional(world: World, case_name: str | None, value: Any) -> str:
    for key, wanted in dict(value).items():
        found = clock_named(world, case_name, key).unconfirmed_year
        if (found or False) != (wanted or False):
            return f"时限 {key} 依据的未确认年份应为 {wanted or '无'}，实际：{found or '无'}"
    return ""


TIME_STEPS: Mapping[str, Callable[[World, Step], None]] = {
    "agree_limit": agree_limit,
    "pause_limit": pause_limit,
    "resume_limit": resume_limit,
    "reopen_limit": reopen_limit,
    "confirm_holidays": confirm_holidays,
}
TIME_CHECKS: Mapping[str, Callable[[World, str | None, Any], str]] = {
    "clock_due": _clock_due,
    "clock_used": _amount("used_seconds", "已用"),
    "clock_left": _amount("remaining_seconds", "还剩"),
    "explain": _explain,
    "provisional": _provisional,
}
