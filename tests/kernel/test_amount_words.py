from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bihuan.kernel.amount_words import DIGITS, LARGE, SMALL, amount_in_capitals


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "人民币零元整"),
        ("0.05", "人民币伍分"),
        ("0.50", "人民币伍角整"),
        ("10", "人民币壹拾元整"),
        ("105.07", "人民币壹佰零伍元零柒分"),
        ("1000.30", "人民币壹仟元叁角整"),
        ("1234.50", "人民币壹仟贰佰叁拾肆元伍角整"),
        ("10001", "人民币壹万零壹元整"),
        ("100000", "人民币壹拾万元整"),
        ("1000000.01", "人民币壹佰万元零壹分"),
        ("10020030.40", "人民币壹仟零贰万零叁拾元肆角整"),
        ("100000001", "人民币壹亿零壹元整"),
        ("-518", "人民币负伍佰壹拾捌元整"),
    ],
)
def test_amounts_are_written_as_on_chinese_bills(amount: str, words: str) -> None:
    assert amount_in_capitals(Decimal(amount)) == words


def read_back(words: str) -> Decimal:
    """The amount that the words say: a slow reader, written apart from the writer."""
    text = words.removeprefix("人民币").removesuffix("整")
    whole, _, rest = text.partition("元") if "元" in text else ("", "", text)
    total, section, digit = 0, 0, 0
    for letter in whole:
        if letter in DIGITS:
            digit = DIGITS.index(letter)
        elif letter in SMALL[1:]:
            section, digit = section + digit * 10 ** SMALL.index(letter), 0
        else:
            total, section, digit = total + (section + digit) * 10_000 ** LARGE.index(letter), 0, 0
    amount, fen = Decimal(total + section + digit), 0
    for letter, unit in pairwise(rest):
        if unit in "角分":
            fen += DIGITS.index(letter) * (10 if unit == "角" else 1)
    return amount + Decimal(fen) / 100


@given(st.integers(min_value=0, max_value=10**13))
def test_what_was_written_reads_back_as_the_same_amount(fen: int) -> None:
    amount = Decimal(fen) / 100
    assert read_back(amount_in_capitals(amount)) == amount


def test_absurd_amounts_are_refused() -> None:
    with pytest.raises(ValueError):
        amount_in_capitals(Decimal(10) ** 17)
