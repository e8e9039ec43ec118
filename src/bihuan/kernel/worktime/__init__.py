"""Working time: when a place is open, how much open time lies between two moments, and why a stretch does not count.

A calendar is a weekly pattern in one time zone with several intervals a day, plus days that differ from the pattern
(holidays, 调休 make-up days, half days). All arithmetic is in real, elapsed time, exact to the microsecond: an hour
that a clock change repeats counts twice and one that it skips does not count.

`calendar` says when a place works, `table` lays its open time out as prefix sums, `arithmetic` adds, subtracts and
measures on them in about a microsecond whatever the span, `reasons` names what each stretch is.
"""

from __future__ import annotations

from bihuan.kernel.worktime.arithmetic import (
    Span,
    add_working_seconds,
    is_open,
    next_opening,
    open_spans,
    subtract_working_seconds,
    working_seconds_between,
    working_time_between,
)
from bihuan.kernel.worktime.calendar import DAY_NAMES, WHOLE_DAY, Calendar, Interval, always_open
from bihuan.kernel.worktime.hours import format_hours, minutes_of, parse_calendar, parse_intervals
from bihuan.kernel.worktime.reasons import DayPart, Why, day_parts
from bihuan.kernel.worktime.table import NoWorkingTime

__all__ = [
    "DAY_NAMES",
    "WHOLE_DAY",
    "Calendar",
    "DayPart",
    "Interval",
    "NoWorkingTime",
    "Span",
    "Why",
    "add_working_seconds",
    "always_open",
    "day_parts",
    "format_hours",
    "is_open",
    "minutes_of",
    "next_opening",
    "open_spans",
    "parse_calendar",
    "parse_intervals",
    "subtract_working_seconds",
    "working_seconds_between",
    "working_time_between",
]
