"""Vehicles: found by plate, model and owner, registered for a customer, exported as filtered."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from openpyxl import load_workbook

from bihuan.records.customers import create_customer
from bihuan.records.models import Vehicle
from bihuan.records.vehicles import create_vehicle
from tests.web.visits import Centre

LIST_QUERIES = 10
PAGE_QUERIES = 13


def rows_of(content: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True))


def test_a_car_is_found_by_plate_end_of_it_model_owner_and_telephone(centre: Centre) -> None:
    other = create_customer(actor=centre.cast.system, name="郭子墨", phone="13900008002")
    create_vehicle(actor=centre.cast.system, customer_id=other.pk, plate="示A81234", brand="远山", model_name="X5")
    browser = centre.client("advisor")
    for text in ("示A70001", "示a·70001", "70001", "S1", "周晓", "zxt", "7001"):
        shown = browser.get("/vehicles", {"q": text}).content.decode()
        assert "70001" in shown and "81234" not in shown, text
    assert "没有符合条件的车辆" in browser.get("/vehicles", {"q": "%"}).content.decode()


def test_filters_by_maintenance_and_by_being_in_the_house(centre: Centre) -> None:
    browser = centre.client("advisor")

    def shown(kind: str) -> bool:
        return "data-row" in browser.get("/vehicles", {"filter": kind}).content.decode()

    assert [shown(kind) for kind in ("due", "overdue", "in_house")] == [False, False, False]
    Vehicle.objects.filter(pk=centre.vehicle.pk).update(service_due_on=date(2026, 12, 10))
    assert [shown("due"), shown("overdue")] == [True, False]
    Vehicle.objects.filter(pk=centre.vehicle.pk).update(service_due_on=date(2026, 11, 1))
    assert [shown("due"), shown("overdue")] == [False, True]
    case = centre.arrive()
    centre.greet(case)
    assert shown("in_house")
    assert "data-row" not in centre.client("other_advisor").get("/vehicles", {"filter": "in_house"}).content.decode()


@pytest.mark.parametrize("order", ["plate", "-plate", "due", "-due", "visit", "-mileage", "nonsense", "--plate"])
def test_every_order_shows_the_list(centre: Centre, order: str) -> None:
    assert "70001" in centre.client("advisor").get("/vehicles", {"order": order}).content.decode()


def test_registering_for_a_customer_and_changing(centre: Centre) -> None:
    browser = centre.client("front_desk")
    address = f"/vehicles/new?customer={centre.customer.pk}"
    assert "车主 周晓棠" in browser.get(address).content.decode()
    values = {
        "plate": "示a·90001",
        "vin": "",
        "brand": "远山",
        "model_name": "S3",
        "colour": "白",
        "mileage_km": "1200",
    }
    answer = browser.post(address, values)
    made = Vehicle.objects.get(plate_key="示A90001")
    assert answer.headers["Location"] == f"/vehicles/{made.pk}"
    assert (made.customer_id, made.mileage_km) == (centre.customer.pk, 1200)
    assert browser.post(f"/vehicles/{made.pk}/edit", {**values, "mileage_km": "", "colour": "灰"}).status_code == 302
    made.refresh_from_db()
    assert made.colour == "灰"
    assert 'value="灰"' in browser.get(f"/vehicles/{made.pk}/edit").content.decode()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"plate": ""}, "车牌"),
        ({"plate": "示A70001"}, "已"),
        ({"vin": "123"}, "车架号"),
        ({"mileage_km": "很多"}, "里程"),
        ({"mileage_km": "-1"}, "里程"),
        ({"mileage_km": "99999999"}, "里程"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_kept_in_the_form(
    centre: Centre, changed: dict[str, str], reason: str
) -> None:
    values = {"plate": "示A90001", "brand": "远山", "model_name": "S3", "colour": "银灰", "mileage_km": "10", **changed}
    answer = centre.client("front_desk").post(f"/vehicles/new?customer={centre.customer.pk}", values)
    page = answer.content.decode()
    assert answer.status_code in (409, 422) and reason in page and 'value="银灰"' in page
    assert Vehicle.objects.count() == 1


def test_a_car_needs_an_owner_that_exists(centre: Centre) -> None:
    browser = centre.client("front_desk")
    for customer in ("", "0", "x", "999999", "9" * 30):
        assert browser.get("/vehicles/new", {"customer": customer}).status_code == 404, customer


def test_who_may_look_and_who_may_change(centre: Centre) -> None:
    car = centre.vehicle.pk
    cashier = centre.client("cashier")
    shown = cashier.get(f"/vehicles/{car}").content.decode()
    assert "139****7001" in shown and "13900007001" not in shown and "修改资料" not in shown
    assert cashier.get(f"/vehicles/{car}/edit").status_code == 403
    for person in ("guard", "technician", "without_position"):
        for address in ("/vehicles", f"/vehicles/{car}", "/vehicles/export"):
            assert centre.client(person).get(address).status_code == 403, (person, address)
    assert centre.client("advisor").get("/vehicles/999999").status_code == 404


def test_the_workbook_holds_exactly_the_filtered_rows_and_no_formula(centre: Centre) -> None:
    create_vehicle(
        actor=centre.cast.system, customer_id=centre.customer.pk, plate="示A90001", brand="=cmd", model_name="@x"
    )
    manager = centre.client("site_manager")
    rows = rows_of(manager.get("/vehicles/export", {"q": "90001"}).content)
    assert [row[0] for row in rows[1:]] == ["示A90001"] and rows[1][2:4] == ("'=cmd", "'@x")
    assert len(rows_of(manager.get("/vehicles/export").content)) == 3
    assert centre.client("advisor").get("/vehicles/export").status_code == 403


def test_the_lists_cost_the_same_with_one_row_and_with_a_page_full(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    for number in range(55):
        create_vehicle(
            actor=centre.cast.system, customer_id=centre.customer.pk, plate=f"示A800{number:02}", brand="远山"
        )
    browser = centre.client("advisor")
    assert browser.get("/vehicles").content.decode().count("data-row") == 50
    with django_assert_max_num_queries(LIST_QUERIES):
        browser.get("/vehicles", {"page": "2"})
    with django_assert_max_num_queries(PAGE_QUERIES):
        browser.get(f"/vehicles/{centre.vehicle.pk}")
