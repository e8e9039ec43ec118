"""Read a scenario file: YAML into frozen steps that still know their line.

The format is public and described in docs/scenarios.md. Reading never touches the database; every mistake is
reported with its line so that somebody who writes a story for their own rule book can mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import yaml

MAX_FILE_BYTES = 2_000_000
MAX_STEPS = 2_000
MAX_DEPTH = 50

STEP_KEYS = frozenset({"at", "as", "do", "task", "case", "process", "with", "save", "refused", "then", "note"})
GIVEN_KEYS = frozenset(
    {"site", "clock", "customers", "vehicles", "stock", "jobs", "people", "capacity", "with", "pack"}
    | {"channels", "consents"}
    | {"departments", "head", "superiors", "ranks", "groups", "stand_ins", "by_duty", "roster", "leave", "delegations"}
    | {"hours", "calendars", "holidays", "confirmed", "limits"}
)
HEAD_KEYS = frozenset({"scenario", "pack", "covers", "note", "given", "steps", "when", "then"})


class ScenarioError(Exception):
    """A scenario file that cannot be read; the message names the line."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        super().__init__(f"{source}:{line}: {reason}")
        self.source = source
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Expectation:
    """One `then` entry: what must be true after the step."""

    line: int
    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing somebody does (or a wait), with what must be true afterwards."""

    line: int
    at: str | None = None
    actor: str | None = None
    do: str | None = None
    task: str | None = None
    case: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    save: str | None = None
    refused: str | None = None
    then: tuple[Expectation, ...] = ()

    @property
    def label(self) -> str:
        """How the step is named in a report."""
        parts = [self.actor or "", self.do or "", self.task or ""]
        return " ".join(part for part in parts if part) or (f"时间 {self.at}" if self.at else "检查")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story: what is given, what happens, what must be true."""

    source: str
    name: str
    pack: str
    covers: tuple[str, ...]
    given: dict[str, Any]
    given_line: int
    steps: tuple[Step, ...]


def read_scenarios(path: Path) -> list[Scenario]:
    """All scenarios of a file (several YAML documents may follow each other, parted by `---`).

    Raises ScenarioError naming the line for unreadable files, unknown keys and wrong shapes.
    """
    source = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ScenarioError(source, 0, f"文件无法读取：{error.strerror or '未知原因'}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise ScenarioError(source, 0, "文件超过 2 MB")
    try:
        return parse_scenarios(raw.decode("utf-8-sig"), source=source)
    except UnicodeDecodeError as error:
        raise ScenarioError(source, raw[: error.start].count(b"\n") + 1, "文件不是 UTF-8 编码") from error


def parse_scenarios(text: str, *, source: str) -> list[Scenario]:
    """All scenarios of a text; `source` names it in problems. Raises ScenarioError."""
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except _RefusedError as error:
        raise ScenarioError(source, error.line, error.reason) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ScenarioError(source, line, f"不是合格的 YAML：{error.problem or error.context or ''}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise ScenarioError(source, line, "有不能用在 YAML 里的控制字符") from error
    scenarios = [_Reader(source).scenario(node) for node in nodes if not _is_empty(node)]
    if not scenarios:
        raise ScenarioError(source, 0, "文件里没有场景")
    return scenarios


class _RefusedError(Exception):
    """Good YAML that a story has no need of, and where it stands."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes, refusing references and deep nesting at the line where they stand."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node with what it holds."""
        line = cast("Any", self).peek_event().start_mark.line + 1
        if self.check_event(yaml.AliasEvent):
            raise _RefusedError("不支持 YAML 引用（&、*）", line)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _RefusedError(f"嵌套超过 {MAX_DEPTH} 层", line)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Reader:
    """Turns composed YAML nodes into a Scenario, keeping line numbers and refusing what it does not know."""

    def __init__(self, source: str) -> None:
        self.source = source

    def scenario(self, node: yaml.Node) -> Scenario:
        head = dict(self._entries(node, HEAD_KEYS, "场景"))
        if "scenario" not in head:
            raise self._error(node, "缺少 scenario（场景名称）")
        given_node = head.get("given")
        steps_node = head.get("steps") or head.get("when")
        if not isinstance(steps_node, yaml.SequenceNode) or not steps_node.value:
            raise self._error(steps_node or node, "steps 须是非空列表")
        if len(steps_node.value) > MAX_STEPS:
            raise self._error(steps_node, f"步骤超过 {MAX_STEPS} 个")
        steps = [self._step(child) for child in steps_node.value]
        if "then" in head:
            steps.append(Step(line=_line(head["then"]), then=self._expectations(head["then"])))
        if given_node is not None:
            list(self._entries(given_node, GIVEN_KEYS, "given"))
        covers = self._plain(head["covers"]) if "covers" in head else []
        return Scenario(
            source=self.source,
            name=str(self._plain(head["scenario"])),
            pack=str(self._plain(head["pack"])) if "pack" in head else "auto_service",
            covers=tuple(str(item) for item in (covers if isinstance(covers, list) else [covers])),
            given=self._plain(given_node) if given_node is not None else {},
            given_line=_line(given_node) if given_node is not None else _line(node),
            steps=tuple(steps),
        )

    def _step(self, node: yaml.Node) -> Step:
        entries = dict(self._entries(node, STEP_KEYS, "步骤"))
        text = {
            key: self._text(entries, key) for key in ("at", "as", "do", "task", "case", "process", "save", "refused")
        }
        values = self._plain(entries["with"]) if "with" in entries else {}
        if not isinstance(values, dict):
            raise self._error(entries["with"], "with 须是键值表")
        if text["process"] is not None:
            values = {"process": text["process"], **values}
        do = text["do"] or ("complete" if text["task"] else None)
        return Step(
            line=_line(node),
            at=text["at"],
            actor=text["as"],
            do=do,
            task=text["task"],
            case=text["case"],
            values=values,
            save=text["save"],
            refused=text["refused"],
            then=self._expectations(entries["then"]) if "then" in entries else (),
        )

    def _expectations(self, node: yaml.Node) -> tuple[Expectation, ...]:
        mappings = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: list[Expectation] = []
        for mapping in mappings:
            for key, value in self._entries(mapping, None, "then"):
                found.append(Expectation(_line(value), key, self._plain(value)))
        return tuple(found)

    def _entries(
        self, node: yaml.Node | None, allowed: frozenset[str] | None, what: str
    ) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{what}须是键值表")
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value).strip()
            if allowed is not None and key not in allowed:
                raise self._error(key_node, f"{what}里没有“{key}”这个键；可用：{'、'.join(sorted(allowed))}")
            if key in seen:
                raise self._error(key_node, f"键“{key}”重复")
            seen.add(key)
            yield key, value_node

    def _text(self, entries: dict[str, yaml.Node], key: str) -> str | None:
        if key not in entries:
            return None
        if not isinstance(entries[key], yaml.ScalarNode):
            raise self._error(entries[key], f"{key} 须是一段文字")
        # The source text, not the parsed value: YAML would read 08:30 as a number of minutes.
        return str(entries[key].value)

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(child) for child in node.value]
        return {key: self._plain(value) for key, value in self._entries(node, None, "值")}

    def _error(self, node: yaml.Node | None, reason: str) -> ScenarioError:
        return ScenarioError(self.source, _line(node) if node is not None else 0, reason)


def _is_empty(node: yaml.Node | None) -> bool:
    """Nothing between two `---`."""
    return node is None or (isinstance(node, yaml.ScalarNode) and node.value == "" and node.style is None)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.ScalarNode) -> Any:
    """Booleans, nulls and plain integers as such; everything else stays text (times, decimals, plates)."""
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in ("true", "yes", "是"):
        return True
    if text.lower() in ("false", "no", "否"):
        return False
    if text in ("", "~", "null"):
        return None
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", text):
        return int(text)
    return text


_OFFSET = re.compile(r"\+?\s*((?:\d+\s*(?:d|h|m|s|天|小时|分钟|分|秒)\s*)+)")
_UNITS = {
    "d": "days", "天": "days", "h": "hours", "小时": "hours",
    "m": "minutes", "分": "minutes", "分钟": "minutes", "s": "seconds", "秒": "seconds",
}  # fmt: skip


def moment(text: str, previous: datetime) -> datetime:
    """The moment an `at` means, seen from the previous one (both in the site's zone).

    `+5m`, `+1d2h`, `3天` are offsets; `09:30` is the next such time of day; `2026-11-03 09:30` is itself.
    Raises ValueError with a Chinese message.
    """
    text = text.strip()
    offset = _OFFSET.fullmatch(text)
    if offset:
        try:
            return previous + _amount(offset.group(1))
        except OverflowError as error:
            raise ValueError(f"时间“{text}”太长") from error
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            clock = time.fromisoformat(text if text[1] != ":" else f"0{text}")
            candidate = previous.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
            return candidate if candidate >= previous else candidate + timedelta(days=1)
        exact = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"看不懂的时间“{text}”；例：+5m、1d、09:30、2026-11-03 09:30") from error
    return exact if exact.tzinfo else exact.replace(tzinfo=previous.tzinfo)


def _amount(text: str) -> timedelta:
    amount = timedelta()
    for number, unit in re.findall(r"(\d+)\s*(小时|分钟|[dhms天分秒])", text):
        amount += timedelta(**{_UNITS[unit]: int(number)})
    return amount
