from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bihuan.limits.definition import LimitDefinition
from bihuan.limits.durations import parse_duration
from bihuan.limits.rulebook import (
    LimitDefinitionError,
    definition_of,
    parse_calendars,
    parse_limits,
    roles_named,
    rule_of,
)

GOOD = """
[[limit]]
key = "answer_call"
name = "来电接听"
target = "10s"
escalate_to = "front_desk"

[[limit]]
key = "repair"
name = "维修"
target = "=agreed_hours"
warn = 0.8
calendar = "site"
"""


def test_a_packs_limits_are_read_by_key() -> None:
    limits = parse_limits(GOOD)
    assert limits["answer_call"] == LimitDefinition("answer_call", "来电接听", "10s", 0, "front_desk", "wall")
    assert (limits["repair"].warn_share, limits["repair"].calendar) == (0.8, "site")


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m", 60), ("3d", 259200), ("1h30m", 5400), ("1d2h3m4s", 93784), ("0s", 0)]
)
def test_durations_are_written_short(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1m", "1.5h", "5m1h", "十秒", "1m ", "1M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="不是时长"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "seconds"), [(Decimal("2.5"), 9000), (2, 7200), (timedelta(minutes=30), 1800), (0, 0)]
)
def test_an_expression_gives_hours_or_a_duration(value: object, seconds: float) -> None:
    assert parse_limits(GOOD)["repair"].target_seconds({"agreed_hours": value}) == seconds


@pytest.mark.parametrize("value", [None, "二", True, Decimal(-1), []])
def test_an_expression_that_gives_no_length_says_which_limit(value: object) -> None:
    with pytest.raises(ValueError, match="维修"):
        parse_limits(GOOD)["repair"].target_seconds({"agreed_hours": value})


def test_the_reminder_comes_when_the_share_is_used_up() -> None:
    repair = parse_limits(GOOD)["repair"]
    assert repair.warn_before_seconds(1000) == pytest.approx(200)
    assert parse_limits(GOOD)["answer_call"].warn_before_seconds(1000) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[limit", "TOML"),
        ("limits = 1", "未知的项：limits"),
        ("limit = 1", r"\[\[limit\]\]"),
        ("limit = [1]", "第 1 个时限"),
        ('[[limit]]\nname = "x"\ntarget = "1m"', "key"),
        ('[[limit]]\nkey = "A b"\nname = "x"\ntarget = "1m"', "key"),
        ('[[limit]]\nkey = "a"\nname = ""\ntarget = "1m"', "name"),
        ('[[limit]]\nkey = "a"\nname = "x"', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = 10', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "10 minutes"', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "=1 +"', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\nwarn = 1', "warn"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\nwarn = true', "warn"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\ncalendar = "moon"', "calendar"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\ncalendar = []', "calendar"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\ncolour = "red"', "colour"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "0s"', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "99999999d"', "target"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\nrole = 1', "role"),
        ('[[limit]]\nkey = "a"\nname = "x"\ntarget = "1m"\nteam = "advisor"', 'team 只用于 of = "case"'),
        (GOOD + GOOD, "repair 重复"),
    ],
)
def test_each_mistake_is_named(text: str, reason: str) -> None:
    with pytest.raises(LimitDefinitionError, match=reason):
        parse_limits(text)


GOOD_CASE = """
[[limit]]
key = "solve"
name = "解决"
target = "at 17:00 +1d"
escalate_to = "@superior"
calendar = "gold"
of = "case"
process = "complaint"
start = ["opened:受理", "=urgent = true"]
stop = "completed:答复"
team = ["advisor", "technician"]
reopen = "restart"
[[limit.pause]]
while = "open:备料"
reason = "等待配件"
[[limit.step]]
at = "breach+30m"
escalate_to = "@superior"
notify = ["@holder", "site_manager"]
reassign_to = "workshop_manager"
priority = "high"
start = "complaint"

[[calendar]]
key = "gold"
name = "金牌"
week = { mon = [["00:00", "24:00"]] }
holidays = false
"""


def test_a_limit_between_milestones_is_read_with_its_pauses_steps_and_calendar() -> None:
    solve = parse_limits(GOOD_CASE)["solve"]
    assert (solve.of, solve.start, solve.stop) == ("case", ("opened:受理", "=urgent = true"), ("completed:答复",))
    assert (solve.pauses[0].condition, solve.pauses[0].reason) == ("open:备料", "等待配件")
    assert set(roles_named(solve)) == {"advisor", "technician", "site_manager", "workshop_manager"}
    assert parse_calendars(GOOD_CASE)["gold"].holidays is False
    # What a running clock keeps reads as the same limit.
    assert definition_of(rule_of(solve)) == solve


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('start = ["opened:受理", "=urgent = true"]', ""), "start"),
        (('"=urgent = true"', '"=urgent ="'), "start"),
        (('"completed:答复"', '"finished:答复"'), "stop"),
        (('of = "case"', 'of = "car"'), "of"),
        (('reopen = "restart"', 'reopen = "never"'), "reopen"),
        (('while = "open:备料"', 'while = "open:"'), "while"),
        (('reason = "等待配件"', ""), "reason"),
        (('at = "breach+30m"', 'at = "later"'), "at"),
        (('priority = "high"', 'priority = "low"'), "priority"),
        (('notify = ["@holder", "site_manager"]', "notify = 3"), "notify"),
        (('start = "complaint"', "colour = 1"), "colour"),
        (('calendar = "gold"', 'calendar = "silver"'), "calendar"),
        (('mon = [["00:00", "24:00"]]', ""), "没有任何工作时间"),
        (('mon = [["00:00", "24:00"]]', 'mon = ["8-12"]'), "week"),
        (('key = "gold"', 'key = "wall"'), "key"),
        (("at 17:00 +1d", "at 25:00"), "target"),
    ],
)
def test_each_mistake_in_a_limit_between_milestones_is_named(change: tuple[str, str], reason: str) -> None:
    assert change[0] in GOOD_CASE
    with pytest.raises(LimitDefinitionError, match=reason):
        parse_limits(GOOD_CASE.replace(*change))


@pytest.mark.parametrize(
    ("target", "now", "due"),
    [
        ("at 17:00", "2026-11-24T09:00+08:00", "2026-11-24T17:00+08:00"),
        ("at 17:00", "2026-11-24T17:01+08:00", "2026-11-25T17:00+08:00"),
        ("at 12:00 +1d", "2026-11-24T18:00+08:00", "2026-11-25T12:00+08:00"),
        ("at 24:00", "2026-11-24T18:00+08:00", "2026-11-25T00:00+08:00"),
        ('=date("2026-12-01")', "2026-11-24T18:00+08:00", "2026-12-02T00:00+08:00"),
        ("=wish", "2026-11-24T18:00+08:00", "2026-11-24T20:00+08:00"),
    ],
)
def test_a_target_may_be_a_moment(target: str, now: str, due: str) -> None:
    limit = LimitDefinition("a", "a", target)
    values = {"wish": datetime.fromisoformat("2026-11-24T20:00+08:00")}
    found = limit.target_of(values, datetime.fromisoformat(now), "Asia/Shanghai")
    assert (found.seconds, found.due_at) == (None, datetime.fromisoformat(due))


@pytest.mark.parametrize("wish", [Decimal(10) ** 12, timedelta(days=10**8), date(9999, 12, 31)])
def test_a_target_that_nobody_will_live_to_see_is_told_in_words(wish: object) -> None:
    with pytest.raises(ValueError, match=r"太[长远]"):
        LimitDefinition("a", "维修", "=wish").target_of({"wish": wish}, datetime.now(UTC), "Asia/Shanghai")


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(LimitDefinitionError) as refusal:
        parse_limits('[[limit]]\nkey = "a"\n[[limit]]\nkey = "b"\nname = "x"\ntarget = "?"')
    assert len(refusal.value.problems) == 3
