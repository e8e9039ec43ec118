"""Parts of a translated condition, and what the methods of other languages become in FEEL."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.lexer import KEYWORDS
from bihuan.engine.feel.limits import MAX_TEXT

ATOM = 9
"""How tightly a name, a literal or a call binds: tighter than any operator."""
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A translated part and how tightly its outermost operator binds."""

    text: str
    rank: int
    parts: tuple[Piece, ...] = ()
    """What is added up here, where a text among it makes a text of it all."""

    def joined(self) -> Piece:
        """The sum of the parts, or their texts one after the other if one of them is a text."""
        texts = " + ".join(part.text if part.is_text else f"string({part.text})" for part in self.parts)
        if any(part.is_text for part in self.parts):
            return Piece(texts, self.rank, self.parts)
        total = " + ".join(part.within(self.rank + 1) for part in self.parts)
        asked = [part for part in self.parts if not part.text.isdecimal()]
        if not asked:
            return Piece(total, self.rank, self.parts)
        if len(texts) + len(total) > MAX_TEXT:
            # Each sum within a sum is written three times over.
            raise FeelSyntaxError("表达式太长", 1)
        tests = " or ".join(f"{part.within(ATOM)} instance of string" for part in asked)
        return Piece(f"(if {tests} then {texts} else {total})", ATOM, self.parts)

    @property
    def is_text(self) -> bool:
        """Whether it is a text as it stands."""
        return self.text.startswith('"') and _LITERAL.fullmatch(self.text) is not None

    def within(self, rank: int) -> str:
        """The text, in brackets where a tighter operator stands around it."""
        return self.text if self.rank >= rank else f"({self.text})"


def feel_name(name: str) -> str:
    """A variable whatever its name looks like."""
    return f"`{name}`" if name in KEYWORDS or name == "not" else name


@dataclass(frozen=True, slots=True)
class Method:
    """A method of `count` arguments and how its call is written in FEEL."""

    count: int
    build: Callable[[Piece, list[str]], Piece]


def _call(function: str) -> Callable[[Piece, list[str]], Piece]:
    return lambda target, rest: Piece(f"{function}({', '.join([target.text, *rest])})", ATOM)


SIZE = "(if {0} instance of string then string length({0}) else count({0}))"
_HOLDERS = frozenset({"execution", "delegateExecution", "kcontext", "context", "processContext"})
"""What other engines call the instance that a script or condition belongs to."""


def _variable(target: Piece, rest: list[str]) -> Piece:
    name = rest[0][1:-1]
    if target.text not in _HOLDERS or not rest[0].startswith('"') or not re.fullmatch(r"[^\W\d]\w*", name):
        raise FeelSyntaxError("getVariable 只支持 execution.getVariable('变量名')", 1)
    return Piece(feel_name(name), ATOM)


def _is_set(target: Piece, rest: list[str]) -> Piece:
    return Piece(f"({_variable(target, rest).text} != null)", ATOM)


def _contains(target: Piece, rest: list[str]) -> Piece:
    held, sought = target.within(ATOM), rest[0]
    return Piece(
        f"(if {held} instance of string then contains({held}, {sought}) else list contains({held}, {sought}))", ATOM
    )


def _text(target: Piece, _rest: list[str]) -> Piece:
    return Piece(f"string({target.text})", ATOM)


def _itself(target: Piece, _rest: list[str]) -> Piece:
    return Piece(target.within(ATOM), ATOM)


def _element(target: Piece, rest: list[str]) -> Piece:
    if rest[0].startswith('"'):
        return Piece(f"get value({target.text}, {rest[0]})", ATOM)
    return Piece(f"{target.within(ATOM)}[({rest[0]}) + 1]", ATOM)


METHODS = {
    "equals": Method(1, lambda target, rest: Piece(f"({target.within(5)} = {rest[0]})", ATOM)),
    "startsWith": Method(1, _call("starts with")),
    "endsWith": Method(1, _call("ends with")),
    "toLowerCase": Method(0, _call("lower case")),
    "toUpperCase": Method(0, _call("upper case")),
    "trim": Method(0, _call("trim")),
    "length": Method(0, _call("string length")),
    "size": Method(0, _call("count")),
    "isEmpty": Method(0, lambda target, rest: Piece(f'({target.within(5)} in ([], ""))', ATOM)),
    "getVariable": Method(1, _variable),
    "hasVariable": Method(1, _is_set),
    "contains": Method(1, _contains),
    "includes": Method(1, _contains),
    "concat": Method(1, lambda target, rest: Piece(f"({target.within(5)} + string({rest[0]}))", ATOM)),
    "lower": Method(0, _call("lower case")),
    "upper": Method(0, _call("upper case")),
    "strip": Method(0, _call("trim")),
    "startswith": Method(1, _call("starts with")),
    "endswith": Method(1, _call("ends with")),
    "get": Method(1, _element),
    "toString": Method(0, _text),
    "intValue": Method(0, _itself),
    "longValue": Method(0, _itself),
    "doubleValue": Method(0, _itself),
    "booleanValue": Method(0, _itself),
}
METHODS["equalsIgnoreCase"] = Method(
    1, lambda target, rest: Piece(f"(lower case({target.text}) = lower case({rest[0]}))", ATOM)
)
