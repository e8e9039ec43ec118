"""Amounts of money in the capitals that Chinese bills are written in (大写金额)."""

from __future__ import annotations

from decimal import Decimal

from bihuan.kernel.money import yuan

DIGITS = "零壹贰叁肆伍陆柒捌玖"
SMALL = ("", "拾", "佰", "仟")
LARGE = ("", "万", "亿", "兆")
MAXIMUM = Decimal("9999999999999999.99")


def amount_in_capitals(amount: Decimal) -> str:
    """1234.50 → 人民币壹仟贰佰叁拾肆元伍角整. Raises ValueError above 16 digits of yuan."""
    value = yuan(amount)
    if abs(value) > MAXIMUM:
        raise ValueError("amount too large")
    whole, fen = divmod(int(abs(value) * 100), 100)
    sign = "人民币负" if value < 0 else "人民币"
    jiao, rest = divmod(fen, 10)
    text = f"{_integer(whole)}元" if whole else ""
    if not fen:
        return f"{sign}{text or '零元'}整"
    if jiao:
        text += f"{DIGITS[jiao]}角"
    elif whole:
        text += DIGITS[0]
    return f"{sign}{text}{DIGITS[rest]}分" if rest else f"{sign}{text}整"


def _integer(number: int) -> str:
    """Groups of four digits; a gap of zeros between two digits is spoken once."""
    text, gap, group_index = "", False, 0
    while number:
        number, group = divmod(number, 10_000)
        if group:
            spoken = _group(group)
            text = spoken + LARGE[group_index] + (DIGITS[0] if gap and text else "") + text
        # A group that starts with zeros, or is nothing but zeros, leaves a gap before what follows it.
        gap = group < 1000 and (bool(text) or gap)
        group_index += 1
    return text


def _group(group: int) -> str:
    text, gap = "", False
    for position in range(4):
        group, digit = divmod(group, 10)
        if digit:
            text = DIGITS[digit] + SMALL[position] + (DIGITS[0] if gap and text else "") + text
            gap = False
        else:
            gap = bool(text)
    return text
