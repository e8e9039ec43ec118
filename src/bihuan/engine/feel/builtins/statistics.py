"""Built-ins that reduce a list to one value: sums, averages, extremes, all and any."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import reduce

from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.operators import add, compare, divide
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import NUMBERS, Value

Reduction = Callable[[Run, list[Value]], Value]


def _over_list(name: str) -> Callable[[Reduction], Reduction]:
    """Declare `name(list)` and `name(a, b, …)` alike."""

    def declare(function: Reduction) -> Reduction:
        @builtin(f"{name}(list: list)")
        def _of_list(run: Run, items: list[Value]) -> Value:
            return function(run, items)

        @builtin(f"{name}(value...: any)")
        def _of_values(run: Run, *items: Value) -> Value:
            return function(run, list(items))

        return function

    return declare


def numbers_in(items: list[Value]) -> list[Decimal]:
    """The list as numbers. Raises UnfitError."""
    if any(type(item) is not Decimal for item in items):
        raise UnfitError("列表里有不是数字的项")
    return items


@_over_list("count")
def _count(_run: Run, items: list[Value]) -> Value:
    return Decimal(len(items))


@_over_list("min")
def _min(run: Run, items: list[Value]) -> Value:
    return _extreme(run, items, -1)


@_over_list("max")
def _max(run: Run, items: list[Value]) -> Value:
    return _extreme(run, items, 1)


def _extreme(run: Run, items: list[Value], wanted: int) -> Value:
    if not items:
        raise UnfitError("列表是空的")
    best = items[0]
    for item in items[1:]:
        if item is None or best is None:
            raise UnfitError("列表里有空值")
        if compare(item, best, run) == wanted:
            best = item
    return best


@_over_list("sum")
def _sum(run: Run, items: list[Value]) -> Value:
    if not items:
        raise UnfitError("列表是空的")
    if None in [None if item is None else 0 for item in items]:
        raise UnfitError("列表里有空值")
    if any(type(item) is str for item in items):
        raise UnfitError("列表里有不是数字的项")
    return reduce(lambda total, item: add(total, item, run), items)


@_over_list("mean")
def _mean(run: Run, items: list[Value]) -> Value:
    return divide(_sum(run, items), Decimal(len(items)), run)


@_over_list("median")
def _median(_run: Run, items: list[Value]) -> Value:
    if not items:
        raise UnfitError("列表是空的")
    ordered = sorted(numbers_in(items))
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return NUMBERS.divide(NUMBERS.add(ordered[middle - 1], ordered[middle]), Decimal(2))


@_over_list("mode")
def _mode(_run: Run, items: list[Value]) -> Value:
    counts: dict[Decimal, int] = {}
    for item in numbers_in(items):
        counts[item] = counts.get(item, 0) + 1
    most = max(counts.values(), default=0)
    return sorted(item for item, count in counts.items() if count == most)


@_over_list("stddev")
def _stddev(run: Run, items: list[Value]) -> Value:
    if len(items) < 2:
        raise UnfitError("标准差至少要两个数")
    run.spend(len(items))
    numbers = numbers_in(items)
    count = Decimal(len(numbers))
    mean = NUMBERS.divide(reduce(NUMBERS.add, numbers), count)
    squares = [NUMBERS.power(NUMBERS.subtract(number, mean), 2) for number in numbers]
    return NUMBERS.sqrt(NUMBERS.divide(reduce(NUMBERS.add, squares), count - 1))


@_over_list("product")
def _product(_run: Run, items: list[Value]) -> Value:
    if not items:
        raise UnfitError("列表是空的")
    return reduce(NUMBERS.multiply, numbers_in(items))


def _joined_truth(items: list[Value], decisive: bool) -> bool | None:
    result: bool | None = not decisive
    for item in items:
        if item is decisive:
            return item is True
        if not isinstance(item, bool):
            result = None
    return result


@_over_list("all")
def _all(_run: Run, items: list[Value]) -> Value:
    return _joined_truth(items, False)


@_over_list("any")
def _any(_run: Run, items: list[Value]) -> Value:
    return _joined_truth(items, True)
