"""Calendars and holidays as data: what a limit counts on, who may change it, and what a change leaves alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel import clock as time
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.kernel.worktime import DAY_NAMES
from bihuan.limits.arithmetic import SpanKind
from bihuan.limits.changes import recalculate_clocks
from bihuan.limits.clocks import pause_clock, resume_clock, start_clock
from bihuan.limits.holidays import NewDay, confirm_year, open_year, replace_years, set_day
from bihuan.limits.models import Clock, HolidayDay, HolidayYear
from bihuan.limits.published_holidays import known_days
from bihuan.limits.reading import explain
from bihuan.limits.work_calendars import calendars_at, save_calendar
from tests.cast import HOURS, Cast

HOUR = 3600.0
EIGHT_TO_NOON = {day: [["08:00", "12:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


def start(cast: Cast, moment: str, hours: float, **values: Any) -> Clock:
    subject = {"subject_kind": "case", "subject_id": 7, "key": "reply", "name": "答复", "calendar": "site"}
    with time.frozen(at(moment)):
        return start_clock(**{**subject, "site_id": cast.yl.pk, "target_seconds": hours * HOUR, **values})


def test_the_table_of_2026_is_what_was_announced() -> None:
    days = known_days(2026)
    work = [day.date for day in days if day.kind == "work"]
    assert work == [date(2026, m, d) for m, d in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))]
    spring = [day.date for day in days if day.name == "春节" and day.kind == "rest"]
    assert (spring[0], spring[-1], len(spring)) == (date(2026, 2, 15), date(2026, 2, 23), 9)


def test_holidays_do_not_count_and_make_up_days_do(cast: Cast) -> None:
    open_year(2026, actor=cast.system)
    # Wednesday before the week of National Day, one hour left before closing; Sunday 11 October is no working day.
    held = start(cast, "2026-09-30 16:30", 2)
    assert held.due_at == at("2026-10-08 09:30")
    # Sunday 20 September is a make-up day with the hours of a working day.
    assert start(cast, "2026-09-19 16:30", 2, subject_id=8).due_at == at("2026-09-20 09:30")


def test_the_explanation_names_the_holiday_and_the_make_up_day(cast: Cast) -> None:
    open_year(2026, actor=cast.system)
    held = start(cast, "2026-09-19 17:00", 100)
    spans = explain(held, at("2026-09-28 09:00"))
    told = {(span.kind, span.why, span.reason) for span in spans}
    assert (SpanKind.COUNTED, "make_up", "国庆节调休上班") in told
    assert (SpanKind.CLOSED, "holiday", "中秋节") in told
    assert (SpanKind.CLOSED, "lunch", "") in told


def test_a_half_day_ends_at_its_hour(cast: Cast) -> None:
    open_year(2027, actor=cast.system)
    set_day(date(2027, 2, 4), kind="half", name="除夕前", until=12 * 60, actor=cast.actor("group_admin"))
    assert start(cast, "2027-02-04 11:00", 2).due_at == at("2027-02-11 09:30")


def test_a_due_moment_in_a_year_nobody_confirmed_says_so_until_it_is_worked_out_anew(cast: Cast) -> None:
    admin = cast.actor("group_admin")
    open_year(2026, actor=admin)
    open_year(2027, actor=admin)
    confirm_year(2026, actor=admin)
    near, far = start(cast, "2026-12-28 09:00", 4), start(cast, "2026-12-31 16:00", 20, subject_id=8)
    assert (near.unconfirmed_year, far.unconfirmed_year) == (None, 2027)
    set_day(date(2027, 1, 4), kind="rest", name="元旦", actor=admin)
    confirm_year(2027, actor=admin)
    far.refresh_from_db()
    assert far.unconfirmed_year == 2027
    due_before = far.due_at
    with time.frozen(at("2027-01-01 09:00")):
        moved = recalculate_clocks(actor=admin, reason="2027 年已确认", site_ids=[cast.yl.pk], year=2027)
    assert [held.pk for held in moved] == [far.pk]
    far.refresh_from_db()
    assert far.unconfirmed_year is None
    assert (far.due_at - due_before).days == 1
    entry = Entry.objects.filter(action="clock.recalculate").get()
    assert entry.data["reason"] == "2027 年已确认"


def test_without_a_table_every_year_is_unconfirmed_and_round_the_clock_never_is(cast: Cast) -> None:
    assert start(cast, "2026-11-24 09:00", 1).unconfirmed_year == 2026
    assert start(cast, "2026-11-24 09:00", 1, subject_id=8, calendar="wall").unconfirmed_year is None


def test_changing_a_day_of_a_confirmed_year_asks_for_a_new_confirmation(cast: Cast) -> None:
    admin = cast.actor("group_admin")
    open_year(2026, actor=admin)
    assert confirm_year(2026, actor=admin).confirmed_by_id == admin.user_id
    set_day(date(2026, 11, 24), kind="rest", name="店休", actor=admin)
    assert not HolidayYear.objects.get(year=2026).is_confirmed
    set_day(date(2026, 11, 24), kind="usual", actor=admin)
    assert not HolidayDay.objects.filter(date=date(2026, 11, 24)).exists()
    deeds = Entry.objects.filter(chain="holidays:2026").order_by("seq").values_list("action", flat=True)
    assert list(deeds) == ["holiday.open", "holiday.confirm", "holiday.change", "holiday.change"]


def test_opening_a_year_again_keeps_what_was_corrected(cast: Cast) -> None:
    open_year(2026, actor=cast.system)
    set_day(date(2026, 3, 3), kind="rest", name="店休", actor=cast.system)
    open_year(2026, actor=cast.system)
    assert HolidayDay.objects.filter(date=date(2026, 3, 3)).exists()


def test_the_holidays_of_all_sites_are_changed_by_the_groups_administrator_only(cast: Cast) -> None:
    for who in ("admin", "site_manager", "technician"):
        with pytest.raises(NotAllowed):
            open_year(2026, actor=cast.actor(who))
    assert open_year(2026, actor=cast.actor("group_admin")).year == 2026


@pytest.mark.parametrize(
    ("day", "field"),
    [
        (NewDay(date(2026, 5, 1), "party", "x"), "kind"),
        (NewDay(date(2026, 5, 1), "half", "x"), "until"),
        (NewDay(date(2026, 5, 1), "rest", "x" * 61), "name"),
    ],
)
def test_a_wrong_day_is_refused_and_nothing_is_stored(cast: Cast, day: NewDay, field: str) -> None:
    with pytest.raises(BusinessError) as refusal:
        replace_years([NewDay(date(2026, 10, 1), "rest", "国庆节"), day], source="x.csv", actor=cast.system)
    assert refusal.value.field == field
    assert not HolidayDay.objects.exists()
    with pytest.raises(NotFound):
        confirm_year(2026, actor=cast.system)


def test_a_site_that_works_on_holidays_says_so_with_a_calendar_of_its_own(cast: Cast) -> None:
    open_year(2026, actor=cast.system)
    save_calendar(
        site_id=cast.yl.pk, key="site", name="云岭照常营业", week={}, observes_holidays=False, actor=cast.actor("admin")
    )
    held = start(cast, "2026-10-01 09:00", 1)
    assert (held.due_at, held.unconfirmed_year) == (at("2026-10-01 10:00"), None)


def test_a_team_counts_on_its_own_hours_and_others_on_the_sites(cast: Cast) -> None:
    save_calendar(
        site_id=cast.yl.pk, key="parts_hours", name="备件库时间", week=EIGHT_TO_NOON, role="parts_clerk",
        actor=cast.actor("admin"),
    )  # fmt: skip
    team = start(cast, "2026-11-24 11:00", 2, calendar="team", role="parts_clerk")
    other = start(cast, "2026-11-24 11:00", 2, subject_id=8, calendar="team", role="cashier")
    assert (team.due_at, other.due_at) == (at("2026-11-25 09:00"), at("2026-11-24 14:00"))


def test_a_contract_names_its_calendar_and_own_days_go_before_the_pattern(cast: Cast) -> None:
    save_calendar(
        site_id=cast.yl.pk, key="gold_contract", name="金牌合同", observes_holidays=False, actor=cast.actor("admin"),
        week={day: [["00:00", "24:00"]] for day in DAY_NAMES},
        own_days={"2026-11-25": {"name": "盘点", "hours": []}},
    )  # fmt: skip
    held = start(cast, "2026-11-24 23:00", 2, calendar="gold_contract")
    assert held.due_at == at("2026-11-26 01:00")


def test_two_clocks_of_one_case_run_each_on_its_own_calendar(cast: Cast) -> None:
    wall = start(cast, "2026-11-24 11:30", 1, key="arrive", calendar="wall")
    site = start(cast, "2026-11-24 11:30", 1, key="answer", calendar="site")
    assert (wall.due_at, site.due_at) == (at("2026-11-24 12:30"), at("2026-11-24 13:30"))


def test_a_calendar_without_working_time_is_refused_with_a_message(cast: Cast) -> None:
    with pytest.raises(BusinessError, match="没有任何工作时间") as refusal:
        save_calendar(site_id=cast.yl.pk, key="never", name="空日历", week={}, actor=cast.actor("admin"))
    assert refusal.value.field == "week"
    with pytest.raises(BusinessError, match="没有代号为“never”的工作日历"):
        start(cast, "2026-11-24 09:00", 1, calendar="never")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"key": "Wall!"}, "key"),
        ({"key": "wall"}, "key"),
        ({"name": " "}, "name"),
        ({"week": {"mon": [["8am", "9"]]}}, "week"),
        ({"zone": "Sea/Atlantis"}, "zone"),
        ({"role": "nobody"}, "role"),
        ({"department_id": 99999}, "department"),
        ({"own_days": {"2026-13-01": {"name": "x", "hours": []}}}, "own_days"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused_at_its_field(cast: Cast, wrong: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"key": "team_a", "name": "甲班", "week": EIGHT_TO_NOON, **wrong}
    with pytest.raises(BusinessError) as refusal:
        save_calendar(site_id=cast.yl.pk, actor=cast.actor("admin"), **values)
    assert refusal.value.field == field


def test_calendars_are_kept_by_administrators_of_the_site(cast: Cast) -> None:
    for who in ("technician", "other_admin"):
        with pytest.raises(NotAllowed):
            save_calendar(site_id=cast.yl.pk, key="a", name="a", week=EIGHT_TO_NOON, actor=cast.actor(who))
    saved = save_calendar(site_id=cast.yl.pk, key="a", name="甲班", week=HOURS, actor=cast.actor("admin"))
    assert saved.week_text == "周一至周六 08:30-12:00 13:00-17:30"
    assert [row.pk for row in calendars_at(cast.yl.pk, actor=cast.actor("admin"))] == [saved.pk]
    assert Entry.objects.filter(chain=f"calendar:{saved.pk}", action="calendar.save").count() == 1


def test_a_changed_calendar_leaves_running_clocks_alone_even_when_they_are_paused_and_resumed(cast: Cast) -> None:
    values = {"site_id": cast.yl.pk, "key": "a", "name": "甲班", "actor": cast.actor("admin")}
    save_calendar(week=EIGHT_TO_NOON, **values)
    held = start(cast, "2026-11-24 11:00", 2, calendar="a")
    save_calendar(week=HOURS, **values)
    with time.frozen(at("2026-11-24 11:30")):
        pause_clock(held.pk, reason="等待客户", actor=cast.system)
        time.move(at("2026-11-24 11:45"))
        assert resume_clock(held.pk, actor=cast.system).due_at == at("2026-11-25 09:15")
    with time.frozen(at("2026-11-24 12:30")):
        recalculate_clocks(actor=cast.actor("admin"), reason="甲班改时间", site_ids=[cast.yl.pk])
    held.refresh_from_db()
    assert held.due_at == at("2026-11-24 14:15")
