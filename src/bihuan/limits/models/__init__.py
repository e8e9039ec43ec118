"""The tables of time limits: clocks with their pauses, steps and changes; calendars and the holiday table."""

from __future__ import annotations

from bihuan.limits.models.calendars import CalendarVersion, DayKind, HolidayDay, HolidayYear, WorkCalendar
from bihuan.limits.models.clocks import (
    STEP_STILL_TO_TELL,
    STILL_TO_TELL,
    STILL_TO_WARN,
    Clock,
    ClockChange,
    ClockPause,
    ClockStep,
)

__all__ = [
    "STEP_STILL_TO_TELL",
    "STILL_TO_TELL",
    "STILL_TO_WARN",
    "CalendarVersion",
    "Clock",
    "ClockChange",
    "ClockPause",
    "ClockStep",
    "DayKind",
    "HolidayDay",
    "HolidayYear",
    "WorkCalendar",
]
