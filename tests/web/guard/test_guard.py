"""The guard's desk: two papers in, a verdict out, the key to the customer and the visit one step on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case, Custody, Document, HolderKind, Settlement, Thing
from bihuan.records.vehicles import create_vehicle
from tests.web.story import drive
from tests.web.visits import Centre

QUERIES = 22


def papers(case: Case) -> dict[str, str]:
    """The numbers of both papers."""
    return {
        "pass": Document.unscoped.get(case=case, kind="gate_pass").number,
        "settlement": Settlement.unscoped.get(case=case).number,
    }


def token(case: Case, kind: str) -> str:
    return Document.unscoped.get(case=case, kind=kind).token


def second_car(centre: Centre) -> str:
    create_vehicle(
        actor=centre.cast.system, customer_id=centre.customer.pk, plate="示A70002", brand="远山", model_name="X5"
    )
    return "示A70002"


@pytest.mark.covers("AUTO-27", "AUTO-24")
def test_both_papers_let_the_car_go_and_take_the_visit_on(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    browser = centre.client("guard")
    shown = browser.get("/guard", papers(case)).content.decode()
    assert "单证相符，可以放行" in shown and "示A·70001" in shown and "人车相符，交出钥匙" in shown
    answer = browser.post("/guard/release", papers(case))
    assert answer.headers["Location"] == "/guard"
    key = Custody.unscoped.get(case=case, thing=Thing.KEY)
    assert key.holder_kind == HolderKind.CUSTOMER
    assert [item.name for item in WorkItem.unscoped.filter(instance__subject_id=case.pk, status="open")] == ["送别"]


@pytest.mark.covers("AUTO-27")
def test_a_gate_pass_works_once(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    browser = centre.client("guard")
    browser.post("/guard/release", papers(case))
    again = browser.post("/guard/release", papers(case))
    assert again.status_code == 422 and "已经用过，不能再次放行" in again.content.decode()


def test_the_button_pressed_twice_releases_once(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    browser = centre.client("guard")
    values = {**papers(case), "once_key": "a" * 32}
    assert browser.post("/guard/release", values).status_code == 302
    assert browser.post("/guard/release", values).status_code in (302, 422)
    assert WorkItem.unscoped.filter(instance__subject_id=case.pk, node_id="gate_check").count() == 1


@pytest.mark.covers("AUTO-27")
def test_papers_that_do_not_fit_are_refused_with_the_reason(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    other = drive(centre, "放行核对", plate=second_car(centre))
    browser = centre.client("guard")
    mine, theirs = papers(case), papers(other)
    for values, reason in (
        ({"pass": "YL-CM-20261124-9999", "settlement": mine["settlement"]}, "没有这张出门证"),
        ({"pass": mine["pass"], "settlement": ""}, "请出示结算单"),
        ({"pass": mine["pass"], "settlement": theirs["settlement"]}, "不是同一辆车"),
        ({"pass": mine["settlement"], "settlement": mine["pass"]}, "没有这张出门证"),
        ({"pass": "x" * 500, "settlement": "'; --"}, "没有这张出门证"),
    ):
        shown = browser.get("/guard", values).content.decode()
        assert "不能放行" in shown and reason in shown and "交出钥匙" not in shown, values
        answer = browser.post("/guard/release", values)
        assert answer.status_code == 422 and reason in answer.content.decode(), values
    assert Custody.unscoped.get(case=case, thing=Thing.KEY).holder_kind != HolderKind.CUSTOMER


@pytest.mark.covers("AUTO-24", "AUTO-25")
def test_no_gate_pass_before_payment_and_the_key_is_found_by_asking_the_desk(centre: Centre) -> None:
    case = drive(centre, "收银")
    assert not Document.unscoped.filter(case=case, kind="gate_pass").exists()
    shown = centre.client("guard").get("/guard").content.decode()
    assert "示A·70001" in shown and "值班室" in shown and "没有等待取车的客户" in shown


@pytest.mark.covers("AUTO-25")
def test_the_desk_lists_keys_to_sign_for_and_where_every_key_is(centre: Centre) -> None:
    case = drive(centre, "收钥匙签收")
    item = centre.item(case, "key_sign")
    shown = centre.client("guard").get("/guard").content.decode()
    assert f"/tasks/{item.pk}" in shown and "签收" in shown and "1 把" in shown


@pytest.mark.covers("AUTO-27")
def test_codes_read_with_a_telephone_come_together(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    browser = centre.client("guard")
    first = browser.get(f"/guard/paper/{token(case, 'gate_pass')}", follow=True).content.decode()
    assert "请出示结算单" in first
    both = browser.get(f"/guard/paper/{token(case, 'settlement')}", follow=True).content.decode()
    assert "单证相符，可以放行" in both
    clock.move(clock.now() + timedelta(minutes=3))
    late = browser.get(f"/guard/paper/{token(case, 'gate_pass')}", follow=True).content.decode()
    assert "请出示结算单" in late
    assert browser.get("/guard/paper/nothing-like-this").status_code == 404


@pytest.mark.covers("AUTO-27")
def test_a_scanner_that_types_the_address_works_in_the_fields(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    typed = {
        "pass": f"http://testserver/guard/paper/{token(case, 'gate_pass')}",
        "settlement": f"http://testserver/guard/paper/{token(case, 'settlement')}",
    }
    assert "单证相符，可以放行" in centre.client("guard").get("/guard", typed).content.decode()
    assert centre.client("guard").post("/guard/release", typed).status_code == 302


def test_only_those_who_give_keys_out_see_the_desk(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    for who in ("technician", "cashier", "without_position"):
        browser = centre.client(who)
        assert browser.get("/guard").status_code == 403, who
        assert browser.get(f"/guard/paper/{token(case, 'gate_pass')}").status_code == 403, who
        assert browser.post("/guard/release", papers(case)).status_code in (403, 422), who
    assert Custody.unscoped.get(case=case, thing=Thing.KEY).holder_kind != HolderKind.CUSTOMER


def test_another_site_neither_sees_nor_releases_the_car(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    browser = centre.client("other_advisor")
    shown = browser.get("/guard", papers(case)).content.decode()
    assert "没有这张出门证" in shown and "70001" not in shown
    assert browser.post("/guard/release", papers(case)).status_code == 422
    assert browser.get(f"/guard/paper/{token(case, 'gate_pass')}").status_code == 404


def test_the_desk_costs_the_same_with_one_car_and_with_many(centre: Centre, django_assert_max_num_queries: Any) -> None:
    case = drive(centre, "放行核对")
    drive(centre, "放行核对", plate=second_car(centre))
    browser = centre.client("guard")
    browser.get("/guard")
    with django_assert_max_num_queries(QUERIES):
        assert browser.get("/guard", papers(case)).status_code == 200
