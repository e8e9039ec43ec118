from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.records.cases import open_case
from bihuan.records.documents import issue_document, latest_document
from bihuan.records.models import Case, Charge, Payment, Settlement, Voucher
from bihuan.records.payments import refund_payment, take_payment, take_payments
from bihuan.records.release import issue_gate_pass
from bihuan.records.settlement import agree_settlement, build_settlement, correct_settlement, write_invoice
from bihuan.records.vouchers import grant_voucher, off_in_words
from tests.records.conftest import MORNING, Shop


def agreed_bill(shop: Shop) -> Case:
    """A visit whose bill of 155.50 yuan the customer has agreed to."""
    case = shop.done_visit()
    build_settlement(case.pk, actor=shop.actor("advisor"))
    agree_settlement(case.pk, actor=shop.actor("advisor"))
    return case


def bill_of(case: Case) -> Settlement:
    return Settlement.unscoped.get(case=case)


def grant(shop: Shop, **values: object) -> Voucher:
    suggestion = open_case("suggestion", actor=shop.actor("advisor"), customer_id=shop.customer.pk)
    return grant_voucher(suggestion.pk, actor=shop.actor("site_manager"), **values)  # type: ignore[arg-type]


@pytest.mark.covers("AUTO-23")
def test_the_bill_lists_parts_and_labour_of_every_job_that_was_agreed_and_done(shop: Shop) -> None:
    case = shop.done_visit()
    shop.line(case, description="客户没答应的", job_id=shop.brakes.pk, part_id=None)
    bill = build_settlement(case.pk, actor=shop.actor("advisor"))
    assert (bill.parts_yuan, bill.labour_yuan, bill.total_yuan) == (Decimal("35.50"), 120, Decimal("155.50"))
    charges = Charge.unscoped.filter(settlement=bill).order_by("pk").values_list("kind", "amount_yuan", "reason")
    assert list(charges) == [("parts", Decimal("35.50"), "更换机油机滤"), ("labour", 120, "更换机油机滤")]
    assert bill.number == "YL-JS-20261124-0001"


@pytest.mark.covers("AUTO-23")
def test_an_objection_is_put_right_only_under_authority_with_a_reason_and_the_customer_agrees_anew(shop: Shop) -> None:
    case = agreed_bill(shop)
    with pytest.raises(NotAllowed):
        correct_settlement(case.pk, Decimal(-20), actor=shop.actor("advisor"), reason="客户有异议")
    with pytest.raises(BusinessError, match="更正原因"):
        correct_settlement(case.pk, Decimal(-20), actor=shop.actor("site_manager"), reason=" ")
    bill = correct_settlement(case.pk, Decimal(-20), actor=shop.actor("site_manager"), reason="工时多算")
    assert (bill.total_yuan, bill.status) == (Decimal("135.50"), "draft")
    with pytest.raises(BusinessError, match="还没有确认"):
        take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="135.50")
    entry = Entry.objects.get(chain=f"case:{case.pk}", action="settlement.corrected")
    assert entry.actor_id == shop.cast.user("site_manager").pk
    assert (entry.data["before"]["total_yuan"], entry.data["after"]["total_yuan"]) == ("155.50", "135.50")
    agree_settlement(case.pk, actor=shop.actor("advisor"))
    take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="135.50")
    assert bill_of(case).status == "settled"


@pytest.mark.parametrize(
    ("amount", "message"),
    [("0", "不能为 0"), ("-200", "小于 0"), ("NaN", "不能为 0"), ("0.001", "两位小数"), ("1e9", "100 万元")],
)
def test_a_senseless_correction_is_refused(shop: Shop, amount: str, message: str) -> None:
    case = agreed_bill(shop)
    with pytest.raises(BusinessError, match=message):
        correct_settlement(case.pk, Decimal(amount), actor=shop.actor("site_manager"), reason="更正")
    assert bill_of(case).total_yuan == Decimal("155.50")
    assert bill_of(case).status == "agreed"


@pytest.mark.covers("AUTO-26")
def test_a_bill_is_paid_by_several_methods_and_in_parts(shop: Shop) -> None:
    case = agreed_bill(shop)
    cashier = shop.actor("cashier")
    take_payment(case.pk, actor=cashier, method="cash", amount_yuan="55.50")
    assert bill_of(case).balance_yuan == 100
    rows = [{"method": "wechat", "amount_yuan": "60", "reference": "WX1"}, {"method": "card", "amount_yuan": 40}]
    take_payments(case.pk, rows, actor=cashier)
    bill = bill_of(case)
    assert (bill.status, bill.balance_yuan) == ("settled", 0)
    assert set(bill.payments.values_list("method", flat=True)) == {"cash", "wechat", "card"}
    write_invoice(case.pk, actor=cashier, title="云上贸易有限公司", tax_no="91530100ma6k5n6x7y")
    assert bill_of(case).invoice_tax_no == "91530100MA6K5N6X7Y"


@pytest.mark.parametrize(
    ("method", "amount", "message"),
    [
        ("cash", "155.51", "还应收 ¥155.50"),
        ("cash", "0", "大于 0"),
        ("cash", "-5", "大于 0"),
        ("cash", "abc", "应是数字"),
        ("cash", "", "应是数字"),
        ("cash", None, "应是数字"),
        ("cash", "NaN", "大于 0"),
        ("cash", "Infinity", "大于 0"),
        ("cash", "1.005", "两位小数"),
        ("cash", "=1+1", "应是数字"),
        ("bitcoin", "1", "收款方式"),
        ("", "1", "收款方式"),
    ],
)
def test_a_senseless_payment_is_refused_and_nothing_is_stored(
    shop: Shop, method: str, amount: str | None, message: str
) -> None:
    case = agreed_bill(shop)
    good = {"method": "cash", "amount_yuan": "1"}
    with pytest.raises(BusinessError, match=message):
        take_payments(case.pk, [{"method": method, "amount_yuan": amount}, good], actor=shop.actor("cashier"))
    assert not Payment.unscoped.exists()
    assert bill_of(case).paid_yuan == 0


@pytest.mark.covers("AUTO-26")
def test_money_goes_back_only_under_authority_and_never_more_than_was_paid(shop: Shop) -> None:
    case = agreed_bill(shop)
    take_payment(case.pk, actor=shop.actor("cashier"), method="card", amount_yuan="155.50")
    issue_gate_pass(case.pk, actor=shop.actor("cashier"))
    with pytest.raises(NotAllowed):
        refund_payment(case.pk, actor=shop.actor("cashier"), method="card", amount_yuan="10", reason="多收")
    manager = shop.actor("site_manager")
    with pytest.raises(BusinessError, match="不能超过"):
        refund_payment(case.pk, actor=manager, method="card", amount_yuan="155.51", reason="多收")
    refund_payment(case.pk, actor=manager, method="card", amount_yuan="55.50", reason="刷错卡")
    bill = bill_of(case)
    assert (bill.status, bill.balance_yuan) == ("agreed", Decimal("55.50"))
    assert latest_document(case.pk, "gate_pass") is None, "the unused gate pass must not let an unpaid car go"
    with pytest.raises(BusinessError, match="还没有结清"):
        issue_gate_pass(case.pk, actor=shop.actor("cashier"))


def test_goodwill_lowers_the_bill_with_the_refund_and_it_stays_settled(shop: Shop) -> None:
    case = agreed_bill(shop)
    take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="155.50")
    manager = shop.actor("site_manager")
    refund_payment(case.pk, actor=manager, method="cash", amount_yuan="30", reason="补偿", lower_bill=True)
    bill = bill_of(case)
    assert (bill.status, bill.total_yuan, bill.paid_yuan) == ("settled", Decimal("125.50"), Decimal("125.50"))


def test_a_bill_of_nothing_is_settled_when_agreed(shop: Shop) -> None:
    case = shop.visit()
    grant(shop)
    build_settlement(case.pk, actor=shop.actor("advisor"))
    assert agree_settlement(case.pk, actor=shop.actor("advisor")).status == "settled"
    assert not Voucher.objects.filter(used_at__isnull=False).exists(), "a voucher is not wasted on nothing"


@pytest.mark.covers("AUTO-31")
def test_the_voucher_of_a_suggestion_takes_20_percent_off_the_next_visit_by_itself_and_once(
    shop: Shop,
) -> None:
    before = shop.done_visit()
    clock.move(MORNING + timedelta(hours=1))
    voucher = grant(shop)
    assert build_settlement(before.pk, actor=shop.actor("advisor")).discount_yuan == 0, "not the visit under way"
    clock.move(MORNING + timedelta(days=30))
    case = shop.done_visit()
    for _ in range(3):
        bill = build_settlement(case.pk, actor=shop.actor("advisor"))
    assert (bill.discount_yuan, bill.total_yuan) == (Decimal("31.10"), Decimal("124.40"))
    [discount] = Charge.unscoped.filter(settlement=bill, kind="discount")
    assert discount.reason == f"折扣券 {voucher.code}（8折）"
    later = shop.done_visit()
    assert build_settlement(later.pk, actor=shop.actor("advisor")).discount_yuan == 0
    voucher.refresh_from_db()
    assert voucher.used_case_id == case.pk


def test_an_expired_voucher_and_another_customers_voucher_stay_unused(shop: Shop) -> None:
    grant(shop, expires_on=date(2026, 12, 1))
    clock.move(MORNING + timedelta(days=30))
    case = shop.done_visit()
    assert build_settlement(case.pk, actor=shop.actor("advisor")).discount_yuan == 0


def test_one_suggestion_earns_one_voucher_and_only_the_judge_grants_it(shop: Shop) -> None:
    suggestion = open_case("suggestion", actor=shop.actor("advisor"), customer_id=shop.customer.pk)
    with pytest.raises(NotAllowed):
        grant_voucher(suggestion.pk, actor=shop.actor("advisor"))
    grant_voucher(suggestion.pk, actor=shop.actor("site_manager"))
    with pytest.raises(Conflict, match="已经发过"):
        grant_voucher(suggestion.pk, actor=shop.actor("site_manager"))


@pytest.mark.parametrize(("percent", "words"), [(20, "8折"), (15, "8.5折"), (5, "9.5折"), (50, "5折"), (100, "免费")])
def test_a_discount_is_said_as_shops_say_it(percent: int, words: str) -> None:
    assert off_in_words(percent) == words


def test_another_sites_people_do_not_see_the_bill_and_strangers_to_money_do_not_take_it(shop: Shop) -> None:
    case = agreed_bill(shop)
    with pytest.raises(NotFound):
        take_payment(case.pk, actor=shop.actor("other_advisor"), method="cash", amount_yuan="1")
    for who in ("technician", "advisor", "parts_clerk"):
        with pytest.raises(NotAllowed):
            take_payment(case.pk, actor=shop.actor(who), method="cash", amount_yuan="1")


def test_a_settled_bill_is_neither_rebuilt_nor_corrected(shop: Shop) -> None:
    case = agreed_bill(shop)
    take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="155.50")
    with pytest.raises(BusinessError, match="不能重新生成"):
        build_settlement(case.pk, actor=shop.actor("advisor"))
    with pytest.raises(BusinessError, match="只能退款"):
        correct_settlement(case.pk, Decimal(-1), actor=shop.actor("site_manager"), reason="x")
    with pytest.raises(BusinessError, match="已经结清，不用再收款"):
        take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="1")


def test_the_settlement_paper_bears_the_bills_number_and_a_second_print_a_counter(shop: Shop) -> None:
    case = agreed_bill(shop)
    number = bill_of(case).number
    first = issue_document(
        case.pk, "settlement", {"total": Decimal("155.50")}, actor=shop.actor("advisor"), number=number
    )
    again = issue_document(case.pk, "settlement", {}, actor=shop.actor("advisor"), number=number)
    assert (first.number, again.number) == (number, f"{number}-2")
    assert first.data == {"total": "155.50"}
    assert len(first.token) >= 20
    assert first.token != again.token


@pytest.mark.django_db(transaction=True)
def test_two_cashiers_taking_the_whole_sum_at_once_take_it_once(shop: Shop) -> None:
    case = agreed_bill(shop)
    cashier = shop.actor("cashier")
    barrier = threading.Barrier(4)

    def pay(_: int) -> bool:
        try:
            barrier.wait(timeout=20)
            take_payment(case.pk, actor=cashier, method="cash", amount_yuan="155.50")
            return True
        except BusinessError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(pay, range(4))) == [False, False, False, True]
    assert bill_of(case).paid_yuan == Decimal("155.50")


@pytest.mark.django_db(transaction=True)
def test_two_visits_settled_at_once_share_no_voucher(shop: Shop) -> None:
    grant(shop)
    cases = [shop.done_visit() for _ in range(3)]
    advisor = shop.actor("advisor")
    barrier = threading.Barrier(3)

    def build(case: Case) -> Decimal:
        try:
            barrier.wait(timeout=20)
            with clock.frozen(MORNING):
                return build_settlement(case.pk, actor=advisor).discount_yuan
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        discounts = sorted(pool.map(build, cases))
    assert discounts == [0, 0, Decimal("31.10")]
