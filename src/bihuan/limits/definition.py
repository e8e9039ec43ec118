"""What a limit of a rule book is, and what it means for one subject: its target, its calendar, its steps.

How it is written is in `rulebook` and docs/limits.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.engine.feel import FeelError, compile_expression
from bihuan.kernel.worktime import minutes_of
from bihuan.limits.durations import parse_duration

TASK, CASE = "task", "case"
AT = re.compile(r"at ((?:[01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)(?: \+([0-9]{1,3})d)?")
EVENTS = ("opened", "completed", "cancelled", "message")
MOMENTS = ("started", "ended")
LONGEST = timedelta(days=30 * 365)
"""Nothing is promised for longer: more is a slip of the pen, and no calendar reaches that far."""


@dataclass(frozen=True)
class Target:
    """How long (seconds of the limit's calendar), or until when: exactly one of the two."""

    seconds: float | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class PauseRule:
    """The clock stands still while this holds: `open:<node>`, or an expression behind `=`."""

    condition: str
    reason: str


@dataclass(frozen=True)
class LimitDefinition:
    """One limit of a rule book. `target` is as written; `warn_share` of it used up leads to a reminder.

    `of` says whose clock it is: a `task`'s (every task that names the limit has its own) or the `case`'s, between the
    milestones `start` and `stop`. `team` are the roles while which hold open work the clock runs. `steps` are the
    consequences, each with the moment `at`. `role` has to keep a limit that is not a step's. `entry` is the limit as
    written, which a running clock keeps.
    """

    key: str
    name: str
    target: str
    warn_share: float = 0
    escalate_to: str = ""
    calendar: str = "wall"
    of: str = TASK
    role: str = ""
    process: str = ""
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    pauses: tuple[PauseRule, ...] = ()
    team: tuple[str, ...] = ()
    reopen: str = "exclude"
    steps: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    entry: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def target_of(self, values: Mapping[str, Any], now: datetime, zone: str = "UTC") -> Target:
        """Length or moment; `values` are what an expression may read. Raises ValueError with a Chinese reason.

        An expression may give a number (hours), a duration, a date and time, or a date (its end, at the site).
        """
        moment = AT.fullmatch(self.target)
        if moment:
            return Target(due_at=_next_time(moment[1], int(moment[2] or 0), now, ZoneInfo(zone)))
        if not self.target.startswith("="):
            return Target(seconds=float(parse_duration(self.target)))
        result = self._evaluated(self.target[1:], values)
        if isinstance(result, datetime | date):
            if abs(result.year - now.year) > LONGEST.days // 365:
                raise ValueError(f"时限“{self.name}”的时刻太远：{result.isoformat()}")
            return Target(due_at=_moment(result, ZoneInfo(zone)))
        seconds = _seconds(result)
        if seconds is None or seconds < 0:
            raise ValueError(f"时限“{self.name}”的目标不是时长或时刻：{self.target}")
        if seconds > LONGEST.total_seconds():
            raise ValueError(f"时限“{self.name}”太长：{self.target}")
        return Target(seconds=float(round(seconds)))

    def target_seconds(self, values: Mapping[str, Any]) -> float:
        """The length in seconds of a limit that is one. Raises ValueError with a Chinese reason."""
        found = self.target_of(values, datetime.now(UTC)).seconds if not AT.fullmatch(self.target) else None
        if found is None:
            raise ValueError(f"时限“{self.name}”的目标不是时长：{self.target}")
        return found

    def warn_before_seconds(self, target_seconds: float) -> float:
        """How long before the target the reminder comes; 0 for none."""
        return target_seconds * (1 - self.warn_share) if self.warn_share else 0.0

    def calendar_key(self, values: Mapping[str, Any]) -> str:
        """The calendar to count on; an expression names it, or nothing for the site's opening hours."""
        if not self.calendar.startswith("="):
            return self.calendar
        found = self._evaluated(self.calendar[1:], values)
        return str(found) if found else "site"

    def holds(self, condition: str, values: Mapping[str, Any]) -> bool:
        """Whether an expression is true; what cannot be told is not."""
        try:
            return compile_expression(condition.removeprefix("=")).evaluate(values) is True
        except FeelError:
            return False

    def _evaluated(self, text: str, values: Mapping[str, Any]) -> Any:
        try:
            return compile_expression(text).evaluate(values)
        except FeelError as failure:
            raise ValueError(f"时限“{self.name}”无法计算：{failure}") from None


def _next_time(text: str, days: int, now: datetime, tz: ZoneInfo) -> datetime:
    here = now.astimezone(tz)
    minutes = minutes_of(text)
    found = datetime.combine(here.date() + timedelta(days=days + minutes // 1440), _time_of(minutes), tz)
    if found < here and not days:
        found = datetime.combine(here.date() + timedelta(days=1), _time_of(minutes), tz)
    return found.astimezone(UTC)


def _time_of(minutes: int) -> time:
    return time(*divmod(minutes % 1440, 60))


def _moment(result: date | datetime, tz: ZoneInfo) -> datetime:
    if isinstance(result, datetime):
        return (result if result.tzinfo else result.replace(tzinfo=tz)).astimezone(UTC)
    return datetime.combine(result + timedelta(days=1), time(), tz).astimezone(UTC)


def _seconds(result: object) -> float | None:
    if isinstance(result, timedelta):
        return result.total_seconds()
    if isinstance(result, Decimal | int) and not isinstance(result, bool):
        return float(result * 3600)
    return None
