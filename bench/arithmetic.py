"""`python -m bench.arithmetic`: adding and measuring working time, beside two other ways in the same run.

The others are what one would write first, a loop over the days, and the package businesstimedelta. The loop is twice:
`day_by_day` goes by UTC within a day, which is right when clocks change, as ours is; `day_by_day_by_wall` goes by the
clock on the wall, which is quicker and right only in zones such as this one that never change theirs. All count on the
same calendar (Monday to Saturday, two intervals a day, China's holidays of the years concerned) and must agree.
Prints one JSON object; times are microseconds for one call, the best of several rounds in which they take turns.
"""

from __future__ import annotations

import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from operator import add
from zoneinfo import ZoneInfo

import businesstimedelta
import holidays
import pytz

from bihuan.kernel import worktime

ZONE = "Asia/Shanghai"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat")
HOURS = [["08:30", "12:00"], ["13:00", "17:30"]]
START = datetime(2024, 3, 4, 2, 15, tzinfo=UTC)
SPANS = {"30_minutes": 0.5, "8_hours": 8, "30_days": 8 * 26, "1_year": 8 * 300, "3_years": 8 * 900}
OURS, LOOP, WALL, PEER = "bihuan", "day_by_day", "day_by_day_by_wall", "businesstimedelta"
ROUNDS = 5
ROUND_SECONDS = 0.05

OFF = {day for day in holidays.country_holidays("CN", years=range(2024, 2029)) if day.weekday() < len(DAYS)}
CALENDAR = worktime.Calendar(
    ZONE, worktime.parse_calendar(ZONE, dict.fromkeys(DAYS, HOURS)).week, dict.fromkeys(OFF, ())
)
TZ = ZoneInfo(ZONE)
PARTS = [(time.fromisoformat(start), time.fromisoformat(end)) for start, end in HOURS]


def loop_add(zone: tzinfo, start: datetime, seconds: float) -> datetime:
    """A loop over the days, as one would write it first; the moments of a day are compared in `zone`."""
    at, left = start.astimezone(zone), timedelta(seconds=seconds)
    day = start.astimezone(TZ).date()
    while True:
        for opens, closes in _open_on(day, zone):
            begin = max(opens, at)
            if begin < closes:
                if closes - begin >= left:
                    return begin + left
                left -= closes - begin
        day += timedelta(days=1)


def loop_between(zone: tzinfo, start: datetime, end: datetime) -> float:
    """The same for measuring."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    total, day, last_day = timedelta(), start.astimezone(TZ).date(), end.astimezone(TZ).date()
    while day <= last_day:
        for opens, closes in _open_on(day, zone):
            total += max(min(closes, last) - max(opens, first), timedelta())
        day += timedelta(days=1)
    return total.total_seconds()


def _open_on(day: date, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    if day in OFF or day.weekday() >= len(DAYS):
        return []
    return [
        (datetime.combine(day, opens, TZ).astimezone(zone), datetime.combine(day, closes, TZ).astimezone(zone))
        for opens, closes in PARTS
    ]


def peer_rules() -> businesstimedelta.Rules:
    """The calendar in the words of businesstimedelta."""
    zone = pytz.timezone(ZONE)
    day = businesstimedelta.WorkDayRule(
        start_time=time(8, 30), end_time=time(17, 30), working_days=list(range(len(DAYS))), tz=zone
    )
    lunch = businesstimedelta.LunchTimeRule(
        start_time=time(12), end_time=time(13), working_days=list(range(len(DAYS))), tz=zone
    )
    free = businesstimedelta.HolidayRule(holidays.HolidayBase(), tz=zone)
    free.holidays.update(dict.fromkeys(OFF, "off"))
    return businesstimedelta.Rules([day, lunch, free])


def _peer_between(rules: businesstimedelta.Rules, start: datetime, end: datetime) -> float:
    seconds: float = rules.difference(start, end).timedelta.total_seconds()
    return seconds


def main() -> int:
    """Measure and print."""
    rules = peer_rules()
    microseconds: dict[str, dict[str, dict[str, float]]] = {"add": {}, "measure": {}}
    agree = True
    for operation in microseconds:
        for span, hours in SPANS.items():
            seconds = hours * 3600.0
            end = worktime.add_working_seconds(CALENDAR, START, seconds)
            ways: dict[str, Callable[[], object]]
            if operation == "add":
                delta = businesstimedelta.BusinessTimeDelta(rules, seconds=seconds)
                ways = {
                    OURS: partial(worktime.add_working_seconds, CALENDAR, START, seconds),
                    LOOP: partial(loop_add, UTC, START, seconds),
                    WALL: partial(loop_add, TZ, START, seconds),
                    PEER: partial(add, START, delta),
                }
            else:
                ways = {
                    OURS: partial(worktime.working_seconds_between, CALENDAR, START, end),
                    LOOP: partial(loop_between, UTC, START, end),
                    WALL: partial(loop_between, TZ, START, end),
                    PEER: partial(_peer_between, rules, START, end),
                }
            answers = {name: way() for name, way in ways.items()}
            agree = agree and len(set(answers.values())) == 1
            found = _timed(ways)
            for other in (LOOP, WALL, PEER):
                found[f"{other}_to_{OURS}"] = round(found[other] / found[OURS], 1)
            microseconds[operation][span] = found
    report = {
        "calendar": f"{ZONE}, 6 days a week, 2 intervals a day, {len(OFF)} holidays",
        "microseconds": microseconds,
        "agree": agree,
        "first_use_milliseconds": _first_use(),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if agree else 1


def _timed(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds for one call of each, the best of the rounds."""
    best = {}
    numbers = {}
    for name, way in ways.items():
        once = min(timeit.repeat(way, number=1, repeat=2))
        numbers[name] = max(1, int(ROUND_SECONDS / max(once, 1e-7)))
        # A call that takes longer than a round is not repeated: its size is known.
        best[name] = once * 1e6
    for _ in range(ROUNDS):
        for name, way in ways.items():
            if best[name] > ROUND_SECONDS * 1e6:
                continue
            best[name] = min(best[name], timeit.timeit(way, number=numbers[name]) / numbers[name] * 1e6)
    return {name: round(value, 2) for name, value in best.items()}


def _first_use() -> float:
    """What laying out the sums of a calendar for three years costs once."""
    fresh = worktime.Calendar(ZONE, CALENDAR.week, CALENDAR.special)
    far = START + timedelta(days=3 * 365)
    return round(timeit.timeit(lambda: worktime.working_seconds_between(fresh, START, far), number=1) * 1e3, 2)


if __name__ == "__main__":
    sys.exit(main())
