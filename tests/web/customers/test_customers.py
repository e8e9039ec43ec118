"""Customers: found, read, registered, changed, exported; telephones masked until somebody with the right asks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import load_workbook

from bihuan.audit.models import Entry
from bihuan.records.consents import consents_of, set_consent
from bihuan.records.customers import create_customer, mask_mail
from bihuan.records.models import Customer
from bihuan.records.vehicles import create_vehicle
from tests.web.visits import Centre

LIST_QUERIES = 9
PAGE_QUERIES = 13


def add(centre: Centre, name: str, phone: str, **more: Any) -> Customer:
    return create_customer(actor=centre.cast.system, name=name, phone=phone, **more)


def rows_of(content: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True))


def test_a_customer_is_found_by_name_pinyin_telephone_and_plate(centre: Centre) -> None:
    add(centre, "郭子墨", "13900008002")
    browser = centre.client("advisor")
    for text in ("周晓", "zxt", "zhouxiao", "13900007001", "7001", "示A·70001", "70001"):
        shown = browser.get("/customers", {"q": text}).content.decode()
        assert "周晓棠" in shown and "郭子墨" not in shown, text
    for text in ("不存在", "%", "' or 1=1 --"):
        assert "没有符合条件的客户" in browser.get("/customers", {"q": text}).content.decode(), text


def test_filters_and_addresses_that_make_no_sense(centre: Centre) -> None:
    add(centre, "江云物流有限公司", "13900008001", kind="company")
    browser = centre.client("advisor")
    company = browser.get("/customers", {"filter": "company"}).content.decode()
    assert "江云物流" in company and "周晓棠" not in company
    assert "没有符合条件" in browser.get("/customers", {"filter": "voucher"}).content.decode()
    odd = browser.get("/customers", {"filter": "x", "order": "password", "page": "9" * 9, "q": "x" * 400})
    assert odd.status_code == 200
    assert "周晓棠" in browser.get("/customers", {"page": "99", "order": "-name"}).content.decode()


def test_telephones_are_masked_and_showing_one_is_written_down(centre: Centre) -> None:
    who = centre.customer.pk
    for address in ("/customers", f"/customers/{who}"):
        shown = centre.client("advisor").get(address).content.decode()
        assert "139****7001" in shown and "13900007001" not in shown, address
    answer = centre.client("advisor").post(f"/customers/{who}/phone")
    assert "tel:13900007001" in answer.content.decode()
    entry = Entry.objects.filter(chain=f"customer:{who}").latest("seq")
    assert (entry.action, entry.actor_id) == ("customer.phone_revealed", centre.cast.user("advisor").pk)
    assert centre.client("advisor").get(f"/customers/{who}/phone").status_code == 405
    cashier = centre.client("cashier")
    assert "显示</button>" not in cashier.get(f"/customers/{who}").content.decode()
    assert cashier.post(f"/customers/{who}/phone").status_code == 403


def test_registering_and_changing(centre: Centre) -> None:
    browser = centre.client("front_desk")
    assert browser.get("/customers/new").status_code == 200
    values = {
        "name": "邹云", "kind": "person", "salutation": "先生", "phone": "139 0000 8003", "address": "春江路",
        "note": "常客",
    }  # fmt: skip
    answer = browser.post("/customers/new", values)
    made = Customer.objects.get(phone="13900008003")
    assert answer.headers["Location"] == f"/customers/{made.pk}"
    assert (made.name, made.note) == ("邹云", "常客")
    assert 'value="春江路"' in browser.get(f"/customers/{made.pk}/edit").content.decode()
    assert browser.post(f"/customers/{made.pk}/edit", {**values, "address": "秋水街"}).status_code == 302
    made.refresh_from_db()
    assert (made.address, made.note, made.salutation) == ("秋水街", "常客", "先生")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": ""}, "姓名"),
        ({"phone": "12"}, "电话"),
        ({"phone": "13900007001"}, "周晓棠"),
        ({"kind": "ghost"}, "类"),
        ({"salutation": "大人"}, "称谓"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_kept_in_the_form(
    centre: Centre, changed: dict[str, str], reason: str
) -> None:
    values = {
        "name": "邹云",
        "kind": "person",
        "salutation": "",
        "phone": "13900008003",
        "address": "春江路",
        **changed,
    }
    answer = centre.client("front_desk").post("/customers/new", values)
    page = answer.content.decode()
    assert answer.status_code in (409, 422) and reason in page and 'value="春江路"' in page
    assert Customer.objects.count() == 1


def test_who_may_look_and_who_may_change(centre: Centre) -> None:
    who = centre.customer.pk
    cashier = centre.client("cashier")
    assert cashier.get(f"/customers/{who}").status_code == 200
    assert "修改资料" not in cashier.get(f"/customers/{who}").content.decode()
    assert cashier.get(f"/customers/{who}/edit").status_code == 403
    assert cashier.post("/customers/new", {"name": "x", "phone": "13900008003"}).status_code == 403
    for person in ("guard", "technician", "without_position"):
        for address in ("/customers", f"/customers/{who}", "/customers/export"):
            assert centre.client(person).get(address).status_code == 403, (person, address)
    assert centre.client("advisor").get("/customers/999999").status_code == 404


def test_the_page_shows_cars_and_only_the_visits_of_ones_own_sites(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    mine = centre.client("advisor").get(f"/customers/{centre.customer.pk}").content.decode()
    assert case.number in mine and "示A·70001" in mine
    other = centre.client("other_advisor").get(f"/customers/{centre.customer.pk}").content.decode()
    assert case.number not in other and "示A·70001" in other


def test_the_workbook_holds_exactly_the_filtered_rows_and_no_formula(centre: Centre) -> None:
    add(centre, "=1+1", "13900008001", kind="company", note_text="+cmd")
    add(centre, "郭子墨", "13900008002")
    manager = centre.client("site_manager")
    rows = rows_of(manager.get("/customers/export", {"filter": "company"}).content)
    assert len(rows) == 2 and rows[1][0] == "'=1+1" and rows[1][9] == "'+cmd"
    assert [row[0] for row in rows_of(manager.get("/customers/export", {"q": "周晓"}).content)[1:]] == ["周晓棠"]
    assert len(rows_of(manager.get("/customers/export").content)) == 4
    assert centre.client("advisor").get("/customers/export").status_code == 403


def test_mail_and_consent_are_in_the_workbook_and_mail_masked_like_the_telephone(centre: Centre) -> None:
    added = add(centre, "郭子墨", "13900008002", mail="guo@example.com", kind="company")
    set_consent(added.pk, "sms", given=True, actor=centre.cast.system)
    rows = rows_of(centre.client("site_manager").get("/customers/export", {"filter": "company"}).content)
    assert rows[0][4:7] == ("邮箱", "接收短信", "接收邮件") and rows[1][4:7] == ("guo@example.com", "同意", None)
    assert mask_mail("guo@example.com") == "g***@example.com"


def test_two_entries_of_one_person_are_joined_after_seeing_what_that_does(centre: Centre) -> None:
    double = add(centre, "周晓裳", "13900008002", mail="zhou@example.com")
    set_consent(double.pk, "sms", given=False, actor=centre.cast.system)
    here, advisor = f"/customers/{centre.customer.pk}/merge", centre.client("advisor")
    found = advisor.get(here, {"q": "周晓"}).content.decode()
    assert f"?with={double.pk}" in found and f"?with={centre.customer.pk}" not in found
    assert "没有找到别的客户" in advisor.get(here, {"q": "13900007001"}).content.decode()
    shown = advisor.get(here, {"with": double.pk}).content.decode()
    for told in ("不接收", "任一份说过不接收的，就不接收", "没有问过", "补上：邮箱", "139****8002", "不能撤回"):
        assert told in shown
    assert Customer.objects.filter(pk=double.pk).exists()
    assert centre.client("cashier").get(here).status_code == 403
    assert centre.client("cashier").post(here, {"drop": double.pk}).status_code == 403
    for nobody in ("", "x", "9" * 20, str(centre.customer.pk)):
        assert advisor.post(here, {"drop": nobody}).status_code in (404, 422)
    assert advisor.post(here, {"drop": double.pk}).headers["Location"] == f"/customers/{centre.customer.pk}"
    assert not Customer.objects.filter(pk=double.pk).exists()
    assert not consents_of(centre.customer.pk)["sms"].is_given


def test_the_lists_cost_the_same_with_one_row_and_with_a_page_full(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    for number in range(55):
        add(centre, f"客户{number:02}", f"139000090{number:02}")
    for number in range(10):
        create_vehicle(actor=centre.cast.system, customer_id=centre.customer.pk, plate=f"示A8000{number}", brand="远山")
    browser = centre.client("advisor")
    first = browser.get("/customers").content.decode()
    assert first.count("data-row") == 50
    with django_assert_max_num_queries(LIST_QUERIES):
        browser.get("/customers", {"page": "2"})
    with django_assert_max_num_queries(PAGE_QUERIES):
        browser.get(f"/customers/{centre.customer.pk}")
