from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.records.appointments import (
    book_appointment,
    cancel_appointment,
    change_appointment,
    mark_arrived,
    mark_no_show,
)
from bihuan.records.board import appointment_board
from bihuan.records.catalogue import set_capacity
from bihuan.records.customers import create_customer
from bihuan.records.models import Appointment, SlotUse, Vehicle
from bihuan.records.vehicles import create_vehicle
from tests.records.conftest import MORNING, Shop

# Wednesday 10:00 in Shanghai.
TEN = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


def another_car(shop: Shop, number: int) -> Vehicle:
    customer = create_customer(actor=shop.actor("advisor"), name=f"客户{number}", phone=f"1390009{number:04d}")
    return create_vehicle(actor=shop.actor("advisor"), customer_id=customer.pk, plate=f"示C{number:05d}")


def book(shop: Shop, car: Vehicle | None = None, **values: Any) -> Appointment:
    vehicle = car or shop.vehicle
    given: dict[str, Any] = {
        "customer_id": vehicle.customer_id,
        "vehicle_id": vehicle.pk,
        "starts_at": TEN,
        "job_ids": [shop.oil_change.pk],
        "phone": "13900001234",
        **values,
    }
    return book_appointment(actor=shop.actor("customer_care"), **given)


def wednesday(shop: Shop, capacity: int) -> None:
    for hour in (9, 10, 11):
        set_capacity(actor=shop.actor("site_manager"), weekday=2, starts=time(hour), capacity=capacity)


@pytest.mark.covers("AUTO-04", "AUTO-05")
def test_a_booking_stands_on_the_board_at_once_and_complete(shop: Shop) -> None:
    wednesday(shop, 2)
    named = shop.cast.user("technician")
    booked = book(shop, request="要赵师傅", technician_id=named.pk)
    board = appointment_board(TEN.date(), actor=shop.actor("front_desk"))
    slot = board.slots[1]
    assert (slot.starts_at, slot.capacity, slot.booked, slot.free) == (TEN, 2, 1, 1)
    [card] = slot.appointments
    assert (card, card.technician, card.request) == (booked, named, "要赵师傅")
    assert [job.name for job in card.jobs.all()] == ["更换机油机滤"]
    assert booked.number == "YL-YY-20261124-0001"


@pytest.mark.covers("AUTO-05")
@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ({"customer_id": None}, "customer"),
        ({"vehicle_id": None}, "vehicle"),
        ({"starts_at": None}, "starts_at"),
        ({"job_ids": []}, "jobs"),
        ({"job_ids": None}, "jobs"),
        ({"phone": ""}, "phone"),
        ({"phone": None}, "phone"),
        ({"phone": "12"}, "phone"),
    ],
)
def test_a_missing_field_is_refused_by_its_name(shop: Shop, missing: dict[str, Any], field: str) -> None:
    with pytest.raises(BusinessError) as refusal:
        book(shop, **missing)
    assert refusal.value.field == field
    assert not Appointment.unscoped.exists()
    assert not SlotUse.unscoped.filter(used__gt=0).exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"starts_at": MORNING - timedelta(hours=1)}, "已经过去"),
        ({"starts_at": MORNING + timedelta(days=400)}, "提前一年"),
        ({"starts_at": TEN.replace(hour=14)}, "不在可预约的时段"),
        ({"starts_at": TEN + timedelta(days=1)}, "不在可预约的时段"),
        ({"job_ids": [999_999]}, "本店没有"),
        ({"minutes": 0}, "5 到 1440"),
        ({"request": "x" * 1001}, "最多 1000 个字"),
    ],
)
def test_a_senseless_booking_is_refused(shop: Shop, values: dict[str, Any], message: str) -> None:
    wednesday(shop, 2)
    with pytest.raises(BusinessError, match=message):
        book(shop, **values)


def test_a_car_of_somebody_else_and_a_second_booking_on_one_day_are_refused(shop: Shop) -> None:
    other = another_car(shop, 1)
    with pytest.raises(BusinessError, match="不在该客户名下"):
        book(shop, customer_id=other.customer_id)
    book(shop)
    with pytest.raises(Conflict, match="当天 10:00 已有预约"):
        book(shop, starts_at=TEN + timedelta(hours=3))


@pytest.mark.covers("AUTO-05")
def test_a_full_slot_takes_no_more_until_somebody_cancels_or_moves(shop: Shop) -> None:
    wednesday(shop, 1)
    first = book(shop)
    car = another_car(shop, 1)
    with pytest.raises(Conflict, match="11月25日 10:00 的时段已约满（1 台）"):
        book(shop, car, starts_at=TEN + timedelta(minutes=30))
    cancel_appointment(first.pk, actor=shop.actor("customer_care"), reason="客户改主意")
    second = book(shop, car)
    change_appointment(second.pk, actor=shop.actor("customer_care"), starts_at=TEN + timedelta(hours=1))
    book(shop)
    with pytest.raises(Conflict, match="11:00"):
        book(shop, another_car(shop, 2), starts_at=TEN + timedelta(hours=1))
    board = appointment_board(TEN.date(), actor=shop.actor("front_desk"))
    assert [(slot.booked, len(slot.cancelled)) for slot in board.slots] == [(0, 0), (1, 1), (1, 0)]
    assert board.counts["changed"] == 1


@pytest.mark.covers("AUTO-05")
def test_late_no_show_and_change_are_seen_on_the_board(shop: Shop) -> None:
    late, missing, in_time = (book(shop, another_car(shop, n)) for n in range(3))
    front, care = shop.actor("front_desk"), shop.actor("customer_care")
    clock.move(TEN + timedelta(minutes=15))
    assert mark_arrived(in_time.pk, actor=front).status == "arrived"
    with pytest.raises(BusinessError, match="还没超过"):
        mark_no_show(missing.pk, actor=care)
    clock.move(TEN + timedelta(minutes=15, seconds=1))
    assert mark_arrived(late.pk, actor=front).status == "late"
    assert mark_no_show(missing.pk, actor=care).status == "no_show"
    counts = appointment_board(TEN.date(), actor=front).counts
    assert (counts["arrived"], counts["late"], counts["no_show"]) == (1, 1, 1)
    with pytest.raises(BusinessError, match="未到店”，不能再变更"):
        change_appointment(missing.pk, actor=care, request="x")
    assert mark_arrived(missing.pk, actor=front).status == "late", "the no-show turned up after all"


def test_the_board_takes_the_same_few_queries_for_one_booking_as_for_thirty(
    shop: Shop, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        book(shop, another_car(shop, number), starts_at=TEN + timedelta(minutes=number))
    actor = shop.actor("front_desk")
    with django_assert_num_queries(4):
        board = appointment_board(TEN.date(), actor=actor)
        names = [[job.name for job in card.jobs.all()] for slot in board.slots for card in slot.appointments]
    assert len(names) == 30


def test_bookings_belong_to_their_site(shop: Shop) -> None:
    booked = book(shop)
    with pytest.raises(NotFound):
        cancel_appointment(booked.pk, actor=shop.actor("other_advisor"), reason="x")
    with pytest.raises(NotAllowed):
        cancel_appointment(booked.pk, actor=shop.actor("technician"), reason="x")
    assert appointment_board(TEN.date(), actor=shop.actor("other_advisor")).slots == ()


@pytest.mark.django_db(transaction=True)
def test_of_many_clerks_booking_the_last_places_at_once_only_as_many_succeed_as_there_are(shop: Shop) -> None:
    wednesday(shop, 2)
    cars = [another_car(shop, number) for number in range(6)]
    barrier = threading.Barrier(len(cars))

    def attempt(car: Vehicle) -> bool:
        try:
            with clock.frozen(MORNING):
                barrier.wait(timeout=20)
                book(shop, car)
            return True
        except Conflict:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(len(cars)) as pool:
        results = sorted(pool.map(attempt, cars))
    assert results == [False] * 4 + [True] * 2
    assert SlotUse.unscoped.get().used == 2
    assert Appointment.unscoped.count() == 2
