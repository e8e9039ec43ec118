from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from bihuan.limits.definition import LimitDefinition
from bihuan.limits.durations import parse_duration
from bihuan.limits.rulebook import LimitDefinitionError, parse_limits

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
        (GOOD + GOOD, "repair 重复"),
    ],
)
def test_each_mistake_is_named(text: str, reason: str) -> None:
    with pytest.raises(LimitDefinitionError, match=reason):
        parse_limits(text)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(LimitDefinitionError) as refusal:
        parse_limits('[[limit]]\nkey = "a"\n[[limit]]\nkey = "b"\nname = "x"\ntarget = "?"')
    assert len(refusal.value.problems) == 3
