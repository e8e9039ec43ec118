"""Function libraries of other engines in FEEL: Flowable's `vars:` and the KieFunctions of jBPM's condition editor."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.foreign_methods import ATOM, METHODS, Piece, feel_name

FLOWABLE = frozenset({"vars", "variables", "var"})
KIE = "KieFunctions"

HOLDERS = (
    ("environment", "variables"),
    ("environment", "output"),
    ("this", "environment", "variables"),
    ("this", "environment", "output"),
    ("this", "data"),
)
"""Where JavaScript engines keep the variables; here a variable is known by its name alone."""

_QUOTED_NUMBER = re.compile(r'"(-?\d+(?:\.\d+)?)"')


@dataclass(frozen=True, slots=True)
class _Function:
    least: int
    most: int
    build: Callable[[list[Piece]], str]


def _compares(operator: str) -> _Function:
    """False, not null, where there is nothing to compare."""
    return _Function(
        2, 2, lambda given: f"if {given[0].within(5)} {operator} {_number(given[1]).within(5)} then true else false"
    )


def _contains(joined: str) -> _Function:
    build = METHODS["contains"].build
    return _Function(
        2, 20, lambda given: f" {joined} ".join(build(given[0], [each.text]).within(ATOM) for each in given[1:])
    )


def _number(piece: Piece) -> Piece:
    """A number that is written as a text."""
    match = _QUOTED_NUMBER.fullmatch(piece.text)
    return piece if match is None else Piece(match[1], ATOM)


def _empty(given: list[Piece]) -> str:
    held = given[0].within(5)
    return f'if {held} = null or {held} = "" or {held} = [] then true else false'


def _method(name: str) -> _Function:
    return _Function(2, 2, lambda given: METHODS[name].build(given[0], [given[1].text]).text)


_COMPARISONS = {
    "<": ("lt", "lowerThan", "lessThan"),
    "<=": ("lte", "lowerThanOrEquals", "lessThanOrEquals", "lessOrEqualThan"),
    ">": ("gt", "greaterThan"),
    ">=": ("gte", "greaterThanOrEquals", "greaterOrEqualThan"),
    "=": ("eq", "equals"),
    "!=": ("ne", "notEquals"),
}
_FUNCTIONS = {
    **{name: _compares(operator) for operator, names in _COMPARISONS.items() for name in names},
    "get": _Function(1, 1, lambda given: given[0].text),
    "getOrDefault": _Function(
        2, 2, lambda given: f"if {given[0].within(5)} = null then {given[1].text} else {given[0].text}"
    ),
    "exists": _Function(1, 1, lambda given: f"{given[0].within(5)} != null"),
    "isNull": _Function(1, 1, lambda given: f"{given[0].within(5)} = null"),
    "isTrue": _Function(1, 1, lambda given: f"{given[0].within(5)} = true"),
    "isFalse": _Function(1, 1, lambda given: f"{given[0].within(5)} = false"),
    "empty": _Function(1, 1, _empty),
    "isEmpty": _Function(1, 1, _empty),
    "notEmpty": _Function(1, 1, lambda given: f"not({_empty(given)})"),
    "isNotEmpty": _Function(1, 1, lambda given: f"not({_empty(given)})"),
    "contains": _contains("and"),
    "containsAny": _contains("or"),
    "equalsTo": _Function(2, 2, lambda given: f"string({given[0].text}) = string({given[1].text})"),
    "between": _Function(
        3, 3, lambda given: f"{given[0].within(5)} in [{_number(given[1]).text}..{_number(given[2]).text}]"
    ),
    "startsWith": _method("startsWith"),
    "endsWith": _method("endsWith"),
}


def library_call(name: str, given: list[Piece], position: int) -> Piece:
    """A call of a library function in FEEL; the first argument is a variable, by name or as a text."""
    function = _FUNCTIONS.get(name)
    if function is None or not function.least <= len(given) <= function.most:
        raise FeelSyntaxError(f"不支持函数“{name}(…)”，请改成流程变量", position)
    first = given[0]
    if first.is_text and re.fullmatch(r"[^\W\d]\w*", first.text[1:-1]):
        first = Piece(feel_name(first.text[1:-1]), ATOM)
    return Piece(f"({function.build([first, *given[1:]])})", ATOM)
