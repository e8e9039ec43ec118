"""Built-ins on numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)

from bihuan.engine.feel.builtins.conversion import whole
from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import NUMBERS, Value, YearMonthDuration


def _rounded(value: Decimal, scale: Decimal | None, mode: str) -> Decimal:
    digits = 0 if scale is None else whole(scale, "小数位数")
    if not -6111 <= digits <= 6176:
        raise UnfitError("小数位数超出范围")
    exponent = Decimal(1).scaleb(-digits, NUMBERS)
    # A number that is already coarser than asked for stays as it is; quantize would need more than 34 digits for it.
    if value.as_tuple().exponent >= -digits:  # type: ignore[operator]
        return value
    result = value.quantize(exponent, mode, NUMBERS)
    return result if digits >= 0 else NUMBERS.create_decimal(format(result, "f"))


def _declare(name: str, mode: str) -> None:
    @builtin(f"{name}(n: number, scale: number?)")
    def _round(_run: Run, value: Decimal, scale: Decimal | None = None) -> Value:
        return _rounded(value, scale, mode)


for _name, _mode in {
    "decimal": ROUND_HALF_EVEN,
    "floor": ROUND_FLOOR,
    "ceiling": ROUND_CEILING,
    "round up": ROUND_UP,
    "round down": ROUND_DOWN,
    "round half up": ROUND_HALF_UP,
    "round half down": ROUND_HALF_DOWN,
}.items():
    _declare(_name, _mode)


@builtin("abs(n: number)")
def _abs(_run: Run, value: Decimal) -> Value:
    return NUMBERS.abs(value)


@builtin("abs(n: span)")
def _abs_span(_run: Run, value: timedelta) -> Value:
    return abs(value)


@builtin("abs(n: months)")
def _abs_months(_run: Run, value: YearMonthDuration) -> Value:
    return YearMonthDuration(abs(value.months))


@builtin("modulo(dividend: number, divisor: number)")
def _modulo(_run: Run, dividend: Decimal, divisor: Decimal) -> Value:
    if not divisor:
        raise UnfitError("除数是 0")
    # FEEL's remainder has the sign of the divisor, Decimal's that of the dividend.
    rest = NUMBERS.remainder(dividend, divisor)
    return NUMBERS.add(rest, divisor) if rest and (rest < 0) != (divisor < 0) else rest


def _costly(operation: Callable[[Decimal], Decimal], run: Run, value: Decimal) -> Decimal:
    run.spend(50)
    return operation(value)


@builtin("sqrt(number: number)")
def _sqrt(run: Run, value: Decimal) -> Value:
    return _costly(NUMBERS.sqrt, run, value)


@builtin("log(number: number)")
def _log(run: Run, value: Decimal) -> Value:
    if value <= 0:
        raise UnfitError("对数只能取正数")
    return _costly(NUMBERS.ln, run, value)


@builtin("exp(number: number)")
def _exp(run: Run, value: Decimal) -> Value:
    if value < -14_000:
        return Decimal(0)
    return _costly(NUMBERS.exp, run, value)


@builtin("odd(number: number)")
def _odd(_run: Run, value: Decimal) -> Value:
    return abs(NUMBERS.remainder(value, Decimal(2))) == 1


@builtin("even(number: number)")
def _even(_run: Run, value: Decimal) -> Value:
    return NUMBERS.remainder(value, Decimal(2)) == 0
