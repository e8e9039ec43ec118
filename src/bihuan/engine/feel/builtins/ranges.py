"""The relations between points and ranges (Allen's algebra as DMN names it)."""

from __future__ import annotations

from collections.abc import Callable

from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.operators import compare
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import FeelRange, Value

Relation = Callable[[Run, Value, Value], bool]


def _low(value: Value) -> Value:
    return value.start if isinstance(value, FeelRange) else value


def _high(value: Value) -> Value:
    return value.end if isinstance(value, FeelRange) else value


def _closed_low(value: Value) -> bool:
    return value.start_included if isinstance(value, FeelRange) else True


def _closed_high(value: Value) -> bool:
    return value.end_included if isinstance(value, FeelRange) else True


def _order(run: Run, first: Value, second: Value) -> int:
    if first is None or second is None:
        raise UnfitError("区间的一端没有界限，或者参数是空值")
    return compare(first, second, run)


def _before(run: Run, first: Value, second: Value) -> bool:
    order = _order(run, _high(first), _low(second))
    return order < 0 or (order == 0 and not (_closed_high(first) and _closed_low(second)))


def _meets(run: Run, first: Value, second: Value) -> bool:
    return _closed_high(first) and _closed_low(second) and _order(run, _high(first), _low(second)) == 0


def _starts_no_later(run: Run, outer: Value, inner: Value) -> bool:
    order = _order(run, _low(outer), _low(inner))
    return order < 0 or (order == 0 and (_closed_low(outer) or not _closed_low(inner)))


def _ends_no_earlier(run: Run, outer: Value, inner: Value) -> bool:
    order = _order(run, _high(outer), _high(inner))
    return order > 0 or (order == 0 and (_closed_high(outer) or not _closed_high(inner)))


def _includes(run: Run, outer: Value, inner: Value) -> bool:
    return _starts_no_later(run, outer, inner) and _ends_no_earlier(run, outer, inner)


def _overlaps(run: Run, first: Value, second: Value) -> bool:
    return not _before(run, first, second) and not _before(run, second, first)


def _overlaps_before(run: Run, first: Value, second: Value) -> bool:
    starts_first = not _starts_no_later(run, second, first)
    return starts_first and _overlaps(run, first, second) and _ends_no_earlier(run, second, first)


def _overlaps_after(run: Run, first: Value, second: Value) -> bool:
    ends_last = not _ends_no_earlier(run, second, first)
    return ends_last and _overlaps(run, first, second) and _starts_no_later(run, second, first)


def _finishes(run: Run, first: Value, second: Value) -> bool:
    same_end = _order(run, _high(first), _high(second)) == 0 and _closed_high(first) == _closed_high(second)
    return same_end and _starts_no_later(run, second, first)


def _starts(run: Run, first: Value, second: Value) -> bool:
    same_start = _order(run, _low(first), _low(second)) == 0 and _closed_low(first) == _closed_low(second)
    return same_start and _ends_no_earlier(run, second, first)


def _coincides(run: Run, first: Value, second: Value) -> bool:
    return _includes(run, first, second) and _includes(run, second, first)


def _turned(relation: Relation) -> Relation:
    return lambda run, first, second: relation(run, second, first)


_RELATIONS: dict[str, Relation] = {
    "before": _before,
    "after": _turned(_before),
    "meets": _meets,
    "met by": _turned(_meets),
    "overlaps": _overlaps,
    "overlaps before": _overlaps_before,
    "overlaps after": _overlaps_after,
    "finishes": _finishes,
    "finished by": _turned(_finishes),
    "includes": _includes,
    "during": _turned(_includes),
    "starts": _starts,
    "started by": _turned(_starts),
    "coincides": _coincides,
}

for _name, _relation in _RELATIONS.items():
    builtin(f"{_name}(first: any, second: any)")(_relation)
