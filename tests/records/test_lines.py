from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.records.cases import change_case, close_case, open_case, stamp_case, start_work, worked_hours
from bihuan.records.lines import (
    add_line,
    agree_lines,
    change_line,
    decline_lines,
    inspect_line,
    mark_line_done,
    remove_line,
    replace_line,
    totals,
    write_lines,
)
from bihuan.records.models import Case, WorkLine
from bihuan.records.settlement import build_settlement
from bihuan.records.stock import reserve_case
from tests.records.conftest import MORNING, Shop


@pytest.mark.covers("AUTO-11", "AUTO-12")
def test_a_line_says_who_raised_it_and_what_parts_labour_and_hours_it_takes(shop: Shop) -> None:
    case = shop.visit()
    asked = add_line(case.pk, actor=shop.actor("advisor"), description="刹车异响", raised_by="customer")
    found = add_line(
        case.pk,
        actor=shop.actor("technician"),
        raised_by="technician",
        job_id=shop.brakes.pk,
        part_id=shop.pads.pk,
        quantity=2,
    )
    assert (asked.status, asked.total_yuan, asked.raised_by) == ("requested", 0, "customer")
    assert (found.status, found.parts_fee_yuan, found.labour_fee_yuan, found.labour_hours) == (
        "estimated",
        536,
        180,
        Decimal("1.50"),
    )
    assert (found.description, found.seq, found.raised_by) == ("更换前制动片", 2, "technician")
    sums = totals(WorkLine.unscoped.filter(case=case))
    assert (sums.parts_yuan, sums.labour_yuan, sums.hours, sums.total_yuan) == (536, 180, Decimal("1.50"), 716)


def test_departing_from_the_price_list_needs_the_right_to_estimate(shop: Shop) -> None:
    case = shop.visit()
    priced = {"job_id": shop.oil_change.pk, "labour_fee_yuan": "10"}
    with pytest.raises(NotAllowed, match="填写估价估时"):
        add_line(case.pk, actor=shop.actor("technician"), **priced)
    line = add_line(case.pk, actor=shop.actor("advisor"), **priced)
    assert line.labour_fee_yuan == 10
    kept = change_line(line.pk, actor=shop.actor("technician"), description="更换机油（旧价）")
    assert kept.labour_fee_yuan == 10, "a technician may correct the words without touching the price"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "请填写作业内容"),
        ({"description": "x" * 301}, "最多 300 个字"),
        ({"description": "a\x00b"}, "控制字符"),
        ({"description": "x", "raised_by": "mother"}, "提出人"),
        ({"description": "x", "labour_hours": -1}, "工时应在 0 到"),
        ({"description": "x", "labour_hours": "1h"}, "工时应是数字"),
        ({"description": "x", "labour_hours": "0.125"}, "两位小数"),
        ({"description": "x", "labour_fee_yuan": "NaN"}, "工时费应在 0 到"),
        ({"description": "x", "labour_fee_yuan": 10_000_000}, "工时费应在 0 到"),
        ({"job_id": 999_999}, "本店没有这个作业项目"),
        ({"part_id": 999_999}, "没有这种配件"),
        ({"part_id": "filter", "quantity": 0}, "数量要大于 0"),
        ({"part_id": "filter", "quantity": "1e999"}, "数量应在 0 到"),
        ({"description": "x", "status": "done"}, "没有这些栏目"),
        ({"description": "x", "case_id": 1}, "没有这些栏目|case_id"),
    ],
)
def test_a_senseless_line_is_refused_and_nothing_is_stored(shop: Shop, values: dict[str, Any], message: str) -> None:
    case = shop.visit()
    given = {**values, "part_id": shop.filter.pk} if values.get("part_id") == "filter" else values
    with pytest.raises((BusinessError, TypeError), match=message):
        add_line(case.pk, actor=shop.actor("advisor"), **given)
    assert not WorkLine.unscoped.filter(case=case).exists()


@pytest.mark.covers("AUTO-17")
def test_a_fault_that_differs_is_estimated_anew_and_the_old_line_stays_to_be_seen(shop: Shop) -> None:
    case = shop.visit()
    advisor = shop.actor("advisor")
    old = shop.line(case, quantity=2)
    reserve_case(case.pk, actor=advisor)
    agree_lines(case.pk, actor=advisor)
    with pytest.raises(NotAllowed):
        replace_line(old.pk, actor=shop.actor("technician"), job_id=shop.brakes.pk, part_id=shop.pads.pk)
    new = replace_line(old.pk, actor=advisor, job_id=shop.brakes.pk, part_id=shop.pads.pk)
    old.refresh_from_db()
    assert (old.status, old.reserved_quantity, new.round, new.replaces_id) == ("replaced", 0, 2, old.pk)
    assert shop.stock(shop.filter).reserved == 0
    with pytest.raises(BusinessError, match="没有客户同意"):
        mark_line_done(new.pk, actor=shop.actor("technician"))
    agree_lines(case.pk, [new.pk], actor=advisor)
    assert Case.unscoped.get(pk=case.pk).agreed_hours == Decimal("1.50")
    mark_line_done(new.pk, actor=shop.actor("technician"))


@pytest.mark.covers("AUTO-17")
def test_after_a_refusal_only_what_was_done_is_charged(shop: Shop) -> None:
    case = shop.done_visit()
    refused = shop.line(case, job_id=shop.brakes.pk, part_id=shop.pads.pk)
    decline_lines(case.pk, [refused.pk], actor=shop.actor("advisor"), reason="太贵")
    assert build_settlement(case.pk, actor=shop.actor("advisor")).total_yuan == Decimal("155.50")


def test_an_answered_line_is_neither_changed_nor_removed_nor_answered_again(shop: Shop) -> None:
    case = shop.visit()
    line = shop.line(case)
    agree_lines(case.pk, actor=shop.actor("advisor"))
    for act in (
        lambda: change_line(line.pk, actor=shop.actor("advisor"), quantity=9),
        lambda: remove_line(line.pk, actor=shop.actor("advisor")),
        lambda: decline_lines(case.pk, [line.pk], actor=shop.actor("advisor")),
        lambda: agree_lines(case.pk, [999_999], actor=shop.actor("advisor")),
    ):
        with pytest.raises(BusinessError):
            act()
    line.refresh_from_db()
    assert (line.status, line.quantity) == ("agreed", 1)


@pytest.mark.covers("AUTO-20")
def test_a_failed_inspection_sends_the_line_back_to_be_done_again(shop: Shop) -> None:
    case = shop.done_visit()
    line = WorkLine.unscoped.get(case=case)
    director = shop.actor("technical_director")
    assert inspect_line(line.pk, actor=director, passed=False).status == "agreed"
    with pytest.raises(BusinessError, match="还没有完工"):
        inspect_line(line.pk, actor=director, passed=True)
    mark_line_done(line.pk, actor=shop.actor("technician"), old_part_present=True)
    assert inspect_line(line.pk, actor=director, passed=True).inspected_ok is True


@pytest.mark.covers("AUTO-20")
@pytest.mark.parametrize(("kept", "stamp"), [(True, "blue"), (False, "red")])
def test_the_stamp_is_blue_in_time_and_red_over_it_and_put_once(shop: Shop, kept: bool, stamp: str) -> None:
    case = shop.done_visit()
    start_work(case.pk, actor=shop.actor("technician"))
    stamped = stamp_case(case.pk, actor=shop.actor("technical_director"), within_agreed_hours=kept)
    assert (stamped.stamp, stamped.work_done_at) == (stamp, MORNING)
    with pytest.raises(BusinessError, match="已经盖过"):
        stamp_case(case.pk, actor=shop.actor("technical_director"), within_agreed_hours=not kept)


def test_worked_hours_leave_the_pauses_out() -> None:
    assert worked_hours(MORNING, MORNING + timedelta(hours=3), 5400) == Decimal("1.50")
    assert worked_hours(MORNING, MORNING, 60) == 0


def test_a_form_brings_the_lines_to_what_it_shows_and_leaves_answered_ones_alone(shop: Shop) -> None:
    case = shop.visit()
    advisor = shop.actor("advisor")
    agreed = shop.line(case)
    agree_lines(case.pk, actor=advisor)
    kept = shop.line(case, description="留下")
    shop.line(case, description="去掉")
    rows = [
        {"id": agreed.pk, "quantity": 9},
        {"id": str(kept.pk), "description": "留下并改", "job_id": None, "part_id": None},
        {"description": "新的", "job_id": shop.brakes.pk},
    ]
    lines = write_lines(case.pk, rows, actor=advisor)
    shown = [(line.description, line.status) for line in lines]
    assert shown == [("更换机油机滤", "agreed"), ("留下并改", "requested"), ("新的", "estimated")]
    with pytest.raises(NotFound):
        write_lines(case.pk, [{"id": WorkLine.unscoped.get(case=shop.done_visit()).pk}], actor=advisor)
    with pytest.raises(BusinessError, match="最多 200 行"):
        write_lines(case.pk, [{"description": "x"}] * 201, actor=advisor)


@pytest.mark.covers("AUTO-13")
def test_leaving_needs_a_reachable_phone(shop: Shop) -> None:
    case = open_case("service_visit", actor=shop.actor("advisor"))
    with pytest.raises(BusinessError, match="能打通的电话"):
        change_case(case.pk, actor=shop.actor("advisor"), waiting_mode="leave")
    with pytest.raises(BusinessError, match="在店等候或离店"):
        change_case(case.pk, actor=shop.actor("advisor"), waiting_mode="sleep")
    changed = change_case(case.pk, actor=shop.actor("advisor"), waiting_mode="leave", phone="139 0000 1234")
    assert (changed.waiting_mode, changed.phone) == ("leave", "13900001234")


def test_a_case_is_numbered_by_its_kind_and_closed_once(shop: Shop) -> None:
    case = shop.visit()
    assert case.number == "YL-JD-20261124-0001"
    assert (case.customer, case.phone) == (shop.customer, "13900001234")
    with pytest.raises(NotAllowed):
        close_case(case.pk, actor=shop.actor("technician"), cancelled=True, reason="x")
    with pytest.raises(BusinessError, match="取消原因"):
        close_case(case.pk, actor=shop.actor("site_manager"), cancelled=True)
    assert close_case(case.pk, actor=shop.actor("advisor")).status == "closed"
    assert close_case(case.pk, actor=shop.actor("advisor"), cancelled=True, reason="x").status == "closed"
    with pytest.raises(BusinessError, match="已经结束"):
        shop.line(case)
    for kind, who in (("nonsense", "advisor"), ("service_visit", "technician")):
        with pytest.raises(BusinessError):
            open_case(kind, actor=shop.actor(who))
    with pytest.raises(NotFound):
        open_case("service_visit", actor=shop.actor("advisor"), site_id=shop.cast.jw.pk)
