"""The cashier's desk: who is to pay, what was taken today by method, refunds under authority."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.operations.counters import let_go
from bihuan.processes.models import Definition
from bihuan.records.models import Case, Document, Payment, Settlement
from bihuan.records.payments import take_payment
from bihuan.records.vehicles import create_vehicle
from tests.web.story import drive
from tests.web.visits import Centre

QUERIES = 18


def bill_of(case: Case) -> Settlement:
    return Settlement.unscoped.get(case=case)


@pytest.mark.covers("AUTO-26")
def test_who_is_to_pay_is_listed_with_what_is_owed_and_leads_to_the_step(centre: Centre) -> None:
    case = drive(centre, "收银")
    shown = centre.client("cashier").get("/cashier").content.decode()
    bill = bill_of(case)
    assert bill.number in shown and f"{bill.total_yuan:,.2f}" in shown
    assert f"/tasks/{centre.item(case, 'cashier').pk}" in shown and "收款" in shown
    assert "周女士" in shown and "13900007001" not in shown


@pytest.mark.covers("AUTO-26")
def test_payments_in_parts_and_by_several_methods_add_up_by_method(centre: Centre) -> None:
    case = drive(centre, "收银")
    total = bill_of(case).total_yuan
    take_payment(case.pk, actor=centre.cast.actor("cashier"), method="cash", amount_yuan="100")
    part = centre.client("cashier").get("/cashier").content.decode()
    assert "100.00" in part and f"{total - 100:,.2f}" in part
    rows = [{"method": "wechat", "amount_yuan": "50"}, {"method": "card", "amount_yuan": str(total - 150)}]
    centre.complete(case, "cashier", "cashier", {"payments": rows, "invoice": "none"})
    shown = centre.client("cashier").get("/cashier").content.decode()
    assert "现在没有待收款的客户" in shown
    for text in ("现金", "微信", "银行卡", f"{total:,.2f}"):
        assert text in shown, text
    assert Document.unscoped.filter(case=case, kind="gate_pass").count() == 1


def test_only_today_counts(centre: Centre) -> None:
    drive(centre, "放行核对")
    clock.move(clock.now() + timedelta(days=1))
    shown = centre.client("cashier").get("/cashier").content.decode()
    assert "今天还没有收款" in shown


@pytest.mark.covers("AUTO-26")
def test_money_goes_back_only_with_authority(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    values = {"amount_yuan": "20", "method": "cash", "reason": "多收了零头", "lower_bill": "on"}
    address = f"/cashier/refund/{case.pk}"
    assert "退款</a>" not in centre.client("cashier").get("/cashier").content.decode()
    assert centre.client("cashier").get(address).status_code == 403
    assert centre.client("cashier").post(address, values).status_code == 403
    manager = centre.client("site_manager")
    assert address in manager.get("/cashier").content.decode()
    assert bill_of(case).number in manager.get(address).content.decode()
    assert manager.post(address, values).headers["Location"] == "/cashier"
    assert Payment.unscoped.get(settlement__case=case, kind="refund").amount_yuan == Decimal(20)
    shown = manager.get("/cashier").content.decode()
    assert "多收了零头" in shown and "-20.00" in shown


@pytest.mark.covers("AUTO-24", "AUTO-26")
def test_money_owed_after_a_refund_is_collected_again_and_the_gate_waits_for_it(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    old = Document.unscoped.get(case=case, kind="gate_pass")
    values = {"amount_yuan": "20", "method": "cash", "reason": "收错方式"}
    assert centre.client("site_manager").post(f"/cashier/refund/{case.pk}", values).status_code == 302
    assert bill_of(case).status == "agreed"
    papers = {"gate_pass": old.number, "settlement": bill_of(case).number}
    with pytest.raises(BusinessError, match="已经作废：退款：收错方式"):
        let_go(papers["gate_pass"], papers["settlement"], actor=centre.cast.actor("guard"))
    assert "补收款" in centre.client("cashier").get(f"/cases/{case.pk}").content.decode()
    assert 'class="plate"' in centre.client("cashier").get("/cashier").content.decode()

    part = {"payments": [{"method": "card", "amount_yuan": "5"}], "invoice": "none"}
    centre.complete(case, "cashier", "cashier", part)
    assert not Document.unscoped.filter(case=case, kind="gate_pass", voided_at=None).exists()
    rest = {"payments": [{"method": "card", "amount_yuan": "15"}], "invoice": "none"}
    centre.complete(case, "cashier", "cashier", rest)
    new = Document.unscoped.get(case=case, kind="gate_pass", voided_at=None)
    assert bill_of(case).status == "settled" and new.number != old.number
    let_go(new.number, papers["settlement"], actor=centre.cast.actor("guard"))
    assert verify() == []


def test_without_that_process_money_that_stays_owed_cannot_be_given_back_any_more(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    Definition.objects.filter(key="collect_again").update(current=None)
    values = {"amount_yuan": "20", "method": "cash", "reason": "收错方式"}
    answer = centre.client("site_manager").post(f"/cashier/refund/{case.pk}", values)
    assert answer.status_code == 422 and "退款须同时减少应收" in answer.content.decode()
    assert not Payment.unscoped.filter(settlement__case=case, kind="refund").exists()
    assert Document.unscoped.get(case=case, kind="gate_pass").voided_at is None


@pytest.mark.covers("AUTO-26")
def test_a_refund_that_lowers_the_bill_leaves_it_settled(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    before = bill_of(case).total_yuan
    values = {"amount_yuan": "20", "method": "cash", "reason": "致歉", "lower_bill": "on"}
    assert centre.client("site_manager").post(f"/cashier/refund/{case.pk}", values).status_code == 302
    after = bill_of(case)
    assert (after.total_yuan, after.status) == (before - 20, "settled")
    assert Document.unscoped.get(case=case, kind="gate_pass").voided_at is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"amount_yuan": "99999"}, "退款不能超过"),
        ({"amount_yuan": "x"}, "金额应是数字"),
        ({"amount_yuan": "0"}, "金额要大于 0"),
        ({"amount_yuan": "1.005"}, "最多两位小数"),
        ({"amount_yuan": "NaN"}, "金额"),
        ({"reason": " "}, "退款原因"),
        ({"method": "gold"}, "请选择收款方式"),
    ],
)
def test_a_refund_that_makes_no_sense_is_refused_and_keeps_what_was_typed(
    centre: Centre, changed: dict[str, str], reason: str
) -> None:
    case = drive(centre, "放行核对")
    values = {"amount_yuan": "12.34", "method": "cash", "reason": "多收", **changed}
    answer = centre.client("site_manager").post(f"/cashier/refund/{case.pk}", values)
    page = answer.content.decode()
    assert answer.status_code == 422 and reason in page
    assert f'value="{values["amount_yuan"]}"' in page
    assert not Payment.unscoped.filter(kind="refund").exists()


def test_the_desk_is_for_those_who_handle_money_and_the_menu_agrees(centre: Centre) -> None:
    for who in ("guard", "technician", "advisor", "without_position"):
        browser = centre.client(who)
        assert browser.get("/cashier").status_code == 403, who
        assert 'href="/cashier"' not in browser.get("/").content.decode(), who
    for who in ("cashier", "site_manager"):
        browser = centre.client(who)
        assert browser.get("/cashier").status_code == 200, who
        assert 'href="/cashier"' in browser.get("/").content.decode(), who


def test_another_site_sees_nothing_of_it(centre: Centre) -> None:
    case = drive(centre, "收银")
    assert centre.client("other_admin").get(f"/cashier/refund/{case.pk}").status_code in (403, 404)
    assert centre.client("other_advisor").get("/cashier").status_code == 403


def test_a_case_without_a_bill_cannot_be_refunded(centre: Centre) -> None:
    case = centre.arrive()
    assert centre.client("site_manager").get(f"/cashier/refund/{case.pk}").status_code == 404


def test_the_desk_costs_the_same_with_one_customer_and_with_more(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    drive(centre, "放行核对")
    for number in (2, 3):
        plate = f"示A7000{number}"
        create_vehicle(actor=centre.cast.system, customer_id=centre.customer.pk, plate=plate, brand="远山")
        drive(centre, "收银", plate=plate)
    browser = centre.client("cashier")
    browser.get("/cashier")
    with django_assert_max_num_queries(QUERIES):
        assert browser.get("/cashier").status_code == 200
