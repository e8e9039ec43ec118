"""Reading limits.toml of a pack (docs/limits.md): which limits and calendars there are; every mistake at once.

[[limit]]
key = "answer_call"
name = "来电接听"
target = "10s"             # s, m, h, d; "1h30m"; "at 17:00"; "=agreed_hours": hours, a duration, a moment or a date
warn = 0.8                 # remind when this share of the target is used up; 0 or absent: no reminder
escalate_to = "front_desk" # the role told about a breach, or @superior as in a step
calendar = "wall"          # or "site", "team", the key of a [[calendar]], "=expression"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.feel import FeelSyntaxError, compile_expression
from bihuan.kernel.toml import TomlError, read_toml
from bihuan.kernel.worktime import parse_calendar
from bihuan.limits.calendars import SITE, TEAM, WALL
from bihuan.limits.changes import Reopening
from bihuan.limits.definition import AT, CASE, EVENTS, LONGEST, MOMENTS, TASK, LimitDefinition, PauseRule
from bihuan.limits.durations import parse_duration
from bihuan.limits.steps import BREACH, WARN, after_seconds
from bihuan.limits.work_calendars import KEY

_STEP_FIELDS = {"at", "notify", "escalate_to", "reassign_to", "priority", "start", "text"}
_NOTIFY = ("@holder", "@superior", "@advisor", "@technician")
_BUILT_IN = frozenset({WALL, SITE, TEAM})
_OF_CASE = ("process", "start", "stop", "cancel", "pause", "team", "reopen")


class LimitDefinitionError(Exception):
    """limits.toml cannot be used; `problems` lists every reason, each naming the limit."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("；".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class CalendarDefinition:
    """A calendar that comes with a rule book; an administrator's of the same key goes before it."""

    key: str
    name: str
    week: Mapping[str, Any]
    holidays: bool


def parse_limits(text: str) -> dict[str, LimitDefinition]:
    """All limits of a limits.toml by key. Raises LimitDefinitionError listing every problem at once."""
    content = _content(text)
    problems = [f"未知的项：{name}" for name in content if name not in ("limit", "calendar")]
    known = _BUILT_IN | set(_calendars(content, problems))
    limits: dict[str, LimitDefinition] = {}
    for number, entry in enumerate(_entries(content, "limit", problems), start=1):
        found = list(_problems_of(entry, number, known))
        if not found and entry["key"] in limits:
            found = [f"时限 {entry['key']} 重复"]
        problems.extend(found)
        if not found:
            limits[entry["key"]] = definition_of(entry)
    if problems:
        raise LimitDefinitionError(problems)
    return limits


def stored_limits(text: str) -> dict[str, LimitDefinition]:
    """The limits of a table that was checked when it was published; what is refused since holds for new ones only."""
    return {entry["key"]: definition_of(entry) for entry in tomllib.loads(text).get("limit", [])}


def parse_calendars(text: str) -> dict[str, CalendarDefinition]:
    """The calendars of a limits.toml by key. Raises LimitDefinitionError."""
    problems: list[str] = []
    found = _calendars(_content(text), problems)
    if problems:
        raise LimitDefinitionError(problems)
    return found


def definition_of(entry: Mapping[str, Any]) -> LimitDefinition:
    """The limit that an entry (of a file, or kept by a running clock) stands for."""
    return LimitDefinition(
        key=entry["key"],
        name=entry["name"],
        target=entry["target"],
        warn_share=float(entry.get("warn", 0)),
        escalate_to=entry.get("escalate_to", ""),
        calendar=entry.get("calendar", WALL),
        of=entry.get("of", TASK),
        role=entry.get("role", ""),
        process=entry.get("process", ""),
        start=_texts(entry.get("start")),
        stop=_texts(entry.get("stop")),
        cancel=_texts(entry.get("cancel")),
        pauses=tuple(PauseRule(one["while"], one["reason"]) for one in entry.get("pause", ())),
        team=_texts(entry.get("team")),
        reopen=entry.get("reopen", Reopening.EXCLUDE.value),
        steps=tuple(entry.get("steps", entry.get("step", ()))),
        entry=dict(entry),
    )


def rule_of(limit: LimitDefinition) -> dict[str, Any]:
    """What a clock keeps of the limit it started with: its entry, the steps under `steps`."""
    kept = {name: value for name, value in limit.entry.items() if name != "step"}
    return {**kept, "steps": [dict(step) for step in limit.steps]}


def _content(text: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except TomlError as failure:
        raise LimitDefinitionError([str(failure)]) from None


def _entries(content: Mapping[str, Any], name: str, problems: list[str]) -> list[Any]:
    entries = content.get(name, [])
    if isinstance(entries, list):
        return entries
    problems.append(f"请用 [[{name}]] 列出{'时限' if name == 'limit' else '日历'}")
    return []


def _calendars(content: Mapping[str, Any], problems: list[str]) -> dict[str, CalendarDefinition]:
    found: dict[str, CalendarDefinition] = {}
    for number, entry in enumerate(_entries(content, "calendar", problems), start=1):
        label = f"日历 {entry.get('key') if isinstance(entry, dict) else ''}".strip() + f"（第 {number} 个）"
        if not isinstance(entry, dict) or not KEY.fullmatch(str(entry.get("key", ""))) or entry["key"] in _BUILT_IN:
            problems.append(f"{label}：key 由小写字母、数字和下划线组成")
            continue
        if not isinstance(entry.get("name"), str) or not entry["name"].strip():
            problems.append(f"{label}：name 不能为空")
        try:
            if not parse_calendar("UTC", entry.get("week", {})).ever_open:
                problems.append(f"{label}：没有任何工作时间")
        except (ValueError, TypeError, AttributeError):
            problems.append(f'{label}：week 应为 {{ mon = [["08:00", "12:00"]] }} 这样的写法')
        name, week = str(entry.get("name", "")), entry.get("week", {})
        found[entry["key"]] = CalendarDefinition(entry["key"], name, week, entry.get("holidays", True) is True)
    return found


def _problems_of(entry: object, number: int, calendars: frozenset[str]) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"第 {number} 个时限不是表"
        return
    label = f"时限 {entry.get('key') or f'第 {number} 个'}"
    yield from (f"{label}：未知的项 {name}" for name in sorted(set(entry) - set(_CHECKS) - {"step", "pause"}))
    for name, (is_good, reason) in _CHECKS.items():
        required = name in {"key", "name", "target"}
        if (required or name in entry) and not is_good(entry.get(name)):
            yield f"{label}：{reason}"
    if "calendar" in entry and not _is_calendar(entry["calendar"], calendars):
        yield f"{label}：calendar 是 wall、site、team、[[calendar]] 的 key，或以 = 开头的表达式"
    if entry.get("of", TASK) == CASE and not entry.get("start"):
        yield f'{label}：of = "case" 的时限要写 start，从哪个环节起算'
    if entry.get("of", TASK) == TASK:
        of_case = [name for name in _OF_CASE if name in entry]
        yield from (f'{label}：{name} 只用于 of = "case" 的时限' for name in of_case)
    yield from (f"{label}：{reason}" for reason in _pause_problems(entry.get("pause", [])))
    yield from (f"{label}：{reason}" for reason in _step_problems(entry.get("step", [])))


def _pause_problems(pauses: object) -> Iterator[str]:
    if not isinstance(pauses, list) or not all(isinstance(one, dict) for one in pauses):
        yield "请用 [[limit.pause]] 列出暂停条件"
        return
    for one in pauses:
        condition = one.get("while")
        open_node = isinstance(condition, str) and condition.startswith("open:") and condition != "open:"
        if not open_node and not _is_expression(condition):
            yield "pause 的 while 是 open:环节，或以 = 开头的表达式"
        if not isinstance(one.get("reason"), str) or not one["reason"].strip():
            yield "pause 要写 reason，暂停的原因"


def _step_problems(steps: object) -> Iterator[str]:
    if not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        yield "请用 [[limit.step]] 列出步骤"
        return
    for one in steps:
        yield from (f"step 有未知的项 {name}" for name in sorted(set(one) - _STEP_FIELDS))
        if not _is_step_moment(one.get("at")):
            yield "step 的 at 是 warn、breach、50%、+5m、-10m 或 breach+30m"
        if not all(isinstance(one.get(name, ""), str) for name in ("escalate_to", "reassign_to", "start", "text")):
            yield "step 的 escalate_to、reassign_to、start、text 是文字"
        if not _are_texts(one.get("notify", [])):
            yield "step 的 notify 是角色代号或 @holder、@superior、@advisor、@technician"
        if one.get("priority", "high") != "high":
            yield "step 的 priority 只能是 high"
        if set(one) <= {"at", "text"}:
            yield "step 没有写做什么"


def _is_step_moment(at: object) -> bool:
    if not isinstance(at, str):
        return False
    try:
        return at in (WARN, BREACH) or after_seconds(at, 0) >= 0
    except ValueError:
        return False


def _is_target(value: object) -> bool:
    if not isinstance(value, str):
        return False
    if value.startswith("="):
        return _is_expression(value)
    if AT.fullmatch(value):
        return True
    try:
        return 0 < parse_duration(value) <= LONGEST.total_seconds()
    except ValueError:
        return False


def _is_expression(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith("="):
        return False
    try:
        compile_expression(value[1:])
    except FeelSyntaxError:
        return False
    return True


def _is_calendar(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and (value in known or _is_expression(value))


def _are_triggers(value: object) -> bool:
    return _are_texts(value) and all(_is_trigger(text) for text in _texts(value))


def _is_trigger(text: str) -> bool:
    event, _, node = text.partition(":")
    return text in MOMENTS or (event in EVENTS and bool(node)) or _is_expression(text)


def _are_texts(value: object) -> bool:
    if isinstance(value, str):
        return bool(value)
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def roles_named(limit: LimitDefinition) -> Iterator[str]:
    """Every role a limit speaks of, for checking against those there are."""
    if limit.escalate_to and limit.escalate_to not in _NOTIFY:
        yield limit.escalate_to
    if limit.role:
        yield limit.role
    yield from limit.team
    for step in limit.steps:
        named = (*_texts(step.get("notify")), step.get("escalate_to", ""), step.get("reassign_to", ""))
        yield from (role for role in named if role and role not in _NOTIFY)


_TRIGGER = "是 opened:环节、completed:环节、cancelled:环节、message:消息、started、ended，或以 = 开头的表达式"
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "key": (lambda value: isinstance(value, str) and bool(KEY.fullmatch(value)), "key 由小写字母、数字和下划线组成"),
    "name": (lambda value: isinstance(value, str) and bool(value.strip()), "name 不能为空"),
    "target": (
        _is_target,
        "target 应为 10s、5m、1h30m、3d 这样的时长（最长 30 年），at 17:00 这样的时刻，或以 = 开头的表达式",
    ),
    "warn": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1,
        "warn 是 0 到 1 之间的比例",
    ),
    "escalate_to": (lambda value: isinstance(value, str), "escalate_to 是角色代号或 @superior"),
    "calendar": (lambda value: True, ""),
    "of": (lambda value: value in (TASK, CASE), "of 是 task 或 case"),
    "role": (lambda value: isinstance(value, str), "role 是角色代号"),
    "process": (lambda value: isinstance(value, str), "process 是流程代号"),
    "start": (_are_triggers, f"start {_TRIGGER}"),
    "stop": (_are_triggers, f"stop {_TRIGGER}"),
    "cancel": (_are_triggers, f"cancel {_TRIGGER}"),
    "team": (_are_texts, "team 是角色代号"),
    "reopen": (lambda value: value in list(Reopening), "reopen 是 continue、restart 或 exclude"),
}
