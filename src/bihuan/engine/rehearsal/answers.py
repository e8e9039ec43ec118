"""Prepared answers: what each task, timer, message or service of a rehearsal is answered with.

A mapping from node id or name to one answer for every visit, or to a list of answers for the visits in turn. An answer
is a mapping of variables; `true` or nothing at all means "done, no variables"; `false` means "leave it open".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from bihuan.engine.definition import Node

FAIL = "$fail"
ERROR = "$error"


class AnswerError(Exception):
    """A file of answers that cannot be used; the message is Chinese."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `fail` is why a service failed, `error` the code of a BPMN error it reports."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    fail: str = ""
    error: str = ""


@dataclass(slots=True)
class Answers:
    """The answers by node id or name, and how often each was used."""

    by_node: Mapping[str, Any] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    once: set[tuple[int, int]] = field(default_factory=set)

    def key_for(self, node: Node) -> str | None:
        """Under which key a node is answered: its id, else its name, as drawn or with its line breaks as blanks."""
        for key in (node.id, node.name, " ".join(node.name.split())):
            if key and key in self.by_node:
                return key
        return None

    def peek(self, node: Node) -> Answer | None:
        """The answer for the next visit of a node; None if there is none or it says to leave it open."""
        key = self.key_for(node)
        if key is None:
            return None
        entry = self.by_node[key]
        if isinstance(entry, list):
            turn = self.used.get(key, 0)
            entry = entry[turn] if turn < len(entry) else False
        return None if entry is False else _answer(entry)

    def take(self, node: Node) -> None:
        """The next answer of a node has been given."""
        key = self.key_for(node)
        if key is not None:
            self.used[key] = self.used.get(key, 0) + 1

    def skip_refusal(self, node: Node) -> None:
        """A `false` in a list counts for one visit: the next visit gets the next answer."""
        key = self.key_for(node)
        entry = self.by_node.get(key) if key is not None else None
        turn = self.used.get(key, 0) if key is not None else 0
        if isinstance(entry, list) and turn < len(entry) and entry[turn] is False:
            self.take(node)

    def unused(self) -> list[str]:
        """Keys no visit asked for, and lists with answers left over."""
        left = []
        for key, entry in self.by_node.items():
            wanted = len(entry) if isinstance(entry, list) else 1
            if entry is not False and self.used.get(key, 0) < wanted:
                left.append(key)
        return left


def _answer(entry: Any) -> Answer:
    if not isinstance(entry, Mapping):
        return Answer()
    variables = {key: value for key, value in entry.items() if key not in (FAIL, ERROR)}
    return Answer(variables, str(entry.get(FAIL, "")), str(entry.get(ERROR, "")))


def read_answers(data: Any) -> Answers:
    """Answers from parsed YAML or JSON. Raises AnswerError naming the entry that is wrong."""
    if data is None:
        return Answers()
    if not isinstance(data, Mapping):
        raise AnswerError("答案文件应是“节点编号或名称: 答案”的对照表")
    checked: dict[str, Any] = {}
    for key, entry in data.items():
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise AnswerError(f"答案的键「{key}」应是节点编号或名称")
        items = entry if isinstance(entry, list) else [entry]
        for item in items:
            if item is not None and not isinstance(item, (Mapping, bool)):
                raise AnswerError(f"「{key}」的答案应是变量对照表、true、false，或它们的列表")
            if isinstance(item, Mapping):
                check_variables(item, str(key))
        checked[str(key)] = entry
    return Answers(checked)


def check_variables(values: Mapping[Any, Any], place: str, depth: int = 0) -> None:
    """Refuse variables that a process cannot hold. Raises AnswerError."""
    if depth > 30:
        raise AnswerError(f"「{place}」的变量嵌套太深")
    for name, value in values.items():
        if not isinstance(name, str):
            raise AnswerError(f"「{place}」的变量名「{name}」应是文字")
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                check_variables(item, place, depth + 1)
            elif isinstance(item, list):
                check_variables({name: item}, place, depth + 1)
            elif not isinstance(item, (str, int, float, Decimal, date, datetime, time, bool, type(None))):
                raise AnswerError(f"「{place}」的变量「{name}」的值不能用")
