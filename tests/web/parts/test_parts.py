"""The parts counter: slips to be served, parts waited for, the shelf, what arrives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bihuan.limits.models import Clock
from bihuan.processes.models import WorkItem
from bihuan.records.catalogue import save_part
from bihuan.records.models import Part, Stock, StockMove
from bihuan.records.stock import adjust_stock, receive_stock
from bihuan.records.vehicles import create_vehicle
from tests.web.story import drive
from tests.web.visits import Centre

QUERIES = 18
PROVISIONAL = '<span class="provisional"'


def oil() -> Part:
    return Part.objects.get(code="P-1001")


def shelf(centre: Centre) -> Stock:
    return Stock.objects.at(centre.cast.yl.pk).get(part=oil())


@pytest.mark.covers("AUTO-18")
def test_a_slip_waits_with_shelf_and_stock_and_issuing_moves_the_stock(centre: Centre) -> None:
    case = drive(centre, "发料核对")
    held = shelf(centre)
    assert (held.on_hand, held.reserved) == (8, 2)
    shown = centre.client("parts_clerk").get("/parts").content.decode()
    item = centre.item(case, "issue")
    assert f"/tasks/{item.pk}" in shown and "核对发料" in shown
    assert "A-01" in shown and "机油 4L × 1 桶" in shown and "赵强" in shown and PROVISIONAL not in shown
    Clock.unscoped.update(unconfirmed_year=2027)
    assert PROVISIONAL in centre.client("parts_clerk").get("/parts").content.decode()
    centre.complete(case, "issue", "parts_clerk", {"yellow_received": True, "checked": True})
    held = shelf(centre)
    assert (held.on_hand, held.reserved) == (6, 0)
    assert "没有待发的料" in centre.client("parts_clerk").get("/parts").content.decode()
    moves = centre.client("parts_clerk").get("/parts", {"part": oil().pk}).content.decode()
    assert "最近流水" in moves and case.number in moves and "余 6" in moves


@pytest.mark.covers("AUTO-18")
def test_short_stock_is_said_in_the_slip(centre: Centre) -> None:
    drive(centre, "发料核对")
    Stock.objects.at(centre.cast.yl.pk).filter(part=oil()).update(on_hand=0, reserved=0)
    assert "缺 1" in centre.client("parts_clerk").get("/parts").content.decode()


@pytest.mark.covers("AUTO-18")
def test_parts_that_arrive_are_taken_in_with_a_move(centre: Centre) -> None:
    values = {"code": "p-1001", "quantity": "4.5", "shelf": "B-02", "reason": "送货单 88"}
    answer = centre.client("parts_clerk").post("/parts/receive", values)
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/parts?part=")
    held = shelf(centre)
    assert (held.on_hand, held.shelf) == (Decimal("12.5"), "B-02")
    move = StockMove.objects.at(centre.cast.yl.pk).latest("pk")
    assert (move.kind, move.quantity, move.reason) == ("receive", Decimal("4.5"), "送货单 88")
    centre.client("parts_clerk").post("/parts/receive", {"code": "P-1001", "quantity": "1"})
    assert shelf(centre).shelf == "B-02"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"code": "Z-9"}, "没有"),
        ({"code": ""}, "配件"),
        ({"quantity": "abc"}, "数量应是数字"),
        ({"quantity": ""}, "数量应是数字"),
        ({"quantity": "-3"}, "数量"),
        ({"quantity": "NaN"}, "数量"),
        ({"quantity": "1e30"}, "数量"),
    ],
)
def test_what_cannot_be_taken_in_is_refused_and_kept_in_the_form(
    centre: Centre, changed: dict[str, str], reason: str
) -> None:
    values = {"code": "P-1001", "quantity": "2", "reason": "单 7", **changed}
    answer = centre.client("parts_clerk").post("/parts/receive", values)
    page = answer.content.decode()
    assert answer.status_code in (404, 422) and reason in page
    assert 'value="单 7"' in page
    assert shelf(centre).on_hand == 8


def test_the_shelf_is_found_by_code_name_initials_and_place(centre: Centre) -> None:
    other = save_part(actor=centre.cast.system, code="P-2001", name="雨刮片", unit="副", price_yuan=Decimal(58))
    receive_stock(other.pk, Decimal(3), actor=centre.cast.system, site_id=centre.cast.yl.pk, shelf="D-03")
    browser = centre.client("parts_clerk")
    for text in ("P-2001", "p-20", "雨刮", "ygp", "D-0"):
        shown = browser.get("/parts", {"q": text}).content.decode()
        assert "雨刮片" in shown and "机油 4L" not in shown, text
    for text in ("不存在", "%", "x" * 200, "'; --"):
        assert "没有找到配件" in browser.get("/parts", {"q": text}).content.decode(), text
    for part in ("x", "9" * 30, "-1", "0"):
        assert browser.get("/parts", {"part": part}).status_code == 200, part


def test_the_shelf_of_another_site_is_another_shelf(centre: Centre) -> None:
    drive(centre, "发料核对")
    shown = centre.client("other_technician").get("/parts").content.decode()
    assert "没有待发的料" in shown and "机油 4L" not in shown and "70001" not in shown


def test_looking_is_not_taking_in(centre: Centre) -> None:
    browser = centre.client("technician")
    assert "到货入库" not in browser.get("/parts").content.decode()
    assert browser.post("/parts/receive", {"code": "P-1001", "quantity": "1"}).status_code == 403
    assert shelf(centre).on_hand == 8
    for who in ("guard", "cashier", "without_position"):
        assert centre.client(who).get("/parts").status_code == 403, who


def test_counting_shows_among_the_moves(centre: Centre) -> None:
    adjust_stock(oil().pk, Decimal(7), actor=centre.cast.actor("parts_clerk"), reason="盘点少一桶")
    assert "盘点少一桶" in centre.client("parts_clerk").get("/parts", {"part": oil().pk}).content.decode()


def test_the_counter_costs_the_same_with_one_slip_and_with_more(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    for number in (1, 2, 3):
        plate = f"示A7000{number}"
        if number > 1:
            create_vehicle(actor=centre.cast.system, customer_id=centre.customer.pk, plate=plate, brand="远山")
        drive(centre, "发料核对", plate=plate)
    assert WorkItem.unscoped.filter(node_id="issue", status="open").count() == 3
    browser = centre.client("parts_clerk")
    browser.get("/parts")
    with django_assert_max_num_queries(QUERIES):
        assert browser.get("/parts", {"part": oil().pk}).status_code == 200
