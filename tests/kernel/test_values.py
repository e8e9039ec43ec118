from __future__ import annotations

from decimal import Decimal

import pytest

from bihuan.kernel import ids, money
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.kernel.pinyin import spell


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("1.005", "1.01"), ("1.004", "1.00"), ("-1.005", "-1.01"), (3, "3.00"), (Decimal("0.1"), "0.10")],
)
def test_money_is_rounded_half_up_to_the_fen(amount: str | int | Decimal, expected: str) -> None:
    assert str(money.yuan(amount)) == expected


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", "1,000", "1e40"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        money.yuan(amount)


def test_a_float_is_never_money() -> None:
    with pytest.raises(TypeError):
        money.yuan(0.1)  # type: ignore[arg-type]


def test_twenty_percent_of_a_bill_is_in_whole_fen() -> None:
    assert money.percent_of(Decimal("333.33"), 20) == Decimal("66.67")


def test_money_is_printed_with_sign_and_thousands() -> None:
    assert money.format_yuan(Decimal("-1234.5")) == "-¥1,234.50"


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {ids.new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 22 for token in tokens)


def test_names_are_found_by_pinyin_and_by_initials() -> None:
    assert spell("张三丰") == ("zhangsanfeng", "zsf")
    assert spell("远山 S3") == ("yuanshans3", "yss3")
    assert spell("") == ("", "")


@pytest.mark.parametrize("kind", [NotAllowed, NotFound, Conflict])
def test_every_refusal_carries_its_message_and_field(kind: type[BusinessError]) -> None:
    refusal = kind("请填写电话", field="phone")
    assert isinstance(refusal, BusinessError)
    assert (str(refusal), refusal.field) == ("请填写电话", "phone")
