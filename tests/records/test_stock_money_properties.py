"""Whatever people do in whatever order: stock never goes below nothing, money always adds up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bihuan.kernel.errors import BusinessError
from bihuan.kernel.money import percent_of, yuan
from bihuan.records.lines import add_line, agree_lines, decline_lines, mark_line_done, replace_line, totals
from bihuan.records.models import Charge, LineStatus, Payment, Settlement, StockMove, WorkLine
from bihuan.records.payments import refund_payment, take_payment
from bihuan.records.settlement import agree_settlement, build_settlement, correct_settlement
from bihuan.records.stock import (
    adjust_stock,
    issue_for_line,
    receive_stock,
    release_for_line,
    reserve_for_line,
    return_for_line,
)
from tests.records.conftest import Shop

CHECKS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AMOUNT = st.decimals(min_value="0.01", max_value="50", places=2)
PRICE = st.decimals(min_value=0, max_value=99999, places=2)
STOCK_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["receive", "adjust", "reserve", "release", "issue", "return", "agree", "decline", "replace"]),
        st.integers(0, 3),
        AMOUNT,
    ),
    min_size=3,
    max_size=25,
)


class UndoError(Exception):
    """Ends an example and takes its rows back."""


def tried(act: Callable[[], Any]) -> bool:
    try:
        act()
    except BusinessError:
        return False
    return True


@CHECKS
@given(steps=STOCK_STEPS)
def test_stock_is_never_negative_or_over_promised_and_its_moves_explain_it(
    shop: Shop, steps: list[tuple[str, int, Decimal]]
) -> None:
    advisor, clerk = shop.actor("advisor"), shop.actor("parts_clerk")
    try:
        with transaction.atomic():
            cases = [shop.visit() for _ in range(4)]
            lines = [
                add_line(case.pk, actor=advisor, part_id=shop.filter.pk, quantity=quantity)
                for case, quantity in zip(cases, ["1", "2.5", "6", "0.1"], strict=True)
            ]
            acts: dict[str, Callable[[int, Decimal], Any]] = {
                "receive": lambda n, q: receive_stock(shop.filter.pk, q, actor=clerk),
                "adjust": lambda n, q: adjust_stock(shop.filter.pk, q, actor=clerk, reason="盘点"),
                "reserve": lambda n, q: reserve_for_line(lines[n].pk, actor=advisor),
                "release": lambda n, q: release_for_line(lines[n].pk, actor=advisor),
                "issue": lambda n, q: issue_for_line(lines[n].pk, q, actor=clerk),
                "return": lambda n, q: return_for_line(lines[n].pk, q, actor=clerk),
                "agree": lambda n, q: agree_lines(cases[n].pk, actor=advisor),
                "decline": lambda n, q: decline_lines(cases[n].pk, actor=advisor),
                "replace": lambda n, q: replace_line(lines[n].pk, actor=advisor, part_id=shop.filter.pk, quantity=q),
            }
            for name, number, quantity in steps:
                tried(partial(acts[name], number, quantity))
                row = shop.stock(shop.filter)
                assert 0 <= row.reserved <= row.on_hand
            moved: dict[str, Decimal] = defaultdict(Decimal)
            for kind, moved_quantity in StockMove.unscoped.filter(stock=row).values_list("kind", "quantity"):
                moved[kind] += moved_quantity
            assert row.on_hand == moved["receive"] + moved["adjust"] - moved["issue"] + moved["return"]
            assert row.reserved == moved["reserve"] - moved["release"] - moved["issue"]
            drawn = list(WorkLine.unscoped.filter(part=shop.filter))
            assert sum(line.reserved_quantity for line in drawn) == row.reserved
            assert sum(line.issued_quantity for line in drawn) == moved["issue"] - moved["return"]
            raise UndoError
    except UndoError:
        pass


@given(rows=st.lists(st.tuples(st.sampled_from(LineStatus.values), AMOUNT, PRICE, PRICE, st.booleans()), max_size=20))
def test_totals_are_the_sums_of_the_lines_that_count(
    rows: list[tuple[str, Decimal, Decimal, Decimal, bool]],
) -> None:
    lines = [
        WorkLine(
            status=status,
            part_id=1 if has else None,
            quantity=quantity,
            part_price_yuan=price,
            labour_fee_yuan=fee,
            labour_hours=quantity,
        )
        for status, quantity, price, fee, has in rows
    ]
    found = totals(lines)
    counted = [row for row in rows if row[0] not in ("declined", "replaced")]
    assert found.parts_yuan == sum((yuan(q * p) for _, q, p, _, has in counted if has), Decimal(0))
    assert found.labour_yuan == sum((fee for _, _, _, fee, _ in counted), Decimal(0))
    assert found.hours == sum((q for _, q, _, _, _ in counted), Decimal(0))
    assert found.total_yuan == found.parts_yuan + found.labour_yuan


MONEY_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "pay", "pay all", "refund", "give back", "correct", "build", "agree"]),
        st.decimals(min_value="0.01", max_value="200", places=2),
        st.booleans(),
    ),
    min_size=2,
    max_size=16,
)


@CHECKS
@given(steps=MONEY_STEPS, quantity=AMOUNT)
def test_a_bill_always_adds_up_and_is_settled_exactly_when_paid(
    shop: Shop, steps: list[tuple[str, Decimal, bool]], quantity: Decimal
) -> None:
    advisor, cashier, manager = shop.actor("advisor"), shop.actor("cashier"), shop.actor("site_manager")
    try:
        with transaction.atomic():
            case = shop.visit()
            line = shop.line(case, quantity=quantity)
            shop.line(case, job_id=shop.brakes.pk, part_id=None)
            agree_lines(case.pk, actor=advisor)
            mark_line_done(line.pk, actor=shop.actor("technician"))
            bill = build_settlement(case.pk, actor=advisor)

            def balance() -> Decimal:
                return Settlement.unscoped.get(case=case).balance_yuan

            acts: dict[str, Callable[[Decimal, bool], Any]] = {
                "pay": lambda a, _: take_payment(case.pk, actor=cashier, method="cash", amount_yuan=a),
                "pay all": lambda a, _: take_payment(case.pk, actor=cashier, method="wechat", amount_yuan=balance()),
                "refund": lambda a, _: refund_payment(
                    case.pk, actor=manager, method="cash", amount_yuan=a, reason="退"
                ),
                "give back": lambda a, _: refund_payment(
                    case.pk, actor=manager, method="cash", amount_yuan=a, reason="补偿", lower_bill=True
                ),
                "correct": lambda a, up: correct_settlement(case.pk, a if up else -a, actor=manager, reason="更正"),
                "build": lambda a, _: build_settlement(case.pk, actor=advisor),
                "agree": lambda a, _: agree_settlement(case.pk, actor=advisor),
            }
            for name, amount, up in steps:
                tried(partial(acts[name], amount, up))
                bill = Settlement.unscoped.get(case=case)
                paid: dict[str, Decimal] = defaultdict(Decimal)
                for kind, paid_yuan in Payment.unscoped.filter(settlement=bill).values_list("kind", "amount_yuan"):
                    paid[kind] += paid_yuan
                charges = sum(Charge.unscoped.filter(settlement=bill).values_list("amount_yuan", flat=True))
                assert bill.total_yuan == charges == bill.parts_yuan + bill.labour_yuan + bill.correction_yuan
                assert bill.paid_yuan == paid["payment"] - paid["refund"]
                assert 0 <= bill.paid_yuan <= bill.total_yuan
                assert (bill.status == "settled") == (bill.balance_yuan == 0 and bill.agreed_at is not None)
            raise UndoError
    except UndoError:
        pass


@pytest.mark.parametrize(("percent", "discount"), [(20, "31.10"), (15, "23.33"), (100, "155.50")])
def test_a_percentage_is_rounded_to_the_fen(percent: int, discount: str) -> None:
    assert percent_of(Decimal("155.50"), percent) == Decimal(discount)
