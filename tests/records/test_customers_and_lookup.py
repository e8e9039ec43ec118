from __future__ import annotations

import random
import string
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.records.appointments import book_appointment
from bihuan.records.consents import consents_of, set_consent
from bihuan.records.custody import return_to_customer, take_custody
from bihuan.records.customers import (
    add_contact,
    change_customer,
    create_customer,
    mask_phone,
    postpone_contact,
    reveal_phone,
)
from bihuan.records.documents import issue_document
from bihuan.records.lookup import look_up
from bihuan.records.merging import merge_customers, preview_merge
from bihuan.records.models import Case, Contact, Custody, Customer, Vehicle, Voucher
from bihuan.records.phones import clean_phone
from bihuan.records.search_keys import pinyin_of, plate_key
from bihuan.records.vehicles import change_vehicle, create_vehicle, estimate_due_on, record_mileage, spaced_plate
from tests.records.conftest import MORNING, Shop


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("13900001234", "13900001234"),
        ("139 0000-1234", "13900001234"),
        ("+86 139 0000 1234", "13900001234"),
        ("0086 13900001234", "13900001234"),
        ("１３９００００１２３４", "13900001234"),
        ("0871-63120000", "087163120000"),
        ("(010) 6234 5678", "01062345678"),
    ],
)
def test_a_phone_is_kept_as_bare_digits_however_it_was_typed(typed: str, kept: str) -> None:
    assert clean_phone(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "110", "95588", "1390000123", "139000012345", "12345678901", "63120000", "abc", "+85291234567",
     "+1 202 555 0100", "13900001234转8", "13900001234;ext=3", "4008001234", "1" * 100, "=139", "١٣٩", "\x00"],
)  # fmt: skip
def test_what_cannot_be_rung_is_refused_at_the_field(typed: str) -> None:
    with pytest.raises(BusinessError) as refusal:
        clean_phone(typed, field="mobile")
    assert refusal.value.field == "mobile"


@pytest.mark.parametrize(
    ("name", "full", "initials"),
    [
        ("张伟", "zhangwei", "zw"),
        ("单雄信", "shanxiongxin", "sxx"),
        ("曾国平", "zengguoping", "zgp"),
        ("尉迟恭", "yuchigong", "ycg"),
        ("吕布", "lvbu", "lb"),
        ("江云物流有限公司", "jiangyunwuliuyouxiangongsi", "jywlyxgs"),
        ("Anna 李", "annali", "annal"),
    ],
)
def test_a_name_has_its_pinyin_as_people_say_it(name: str, full: str, initials: str) -> None:
    assert pinyin_of(name)[0] == full
    assert pinyin_of(name)[1] in (initials, initials.replace("anna", "a"))


@pytest.mark.parametrize("typed", ["示A12345", "示a·123 45", " 示A.12345", "示Ａ－１２３４５"])
def test_a_plate_is_the_same_with_or_without_its_marks(typed: str) -> None:
    assert plate_key(typed) == "示A12345"


def test_a_plate_is_shown_as_people_read_it() -> None:
    assert spaced_plate("示a12345") == "示A·12345"


@pytest.mark.covers("AUTO-03")
@pytest.mark.parametrize(
    "typed",
    ["13900001234", "139 0000 1234", "+8613900001234", "1234", "0001234", "示A12345", "示a·12345", "A12345", "12345",
     "张伟", "张", "zhangwei", "zhang wei", "ZW", "zw", "示A 123"],
)  # fmt: skip
def test_a_caller_is_found_by_whatever_they_say(shop: Shop, typed: str) -> None:
    [hit] = look_up(typed, actor=shop.actor("customer_care"))
    assert (hit.customer, hit.vehicle) == (shop.customer, shop.vehicle)


@pytest.mark.covers("AUTO-03")
def test_a_hit_brings_open_cases_appointments_next_maintenance_last_visit_and_voucher(shop: Shop) -> None:
    case = shop.visit()
    change_vehicle(shop.vehicle.pk, actor=shop.actor("advisor"), next_service_km=30000)
    booked = book_appointment(
        actor=shop.actor("advisor"),
        customer_id=shop.customer.pk,
        vehicle_id=shop.vehicle.pk,
        starts_at=MORNING + timedelta(days=2),
        job_ids=[shop.oil_change.pk],
        phone="13900001234",
    )
    voucher = Voucher.objects.create(
        customer=shop.customer, code="YL-ZK-20261124-0001", percent_off=20, issued_at=MORNING
    )
    [hit] = look_up("1234", actor=shop.actor("customer_care"))
    assert [row.pk for row in hit.open_cases] == [case.pk]
    assert [row.pk for row in hit.appointments] == [booked.pk]
    assert hit.last_visit_at == case.opened_at
    assert hit.next_service == (None, 30000)
    assert hit.open_voucher == voucher
    for number in (case.number, booked.number, case.number[:14]):
        assert look_up(number, actor=shop.actor("advisor"))[0].customer == shop.customer
    paper = issue_document(case.pk, "precheck", {}, actor=shop.actor("advisor"))
    assert look_up(paper.number.lower(), actor=shop.actor("advisor"))[0].matched == f"单号 {case.number}"


def test_other_sites_see_the_customer_but_not_the_cases(shop: Shop) -> None:
    case = shop.visit()
    [hit] = look_up("张伟", actor=shop.actor("other_advisor"))
    assert hit.open_cases == []
    assert look_up(case.number, actor=shop.actor("other_advisor")) == []
    with pytest.raises(NotAllowed):
        look_up("张伟", actor=shop.actor("technician"))


def test_contacts_are_found_by_their_own_phone(shop: Shop) -> None:
    add_contact(shop.customer.pk, actor=shop.actor("advisor"), name="张小伟", phone="13900007777", relation="儿子")
    assert look_up("13900007777", actor=shop.actor("advisor"))[0].customer == shop.customer
    assert look_up("7777", actor=shop.actor("advisor"))[0].matched == "联系人电话尾号"


def test_surer_matches_come_first_and_the_list_is_bounded(shop: Shop) -> None:
    advisor = shop.actor("advisor")
    for number in range(60):
        create_customer(actor=advisor, name=f"张伟{number}", phone=f"1390002{number:04d}")
    hits = look_up("张伟", actor=advisor)
    assert len(hits) == 12
    assert hits[0].customer == shop.customer
    assert len(look_up("zw", actor=advisor, limit=10_000)) <= 50


@pytest.mark.parametrize(
    "typed",
    ["", " ", "123", "%", "_", "%%%%", "' OR 1=1 --", "\x00", "☃", "a", "9" * 5000, "示" * 500, "\U0010ffff", "[*]"],
)
def test_nonsense_finds_nobody_and_breaks_nothing(shop: Shop, typed: str) -> None:
    assert look_up(typed, actor=shop.actor("advisor")) == []


def test_looking_up_uses_indexes_and_few_queries_whatever_the_number_of_customers(shop: Shop) -> None:
    pick = random.Random(7)
    fresh = [
        Customer(name=pick.choice("赵钱孙李周吴郑王") + pick.choice("一二三四五") + str(n), phone=f"1380{n:07d}")
        for n in range(3000)
    ]
    for customer in fresh:
        customer.fill_keys()
    Customer.objects.bulk_create(fresh)
    cars = [
        Vehicle(customer=customer, plate=f"示B{''.join(pick.choices(string.digits, k=5))}{n}"[:8], vin=None)
        for n, customer in enumerate(Customer.objects.filter(phone__startswith="1380")[:500])
    ]
    kept = {}
    for car in cars:
        car.fill_keys()
        kept[car.plate_key] = car
    Vehicle.objects.bulk_create(kept.values())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for typed in ("13900001234", "1234", "示A12345", "zhangwei", "zw", "张伟"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert look_up(typed, actor=shop.actor("advisor"))
        assert len(queries) <= 22
        for query in queries:
            assert "scan" not in plan_of(query["sql"]), query["sql"]


def plan_of(sql: str) -> str:
    """Lower-case plan without scans of tables that are small by nature; empty for other statements."""
    if not sql.startswith("SELECT") or "records_customer" not in sql.split("WHERE")[0]:
        return ""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("EXPLAIN QUERY PLAN " + sql)
            lines = [str(row[3]) for row in cursor.fetchall()]
            return "\n".join(line for line in lines if line.startswith("SCAN records_customer")).lower()
        cursor.execute("EXPLAIN " + sql)
        lines = [str(row[0]) for row in cursor.fetchall()]
        return "\n".join(line for line in lines if "Seq Scan on records_customer" in line).lower()


def test_two_customers_never_share_a_phone(shop: Shop) -> None:
    advisor = shop.actor("advisor")
    with pytest.raises(Conflict, match="已经登记在客户“张伟”名下"):
        create_customer(actor=advisor, name="别人", phone="139-0000-1234")
    other = create_customer(actor=advisor, name="别人", phone="13900005678")
    with pytest.raises(Conflict, match="张伟"):
        change_customer(other.pk, actor=advisor, phone="13900001234")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "张" * 81}, "name"),
        ({"name": "张\x07三"}, "name"),
        ({"phone": "12"}, "phone"),
        ({"kind": "alien"}, "kind"),
        ({"salutation": "大侠"}, "salutation"),
        ({"address": "路" * 201}, "address"),
    ],
)
def test_a_senseless_customer_is_refused_at_the_field(shop: Shop, values: dict[str, Any], field: str) -> None:
    given = {"name": "王五", "phone": "13900005678", **values}
    with pytest.raises(BusinessError) as refusal:
        create_customer(actor=shop.actor("advisor"), **given)
    assert refusal.value.field == field


def test_a_correction_is_found_again_and_kept_with_before_and_after(shop: Shop) -> None:
    change_customer(shop.customer.pk, actor=shop.actor("advisor"), name="章伟", phone="13900004321")
    assert look_up("4321", actor=shop.actor("advisor"))[0].customer.name == "章伟"
    assert look_up("张伟", actor=shop.actor("advisor")) == []
    entry = Entry.objects.get(chain=f"customer:{shop.customer.pk}", action="customer.changed")
    assert (entry.data["before"]["name"], entry.data["after"]["name"]) == ("张伟", "章伟")
    with pytest.raises(NotAllowed):
        change_customer(shop.customer.pk, actor=shop.actor("technician"), name="x")


def test_two_entries_of_one_person_become_one_and_nothing_is_lost(shop: Shop) -> None:
    advisor = shop.actor("advisor")
    double = create_customer(actor=advisor, name="张先生", phone="13900005678")
    car = create_vehicle(actor=advisor, customer_id=double.pk, plate="示B54321")
    case = shop.visit(vehicle_id=car.pk)
    take_custody(case.pk, "licence", actor=advisor)
    return_to_customer(case.pk, "licence", actor=advisor)
    kept = merge_customers(shop.customer.pk, double.pk, actor=advisor)
    assert not Customer.objects.filter(pk=double.pk).exists()
    assert Case.unscoped.get(pk=case.pk).customer_id == kept.pk
    assert set(kept.vehicles.values_list("plate", flat=True)) == {"示A12345", "示B54321"}
    assert Custody.unscoped.get(case=case).holder == str(kept.pk)
    assert Contact.objects.get(customer=kept).phone == "13900005678"
    assert look_up("5678", actor=advisor)[0].customer == kept


def test_a_no_of_either_entry_holds_and_what_each_said_stays_in_the_log(shop: Shop) -> None:
    advisor = shop.actor("advisor")
    double = create_customer(actor=advisor, name="张先生", phone="13900005678", mail="zhang@example.com")
    set_consent(shop.customer.pk, "sms", given=True, actor=advisor)
    set_consent(double.pk, "sms", given=False, actor=advisor)
    set_consent(double.pk, "mail", given=True, actor=advisor)
    beforehand = preview_merge(shop.customer.pk, double.pk, actor=advisor)
    assert [(one.label, one.holds and one.holds.is_given) for one in beforehand.consents] == [
        ("短信", False), ("邮件", True),
    ]  # fmt: skip
    assert beforehand.filled == ["邮箱"]
    kept = merge_customers(shop.customer.pk, double.pk, actor=advisor)
    assert {medium: one.is_given for medium, one in consents_of(kept.pk).items()} == {"sms": False, "mail": True}
    assert kept.mail == "zhang@example.com"
    entry = Entry.objects.get(chain=f"customer:{kept.pk}", action="customer.merged")
    assert entry.data["consents"] == {
        "sms": {"kept": True, "gone": False, "holds": False}, "mail": {"kept": None, "gone": True, "holds": True},
    }  # fmt: skip
    assert Entry.objects.filter(chain=f"customer:{double.pk}", action="customer.consent").count() == 2


def test_a_masked_phone_is_revealed_only_with_the_right_and_leaves_a_trace(shop: Shop) -> None:
    assert mask_phone("13900001234") == "139****1234"
    assert reveal_phone(shop.customer.pk, actor=shop.actor("customer_care")) == "13900001234"
    assert Entry.objects.filter(action="customer.phone_revealed").count() == 1
    with pytest.raises(NotAllowed):
        reveal_phone(shop.customer.pk, actor=shop.actor("cashier"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"plate": ""}, "plate"),
        ({"plate": "ABC"}, "plate"),
        ({"plate": "示12345"}, "plate"),
        ({"plate": "<script>"}, "plate"),
        ({"vin": "123"}, "vin"),
        ({"vin": "LYS1A2B45NC00000I"}, "vin"),
        ({"mileage_km": -1}, "mileage_km"),
        ({"mileage_km": "3e9"}, "mileage_km"),
        ({"mileage_km": 3_000_001}, "mileage_km"),
        ({"brand": "远" * 41}, "brand"),
        ({"plate": "示a 12345"}, "plate"),
    ],
)
def test_a_senseless_vehicle_is_refused_at_the_field(shop: Shop, values: dict[str, Any], field: str) -> None:
    given = {"plate": "示A99999", "customer_id": shop.customer.pk, **values}
    with pytest.raises(BusinessError) as refusal:
        create_vehicle(actor=shop.actor("advisor"), **given)
    assert refusal.value.field == field


def test_a_falling_mileage_is_kept_with_a_warning(shop: Shop) -> None:
    [warning] = record_mileage(shop.vehicle.pk, 19000, actor=shop.actor("advisor"), read_on=MORNING.date())
    assert "少，请核对" in warning
    shop.vehicle.refresh_from_db()
    assert shop.vehicle.mileage_km == 19000


def test_maintenance_is_due_on_the_told_date_or_sooner_by_mileage() -> None:
    today = MORNING.date()
    car = Vehicle(next_service_on=today + timedelta(days=100))
    assert estimate_due_on(car) == today + timedelta(days=100)
    car.next_service_km, car.mileage_km, car.mileage_read_on = 10_000, 9_600, today
    assert estimate_due_on(car) == today + timedelta(days=10), "400 km at the usual 40 a day"
    car.bought_on = today - timedelta(days=96)
    assert estimate_due_on(car) == today + timedelta(days=4), "400 km at its own 100 a day"
    car.mileage_km = 12_000
    assert estimate_due_on(car) == today, "overdue is due"
    assert estimate_due_on(Vehicle()) is None


def test_who_asked_for_peace_is_left_in_peace(shop: Shop) -> None:
    postpone_contact(shop.customer.pk, actor=shop.actor("customer_care"), until=clock.now().date() + timedelta(days=9))
    shop.customer.refresh_from_db()
    assert shop.customer.contact_not_before == clock.now().date() + timedelta(days=9)
