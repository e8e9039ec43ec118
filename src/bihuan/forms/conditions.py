"""FEEL conditions of a form: evaluated by the server, and, when simple enough, handed to the browser as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.feel import Expression, FeelError, FeelSyntaxError, compile_expression

TOKEN = re.compile(
    r"\s*(?:(?P<string>\"[^\"\\]*\")|(?P<number>-?\d+(?:\.\d+)?)|(?P<op><=|>=|!=|=|<|>|\(|\)|,|\[|\])"
    r"|(?P<name>[^\W\d]\w*))"
)
LITERALS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


class ConditionError(ValueError):
    """A condition that is no FEEL; the message names the place."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled FEEL condition. `browser` is the same condition as nested lists, None if only the server knows."""

    text: str
    expression: Expression
    browser: list[Any] | None = None

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """True only for a plain true: null and errors (a name not there yet) count as not true."""
        try:
            return self.expression.evaluate(variables) is True
        except FeelError:
            return False


def compile_condition(text: str) -> Condition:
    """Compile a FEEL condition, with or without the leading `=` of form-js. Raises ConditionError."""
    source = text.strip().removeprefix("=").strip()
    if not source:
        raise ConditionError("条件为空")
    try:
        expression = compile_expression(source)
    except FeelSyntaxError as error:
        raise ConditionError(f"条件“{source}”写法有误：{error}") from error
    return Condition(source, expression, _for_browser(source))


def _for_browser(source: str) -> list[Any] | None:
    """The condition as data for the browser: ["=", ["name", "x"], "v"], ["and", a, b], ["not", a]; None if richer."""
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(source.rstrip()):
        match = TOKEN.match(source, position)
        if match is None:
            return None
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    try:
        reader = _Reader(tokens)
        tree = reader.disjunction()
        return tree if reader.done and isinstance(tree, list) else None
    except (IndexError, ValueError):
        return None


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._tokens)

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        token = self._tokens[self._at]
        if wanted and token[1] != wanted:
            raise ValueError(wanted)
        self._at += 1
        return token

    def disjunction(self) -> Any:
        left = self._conjunction()
        while self._peek() == "or":
            self._take()
            left = ["or", left, self._conjunction()]
        return left

    def _conjunction(self) -> Any:
        left = self._comparison()
        while self._peek() == "and":
            self._take()
            left = ["and", left, self._comparison()]
        return left

    def _comparison(self) -> Any:
        left = self._operand()
        operator = self._peek()
        if operator in COMPARISONS:
            self._take()
            return [operator, left, self._operand()]
        if operator == "in":
            self._take()
            closing = {"(": ")", "[": "]"}[self._take()[1]]
            choices = [self._operand()]
            while self._peek() == ",":
                self._take()
                choices.append(self._operand())
            self._take(closing)
            return ["in", left, choices]
        return left

    def _operand(self) -> Any:
        kind, text = self._take()
        if kind == "string":
            return text[1:-1]
        if kind == "number":
            return float(text)
        if text == "(":
            inner = self.disjunction()
            self._take(")")
            return inner
        if text == "not":
            self._take("(")
            inner = self.disjunction()
            self._take(")")
            return ["not", inner]
        if kind != "name" or text in {"and", "or", "in", "if", "then", "else", "some", "every", "for"}:
            raise ValueError(text)
        return LITERALS.get(text, ["name", text])
