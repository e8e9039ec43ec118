"""The call desk: ringing, answering, looking up while talking, and on to the appointment."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.operations.desk.booking import start_appointment
from bihuan.operations.desk.calls import CallQuery, call_desk
from bihuan.operations.desk.talk import find_caller, look_up_prices
from bihuan.processes.models import WorkItem
from bihuan.records.calls import answer, ring
from bihuan.records.models import CallLog, Case, Customer, JobType, Sheet, Stock, Vehicle
from tests.web.visits import PLATE, Centre

QUERIES = 24
TALK_QUERIES = 34
PHONE = "13900007001"
HTMX = {"HX-Request": "true"}


def rung(centre: Centre, phone: str = PHONE) -> CallLog:
    return ring(actor=centre.cast.system, phone=phone)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_a_stranger_is_sent_to_sign_in(client: Client, db: None) -> None:
    for address in ("/calls", "/calls/ringing", "/calls/1", "/outreach"):
        assert client.get(address).headers["Location"].startswith("/sign-in")


@pytest.mark.covers("AUTO-02")
def test_a_ringing_call_shows_who_it_is_and_the_ten_seconds(centre: Centre) -> None:
    call = rung(centre)
    page = text_of(centre.client("advisor").get("/calls"))
    due = (call.ringing_at + timedelta(seconds=10)).isoformat(timespec="seconds")
    assert "139 0000 7001" in page and "周晓棠" in page and f'data-due="{due}"' in page
    assert f'action="/calls/{call.pk}/answer"' in page


def test_the_poll_answers_nothing_while_nothing_rings_anew(centre: Centre) -> None:
    browser = centre.client("front_desk")
    seen = text_of(browser.get("/calls/ringing", headers=HTMX)).split("seen=")[1][:12]
    assert browser.get(f"/calls/ringing?seen={seen}", headers=HTMX).status_code == 204
    rung(centre)
    changed = browser.get(f"/calls/ringing?seen={seen}", headers=HTMX)
    assert changed.status_code == 200 and "接听" in text_of(changed)


@pytest.mark.covers("AUTO-02")
def test_answered_in_time_late_and_abandoned_are_counted(centre: Centre, frozen_clock: Any) -> None:
    browser = centre.client("advisor")
    for seconds in (4, 15):
        call = rung(centre)
        clock.move(clock.now() + timedelta(seconds=seconds))
        assert browser.post(f"/calls/{call.pk}/answer").headers["Location"] == f"/calls/{call.pk}"
        browser.post(f"/calls/{call.pk}/hang-up")
    missed = rung(centre)
    browser.post(f"/calls/{missed.pk}/hang-up")
    shown = call_desk(CallQuery(), actor=centre.cast.actor("advisor"))
    answered = shown.answered
    assert (answered.rang, answered.in_time, answered.answered, answered.abandoned) == (3, 1, 2, 1)
    assert answered.percent == 33
    assert [row.pk for row in call_desk(CallQuery(show="missed"), actor=centre.cast.actor("advisor")).part.rows] == [
        missed.pk
    ]
    assert call_desk(CallQuery(show="slow"), actor=centre.cast.actor("advisor")).part.total == 1
    assert "超时接听" in text_of(browser.get("/calls?show=slow"))
    # The share on the report leads to the same calls, for those who may read it.
    manager = centre.client("site_manager")
    link = re.search(r'href="(/reports/calls[^"]*)"', text_of(manager.get("/reports/limits")))
    assert link
    whole = text_of(manager.get(link[1].replace("&amp;", "&")))
    assert whole.count("<tr data-row") == 3 and "33.3%" in text_of(manager.get("/reports"))
    for show, words in (("in_time", "4.0"), ("slow", "15.0"), ("missed", "未接通")):
        text = text_of(manager.get(f"/reports/calls?show={show}"))
        assert text.count("<tr data-row") == 1 and words in text
    assert manager.get("/reports/calls/export?show=missed").status_code == 200
    assert browser.get("/reports/calls").status_code == 403


def test_the_second_to_pick_up_is_told(centre: Centre) -> None:
    call = rung(centre)
    centre.client("advisor").post(f"/calls/{call.pk}/answer")
    late = centre.client("front_desk").post(f"/calls/{call.pk}/answer")
    assert late.status_code == 409 and "别的同事" in text_of(late)


@pytest.mark.covers("AUTO-03")
def test_while_talking_the_caller_the_car_and_what_is_due_are_seen(centre: Centre) -> None:
    today = clock.now().date()
    Vehicle.objects.filter(pk=centre.vehicle.pk).update(
        service_due_on=today - timedelta(days=9), next_service_on=today, next_service_km=30000
    )
    call = rung(centre)
    browser = centre.client("advisor")
    browser.post(f"/calls/{call.pk}/answer")
    page = text_of(browser.get(f"/calls/{call.pk}"))
    assert "欢迎致电云岭汽车服务中心，我是服务顾问李晓" in page
    assert "周晓棠" in page and "示A·70001" in page and "保养已过期 9 天" in page
    for typed in ("7001", "70001", "示A70001", "周晓棠", "zxt"):
        found = text_of(browser.get("/calls/find", {"q": typed, "call": call.pk}, headers=HTMX))
        assert "周晓棠" in found and "登记预约" in found, typed
    assert "新客户" in text_of(browser.get("/calls/find", {"q": "99998888"}, headers=HTMX))


@pytest.mark.covers("AUTO-03")
def test_price_and_stock_are_looked_up_beside_the_talk(centre: Centre) -> None:
    Stock.unscoped.filter(part__code="P-1001").update(reserved=Decimal(3))
    page = text_of(centre.client("front_desk").get("/calls/prices?price=机油", headers=HTMX))
    assert "更换机油" in page and "¥60.00" in page
    assert "机油 4L" in page and "¥268.00" in page and "可用 5 桶" in page
    assert look_up_prices("", actor=centre.cast.actor("advisor")).parts == ()


@pytest.mark.covers("AUTO-04")
@pytest.mark.parametrize("who", ["advisor", "front_desk", "customer_care", "site_manager"])
def test_whoever_takes_the_call_takes_the_appointment_down(centre: Centre, who: str) -> None:
    call = answer(rung(centre).pk, actor=centre.cast.actor(who))
    browser = centre.client(who)
    answered = browser.post("/appointments/start", {"vehicle": centre.vehicle.pk, "call": call.pk})
    case = Case.unscoped.get(kind="appointment")
    item = centre.item(case, "book")
    assert answered.headers["Location"] == f"/tasks/{item.pk}"
    assert (case.customer_id, case.vehicle_id, case.phone) == (centre.customer.pk, centre.vehicle.pk, PHONE)
    assert item.assignee == centre.cast.user(who)
    call.refresh_from_db()
    assert (call.case_id, call.customer_id) == (case.pk, centre.customer.pk)
    assert browser.get(f"/tasks/{item.pk}").status_code == 200


def test_pressed_twice_there_is_one_appointment(centre: Centre) -> None:
    call = answer(rung(centre).pk, actor=centre.cast.actor("advisor"))
    browser = centre.client("advisor")
    places = {
        browser.post("/appointments/start", {"vehicle": centre.vehicle.pk, "call": call.pk}).headers["Location"]
        for _ in range(2)
    }
    assert len(places) == 1 and Case.unscoped.count() == 1


def test_an_unknown_caller_is_registered_in_one_small_form(centre: Centre) -> None:
    call = answer(rung(centre, "13900008888").pk, actor=centre.cast.actor("front_desk"))
    browser = centre.client("front_desk")
    assert 'value="13900008888"' in text_of(browser.get(f"/calls/{call.pk}"))
    form = {"call": call.pk, "name": "高远", "salutation": "先生", "phone": "13900008888", "plate": "示A 88888"}
    answered = browser.post("/appointments/newcomer", {**form, "brand": "远山", "model_name": "X5"})
    case = Case.unscoped.get(kind="appointment")
    assert answered.headers["Location"] == f"/tasks/{centre.item(case, 'book').pk}"
    assert case.customer is not None and case.customer.called == "高先生"
    assert case.vehicle is not None and case.vehicle.label == "远山 X5"
    call.refresh_from_db()
    assert call.case_id == case.pk


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"plate": ""}, "请填写车牌"),
        ({"phone": "123"}, "电话号码"),
        ({"phone": PHONE}, "周晓棠"),
        ({"plate": PLATE}, "车牌"),
        ({"name": ""}, "姓名"),
    ],
)
def test_a_refused_newcomer_keeps_what_was_typed(centre: Centre, changed: dict[str, str], message: str) -> None:
    call = answer(rung(centre, "13900008888").pk, actor=centre.cast.actor("advisor"))
    form = {"call": call.pk, "name": "高远", "phone": "13900008888", "plate": "示A88888", "brand": "远山", **changed}
    answered = centre.client("advisor").post("/appointments/newcomer", form)
    page = text_of(answered)
    assert answered.status_code in (409, 422)
    assert message in page and 'value="远山"' in page and "<details" in page
    assert not Case.unscoped.exists() and Customer.objects.count() == 1 and Vehicle.objects.count() == 1


def test_a_known_customer_gets_one_more_car(centre: Centre) -> None:
    browser = centre.client("advisor")
    assert "给 周晓棠 添加车辆" in text_of(browser.get(f"/appointments/new?customer={centre.customer.pk}"))
    browser.post("/appointments/newcomer", {"customer": centre.customer.pk, "plate": "示A70002"})
    assert Case.unscoped.get().customer_id == centre.customer.pk
    assert centre.customer.vehicles.count() == 2


def read_back(centre: Centre, clerk: Client, call: CallLog) -> str:
    """An appointment taken down during a call and read back; answers where the clerk is led to."""
    case = start_appointment(centre.vehicle.pk, actor=centre.cast.actor("advisor"), call_id=call.pk)
    said = {
        "customer": centre.customer.pk, "vehicle": centre.vehicle.pk, "phone": PHONE, "starts_at": "2026-11-25T10:00",
        "jobs": [{"job_id": JobType.unscoped.get(code="J-101").pk, "description": "更换机油"}],
    }  # fmt: skip
    centre.complete(case, "book", "advisor", said)
    item = centre.item(case, "readback").pk
    return str(clerk.post(f"/tasks/{item}", {"readback_ok": "yes", "once_key": "r1"}).headers["Location"])


@pytest.mark.covers("AUTO-04")
def test_after_reading_back_the_clerk_is_led_to_the_call_that_still_runs(centre: Centre) -> None:
    call, clerk = rung(centre), centre.client("advisor")
    answer(call.pk, actor=centre.cast.actor("advisor"))
    led_to = read_back(centre, clerk, call)
    assert led_to == f"/calls/{call.pk}"
    assert "电话还没挂断" in text_of(clerk.get(led_to))


def test_after_a_call_that_has_ended_the_clerk_goes_back_to_the_workbench(centre: Centre) -> None:
    call, clerk = rung(centre), centre.client("advisor")
    answer(call.pk, actor=centre.cast.actor("advisor"))
    clerk.post(f"/calls/{call.pk}/hang-up")
    assert read_back(centre, clerk, call) == "/"


def test_a_withheld_number_leaves_the_customers_own_on_the_case(centre: Centre) -> None:
    call = rung(centre, "")
    case = start_appointment(centre.vehicle.pk, actor=centre.cast.actor("advisor"), call_id=call.pk)
    assert case.phone == PHONE
    assert not Sheet.unscoped.filter(case=case).exists()


def test_the_caller_is_noted_without_a_booking(centre: Centre) -> None:
    call = rung(centre, "13900008888")
    centre.client("advisor").post(f"/calls/{call.pk}/caller", {"customer": centre.customer.pk})
    call.refresh_from_db()
    assert call.customer_id == centre.customer.pk and not WorkItem.unscoped.exists()


@pytest.mark.parametrize("who", ["technician", "cashier", "guard", "parts_clerk"])
def test_who_does_not_answer_calls_is_refused(centre: Centre, who: str) -> None:
    call = rung(centre)
    browser = centre.client(who)
    for address in ("/calls", "/calls/ringing", f"/calls/{call.pk}", "/calls/prices?price=a", "/outreach"):
        assert browser.get(address).status_code == 403, address
    for address in (f"/calls/{call.pk}/answer", f"/calls/{call.pk}/hang-up", "/appointments/start", "/outreach/start"):
        assert browser.post(address, {"vehicle": centre.vehicle.pk}).status_code == 403, address
    call.refresh_from_db()
    assert call.outcome == "ringing" and not Case.unscoped.exists()


def test_calls_of_another_site_are_not_there(centre: Centre) -> None:
    call = rung(centre)
    browser = centre.client("other_advisor")
    assert "139 0000 7001" not in text_of(browser.get("/calls"))
    for address in (f"/calls/{call.pk}/answer", f"/calls/{call.pk}/hang-up"):
        assert browser.post(address).status_code == 404
    assert browser.get(f"/calls/{call.pk}").status_code == 404


def test_searching_needs_the_right_to(centre: Centre) -> None:
    with pytest.raises(NotAllowed):
        find_caller("70001", actor=centre.cast.actor("guard"))


def test_a_call_is_simulated_in_the_demo_only(centre: Centre, settings: Any) -> None:
    browser = centre.client("advisor")
    settings.BIHUAN_DEMO = False
    assert "模拟来电" not in text_of(browser.get("/calls"))
    assert browser.post("/calls/simulate", {"phone": PHONE}).status_code == 404
    settings.BIHUAN_DEMO = True
    assert "模拟来电" in text_of(browser.get("/calls"))
    browser.post("/calls/simulate", {"phone": "139-0000-7001"})
    assert CallLog.unscoped.get().phone == PHONE


@pytest.mark.parametrize(
    "query", ["day=x", "day=2026-13-01", "show=zz", "page=99999", "page=-1", "page=x", "day=0001-01-01"]
)
def test_a_clumsy_address_shows_the_desk_all_the_same(centre: Centre, query: str) -> None:
    assert centre.client("advisor").get(f"/calls?{query}").status_code == 200


def test_the_pages_cost_the_same_with_one_call_and_with_many(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        call = rung(centre, f"139000070{number:02d}")
    browser = centre.client("advisor")
    browser.get("/calls")
    with django_assert_max_num_queries(QUERIES):
        browser.get("/calls")
    with django_assert_max_num_queries(TALK_QUERIES):
        browser.get(f"/calls/{call.pk}?q=zxt&price=机油")
