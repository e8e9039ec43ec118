"""What the operators do. A combination without meaning raises UnfitError and becomes null, as FEEL wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from bihuan.engine.feel import limits
from bihuan.engine.feel.errors import FeelError, UnfitError
from bihuan.engine.feel.scope import Run, member
from bihuan.engine.feel.temporal import MAX_MONTHS, add_months, midnight_of
from bihuan.engine.feel.values import (
    NUMBERS,
    FeelFunction,
    FeelRange,
    Value,
    YearMonthDuration,
    chinese_kind,
    is_date,
    kind_of,
)

_ORDERED = frozenset({Decimal, str, date, datetime, time, timedelta, YearMonthDuration})


def unfit(operator: str, left: Value, right: Value) -> UnfitError:
    """The reason why an operator has no result for these operands."""
    return UnfitError(f"“{operator}”不能用在{chinese_kind(left)}和{chinese_kind(right)}之间")


def joined(left: str, right: str, run: Run) -> str:
    """Two strings as one, within the bound."""
    run.spend((len(left) + len(right)) // 8)
    if len(left) + len(right) > limits.MAX_STRING:
        raise FeelError("文字太长，已停止")
    return left + right


def add(left: Value, right: Value, run: Run) -> Value:
    """`left + right`."""
    kinds = (type(left), type(right))
    if kinds == (Decimal, Decimal):
        return NUMBERS.add(left, right)
    if kinds == (str, str):
        return joined(left, right, run)
    if kinds == (YearMonthDuration, YearMonthDuration):
        return months(left.months + right.months)
    if kinds == (timedelta, timedelta):
        return left + right
    if isinstance(left, (timedelta, YearMonthDuration)) and isinstance(right, (date, time)):
        return shifted(right, left, "+")
    return shifted(left, right, "+")


def subtract(left: Value, right: Value, run: Run) -> Value:
    """`left - right`."""
    kinds = (type(left), type(right))
    if kinds == (Decimal, Decimal):
        return NUMBERS.subtract(left, right)
    if kinds == (YearMonthDuration, YearMonthDuration):
        return months(left.months - right.months)
    if kinds in ((timedelta, timedelta), (date, date)):
        return left - right
    if isinstance(left, date) and isinstance(right, date):
        first, second = _same_zone(midnight_of(left), midnight_of(right), run)
        return first - second
    if kinds == (time, time):
        return _instant(left, right) - _instant(right, left)
    if isinstance(right, timedelta):
        return shifted(left, -right, "-")
    if isinstance(right, YearMonthDuration):
        return shifted(left, YearMonthDuration(-right.months), "-")
    raise unfit("-", left, right)


def shifted(value: Value, span: Value, operator: str) -> Value:
    """A date, time or moment moved by a duration."""
    if isinstance(span, YearMonthDuration) and isinstance(value, date):
        return add_months(value, span.months)
    if isinstance(span, timedelta):
        if isinstance(value, datetime):
            return value + span
        if isinstance(value, date):
            return (midnight_of(value) + span).date()
        if isinstance(value, time):
            return (datetime.combine(date(2000, 1, 2), value) + span % timedelta(days=1)).timetz()
    raise unfit(operator, value, span)


def _instant(value: time, other: time) -> datetime:
    if (value.utcoffset() is None) != (other.utcoffset() is None):
        raise UnfitError("一个时间带时区，另一个不带，不能相减")
    return datetime.combine(date(2000, 1, 1), value)


def months(count: int) -> YearMonthDuration:
    """A duration of so many months, within bounds."""
    if abs(count) > MAX_MONTHS:
        raise UnfitError("年月时长太长")
    return YearMonthDuration(count)


def multiply(left: Value, right: Value, _run: Run) -> Value:
    """`left * right`."""
    if type(left) is Decimal and type(right) is Decimal:
        return NUMBERS.multiply(left, right)
    if type(right) is Decimal:
        left, right = right, left
    if type(left) is Decimal and type(right) is timedelta:
        return _span(NUMBERS.multiply(left, _seconds(right)))
    if type(left) is Decimal and type(right) is YearMonthDuration:
        return months(_whole(NUMBERS.multiply(left, Decimal(right.months))))
    raise unfit("*", left, right)


def divide(left: Value, right: Value, _run: Run) -> Value:
    """`left / right`."""
    kinds = (type(left), type(right))
    if right == 0 and kinds[1] is Decimal:
        raise UnfitError("除数是 0")
    if kinds == (Decimal, Decimal):
        return NUMBERS.divide(left, right)
    if kinds == (timedelta, Decimal):
        return _span(NUMBERS.divide(_seconds(left), right))
    if kinds == (YearMonthDuration, Decimal):
        return months(_whole(NUMBERS.divide(Decimal(left.months), right)))
    if kinds == (timedelta, timedelta) and right:
        return NUMBERS.divide(_seconds(left), _seconds(right))
    if kinds == (YearMonthDuration, YearMonthDuration) and right.months:
        return NUMBERS.divide(Decimal(left.months), Decimal(right.months))
    raise unfit("/", left, right)


def power(left: Value, right: Value, run: Run) -> Value:
    """`left ** right`."""
    if type(left) is not Decimal or type(right) is not Decimal:
        raise unfit("**", left, right)
    if abs(right) > 100_000:
        raise UnfitError("指数太大")
    run.spend(30)
    return NUMBERS.power(left, right)


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span.days * 86400 + span.seconds) + Decimal(span.microseconds) / 1_000_000


def _span(seconds: Decimal) -> timedelta:
    if abs(seconds) > 86400 * 999_999_999:
        raise UnfitError("时长太长")
    return timedelta(microseconds=int(seconds * 1_000_000))


def _whole(value: Decimal) -> int:
    if abs(value) > MAX_MONTHS:
        raise UnfitError("年月时长太长")
    return int(value)


def negate(value: Value) -> Value:
    """`-value`."""
    if type(value) is Decimal:
        return NUMBERS.minus(value)
    if type(value) is timedelta:
        return -value
    if type(value) is YearMonthDuration:
        return YearMonthDuration(-value.months)
    raise UnfitError(f"“-”不能用在{chinese_kind(value)}前面")


def negated(value: Value, run: Run) -> Value:
    """`-value`; null with a warning where it has no meaning."""
    try:
        return None if value is None else negate(value)
    except UnfitError as reason:
        run.warn(reason.reason)
    except (InvalidOperation, OverflowError):
        run.warn("运算结果超出范围")
    return None


def opposite(value: bool | None) -> bool | None:
    """Three-valued `not`."""
    return None if value is None else not value


def range_of_test(operator: str, operand: Value, run: Run) -> FeelRange | None:
    """The values that a lone comparison such as `< 10` lets pass."""
    if operand is None or operator == "!=":
        run.warn(f"“{operator}”在这里不能单独成为一个区间")
        return None
    if operator == "=":
        return FeelRange(operand, operand)
    if operator in ("<", "<="):
        return FeelRange(None, operand, False, operator == "<=")
    return FeelRange(operand, None, operator == ">=", False)


ARITHMETIC: dict[str, Callable[[Value, Value, Run], Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "**": power,
}


def calculated(operator: str, left: Value, right: Value, run: Run) -> Value:
    """The result of an arithmetic operator; null with a warning where it has none."""
    if left is None or right is None:
        run.warn(f"“{operator}”的一边是空值")
        return None
    try:
        return ARITHMETIC[operator](left, right, run)
    except UnfitError as reason:
        run.warn(reason.reason)
    except DivisionByZero:
        run.warn("除数是 0")
    except (InvalidOperation, Overflow, OverflowError, ValueError):
        run.warn("运算结果超出范围")
    return None


def equal(left: Value, right: Value, run: Run) -> bool | None:
    """`left = right`: null when they are of different kinds and neither is null."""
    if left is None or right is None:
        return left is right
    if type(left) is type(right) and type(left) in _ORDERED:
        if type(left) is datetime:
            left, right = _same_zone(left, right, run)
        if type(left) is time and _named_zone(left) != _named_zone(right):
            return False
        return bool(left == right)
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return _equal_lists(left, right, run)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _equal_contexts(left, right, run)
    if isinstance(left, FeelRange) and isinstance(right, FeelRange):
        if (left.start_included, left.end_included) != (right.start_included, right.end_included):
            return False
        return _equal_lists([left.start, left.end], [right.start, right.end], run)
    if isinstance(left, FeelFunction) and isinstance(right, FeelFunction):
        return left is right
    if kind_of(left) != kind_of(right):
        run.warn(str(unfit("=", left, right)))
        return None
    return bool(left == right)


def _equal_lists(left: list[Value], right: list[Value], run: Run) -> bool | None:
    run.spend(len(left) + 1)
    if len(left) != len(right):
        return False
    return _all_equal([(first, second) for first, second in zip(left, right, strict=True)], run)


def _equal_contexts(left: Mapping[str, Any], right: Mapping[str, Any], run: Run) -> bool | None:
    run.spend(len(left) + 1)
    if set(left) != set(right):
        return False
    return _all_equal([(member(run, left, key), member(run, right, key)) for key in left], run)


def _all_equal(pairs: list[tuple[Value, Value]], run: Run) -> bool | None:
    result: bool | None = True
    for first, second in pairs:
        same = equal(first, second, run)
        if same is False:
            return False
        if same is None:
            result = None
    return result


def _same_zone(left: datetime, right: datetime, run: Run) -> tuple[datetime, datetime]:
    """A moment without zone is read in the zone of the evaluation's now when it meets one with a zone."""
    if (left.tzinfo is None) != (right.tzinfo is None):
        zone = run.now().tzinfo
        left = left if left.tzinfo else left.replace(tzinfo=zone)
        right = right if right.tzinfo else right.replace(tzinfo=zone)
    return left, right


def _named_zone(value: Value) -> str | None:
    """The zone of a time such as 10:00:00@Europe/Paris, whose offset depends on a day that nobody said."""
    return getattr(value.tzinfo, "key", None)


def compare(left: Value, right: Value, run: Run) -> int:
    """-1, 0 or 1 for values that have an order. Raises UnfitError for others."""
    if type(left) is not type(right) or type(left) not in _ORDERED:
        if not (isinstance(left, date) and isinstance(right, date)):
            raise unfit("比较", left, right)
        left, right = _at_midnight(left, right), _at_midnight(right, left)
    if type(left) is datetime:
        left, right = _same_zone(left, right, run)
    if type(left) is time and _named_zone(left) != _named_zone(right):
        raise unfit("比较", left, right)
    try:
        if left < right:
            return -1
        return 0 if left == right else 1
    except (TypeError, InvalidOperation):
        raise unfit("比较", left, right) from None


def _at_midnight(value: date, other: date) -> datetime:
    zone = other.tzinfo if isinstance(other, datetime) else None
    return datetime.combine(value, time(), zone) if is_date(value) else value  # type: ignore[return-value]


_VERDICTS: dict[str, frozenset[int]] = {
    "<": frozenset({-1}),
    "<=": frozenset({-1, 0}),
    ">": frozenset({1}),
    ">=": frozenset({0, 1}),
}


def ordered(operator: str, left: Value, right: Value, run: Run) -> bool | None:
    """`left operator right` for < <= > >=; null where there is no order."""
    if left is None or right is None:
        run.warn("比较的一边是空值")
        return None
    try:
        return compare(left, right, run) in _VERDICTS[operator]
    except UnfitError as reason:
        run.warn(reason.reason)
        return None


def holds(operator: str, left: Value, right: Value, run: Run) -> bool | None:
    """`left operator right` for any of = != < <= > >=."""
    if operator == "=":
        return equal(left, right, run)
    if operator == "!=":
        same = equal(left, right, run)
        return None if same is None else not same
    return ordered(operator, left, right, run)


def within(value: Value, interval: FeelRange, run: Run) -> bool | None:
    """Whether a value lies in a range."""
    low: bool | None = True
    high: bool | None = True
    if interval.start is not None:
        low = ordered(">=" if interval.start_included else ">", value, interval.start, run)
    if low is False:
        return False
    if interval.end is not None:
        high = ordered("<=" if interval.end_included else "<", value, interval.end, run)
    return both(low, high)


def both(left: Value, right: Value) -> bool | None:
    """Three-valued `and`."""
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def passes(value: Value, test: Value, run: Run) -> bool | None:
    """Whether a value is in what a test names: a range, a list of values or ranges, or the one equal value."""
    if isinstance(test, FeelRange):
        return equal(value, test, run) if isinstance(value, FeelRange) else within(value, test, run)
    if isinstance(test, list) and not isinstance(value, list):
        return _any_passes(value, test, run)
    if isinstance(test, list):
        if equal(value, test, run):
            return True
        return _any_passes(value, test, run)
    return equal(value, test, run)


def _any_passes(value: Value, tests: list[Value], run: Run) -> bool | None:
    run.spend(len(tests) + 1)
    for test in tests:
        if isinstance(test, FeelRange) and not isinstance(value, FeelRange):
            verdict = within(value, test, run)
        else:
            verdict = kind_of(value) == kind_of(test) and equal(value, test, run)
        if verdict is True:
            return True
    return False
