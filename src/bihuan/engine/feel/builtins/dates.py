"""Built-ins about the calendar. Weeks are ISO weeks; `now` and `today` are those of the evaluation."""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Decimal

from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import Value

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@builtin("now()")
def _now(run: Run) -> Value:
    return run.now()


@builtin("today()")
def _today(run: Run) -> Value:
    return run.now().date()


@builtin("day of week(date: day)")
def _day_of_week(_run: Run, day: date) -> Value:
    return _DAYS[day.weekday()]


@builtin("day of year(date: day)")
def _day_of_year(_run: Run, day: date) -> Value:
    return Decimal(day.timetuple().tm_yday)


@builtin("week of year(date: day)")
def _week_of_year(_run: Run, day: date) -> Value:
    return Decimal(day.isocalendar().week)


@builtin("month of year(date: day)")
def _month_of_year(_run: Run, day: date) -> Value:
    return _MONTHS[day.month - 1]


@builtin("last day of month(date: day)")
def _last_day_of_month(_run: Run, day: date) -> Value:
    return date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
