"""Built-ins on lists. Positions count from 1, from -1 at the end; no function changes the list it is given."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key

from bihuan.engine.feel import limits
from bihuan.engine.feel.builtins.conversion import whole
from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import FeelError, UnfitError
from bihuan.engine.feel.operators import compare, equal
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import FeelFunction, Value, YearMonthDuration


def bounded(items: list[Value]) -> list[Value]:
    """The list, if it is not too long."""
    if len(items) > limits.MAX_LIST:
        raise FeelError(f"列表太长（超过 {limits.MAX_LIST} 项）")
    return items


def _index(position: Decimal, length: int) -> int:
    index = whole(position, "位置")
    if not 1 <= abs(index) <= length:
        raise UnfitError("列表里没有这个位置")
    return index - 1 if index > 0 else length + index


def _same(first: Value, second: Value, run: Run) -> bool:
    if type(first) is not type(second):
        return False
    return equal(first, second, run) is True


def _distinct(items: list[Value], run: Run) -> list[Value]:
    seen: set[tuple[type, Value]] = set()
    kept: list[Value] = []
    compound: list[Value] = []
    for item in items:
        if type(item) in (str, Decimal, bool, type(None), YearMonthDuration):
            mark = (type(item), item)
            if mark not in seen:
                seen.add(mark)
                kept.append(item)
            continue
        run.spend(len(compound))
        if not any(_same(item, other, run) for other in compound):
            compound.append(item)
            kept.append(item)
    return kept


@builtin("list contains(list: list, element: any)")
def _list_contains(run: Run, items: list[Value], element: Value) -> Value:
    return any(_same(item, element, run) for item in items)


@builtin("is empty(list: list)")
def _is_empty(_run: Run, items: list[Value]) -> Value:
    return not items


@builtin("append(list: list, item...: any)")
def _append(_run: Run, items: list[Value], *more: Value) -> Value:
    return bounded([*items, *more])


@builtin("concatenate(list...: list)")
def _concatenate(_run: Run, *lists: list[Value]) -> Value:
    return bounded([item for items in lists for item in items])


@builtin("insert before(list: list, position: number, newItem: any)")
def _insert_before(_run: Run, items: list[Value], position: Decimal, item: Value) -> Value:
    at = _index(position, len(items))
    return bounded([*items[:at], item, *items[at:]])


@builtin("remove(list: list, position: number)")
def _remove(_run: Run, items: list[Value], position: Decimal) -> Value:
    at = _index(position, len(items))
    return items[:at] + items[at + 1 :]


@builtin("list replace(list: list, match: function, newItem: any)")
def _replace_matching(run: Run, items: list[Value], match: FeelFunction, item: Value) -> Value:
    verdicts = [match.call(run, old, item) for old in items]
    if any(type(verdict) is not bool for verdict in verdicts):
        raise UnfitError("匹配函数的结果应是“是”或“否”")
    return [item if verdict else old for old, verdict in zip(items, verdicts, strict=True)]


@builtin("list replace(list: list, position: number, newItem: any)")
def _replace_at(_run: Run, items: list[Value], position: Decimal, item: Value) -> Value:
    at = _index(position, len(items))
    return [*items[:at], item, *items[at + 1 :]]


@builtin("reverse(list: list)")
def _reverse(_run: Run, items: list[Value]) -> Value:
    return items[::-1]


@builtin("index of(list: list, match: any)")
def _index_of(run: Run, items: list[Value], match: Value) -> Value:
    return [Decimal(at) for at, item in enumerate(items, 1) if _same(item, match, run)]


@builtin("union(list...: list)")
def _union(run: Run, *lists: list[Value]) -> Value:
    return _distinct(bounded([item for items in lists for item in items]), run)


@builtin("distinct values(list: list)")
def _distinct_values(run: Run, items: list[Value]) -> Value:
    return _distinct(items, run)


@builtin("duplicate values(list: list)")
def _duplicate_values(run: Run, items: list[Value]) -> Value:
    run.spend(len(items) * len(items) // 8)
    repeated = [item for item in items if sum(_same(item, other, run) for other in items) > 1]
    return _distinct(repeated, run)


@builtin("flatten(list: list)")
def _flatten(run: Run, items: list[Value]) -> Value:
    flat: list[Value] = []
    pending = [iter(items)]
    while pending:
        for item in pending[-1]:
            run.spend(1)
            if isinstance(item, list):
                pending.append(iter(item))
                break
            flat.append(item)
            bounded(flat)
        else:
            pending.pop()
    return flat


@builtin("sublist(list: list, start position: number, length: number?)")
def _sublist(_run: Run, items: list[Value], start: Decimal, length: Decimal | None = None) -> Value:
    at = _index(start, len(items))
    if length is None:
        return items[at:]
    count = whole(length, "长度")
    if count < 0 or at + count > len(items):
        raise UnfitError("列表没有这么多项")
    return items[at : at + count]


@builtin("partition(list: list, size: number)")
def _partition(_run: Run, items: list[Value], size: Decimal) -> Value:
    count = whole(size, "每组的项数")
    if count < 1:
        raise UnfitError("每组至少一项")
    return [items[at : at + count] for at in range(0, len(items), count)]


@builtin("sort(list: list, precedes: function?)")
def _sort(run: Run, items: list[Value], precedes: FeelFunction | None = None) -> Value:
    if precedes is None:
        run.spend(len(items) * max(1, len(items).bit_length()) // 4)
        return sorted(items, key=cmp_to_key(lambda first, second: compare(first, second, run)))

    def order(first: Value, second: Value) -> int:
        if precedes.call(run, first, second) is True:
            return -1
        return 1 if precedes.call(run, second, first) is True else 0

    return sorted(items, key=cmp_to_key(order))
