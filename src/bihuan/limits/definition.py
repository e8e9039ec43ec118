"""Reading limits.toml of a pack: which limits there are, and what each means.

[[limit]]
key = "answer_call"
name = "来电接听"
target = "10s"             # s, m, h, d; "1h30m" works; "=agreed_hours" is a FEEL expression, a number means hours
warn = 0.8                 # remind when this share of the target is used up; 0 or absent: no reminder
escalate_to = "front_desk" # the role told about a breach
calendar = "wall"          # or "site": the opening hours of the site
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bihuan.engine.feel import FeelError, FeelSyntaxError, compile_expression
from bihuan.limits.durations import parse_duration
from bihuan.limits.models import Clock

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FIELDS = {"key", "name", "target", "warn", "escalate_to", "calendar"}
_CALENDARS = frozenset(Clock.Calendar.values)


class LimitDefinitionError(Exception):
    """limits.toml cannot be used; `problems` lists every reason, each naming the limit."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("；".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class LimitDefinition:
    """One limit of a rule book. `target` is as written; `warn_share` of it used up leads to a reminder."""

    key: str
    name: str
    target: str
    warn_share: float = 0
    escalate_to: str = ""
    calendar: str = "wall"

    def target_seconds(self, values: Mapping[str, Any]) -> float:
        """The length in seconds; `values` are what an expression may read. Raises ValueError with a Chinese reason."""
        if not self.target.startswith("="):
            return float(parse_duration(self.target))
        try:
            result = compile_expression(self.target[1:]).evaluate(values)
        except FeelError as failure:
            raise ValueError(f"时限“{self.name}”无法计算：{failure}") from None
        seconds = _seconds(result)
        if seconds is None or seconds < 0:
            raise ValueError(f"时限“{self.name}”的目标不是时长：{self.target}")
        return seconds

    def warn_before_seconds(self, target_seconds: float) -> float:
        """How long before the target the reminder comes; 0 for none."""
        return target_seconds * (1 - self.warn_share) if self.warn_share else 0.0


def parse_limits(text: str) -> dict[str, LimitDefinition]:
    """All limits of a limits.toml by key. Raises LimitDefinitionError listing every problem at once."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise LimitDefinitionError([f"不是有效的 TOML：{failure}"]) from None
    problems = [f"未知的项：{name}" for name in content if name != "limit"]
    limits: dict[str, LimitDefinition] = {}
    entries = content.get("limit", [])
    if not isinstance(entries, list):
        raise LimitDefinitionError([*problems, "请用 [[limit]] 列出时限"])
    for number, entry in enumerate(entries, start=1):
        found = _problems_of(entry, number)
        if not found and entry["key"] in limits:
            found = [f"时限 {entry['key']} 重复"]
        problems.extend(found)
        if not found:
            limits[entry["key"]] = _definition(entry)
    if problems:
        raise LimitDefinitionError(problems)
    return limits


def _definition(entry: Mapping[str, Any]) -> LimitDefinition:
    return LimitDefinition(
        key=entry["key"],
        name=entry["name"],
        target=entry["target"],
        warn_share=float(entry.get("warn", 0)),
        escalate_to=entry.get("escalate_to", ""),
        calendar=entry.get("calendar", "wall"),
    )


def _problems_of(entry: object, number: int) -> list[str]:
    if not isinstance(entry, dict):
        return [f"第 {number} 个时限不是表"]
    label = f"时限 {entry.get('key') or f'第 {number} 个'}"
    problems = [f"{label}：未知的项 {name}" for name in sorted(set(entry) - _FIELDS)]
    checks: dict[str, Callable[[Any], bool]] = {
        "key": lambda value: isinstance(value, str) and bool(_KEY.fullmatch(value)),
        "name": lambda value: isinstance(value, str) and bool(value.strip()),
        "target": _is_target,
        "warn": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1,
        "escalate_to": lambda value: isinstance(value, str),
        "calendar": lambda value: isinstance(value, str) and value in _CALENDARS,
    }
    reasons = {
        "key": "key 由小写字母、数字和下划线组成",
        "name": "name 不能为空",
        "target": "target 应为 10s、5m、1h30m、3d 这样的时长，或以 = 开头的表达式",
        "warn": "warn 是 0 到 1 之间的比例",
        "escalate_to": "escalate_to 是角色代号",
        "calendar": "calendar 是 wall 或 site",
    }
    for name, is_good in checks.items():
        required = name in {"key", "name", "target"}
        if (required or name in entry) and not is_good(entry.get(name)):
            problems.append(f"{label}：{reasons[name]}")
    return problems


def _is_target(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        if value.startswith("="):
            compile_expression(value[1:])
        else:
            parse_duration(value)
    except (FeelSyntaxError, ValueError):
        return False
    return True


def _seconds(result: object) -> float | None:
    if isinstance(result, timedelta):
        return result.total_seconds()
    if isinstance(result, Decimal | int) and not isinstance(result, bool):
        return float(result * 3600)
    return None
