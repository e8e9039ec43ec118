from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.records.custody import (
    colleague,
    desk,
    hand_over,
    held_by,
    in_our_care,
    return_to_customer,
    take_custody,
)
from bihuan.records.documents import issue_document, void_document
from bihuan.records.models import Case, Custody, CustodyMove, Document, Settlement
from bihuan.records.payments import take_payment
from bihuan.records.release import check_release, issue_gate_pass, release_key
from bihuan.records.settlement import agree_settlement, build_settlement
from tests.records.conftest import Shop


def ready_to_go(shop: Shop) -> tuple[Case, Document, Settlement]:
    """A settled visit whose key lies at the guard's desk, with its gate pass."""
    case = shop.done_visit()
    take_custody(case.pk, "key", actor=shop.actor("advisor"))
    hand_over(case.pk, "key", actor=shop.actor("advisor"), to=desk("值班室"), signed_by="陈安")
    build_settlement(case.pk, actor=shop.actor("advisor"))
    agree_settlement(case.pk, actor=shop.actor("advisor"))
    take_payment(case.pk, actor=shop.actor("cashier"), method="cash", amount_yuan="155.50")
    gate_pass = issue_gate_pass(case.pk, actor=shop.actor("cashier"))
    return case, gate_pass, Settlement.unscoped.get(case=case)


@pytest.mark.covers("AUTO-24")
def test_no_gate_pass_before_the_bill_is_settled_and_one_after(shop: Shop) -> None:
    case = shop.done_visit()
    cashier = shop.actor("cashier")
    with pytest.raises(BusinessError, match="还没有结算单"):
        issue_gate_pass(case.pk, actor=cashier)
    build_settlement(case.pk, actor=shop.actor("advisor"))
    agree_settlement(case.pk, actor=shop.actor("advisor"))
    take_payment(case.pk, actor=cashier, method="cash", amount_yuan="155.49")
    with pytest.raises(BusinessError, match="还没有结清"):
        issue_gate_pass(case.pk, actor=cashier)
    with pytest.raises(BusinessError, match="只能在结清后"):
        issue_document(case.pk, "gate_pass", {}, actor=cashier)
    take_payment(case.pk, actor=cashier, method="cash", amount_yuan="0.01")
    with pytest.raises(NotAllowed):
        issue_gate_pass(case.pk, actor=shop.actor("advisor"))
    first = issue_gate_pass(case.pk, actor=cashier)
    assert issue_gate_pass(case.pk, actor=cashier).pk == first.pk
    assert first.number == "YL-CM-20261124-0001"


@pytest.mark.covers("AUTO-27")
def test_the_key_goes_against_gate_pass_and_settlement_and_only_once(shop: Shop) -> None:
    case, gate_pass, bill = ready_to_go(shop)
    guard = shop.actor("guard")
    custody = release_key(gate_pass.number.lower(), f" {bill.number} ", actor=guard, receiver="张伟")
    assert (custody.holder_kind, custody.holder_name) == ("customer", "张伟")
    assert Case.unscoped.get(pk=case.pk).released_at is not None
    with pytest.raises(BusinessError, match="已经用过"):
        release_key(gate_pass.number, bill.number, actor=guard)


@pytest.mark.covers("AUTO-27")
def test_scanned_codes_work_like_numbers(shop: Shop) -> None:
    case, gate_pass, bill = ready_to_go(shop)
    paper = issue_document(case.pk, "settlement", {}, actor=shop.actor("cashier"), number=bill.number)
    found = check_release(
        f"https://centre.example/d/{gate_pass.token}/",
        f"https://centre.example/d/{paper.token}",
        actor=shop.actor("guard"),
    )
    assert found.ok
    assert found.case is not None
    assert found.case.pk == case.pk


@pytest.mark.covers("AUTO-27")
def test_the_guard_is_told_why_the_key_may_not_go(shop: Shop) -> None:
    _, gate_pass, bill = ready_to_go(shop)
    other = shop.done_visit()
    other_bill = build_settlement(other.pk, actor=shop.actor("advisor"))
    for pass_text, bill_text, reason in (
        ("", bill.number, "没有这张出门证"),
        ("YL-CM-20261124-9999", bill.number, "没有这张出门证"),
        ("'; DROP TABLE", bill.number, "没有这张出门证"),
        ("x" * 5000, bill.number, "没有这张出门证"),
        (bill.number, bill.number, "没有这张出门证"),
        (gate_pass.number, "", "请出示结算单"),
        (gate_pass.number, other_bill.number, "不是同一辆车"),
        (gate_pass.number, gate_pass.number, "不是同一辆车"),
        (gate_pass.number, "YL-JS-1", "不是同一辆车"),
    ):
        found = check_release(pass_text, bill_text, actor=shop.actor("guard"))
        assert not found.ok
        assert reason in found.reason
        with pytest.raises(BusinessError, match=reason):
            release_key(pass_text, bill_text, actor=shop.actor("guard"))
    void_document(gate_pass.pk, actor=shop.actor("cashier"), reason="写错")
    assert "已经作废：写错" in check_release(gate_pass.number, bill.number, actor=shop.actor("guard")).reason


def test_only_those_with_the_right_release_and_only_at_their_site(shop: Shop) -> None:
    _, gate_pass, bill = ready_to_go(shop)
    with pytest.raises(NotAllowed):
        release_key(gate_pass.number, bill.number, actor=shop.actor("technician"))
    with pytest.raises(BusinessError, match="没有这张出门证"):
        release_key(gate_pass.number, bill.number, actor=shop.actor("other_advisor"))
    key = Custody.unscoped.get(thing="key")
    assert key.holder_name == "值班室"


def test_a_key_that_somebody_else_holds_stays_there_and_the_gate_pass_stays_good(shop: Shop) -> None:
    case, gate_pass, bill = ready_to_go(shop)
    hand_over(case.pk, "key", actor=shop.actor("front_desk"), to=colleague(shop.cast.user("advisor")), signed_by="李晓")
    with pytest.raises(BusinessError, match="李晓保管"):
        release_key(gate_pass.number, bill.number, actor=shop.actor("guard"))
    assert check_release(gate_pass.number, bill.number, actor=shop.actor("guard")).ok


@pytest.mark.covers("AUTO-25")
def test_the_holder_of_a_key_is_known_at_every_moment(shop: Shop) -> None:
    case = shop.visit()
    advisor, technician = shop.cast.user("advisor"), shop.cast.user("technician")
    take_custody(case.pk, "key", actor=shop.actor("advisor"))
    take_custody(case.pk, "licence", actor=shop.actor("front_desk"), holder=desk("前台"))
    hand_over(case.pk, "key", actor=shop.actor("advisor"), to=colleague(technician), signed_by="赵强")
    with pytest.raises(BusinessError, match="由赵强保管，只能由本人交接"):
        hand_over(case.pk, "key", actor=shop.actor("advisor"), to=desk("值班室"), signed_by="陈安")
    assert [row.thing for row in held_by(technician.pk, actor=shop.actor("technician"))] == ["key"]
    assert held_by(advisor.pk, actor=shop.actor("advisor")) == []
    hand_over(case.pk, "key", actor=shop.actor("technician"), to=desk("值班室"), signed_by="陈安")
    assert {row.thing: row.holder_name for row in in_our_care(case.pk)} == {"key": "值班室", "licence": "前台"}
    moves = (
        CustodyMove.unscoped.filter(custody__thing="key")
        .order_by("pk")
        .values_list("from_name", "to_name", "signed_by")
    )
    assert list(moves) == [("张伟", "李晓", "李晓"), ("李晓", "赵强", "赵强"), ("赵强", "值班室", "陈安")]


def test_clumsy_handovers_are_refused(shop: Shop) -> None:
    case = shop.visit()
    advisor = shop.actor("advisor")
    with pytest.raises(NotFound, match="没有保管行驶证"):
        return_to_customer(case.pk, "licence", actor=advisor)
    with pytest.raises(BusinessError, match="没有这种保管物品"):
        take_custody(case.pk, "dog", actor=advisor)
    take_custody(case.pk, "licence", actor=advisor)
    with pytest.raises(BusinessError, match="已由李晓保管"):
        take_custody(case.pk, "licence", actor=shop.actor("front_desk"))
    with pytest.raises(BusinessError, match="请填写签收人"):
        hand_over(case.pk, "licence", actor=advisor, to=desk("前台"), signed_by=" ")
    with pytest.raises(BusinessError, match="已经在李晓处"):
        hand_over(case.pk, "licence", actor=advisor, to=colleague(shop.cast.user("advisor")), signed_by="李晓")
    return_to_customer(case.pk, "licence", actor=advisor)
    with pytest.raises(BusinessError, match="已经归还"):
        return_to_customer(case.pk, "licence", actor=advisor)
    with pytest.raises(BusinessError, match="凭出门证"):
        return_to_customer(case.pk, "key", actor=advisor)


@pytest.mark.django_db(transaction=True)
def test_two_guards_with_one_gate_pass_release_one_key(shop: Shop) -> None:
    _, gate_pass, bill = ready_to_go(shop)
    guard = shop.actor("guard")
    barrier = threading.Barrier(3)

    def release(_: int) -> bool:
        try:
            barrier.wait(timeout=20)
            release_key(gate_pass.number, bill.number, actor=guard)
            return True
        except BusinessError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(release, range(3))) == [False, False, True]
    assert CustodyMove.unscoped.filter(to_kind="customer").count() == 1
