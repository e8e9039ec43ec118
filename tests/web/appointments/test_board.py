"""The appointment board: a day by slot, changed, cancelled, received, and booked from a free place."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.operations.board import board_page, booking_page, move_booking
from bihuan.operations.bookings import change_booking
from bihuan.processes.models import Instance, Job
from bihuan.records.appointments import book_appointment
from bihuan.records.catalogue import set_capacity
from bihuan.records.customers import create_customer
from bihuan.records.models import Appointment, AppointmentStatus, Case, JobType, SlotUse
from bihuan.records.vehicles import create_vehicle
from tests.web.visits import Centre

QUERIES = 30
TODAY = date(2026, 11, 24)
HTMX = {"HX-Request": "true"}


def at(hour: int, minute: int = 0, day: date = TODAY) -> datetime:
    """A local time of the site (eight hours east)."""
    return datetime.combine(day, time(hour, minute), tzinfo=UTC) - timedelta(hours=8)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def text_of(response: Any) -> str:
    return str(response.content.decode())


@pytest.fixture
def board(centre: Centre) -> Centre:
    """Tuesday and Wednesday with slots at 09:00, 10:00 (one car) and 14:00 (two cars)."""
    for weekday in (1, 2):
        for hour, capacity in ((9, 2), (10, 1), (14, 2)):
            set_capacity(
                actor=centre.cast.system,
                weekday=weekday,
                starts=time(hour),
                capacity=capacity,
                site_id=centre.cast.yl.pk,
            )
    return centre


def booked(centre: Centre, moment: datetime, number: int = 0) -> Appointment:
    """Taken down and read back by the advisor, as on the telephone."""
    car = centre.vehicle
    if number:
        owner = create_customer(
            actor=centre.cast.system, name=f"客户{number}", phone=f"139000080{number:02d}", salutation="先生"
        )
        car = create_vehicle(actor=centre.cast.system, customer_id=owner.pk, plate=f"示A8000{number}")
    browser = centre.client("advisor")
    browser.post("/appointments/start", {"vehicle": car.pk})
    case = Case.unscoped.filter(kind="appointment", vehicle=car).latest("pk")
    local = (moment + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    job = JobType.unscoped.get(code="J-101")
    centre.complete(
        case,
        "book",
        "advisor",
        {
            "customer": car.customer_id,
            "vehicle": car.pk,
            "phone": case.phone,
            "starts_at": local,
            "jobs": [{"job_id": job.pk, "description": job.name}],
            "technician": centre.cast.user("technician").pk,
        },
    )
    centre.complete(case, "readback", "advisor", {"readback_ok": "yes"})
    return Appointment.unscoped.get(case=case)


def no_show_at(case_id: int) -> datetime:
    instance = Instance.unscoped.get(subject_kind="case", subject_id=case_id)
    return Job.objects.get(instance=instance, kind__contains="timer").due_at


def test_a_stranger_is_sent_to_sign_in(client: Client, db: None) -> None:
    for address in ("/appointments", "/appointments/new", "/appointments/1", "/appointments/1/change"):
        assert client.get(address).headers["Location"].startswith("/sign-in")


@pytest.mark.covers("AUTO-04", "AUTO-05")
def test_what_was_read_back_stands_on_the_board_complete(board: Centre) -> None:
    booked(board, at(10))
    page = text_of(board.client("advisor").get("/appointments"))
    card = page.split("<article")[1].split("</article>")[0]
    for word in ("10:00", "示A·70001", "周女士", "更换机油", "赵强", "已预约", "到店"):
        assert word in card, word
    assert "1/1" in page and "已满" in page


@pytest.mark.covers("AUTO-05")
def test_changes_late_arrivals_and_no_shows_are_visible_at_once(board: Centre, frozen_clock: datetime) -> None:
    first = booked(board, at(10))
    actor = board.cast.actor("advisor")

    def word() -> str:
        return board_page(None, actor=actor).lanes[1].cards[0].word

    assert word() == "已预约"
    change_booking(first.pk, actor=actor, starts_at=at(10, 30))
    assert word() == "已改期"
    clock.move(at(10, 40))
    assert word() == "已改期"
    clock.move(at(10, 46))
    assert word() == "迟到"
    Appointment.unscoped.filter(pk=first.pk).update(status=AppointmentStatus.NO_SHOW)
    assert word() == "未到店"
    assert "未到店 1 台" in text_of(board.client("front_desk").get("/appointments"))
    Appointment.unscoped.filter(pk=first.pk).update(status=AppointmentStatus.LATE)
    assert word() == "迟到到店"


@pytest.mark.covers("AUTO-05")
def test_another_time_moves_the_card_and_the_waiting_process(board: Centre) -> None:
    first = booked(board, at(10))
    browser = board.client("advisor")
    assert first.case_id is not None
    assert no_show_at(first.case_id) == at(10, 30)
    page = text_of(browser.get(f"/appointments/{first.pk}/change"))
    assert "空 2 台" in page and "现在的时段" in page
    answered = browser.post(
        f"/appointments/{first.pk}/change", {"day": TODAY.isoformat(), "slot": iso(at(14))}, headers=HTMX
    )
    assert answered.headers["HX-Redirect"] == f"/appointments?day={TODAY.isoformat()}"
    first.refresh_from_db()
    assert (first.starts_at, first.status) == (at(14), AppointmentStatus.CHANGED)
    assert no_show_at(first.case_id) == at(14, 30)
    assert "已改到" in text_of(browser.get("/appointments"))


def test_an_exact_time_of_another_day_is_taken(board: Centre) -> None:
    first = booked(board, at(10))
    tomorrow = TODAY + timedelta(days=1)
    form = {"day": tomorrow.isoformat(), "slot": "", "exact": "14:20"}
    board.client("advisor").post(f"/appointments/{first.pk}/change", form)
    first.refresh_from_db()
    assert first.starts_at == at(14, 20, tomorrow)


def test_a_full_slot_is_shown_and_refused(board: Centre) -> None:
    booked(board, at(10))
    second = booked(board, at(14), number=1)
    browser = board.client("advisor")
    assert "已满 1/1" in text_of(browser.get(f"/appointments/{second.pk}/change"))
    answered = browser.post(
        f"/appointments/{second.pk}/change", {"day": TODAY.isoformat(), "slot": iso(at(10))}, headers=HTMX
    )
    assert answered.status_code == 409 and "已约满（1 台）" in text_of(answered)
    second.refresh_from_db()
    assert second.starts_at == at(14) and second.status == AppointmentStatus.BOOKED


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({}, "请选择新的时间"),
        ({"day": "x", "exact": "10:00"}, "请选择新的时间"),
        ({"day": "2026-11-24", "exact": "25:00"}, "请选择新的时间"),
        ({"day": "2026-11-24", "slot": "2026-11-24T10:00:00"}, "请选择新的时间"),
        ({"day": "2026-11-24", "exact": "20:00"}, "不在可预约的时段内"),
        ({"day": "2026-11-23", "exact": "10:00"}, "已经过去"),
        ({"day": "2036-11-24", "exact": "10:00"}, "最多提前一年"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(board: Centre, form: dict[str, str], message: str) -> None:
    first = booked(board, at(10))
    answered = board.client("advisor").post(f"/appointments/{first.pk}/change", form)
    assert answered.status_code == 422 and message in text_of(answered)


@pytest.mark.covers("AUTO-05")
def test_a_cancelled_booking_needs_a_reason_and_frees_its_place(board: Centre) -> None:
    first = booked(board, at(10))
    browser = board.client("advisor")
    address = f"/appointments/{first.pk}/cancel"
    assert "请填写取消原因" in text_of(browser.post(address, {"reason": " "}))
    browser.post(address, {"reason": "客户临时有事"})
    first.refresh_from_db()
    assert first.status == AppointmentStatus.CANCELLED
    assert SlotUse.unscoped.get(starts_at=at(10)).used == 0
    case = Case.unscoped.get(pk=first.case_id)
    assert not Instance.unscoped.filter(subject_id=case.pk, status=Instance.Status.RUNNING).exists()
    page = text_of(browser.get("/appointments"))
    assert "已取消" in page and "客户临时有事" in page
    again = browser.post(address, {"reason": "再来一次"})
    assert again.status_code == 422 and "不能再变更" in text_of(again)


@pytest.mark.covers("AUTO-05", "AUTO-06")
def test_a_booked_car_is_received_from_the_board(board: Centre) -> None:
    first = booked(board, at(9, 30))
    browser = board.client("front_desk")
    answered = browser.post(f"/appointments/{first.pk}/arrive", {"bay": "预检一号位"})
    assert answered.headers["Location"] == "/appointments"
    visit = Case.unscoped.get(kind="service_visit")
    assert visit.vehicle == board.vehicle and visit.bay == "预检一号位"
    page = text_of(browser.get("/appointments"))
    assert "请一分钟内迎接" in page and "待登记" in page and "已到店" in page
    again = browser.post(f"/appointments/{first.pk}/arrive", headers=HTMX)
    assert again.status_code == 422 and "已经在店" in text_of(again)


@pytest.mark.covers("AUTO-04")
def test_a_free_place_starts_an_appointment_with_its_time_filled_in(board: Centre) -> None:
    browser = board.client("customer_care")
    page = text_of(browser.get("/appointments"))
    links = re.findall(r'href="/appointments/new\?at=([^"]+)"', page)
    assert len(links) == 5 and "14%3A00" in "".join(links).replace("06%3A00", "14%3A00")
    place = iso(at(14))
    chosen = text_of(browser.get("/appointments/new", {"at": place, "q": "70001"}))
    assert "今天 14:00" in chosen and f'value="{place}"' in chosen
    answered = browser.post("/appointments/start", {"vehicle": board.vehicle.pk, "at": place})
    task = text_of(browser.get(answered.headers["Location"]))
    assert 'value="2026-11-24T14:00"' in task


def test_without_slots_the_day_says_so(centre: Centre) -> None:
    page = text_of(centre.client("advisor").get("/appointments?day=2026-11-29"))
    assert "这天不接预约" in page


def test_more_than_the_slot_takes_is_seen(board: Centre) -> None:
    booked(board, at(14))
    booked(board, at(14), number=1)
    set_capacity(actor=board.cast.system, weekday=1, starts=time(14), capacity=1, site_id=board.cast.yl.pk)
    shown = board_page(None, actor=board.cast.actor("advisor"))
    assert shown.lanes[2].over == 1
    assert "超约 1" in text_of(board.client("advisor").get("/appointments"))


def test_the_board_is_quiet_until_something_changes(board: Centre, frozen_clock: datetime) -> None:
    browser = board.client("advisor")
    seen = board_page(None, actor=board.cast.actor("advisor")).version
    assert browser.get(f"/appointments?seen={seen}", headers=HTMX).status_code == 204
    clock.move(frozen_clock + timedelta(minutes=20))
    moved = browser.get(f"/appointments?seen={seen}", headers=HTMX)
    assert moved.status_code == 200 and 'y1="33%"' in text_of(moved) and "<html" not in text_of(moved)


def test_over_lunch_now_stands_before_the_next_slot(board: Centre) -> None:
    clock.move(at(12))
    lanes = board_page(None, actor=board.cast.actor("advisor")).lanes
    assert [lane.now_percent for lane in lanes] == [None, None, 0]
    tomorrow = board_page(TODAY + timedelta(days=1), actor=board.cast.actor("advisor"))
    assert all(lane.now_percent is None for lane in tomorrow.lanes)


def test_who_may_look_but_not_touch(board: Centre) -> None:
    first = booked(board, at(10))
    browser = board.client("workshop_manager")
    page = text_of(browser.get("/appointments"))
    assert "周女士" in page and "draggable" not in page and "到店</button>" not in page
    assert browser.get(f"/appointments/{first.pk}").status_code == 200
    for address, form in (
        (f"/appointments/{first.pk}/change", {"day": TODAY.isoformat(), "slot": iso(at(14))}),
        (f"/appointments/{first.pk}/cancel", {"reason": "试试"}),
        (f"/appointments/{first.pk}/arrive", {}),
        ("/appointments/start", {"vehicle": board.vehicle.pk}),
        ("/appointments/newcomer", {"name": "甲", "phone": "13900008801", "plate": "示A88801"}),
    ):
        assert browser.post(address, form).status_code == 403, address
    first.refresh_from_db()
    assert first.status == AppointmentStatus.BOOKED


@pytest.mark.parametrize("who", ["technician", "cashier", "guard"])
def test_who_has_nothing_to_do_with_bookings_is_refused(board: Centre, who: str) -> None:
    first = booked(board, at(10))
    browser = board.client(who)
    for address in ("/appointments", "/appointments/new", f"/appointments/{first.pk}"):
        assert browser.get(address).status_code == 403, address


def test_bookings_of_another_site_are_not_there(board: Centre) -> None:
    first = booked(board, at(10))
    browser = board.client("other_advisor")
    assert "示A·70001" not in text_of(browser.get("/appointments"))
    for suffix in ("", "/change", "/cancel"):
        assert browser.get(f"/appointments/{first.pk}{suffix}").status_code == 404
    with pytest.raises(NotFound):
        move_booking(first.pk, actor=board.cast.actor("other_advisor"), day="2026-11-24", exact="14:00")
    with pytest.raises(NotFound):
        booking_page(first.pk, actor=board.cast.actor("other_advisor"))


def test_a_booking_without_a_process_is_changed_all_the_same(board: Centre) -> None:
    plain = book_appointment(
        actor=board.cast.system, site_id=board.cast.yl.pk, customer_id=board.customer.pk, vehicle_id=board.vehicle.pk,
        phone="13900007001", starts_at=at(10), job_ids=[JobType.unscoped.get().pk],
    )  # fmt: skip
    assert change_booking(plain.pk, actor=board.cast.actor("advisor"), starts_at=at(14)).starts_at == at(14)
    with pytest.raises(BusinessError):
        change_booking(plain.pk, actor=board.cast.actor("advisor"), starts_at=at(6))


@pytest.mark.parametrize("query", ["day=x", "day=0001-01-01", "day=9999-12-31", "day=2026-02-30"])
def test_a_clumsy_address_shows_today(board: Centre, query: str) -> None:
    assert "今天 11月24日" in text_of(board.client("advisor").get(f"/appointments?{query}"))


def test_the_board_costs_the_same_empty_and_full(board: Centre, django_assert_max_num_queries: Any) -> None:
    for number, hour in enumerate((9, 10, 14, 14), 1):
        booked(board, at(hour, 30), number=number)
    browser = board.client("advisor")
    browser.get("/appointments")
    with django_assert_max_num_queries(QUERIES):
        browser.get("/appointments")
