from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.records.lines import agree_lines, decline_lines
from bihuan.records.models import Part, Stock, StockMove, WorkLine
from bihuan.records.stock import (
    ShortStockError,
    adjust_stock,
    back_order,
    issue_case,
    issue_for_line,
    receive_stock,
    release_for_line,
    reserve_case,
    reserve_for_line,
    return_for_line,
)
from tests.records.conftest import Shop


def numbers(shop: Shop, part: Part) -> tuple[Decimal, Decimal]:
    row = shop.stock(part)
    return row.on_hand, row.reserved


@pytest.mark.covers("AUTO-18")
def test_parts_are_held_back_at_the_estimate_leave_at_issue_and_come_back_unused(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case, quantity=3)
    assert reserve_case(case.pk, actor=shop.actor("advisor")) == []
    assert numbers(shop, shop.filter) == (10, 3)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    issue_case(case.pk, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.filter) == (7, 0)
    return_for_line(line.pk, Decimal(1), actor=shop.actor("parts_clerk"), reason="没用上")
    assert numbers(shop, shop.filter) == (8, 0)
    moves = StockMove.unscoped.filter(line=line).order_by("pk").values_list("kind", "quantity", "on_hand_after")
    assert list(moves) == [("reserve", 3, 10), ("issue", 3, 7), ("return", 1, 8)]


@pytest.mark.covers("AUTO-18")
def test_short_stock_is_answered_with_what_there_is_and_can_be_ordered(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case, job_id=shop.brakes.pk, part_id=shop.pads.pk, quantity=3)
    [short] = reserve_case(case.pk, actor=shop.actor("advisor"))
    assert (short.line.pk, short.wanted, short.available) == (line.pk, 3, 2)
    assert numbers(shop, shop.pads) == (2, 0)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    with pytest.raises(ShortStockError, match="前制动片”库存不足：需要 3 套，可用 2 套"):
        issue_case(case.pk, actor=shop.actor("parts_clerk"))
    back_order(line.pk, actor=shop.actor("parts_clerk"), expected_on=None)
    receive_stock(shop.pads.pk, Decimal(1), actor=shop.actor("parts_clerk"))
    issue_case(case.pk, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.pads) == (0, 0)


def test_issuing_for_several_lines_is_all_or_nothing(shop: Shop) -> None:
    case = shop.visit()
    shop.line(case, quantity=1)
    shop.line(case, job_id=shop.brakes.pk, part_id=shop.pads.pk, quantity=5)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    with pytest.raises(ShortStockError):
        issue_case(case.pk, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.filter) == (10, 0)
    assert not WorkLine.unscoped.filter(case=case, issued_quantity__gt=0).exists()


def test_what_is_promised_to_one_case_cannot_be_promised_to_another(shop: Shop) -> None:
    first, second = shop.visit(), shop.visit()
    reserved = shop.line(first, part_id=shop.pads.pk, quantity=2)
    other = shop.line(second, part_id=shop.pads.pk, quantity=1)
    reserve_for_line(reserved.pk, actor=shop.actor("advisor"))
    with pytest.raises(ShortStockError, match="可用 0 套"):
        reserve_for_line(other.pk, actor=shop.actor("advisor"))
    agree_lines(second.pk, actor=shop.actor("advisor"))
    with pytest.raises(ShortStockError):
        issue_for_line(other.pk, actor=shop.actor("parts_clerk"))
    decline_lines(first.pk, actor=shop.actor("advisor"))
    issue_for_line(other.pk, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.pads) == (1, 0)


def test_reserving_twice_holds_back_once(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case, quantity=4)
    for _ in range(3):
        reserve_for_line(line.pk, actor=shop.actor("advisor"))
    assert numbers(shop, shop.filter) == (10, 4)
    release_for_line(line.pk, actor=shop.actor("advisor"))
    release_for_line(line.pk, actor=shop.actor("advisor"))
    assert numbers(shop, shop.filter) == (10, 0)


def test_tenths_of_a_litre_add_up_exactly(shop: Shop) -> None:
    receive_stock(shop.pads.pk, Decimal("0.30"), actor=shop.actor("parts_clerk"))
    adjust_stock(shop.pads.pk, Decimal("0.30"), actor=shop.actor("parts_clerk"), reason="盘点")
    for quantity in ("0.1", "0.2"):
        case = shop.visit()
        line = shop.line(case, part_id=shop.pads.pk, quantity=quantity)
        agree_lines(case.pk, actor=shop.actor("advisor"))
        issue_for_line(line.pk, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.pads) == (0, 0)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (Decimal(0), "大于 0"),
        (Decimal(-1), "在 0 到"),
        (Decimal("NaN"), "在 0 到"),
        (Decimal("Infinity"), "在 0 到"),
        (Decimal("0.001"), "两位小数"),
        (Decimal(10_000_000), "在 0 到"),
    ],
)
def test_a_senseless_quantity_is_refused(shop: Shop, quantity: Decimal, message: str) -> None:
    with pytest.raises(BusinessError, match=message):
        receive_stock(shop.filter.pk, quantity, actor=shop.actor("parts_clerk"))
    assert numbers(shop, shop.filter) == (10, 0)


def test_more_cannot_be_returned_than_was_drawn_nor_issued_than_agreed(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case, quantity=2)
    clerk = shop.actor("parts_clerk")
    with pytest.raises(BusinessError, match="还没有同意"):
        issue_for_line(line.pk, actor=clerk)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    with pytest.raises(BusinessError, match="还应领 2"):
        issue_for_line(line.pk, Decimal(3), actor=clerk)
    issue_for_line(line.pk, Decimal(1), actor=clerk)
    with pytest.raises(BusinessError, match="只领出 1"):
        return_for_line(line.pk, Decimal(2), actor=clerk)


def test_stock_taking_cannot_go_below_what_is_promised(shop: Shop) -> None:
    case = shop.visit()
    shop.line(case, quantity=4)
    reserve_case(case.pk, actor=shop.actor("advisor"))
    clerk = shop.actor("parts_clerk")
    with pytest.raises(BusinessError, match="已有 4 件预留"):
        adjust_stock(shop.filter.pk, Decimal(3), actor=clerk, reason="盘点")
    adjust_stock(shop.filter.pk, Decimal(6), actor=clerk, reason="盘点")
    assert numbers(shop, shop.filter) == (6, 4)


def test_only_the_parts_clerk_issues_and_only_at_the_own_site(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    for who in ("technician", "cashier", "advisor"):
        with pytest.raises(NotAllowed):
            issue_for_line(line.pk, actor=shop.actor(who))
    with pytest.raises(NotFound):
        issue_for_line(line.pk, actor=shop.actor("other_advisor"))
    with pytest.raises(NotAllowed):
        receive_stock(shop.filter.pk, Decimal(1), actor=shop.actor("technician"))


@pytest.mark.parametrize(
    "values", [{"on_hand": -1}, {"reserved": -1}, {"on_hand": 1, "reserved": 2}], ids=["negative", "held", "over"]
)
def test_the_database_itself_refuses_unsound_stock(shop: Shop, values: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.unscoped.filter(pk=shop.stock(shop.filter).pk).update(**values)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_draw_the_last_pieces_at_once_only_as_many_succeed_as_there_are_pieces(shop: Shop) -> None:
    lines = []
    for _ in range(6):
        case = shop.visit()
        lines.append(shop.line(case, part_id=shop.pads.pk, quantity=1).pk)
        agree_lines(case.pk, actor=shop.actor("advisor"))
    clerk = shop.actor("parts_clerk")
    barrier = threading.Barrier(len(lines))

    def draw(line_id: int) -> bool:
        try:
            barrier.wait(timeout=20)
            issue_for_line(line_id, actor=clerk)
            return True
        except ShortStockError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(len(lines)) as pool:
        results = list(pool.map(draw, lines))
    assert sorted(results) == [False] * 4 + [True] * 2
    assert numbers(shop, shop.pads) == (0, 0)
    issued = StockMove.unscoped.filter(kind="issue").aggregate(sum=Sum("quantity"))["sum"]
    assert issued == 2
