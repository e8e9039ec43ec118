"""Reading stories: what their times mean, and what is wrong in a file named with its line."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bihuan.operations.scenarios.format import (
    MAX_DEPTH,
    MAX_STEPS,
    ScenarioError,
    moment,
    parse_scenarios,
    read_scenarios,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 11, 24, 9, 0, tzinfo=SHANGHAI)
GOOD = """scenario: 来店
covers: [AUTO-06]
given: {site: YL, clock: 2026-11-24 09:00}
steps:
  - {do: arrive, as: 保安/值班员, with: {plate: 示A70001}, save: 本次}
  - at: +5m
    task: 迎接问候
    with: {greeting: all, 次数: 3, 电话: "0871", 确认: 是}
    then:
      - {open: 记录客户需求}
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("+5m", "2026-11-24 09:05"),
        ("5m", "2026-11-24 09:05"),
        ("+0s", "2026-11-24 09:00"),
        ("+1d2h", "2026-11-25 11:00"),
        ("+1d 2h 3m", "2026-11-25 11:03"),
        ("3天", "2026-11-27 09:00"),
        ("+2小时30分钟", "2026-11-24 11:30"),
        ("+90分", "2026-11-24 10:30"),
        ("+120秒", "2026-11-24 09:02"),
        ("09:30", "2026-11-24 09:30"),
        ("9:30", "2026-11-24 09:30"),
        ("09:00", "2026-11-24 09:00"),
        ("08:59", "2026-11-25 08:59"),
        ("2026-12-01 14:00", "2026-12-01 14:00"),
        ("2026-12-01T14:00", "2026-12-01 14:00"),
        ("2026-12-01", "2026-12-01 00:00"),
        ("2026-12-01T06:00+00:00", "2026-12-01 14:00"),
    ],
)
def test_a_time_in_a_story_means(text: str, wanted: str) -> None:
    found = moment(f" {text} ", NINE)
    assert found.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") == wanted


@pytest.mark.parametrize(
    "text", ["", "soon", "+", "+5", "5 minutes", "25:00", "24:00", "09:60", "-5m", "2026-02-30", "明天", "+5x", "::"]
)
def test_a_time_nobody_understands_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"看不懂的时间.*09:30"):
        moment(text, NINE)


def test_a_time_beyond_the_calendar_is_refused() -> None:
    for text in ("+999999999d", "+99999999999999999999h"):
        with pytest.raises(ValueError, match="太长"):
            moment(text, NINE)


@given(st.integers(0, 400), st.integers(0, 99), st.integers(0, 999), st.integers(0, 9999))
def test_offsets_add_up_however_they_are_written(days: int, hours: int, minutes: int, seconds: int) -> None:
    amount = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert moment(f"+{days}d{hours}h{minutes}m{seconds}s", NINE) == NINE + amount
    assert moment(f"{days}天 {hours}小时 {minutes}分钟 {seconds}秒", NINE) == NINE + amount


@given(st.times(), st.integers(0, 86_399))
def test_a_time_of_day_is_the_next_one_within_a_day(wanted: object, second: int) -> None:
    start = datetime(2026, 11, 24, tzinfo=SHANGHAI) + timedelta(seconds=second)
    text = f"{wanted:%H:%M}"
    found = moment(text, start)
    assert start <= found < start + timedelta(days=1)
    assert f"{found:%H:%M:%S}" == f"{text}:00"


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment(text, NINE)
    except ValueError as error:
        assert "时间" in str(error)


def test_a_story_keeps_its_lines_and_the_shape_of_its_values() -> None:
    story = parse_scenarios(GOOD, source="a.yaml")[0]
    assert (story.name, story.covers, story.pack, story.given_line) == ("来店", ("AUTO-06",), "auto_service", 3)
    arrive, greet = story.steps
    assert (arrive.line, arrive.do, arrive.actor, arrive.save) == (5, "arrive", "保安/值班员", "本次")
    assert (greet.line, greet.do, greet.at) == (6, "complete", "+5m")
    assert greet.values == {"greeting": "all", "次数": 3, "电话": "0871", "确认": True}
    assert [(one.line, one.kind, one.value) for one in greet.then] == [(10, "open", "记录客户需求")]


def test_several_stories_follow_each_other_in_one_file() -> None:
    assert [story.name for story in parse_scenarios(f"{GOOD}---\n{GOOD}---\n", source="a.yaml")] == ["来店", "来店"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 0, "文件里没有场景"),
        ("[]", 1, "场景须是键值表"),
        ("just words", 1, "场景须是键值表"),
        ("scenario: a\nsteps: []", 2, "steps 须是非空列表"),
        ("scenario: a", 1, "steps 须是非空列表"),
        ("steps: [{at: +1m}]", 1, "缺少 scenario"),
        ("scenario: a\nsteps:\n  - {at: +1m}\n  - {wen: 1}", 4, "没有“wen”这个键；可用：as、at"),
        ("scenario: a\nstepps: []", 2, "没有“stepps”这个键"),
        ("scenario: a\ngiven: {weather: fine}\nsteps: [{at: +1m}]", 2, "given里没有“weather”"),
        ("scenario: a\nsteps:\n  - at: +1m\n    at: +2m", 4, "键“at”重复"),
        ("scenario: a\nsteps:\n  - {at: [1]}", 3, "at 须是一段文字"),
        ("scenario: a\nsteps:\n  - {at: +1m, with: [1]}", 3, "with 须是键值表"),
        ("scenario: a\nsteps:\n  - at: +1m\n  bad", 4, "不是合格的 YAML"),
        ("scenario: a\nsteps: [{at: +1m}", 2, "不是合格的 YAML"),
        ("scenario: a\nsteps:\n\t- {at: +1m}", 3, "不是合格的 YAML"),
        ("scenario: &name a\nsteps:\n  - {at: +1m, note: *name}", 3, "不支持 YAML 引用"),
        ("scenario: a\nsteps:\n  - &s {at: +1m}\n  - *s", 4, "不支持 YAML 引用"),
        ("scenario: a\nsteps:\n  - {at: +1m, with: {a: \x07}}", 3, "控制字符"),
        ("scenario: a\nsteps:\n" + "  - {at: +1m}\n" * (MAX_STEPS + 1), 3, "步骤超过"),
        ("scenario: a\nsteps:\n  - {with: {a: " + "[" * 3000 + "]" * 3000 + "}}", 3, f"嵌套超过 {MAX_DEPTH} 层"),
        ("scenario: a\nsteps:\n" + "".join("  " * n + "- a:\n" for n in range(300)), None, "嵌套超过"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int | None, reason: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, source="story.yaml")
    assert reason in caught.value.reason
    assert line is None or caught.value.line == line, caught.value
    assert str(caught.value).startswith("story.yaml:")


def test_references_that_would_explode_are_refused_at_once() -> None:
    bomb = "scenario: a\nx0: &x0 [1, 1]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(ScenarioError, match="不支持 YAML 引用"):
        parse_scenarios(bomb, source="story.yaml")


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"scenario: a\n# \xff\xfe\n", 2, "不是 UTF-8"),
        (b"\x00\x01\x02\x03", 1, "控制字符"),
        (b"\x89PNG\r\n\x1a\n", 1, "不是 UTF-8"),
        (b"#" * 3_000_000, 0, "超过 2 MB"),
    ],
)
def test_files_that_are_no_text_or_too_large(tmp_path: Path, content: bytes, line: int, reason: str) -> None:
    file = tmp_path / "story.yaml"
    file.write_bytes(content)
    with pytest.raises(ScenarioError, match=reason) as caught:
        read_scenarios(file)
    assert caught.value.line == line


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert len(read_scenarios(file)) == 1


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    for name in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ScenarioError, match="文件无法读取"):
            read_scenarios(name)


@given(st.text(alphabet=st.sampled_from("abc:[]{}&*-\n \t'\"#|>!%?,是1"), max_size=80))
def test_any_text_is_stories_or_refused(text: str) -> None:
    try:
        parse_scenarios(f"scenario: a\nsteps:\n{text}", source="story.yaml")
    except ScenarioError as error:
        assert error.reason
