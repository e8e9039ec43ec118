from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.records.appointments import book_appointment
from bihuan.records.attachments import store_attachment
from bihuan.records.calls import answer, answer_report, hang_up, link_call, ring, ringing_calls, seconds_to_answer
from bihuan.records.cases import close_case, open_case
from bihuan.records.customers import create_customer, postpone_contact
from bihuan.records.due import due_list, due_vehicles, months_before
from bihuan.records.feedback import open_complaint, open_suggestion, record_feedback
from bihuan.records.knowledge import note_history, read_note, save_note
from bihuan.records.models import CallLog, Case, Customer, Feedback, Sheet, Vehicle, Voucher
from tests.records.conftest import MORNING, Shop

TODAY = date(2026, 11, 24)


def call(shop: Shop, rings: float | None, *, who: str = "front_desk", day: int = 0) -> CallLog:
    """An inbound call that rang so many seconds before `who` answered, or that nobody answered."""
    clock.move(MORNING + timedelta(days=day))
    row = ring(actor=shop.actor("front_desk"), phone="13900001234")
    clock.move(clock.now() + timedelta(seconds=30 if rings is None else rings))
    if rings is not None:
        answer(row.pk, actor=shop.actor(who))
    clock.move(clock.now() + timedelta(minutes=2))
    return hang_up(row.pk, actor=shop.actor("front_desk"))


@pytest.mark.covers("AUTO-02")
def test_the_share_of_calls_answered_within_ten_seconds_is_reported_by_day_and_person(shop: Shop) -> None:
    for rings in (3, 10, 10.001, None):
        call(shop, rings)
    call(shop, 5, who="advisor")
    call(shop, 60, day=1)
    rows = answer_report(TODAY, TODAY + timedelta(days=1), actor=shop.actor("site_manager"))
    shown = {(row.day.day, row.user_name): (row.rang, row.answered, row.in_time, row.abandoned) for row in rows}
    assert shown == {
        (24, "王芳"): (3, 3, 2, 0),
        (24, "李晓"): (1, 1, 1, 0),
        (24, ""): (1, 0, 0, 1),
        (25, "王芳"): (1, 1, 0, 0),
    }
    assert rows[-1].share_in_time == 0
    with pytest.raises(BusinessError, match="400 天"):
        answer_report(TODAY, TODAY + timedelta(days=900), actor=shop.actor("site_manager"))
    with pytest.raises(NotAllowed):
        answer_report(TODAY, TODAY, actor=shop.actor("cashier"))


@pytest.mark.covers("AUTO-02")
def test_ringing_answering_and_hanging_up_are_kept_to_the_second(shop: Shop) -> None:
    row = ring(actor=shop.actor("front_desk"), phone="139 0000 1234", external_id="pbx-1")
    assert ring(actor=shop.actor("front_desk"), phone="13900001234", external_id="pbx-1").pk == row.pk
    assert row.customer == shop.customer
    assert [found.pk for found in ringing_calls(actor=shop.actor("advisor"))] == [row.pk]
    clock.move(MORNING + timedelta(seconds=8))
    answered = answer(row.pk, actor=shop.actor("advisor"))
    assert seconds_to_answer(answered) == 8
    with pytest.raises(Conflict, match="别的同事"):
        answer(row.pk, actor=shop.actor("front_desk"))
    case = shop.visit()
    link_call(row.pk, actor=shop.actor("advisor"), case_id=case.pk)
    clock.move(MORNING + timedelta(minutes=3))
    assert hang_up(row.pk, actor=shop.actor("advisor")).outcome == "done"
    assert ringing_calls(actor=shop.actor("advisor")) == []
    with pytest.raises(NotFound):
        link_call(row.pk, actor=shop.actor("other_advisor"), case_id=case.pk)
    with pytest.raises(NotAllowed):
        ring(actor=shop.actor("technician"), phone="13900001234")


def follow_up(shop: Shop, visit: Case | None = None) -> Case:
    return open_case(
        "follow_up",
        actor=shop.actor("customer_care"),
        vehicle_id=shop.vehicle.pk,
        parent_id=visit.pk if visit else None,
    )


@pytest.mark.covers("AUTO-30")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"satisfaction": 1}, "写明原因或附上录音"),
        ({"satisfaction": 2, "reason": "  "}, "写明原因或附上录音"),
        ({"satisfaction": 0}, "请选择满意度"),
        ({"satisfaction": 6}, "请选择满意度"),
        ({"satisfaction": -5, "reason": "x"}, "请选择满意度"),
        ({"satisfaction": 1, "recording_id": 999_999}, "录音不在"),
        ({"satisfaction": 5, "praise": "好" * 4001}, "最多 4000 个字"),
    ],
)
def test_dissatisfaction_without_a_reason_is_refused(shop: Shop, values: dict[str, Any], message: str) -> None:
    case = follow_up(shop)
    with pytest.raises(BusinessError, match=message):
        record_feedback(case.pk, actor=shop.actor("customer_care"), **values)
    assert not Feedback.unscoped.exists()


@pytest.mark.covers("AUTO-30")
def test_a_reason_in_writing_or_as_a_recording_will_do(shop: Shop) -> None:
    care = shop.actor("customer_care")
    case, other = follow_up(shop), follow_up(shop)
    sound = store_attachment(case.pk, "recording", b"OggS" + b"0" * 60, name="a.ogg", actor=care)
    with pytest.raises(BusinessError, match="录音不在"):
        record_feedback(other.pk, actor=care, satisfaction=1, recording_id=sound.pk)
    assert record_feedback(case.pk, actor=care, satisfaction=1, recording_id=sound.pk).satisfaction == 1
    corrected = record_feedback(case.pk, actor=care, satisfaction=2, reason="等太久", praise="技师礼貌")
    assert (corrected.satisfaction, corrected.reason, Feedback.unscoped.count()) == (2, "等太久", 1)


@pytest.mark.covers("AUTO-30", "AUTO-31")
def test_complaints_and_suggestions_are_cases_of_their_own_with_the_customers_words(shop: Shop) -> None:
    case = follow_up(shop)
    complaint = open_complaint(case.pk, actor=shop.actor("customer_care"), text="洗车没洗干净")
    suggestion = open_suggestion(case.pk, actor=shop.actor("customer_care"), text="休息区加个充电口")
    assert (complaint.number, complaint.parent_id, complaint.customer) == (
        "YL-TS-20261124-0001",
        case.pk,
        shop.customer,
    )
    assert Sheet.unscoped.get(case=suggestion, kind="suggestion").data["text"] == "休息区加个充电口"
    with pytest.raises(BusinessError, match="请填写投诉内容"):
        open_complaint(case.pk, actor=shop.actor("customer_care"), text=" ")


@pytest.mark.covers("AUTO-21")
def test_knowledge_is_edited_by_those_who_know_and_every_edit_is_kept(shop: Shop) -> None:
    director = shop.actor("technical_director")
    save_note("diagnosis", actor=director, title="故障诊断原则", body="先问后查")
    save_note("diagnosis", actor=director, title="故障诊断原则", body="先问、后查、再拆", expected_version=1)
    assert (read_note("diagnosis").body, read_note("diagnosis").version) == ("先问、后查、再拆", 2)
    newest, first = note_history("diagnosis")
    assert (newest.data["before"]["body"], newest.data["after"]["body"]) == ("先问后查", "先问、后查、再拆")
    assert first.actor_id == director.user_id
    with pytest.raises(Conflict):
        save_note("diagnosis", actor=director, title="x", body="y", expected_version=1)
    with pytest.raises(NotAllowed):
        save_note("diagnosis", actor=shop.actor("technician"), title="x", body="y")
    for key in ("", "Diagnosis", "a b", "../x", "x" * 61):
        with pytest.raises(BusinessError):
            save_note(key, actor=director, title="x", body="y")
    with pytest.raises(NotFound):
        read_note("missing")


def car(shop: Shop, number: int, **values: Any) -> Vehicle:
    customer = Customer.objects.create(name=f"客户{number}", phone=f"1390007{number:04d}")
    return Vehicle.objects.create(customer=customer, plate=f"示D{number:05d}", **values)


def reasons(shop: Shop, **values: Any) -> dict[str, str]:
    page = due_list(actor=shop.actor("customer_care"), **values)
    return {row.vehicle.plate: row.reason for row in page.rows}


@pytest.mark.covers("AUTO-01")
def test_customers_due_for_a_call_are_listed_with_the_reason_most_pressing_first(shop: Shop) -> None:
    maintenance = car(shop, 1, service_due_on=TODAY + timedelta(days=14))
    car(shop, 2, service_due_on=TODAY + timedelta(days=15))
    reward = car(shop, 3)
    Voucher.objects.create(customer=reward.customer, code="V1", percent_off=20, issued_at=MORNING)
    expired = car(shop, 4)
    Voucher.objects.create(
        customer=expired.customer, code="V2", percent_off=20, issued_at=MORNING, expires_on=TODAY - timedelta(days=1)
    )
    lapsed = car(shop, 5, last_visit_on=date(2025, 11, 23))
    car(shop, 6, last_visit_on=date(2025, 11, 24))
    visit = shop.visit(vehicle_id=car(shop, 7).pk)
    close_case(visit.pk, actor=shop.actor("advisor"))
    Case.unscoped.filter(pk=visit.pk).update(released_at=MORNING - timedelta(days=4))
    found = reasons(shop)
    assert list(found.items()) == [
        ("示D00007", "follow_up"),
        (maintenance.plate, "maintenance"),
        (reward.plate, "voucher"),
        (lapsed.plate, "lapsed"),
    ]
    assert reasons(shop, reason="lapsed") == {lapsed.plate: "lapsed"}
    assert len(reasons(shop, lapsed_months=6)) == 5
    first = due_list(actor=shop.actor("customer_care"), size=3)
    second = due_list(actor=shop.actor("customer_care"), size=3, page=2)
    assert (first.more, second.more, len(second.rows)) == (True, False, 1)
    assert first.rows[0].reason_label == "交车后未回访"


@pytest.mark.covers("AUTO-01")
def test_who_is_being_called_has_an_appointment_or_asked_for_later_is_left_out(shop: Shop) -> None:
    cars = [car(shop, number, service_due_on=TODAY) for number in range(5)]
    open_case("outreach", actor=shop.actor("customer_care"), vehicle_id=cars[1].pk)
    book_appointment(
        actor=shop.actor("customer_care"),
        customer_id=cars[2].customer_id,
        vehicle_id=cars[2].pk,
        starts_at=MORNING + timedelta(days=1),
        job_ids=[shop.oil_change.pk],
        phone="13900001234",
    )
    postpone_contact(cars[3].customer_id, actor=shop.actor("customer_care"), until=TODAY + timedelta(days=1))
    shop.visit(vehicle_id=cars[4].pk)
    assert set(reasons(shop)) == {"示D00000"}
    assert set(reasons(shop, on=TODAY + timedelta(days=1))) == {"示D00000", "示D00003"}


def test_a_followed_up_visit_and_another_sites_customers_are_not_on_the_list(shop: Shop) -> None:
    visit = shop.visit()
    close_case(visit.pk, actor=shop.actor("advisor"))
    Case.unscoped.filter(pk=visit.pk).update(released_at=MORNING - timedelta(days=4))
    assert reasons(shop) == {"示A12345": "follow_up"}
    follow_up(shop, visit)
    assert reasons(shop) == {}
    Vehicle.objects.filter(pk=shop.vehicle.pk).update(service_due_on=TODAY)
    assert reasons(shop) == {"示A12345": "maintenance"}
    elsewhere = due_list(actor=shop.actor("other_advisor"))
    assert elsewhere.rows == ()
    with pytest.raises(NotAllowed):
        due_list(actor=shop.actor("technician"))


def test_the_list_is_one_query_however_long(shop: Shop, django_assert_num_queries: Any) -> None:
    for number in range(30):
        car(shop, number, service_due_on=TODAY)
    with django_assert_num_queries(1):
        names = [vehicle.customer.name for vehicle in due_vehicles(shop.cast.yl, TODAY)[:20]]
    assert len(names) == 20


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 11, 24), 12, date(2025, 11, 24)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
    ],
)
def test_months_are_counted_back_by_the_calendar(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_a_customer_without_a_car_is_simply_not_due(shop: Shop) -> None:
    create_customer(actor=shop.actor("advisor"), name="无车", phone="13900008888")
    assert reasons(shop) == {}
