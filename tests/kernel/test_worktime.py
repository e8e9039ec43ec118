from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihuan.kernel import worktime
from bihuan.kernel.worktime import Calendar, Interval, NoWorkingTime, Span, parse_calendar

SHANGHAI = "Asia/Shanghai"
DAY = [["08:30", "12:00"], ["13:00", "17:30"]]
CENTRE = parse_calendar(SHANGHAI, dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), DAY))
MINUTE = timedelta(minutes=1)
# Zones with ordinary, half-hour, reversed and southern clock changes, and one that never changes.
ZONES = [
    SHANGHAI, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/Dublin",
    # Zones that moved: Samoa skipped a whole day, North Korea went back half an hour, Morocco pauses its summer time.
    "Pacific/Apia", "Asia/Pyongyang", "Africa/Casablanca", "America/Nuuk",
]  # fmt: skip


def local(text: str, zone: str = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def seconds_by_minutes(calendar: Calendar, start: datetime, end: datetime) -> int:
    """The oracle: look at each minute of real time, one after the other."""
    count, at = 0, start.astimezone(UTC)
    while at < end.astimezone(UTC):
        here = at.astimezone(ZoneInfo(calendar.zone))
        minute = here.hour * 60 + here.minute
        count += any(part.start <= minute < part.end for part in calendar.intervals_on(here.date()))
        at += MINUTE
    return count * 60


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    def day() -> tuple[Interval, ...]:
        marks = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
        return tuple(Interval(a, b) for a, b in zip(marks[::2], marks[1::2], strict=False))

    dates = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2011, 12, 30), date(2027, 1, 1)])
    special = {one: day() for one in draw(st.sets(dates, max_size=3))}
    return Calendar(draw(st.sampled_from(ZONES)), tuple(day() for _ in range(7)), special)


# Around the clock changes of the zones above, and an ordinary week.
starts = st.builds(
    lambda base, minutes: base + timedelta(minutes=minutes),
    st.sampled_from(
        [
            datetime(2026, 3, 7, tzinfo=UTC),
            datetime(2026, 3, 28, tzinfo=UTC),
            datetime(2026, 4, 4, tzinfo=UTC),
            datetime(2026, 10, 3, tzinfo=UTC),
            datetime(2026, 10, 24, tzinfo=UTC),
            datetime(2026, 10, 31, tzinfo=UTC),
            datetime(2026, 11, 24, tzinfo=UTC),
            datetime(2011, 12, 29, tzinfo=UTC),
            datetime(2018, 5, 4, tzinfo=UTC),
            datetime(2025, 2, 22, tzinfo=UTC),
            datetime(2023, 10, 28, tzinfo=UTC),
            datetime(2026, 12, 31, tzinfo=UTC),
        ]
    ),
    st.integers(0, 2880),
)


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, st.integers(0, 5000))
def test_measuring_agrees_with_counting_every_minute(calendar: Calendar, start: datetime, minutes: int) -> None:
    end = start + timedelta(minutes=minutes)
    assert worktime.working_seconds_between(calendar, start, end) == seconds_by_minutes(calendar, start, end)


def agree(calendar: Calendar, start: datetime, minutes: int) -> None:
    """Every function against the oracle, at one start and one length of time."""
    end = start + timedelta(minutes=minutes)
    open_seconds = seconds_by_minutes(calendar, start, end)
    assert worktime.working_seconds_between(calendar, start, end) == open_seconds
    if not open_seconds:
        return
    reached = worktime.add_working_seconds(calendar, start, open_seconds)
    assert start < reached <= end
    assert seconds_by_minutes(calendar, start, reached) == open_seconds
    left = worktime.subtract_working_seconds(calendar, end, open_seconds)
    assert start <= left < end
    assert seconds_by_minutes(calendar, left, end) == open_seconds
    # Within the first and the last minute everything is open: no earlier, and no later moment would do.
    assert worktime.is_open(calendar, reached - MINUTE)
    assert worktime.is_open(calendar, left)


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, st.integers(0, 4000))
def test_adding_and_going_back_agree_with_counting_every_minute(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    agree(calendar, start, minutes)


@pytest.mark.long
@settings(max_examples=4000, deadline=None)
@given(calendars(), starts, st.integers(0, 4000))
def test_thousands_of_calendars_agree_with_counting_every_minute(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    agree(calendar, start, minutes)


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, st.integers(0, 5000))
def test_the_parts_of_a_stretch_have_no_gaps_and_their_open_ones_are_the_open_time(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    end = start + timedelta(minutes=minutes)
    parts = list(worktime.day_parts(calendar, start, end))
    assert sum((part.end - part.start for part in parts), timedelta()) == end - start
    assert all(first.end == second.start for first, second in pairwise(parts))
    counted = sum((part.end - part.start for part in parts if part.is_open), timedelta())
    assert counted == worktime.working_time_between(calendar, start, end)


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, st.integers(1, 3000))
def test_adding_lands_on_the_first_moment_with_that_much_behind_it(
    calendar: Calendar, start: datetime, minutes: int
) -> None:
    weekly = sum(part.end - part.start for day in calendar.week for part in day)
    if weekly < 60:
        return
    moment = worktime.add_working_seconds(calendar, start, minutes * 60)
    assert worktime.working_seconds_between(calendar, start, moment) == minutes * 60
    just_before = moment - timedelta(microseconds=1)
    assert worktime.working_seconds_between(calendar, start, just_before) < minutes * 60


@settings(max_examples=60, deadline=None)
@given(calendars(), starts, st.integers(0, 5000))
def test_open_spans_are_in_order_apart_and_inside(calendar: Calendar, start: datetime, minutes: int) -> None:
    end = start + timedelta(minutes=minutes)
    spans = list(worktime.open_spans(calendar, start, end))
    assert all(start <= span.start < span.end <= end for span in spans)
    assert all(first.end < second.start for first, second in pairwise(spans))


@settings(max_examples=60, deadline=None)
@given(calendars(), starts)
def test_being_open_agrees_with_the_spans(calendar: Calendar, at: datetime) -> None:
    assert worktime.is_open(calendar, at) == bool(list(worktime.open_spans(calendar, at, at + MINUTE)))


def test_the_lunch_break_does_not_count() -> None:
    start, end = local("2026-11-24 11:00"), local("2026-11-24 14:00")
    assert worktime.working_seconds_between(CENTRE, start, end) == 2 * 3600


def test_a_job_begun_on_saturday_evening_goes_on_on_monday() -> None:
    due = worktime.add_working_seconds(CENTRE, local("2026-11-28 17:00"), 3600)
    assert due == local("2026-11-30 09:00")


def test_a_job_that_fills_the_day_is_due_that_evening_not_next_morning() -> None:
    assert worktime.add_working_seconds(CENTRE, local("2026-11-24 16:30"), 3600) == local("2026-11-24 17:30")


def test_nothing_to_do_is_due_at_once_even_at_night() -> None:
    night = local("2026-11-24 23:00")
    assert worktime.add_working_seconds(CENTRE, night, 0) == night


def test_going_back_from_the_morning_ends_the_evening_before_and_not_in_the_night() -> None:
    assert worktime.subtract_working_seconds(CENTRE, local("2026-11-30 09:00"), 3600) == local("2026-11-28 17:00")
    assert worktime.subtract_working_seconds(CENTRE, local("2026-11-30 09:30"), 3600) == local("2026-11-30 08:30")


def test_years_are_added_and_measured_as_exactly_as_minutes() -> None:
    start = local("2020-01-06 08:30")
    due = worktime.add_working_seconds(CENTRE, start, 10_000 * 3600)
    assert worktime.working_seconds_between(CENTRE, start, due) == 10_000 * 3600
    assert worktime.subtract_working_seconds(CENTRE, due, 10_000 * 3600) == start
    # Asking about another decade in between changes no answer.
    assert worktime.add_working_seconds(CENTRE, local("1999-01-04 08:30"), 60) == local("1999-01-04 08:31")
    assert worktime.add_working_seconds(CENTRE, start, 10_000 * 3600) == due


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        worktime.add_working_seconds(CENTRE, datetime(2026, 11, 24, 9), 60)
    with pytest.raises(ValueError, match="direction"):
        worktime.add_working_seconds(CENTRE, local("2026-11-24 09:00"), -1)


def test_stretches_are_named_for_what_they_are() -> None:
    calendar = Calendar(
        SHANGHAI, CENTRE.week, {date(2026, 10, 8): (), date(2026, 10, 11): (Interval(510, 720),)},
        {date(2026, 10, 8): "国庆节", date(2026, 10, 11): "国庆节调休上班"},
    )  # fmt: skip
    parts = worktime.day_parts(calendar, local("2026-10-07 11:00"), local("2026-10-11 10:00"))
    assert [(part.why, part.note) for part in parts] == [
        ("open", ""), ("lunch", ""), ("open", ""), ("off_hours", ""), ("holiday", "国庆节"), ("off_hours", ""),
        ("open", ""), ("lunch", ""), ("open", ""), ("off_hours", ""), ("open", ""), ("lunch", ""), ("open", ""),
        ("off_hours", ""), ("make_up", "国庆节调休上班"),
    ]  # fmt: skip


def test_the_end_before_the_start_is_no_time() -> None:
    assert worktime.working_seconds_between(CENTRE, local("2026-11-24 12:00"), local("2026-11-24 09:00")) == 0


def test_a_night_shift_runs_over_midnight_and_over_the_week_end() -> None:
    nights = parse_calendar(SHANGHAI, {"sun": [["22:00", "06:00"]]})
    span = Span(local("2026-11-29 22:00").astimezone(UTC), local("2026-11-30 06:00").astimezone(UTC))
    assert list(worktime.open_spans(nights, local("2026-11-28 00:00"), local("2026-12-02 00:00"))) == [span]


def test_an_hour_that_the_clock_change_repeats_counts_twice_and_a_skipped_one_not_at_all() -> None:
    berlin = parse_calendar("Europe/Berlin", {"sun": [["02:00", "03:00"]]})
    autumn = local("2026-10-25 00:00", "Europe/Berlin"), local("2026-10-26 00:00", "Europe/Berlin")
    spring = local("2026-03-29 00:00", "Europe/Berlin"), local("2026-03-30 00:00", "Europe/Berlin")
    assert worktime.working_seconds_between(berlin, *autumn) == 7200
    assert worktime.working_seconds_between(berlin, *spring) == 0


def test_a_date_that_comes_twice_keeps_its_spans_in_order() -> None:
    # Greenland set its clocks back at local midnight, so that the last hour of the 28th came again.
    nuuk = Calendar("America/Nuuk", worktime.always_open().week, {date(2030, 1, 1): ()})
    spans = list(worktime.open_spans(nuuk, datetime(2023, 10, 27, tzinfo=UTC), datetime(2023, 10, 31, tzinfo=UTC)))
    assert [span.seconds for span in spans] == [4 * 86400]


def test_a_holiday_replaces_the_pattern_and_a_make_up_day_opens_a_sunday() -> None:
    calendar = Calendar(
        SHANGHAI, CENTRE.week, {date(2026, 10, 1): (), date(2026, 10, 11): (Interval(8 * 60, 12 * 60),)}
    )
    assert not worktime.is_open(calendar, local("2026-10-01 10:00"))
    assert worktime.is_open(calendar, local("2026-10-11 10:00"))
    assert not worktime.is_open(CENTRE, local("2026-10-11 10:00"))


def test_the_next_opening_of_a_closed_place_is_in_the_morning() -> None:
    assert worktime.next_opening(CENTRE, local("2026-11-28 20:00")) == local("2026-11-30 08:30")
    assert worktime.next_opening(CENTRE, local("2026-11-24 10:00")) == local("2026-11-24 10:00")


@pytest.mark.parametrize(
    "calendar",
    [
        Calendar(SHANGHAI, ((),) * 7),
        Calendar(SHANGHAI, ((),) * 7, {date(2026, 11, 25): (Interval(0, 60),)}),
    ],
    ids=["never open", "open for one hour once"],
)
def test_a_calendar_without_working_time_is_an_error_not_an_endless_loop(calendar: Calendar) -> None:
    with pytest.raises(NoWorkingTime):
        worktime.add_working_seconds(calendar, local("2026-11-24 09:00"), 2 * 3600)


def test_round_the_clock_adds_like_a_stopwatch() -> None:
    start = local("2026-11-24 23:59")
    assert worktime.add_working_seconds(worktime.always_open(), start, 90.5) == start + timedelta(seconds=90.5)


@settings(max_examples=30, deadline=None)
@given(starts, st.integers(0, 20000))
def test_the_short_way_for_round_the_clock_agrees_with_the_long_one(start: datetime, minutes: int) -> None:
    short = worktime.always_open("Europe/Berlin")
    long = Calendar("Europe/Berlin", short.week, {date(2030, 1, 1): ()})
    end = start + timedelta(minutes=minutes)
    assert not long.never_closes
    assert list(worktime.open_spans(short, start, end)) == list(worktime.open_spans(long, start, end))
    for calendar in (short, long):
        assert worktime.add_working_seconds(calendar, start, minutes * 60) == end


def test_overlapping_intervals_count_once() -> None:
    doubled = parse_calendar(SHANGHAI, {"tue": [["08:00", "12:00"], ["10:00", "14:00"], ["14:00", "15:00"]]})
    assert doubled.week[1] == (Interval(480, 900),)


def test_opening_hours_survive_being_written_and_read() -> None:
    assert parse_calendar(SHANGHAI, worktime.format_hours(CENTRE)) == CENTRE


@pytest.mark.parametrize(
    "hours",
    [
        {"monday": [["08:00", "12:00"]]},
        {"mon": [["8am", "12:00"]]},
        {"mon": [["08:00"]]},
        {"mon": [["08:00", "25:00"]]},
        {"mon": [["08:60", "09:00"]]},
        {"mon": [["08:00", "08:00"]]},
        {"mon": [["24:00", "08:00"]]},
        {"mon": [["08:00", "1２:00"]]},
    ],
)
def test_hours_that_make_no_sense_are_refused(hours: dict[str, list[list[str]]]) -> None:
    with pytest.raises(ValueError, match=r"day|time|interval"):
        parse_calendar(SHANGHAI, hours)


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Exception, match="Atlantis"):
        parse_calendar("Sea/Atlantis", {})
