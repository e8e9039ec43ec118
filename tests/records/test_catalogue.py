from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.records.catalogue import save_job, save_part, set_capacity
from bihuan.records.models import SlotCapacity, WorkLine
from tests.records.conftest import Shop


@pytest.mark.covers("AUTO-03")
def test_a_job_costs_its_hours_at_its_rate(shop: Shop) -> None:
    assert shop.brakes.labour_fee_yuan == Decimal("180.00")
    odd = save_job(actor=shop.actor("site_manager"), code="x1", name="检查", hours="0.33", rate_yuan_per_hour="99.99")
    assert (odd.code, odd.labour_fee_yuan, odd.initials) == ("X1", Decimal("33.00"), "jc")


def test_a_new_price_holds_for_new_estimates_only(shop: Shop) -> None:
    case = shop.visit()
    old = shop.line(case)
    save_part(actor=shop.actor("parts_clerk"), part_id=shop.filter.pk, price_yuan="40")
    new = shop.line(case)
    prices = [WorkLine.unscoped.get(pk=line.pk).part_price_yuan for line in (old, new)]
    assert prices == [Decimal("35.50"), Decimal("40.00")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": ""}, "code"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"hours": None}, "hours"),
        ({"hours": "-1"}, "hours"),
        ({"hours": "1000"}, "hours"),
        ({"hours": "abc"}, "hours"),
        ({"rate_yuan_per_hour": ""}, "rate_yuan_per_hour"),
        ({"rate_yuan_per_hour": "1e9"}, "rate_yuan_per_hour"),
        ({"code": "by01"}, "code"),
    ],
)
def test_a_senseless_job_is_refused_at_the_field(shop: Shop, values: dict[str, Any], field: str) -> None:
    given = {"code": "X1", "name": "检查", "hours": 1, "rate_yuan_per_hour": 100, **values}
    with pytest.raises(BusinessError) as refusal:
        save_job(actor=shop.actor("site_manager"), **given)
    assert refusal.value.field == field


def test_prices_are_kept_by_those_with_the_right_at_their_own_site(shop: Shop) -> None:
    with pytest.raises(NotAllowed):
        save_job(actor=shop.actor("advisor"), code="X1", name="检查", hours=1, rate_yuan_per_hour=1)
    with pytest.raises(NotAllowed):
        save_part(actor=shop.actor("technician"), code="X1", name="雨刮", price_yuan=1)
    with pytest.raises(NotFound):
        save_job(actor=shop.cast.actor("other_admin"), job_id=shop.brakes.pk, hours=9)
    with pytest.raises(Conflict, match="已经有了"):
        save_part(actor=shop.actor("parts_clerk"), code="p-001", name="又一个", price_yuan=1)
    with pytest.raises(BusinessError, match="没有这些栏目"):
        save_part(actor=shop.actor("parts_clerk"), part_id=shop.filter.pk, on_hand=99)


def test_slot_capacity_is_set_and_set_again(shop: Shop) -> None:
    manager = shop.actor("site_manager")
    set_capacity(actor=manager, weekday=0, starts=time(9), capacity=2)
    set_capacity(actor=manager, weekday=0, starts=time(9), capacity=3, minutes=30)
    slot = SlotCapacity.objects.at(shop.site_id).get()
    assert (slot.capacity, slot.minutes) == (3, 30)
    for wrong in ({"weekday": 7}, {"capacity": -1}, {"minutes": 0}):
        with pytest.raises(BusinessError, match="超出范围"):
            set_capacity(actor=manager, **{"weekday": 0, "starts": time(9), "capacity": 1, **wrong})
