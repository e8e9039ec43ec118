"""Money is Decimal yuan with two places, rounded half up as on Chinese bills."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

FEN = Decimal("0.01")
ZERO = Decimal("0.00")


def yuan(amount: Decimal | int | str) -> Decimal:
    """The amount in yuan, rounded half up to the fen. Floats are refused: they have lost the fen already."""
    if isinstance(amount, float):
        raise TypeError("money is never a float")
    try:
        value = Decimal(amount)
        if not value.is_finite():
            raise ValueError(f"not an amount: {amount!r}")
        return value.quantize(FEN, rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError(f"not an amount: {amount!r}") from None


def percent_of(amount: Decimal, percent: int | Decimal) -> Decimal:
    """`percent` per cent of the amount, in whole fen."""
    return yuan(amount * Decimal(percent) / 100)


def format_yuan(amount: Decimal) -> str:
    """As printed: ¥1,234.50, a minus before the sign."""
    value = yuan(amount)
    return f"{'-' if value < 0 else ''}¥{abs(value):,.2f}"
