"""The list of cases, the page of one with its tabs, files, diagrams and the customer's progress page."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from bihuan.kernel import clock, paging
from bihuan.limits.clocks import pause_clock, running_clocks
from bihuan.operations.pages import case_list as finding
from bihuan.operations.pages.case_list import CaseQuery, case_list
from bihuan.operations.pages.case_page import TABS
from bihuan.operations.pages.progress import SALT, covered_plate, progress_token
from bihuan.operations.scenarios.samples import sample_file
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.attachments import store_attachment
from bihuan.records.models import Case
from tests.web.visits import Centre

LIST_QUERIES = 13
PAGE_QUERIES = 22


def test_the_list_finds_by_number_plate_name_and_end_of_the_telephone(centre: Centre) -> None:
    case = centre.arrive()
    centre.arrive("示A80001")
    browser = centre.client("advisor")
    for text in (case.number, "示A70001", "70001", "周晓", "7001"):
        page = browser.get("/cases", {"q": text}).content.decode()
        assert case.number in page and "80001" not in page, text
    assert "没有符合条件的单据" in browser.get("/cases", {"q": "不存在"}).content.decode()


def test_filters_stand_as_chips_that_can_be_taken_off(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    advisor = centre.cast.user("advisor").pk
    page = centre.client("advisor").get("/cases", {"advisor": advisor, "since": "2026-11-24"}).content.decode()
    assert case.number in page and "去掉筛选 顾问" in page and "去掉筛选 从" in page
    gone = centre.client("advisor").get("/cases", {"since": "2026-11-25"}).content.decode()
    assert case.number not in gone


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "x", "status": "x", "advisor": "x", "since": "x", "order": "x", "page": "x"},
        {"page": "99999", "advisor": "9" * 11, "q": "'; --"},
        {"page": "0", "until": "2026-02-31", "q": "%_\\"},
    ],
)
def test_an_address_that_makes_no_sense_still_shows_a_list(centre: Centre, params: dict[str, str]) -> None:
    assert centre.client("advisor").get("/cases", params).status_code == 200


def test_the_address_of_a_view_leads_back_to_it() -> None:
    query = CaseQuery.of({"kind": "complaint", "status": "", "q": "周", "order": "number", "page": "3"})
    assert query.address(page=3) == "kind=complaint&status=&q=%E5%91%A8&order=number&page=3"
    assert CaseQuery().address() == ""


def test_exactly_this_view_is_exported_and_only_by_those_who_may(centre: Centre) -> None:
    case = centre.arrive()
    centre.arrive("示A80001")
    answer = centre.client("site_manager").get("/cases/export.xlsx", {"q": "示A70001"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert isinstance(sheet, Worksheet)
    rows = list(sheet.values)
    assert [row[0] for row in rows] == ["单号", case.number]
    assert centre.client("advisor").get("/cases/export.xlsx").status_code == 403


def test_the_other_site_sees_nothing_of_it(centre: Centre) -> None:
    case = centre.arrive()
    instance = Instance.unscoped.get(subject_id=case.pk)
    browser = centre.client("other_advisor")
    assert case.number not in browser.get("/cases", {"status": ""}).content.decode()
    for path in (
        f"/cases/{case.pk}",
        f"/cases/{case.pk}/progress-code",
        f"/instances/{instance.pk}/diagram.bpmn",
        f"/instances/{instance.pk}/diagram.json",
    ):
        assert browser.get(path).status_code == 404, path
    assert browser.post(f"/cases/{case.pk}/cancel", {"reason": "x"}).status_code == 404
    assert browser.post(f"/cases/{case.pk}/phone").status_code == 404


def test_the_story_is_told_in_words(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    page = centre.client("advisor").get(f"/cases/{case.pk}").content.decode()
    assert "完成“迎接问候”" in page and "逐项确认 2 项" in page and "接下来：记录客户需求（服务顾问）" in page
    assert "李晓" in page and "陈安" in page
    assert "process.step" not in page and "null" not in page


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_within_its_budget(centre: Centre, tab: str, django_assert_max_num_queries: Any) -> None:
    case = centre.arrive()
    centre.greet(case)
    browser = centre.client("advisor")
    browser.get(f"/cases/{case.pk}")
    with django_assert_max_num_queries(PAGE_QUERIES):
        answer = browser.get(f"/cases/{case.pk}", {"tab": tab})
    assert answer.status_code == 200


def test_the_list_costs_the_same_whatever_its_length(centre: Centre, django_assert_max_num_queries: Any) -> None:
    for number in range(8):
        centre.arrive(f"示A8000{number}")
    browser = centre.client("advisor")
    browser.get("/cases")
    with django_assert_max_num_queries(LIST_QUERIES):
        browser.get("/cases")
    assert case_list(CaseQuery(), actor=centre.cast.actor("advisor")).part.total == 8


def test_a_long_list_is_counted_as_far_as_its_pages_go(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE_SIZE", 2)
    monkeypatch.setattr(paging, "COUNTED", 4)
    for number in range(5):
        centre.arrive(f"示A8000{number}")
    browser = centre.client("advisor")
    first, last = (browser.get("/cases", {"page": page}).content.decode() for page in (1, 99))
    assert "超过 4 条，每页" in first and "第 1 / 2 页" in first
    assert "超过 4 条，后面的请加筛选条件查找" in last and "第 2 / 2 页" in last and "示A·80001" in last
    Case.unscoped.filter(title="示A80000").update(kind="complaint")
    assert "共 4 条" in browser.get("/cases", {"kind": "service_visit"}).content.decode()


def test_of_more_cases_than_are_looked_at_the_newest_are_found_and_it_is_said(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MATCHES", 2)
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 1)
    for number in range(4):
        centre.arrive(f"示A8000{number}")
    Case.unscoped.update(vehicle=None, title="年检")
    page = centre.client("advisor").get("/cases", {"q": "年检"}).content.decode()
    newest = Case.unscoped.order_by("-opened_at", "-pk")[0].number
    assert newest in page and page.count("data-row") == 3 and "符合的单据太多" in page
    found = centre.client("admin").get("/processes/instances", {"q": "年检"}).content.decode()
    assert "符合的流程太多" in found


def test_a_case_is_called_off_with_a_reason_by_those_who_may(centre: Centre) -> None:
    case = centre.arrive()
    assert centre.client("advisor").post(f"/cases/{case.pk}/cancel", {"reason": "客户走了"}).status_code == 403
    manager = centre.client("site_manager")
    manager.post(f"/cases/{case.pk}/cancel", {"reason": " "})
    case.refresh_from_db()
    assert case.status == "open"
    manager.post(f"/cases/{case.pk}/cancel", {"reason": "客户走了"})
    case.refresh_from_db()
    assert case.status == "cancelled"
    assert not WorkItem.unscoped.filter(instance__subject_id=case.pk, status="open").exists()
    assert "原因：客户走了" in manager.get(f"/cases/{case.pk}").content.decode()


def test_files_go_out_with_headers_that_let_nothing_run(centre: Centre) -> None:
    case = centre.arrive()
    actor = centre.cast.actor("advisor")
    kept = store_attachment(case.pk, "walkaround", sample_file("左前门"), name="<左前门>.html", actor=actor)
    answer = centre.client("advisor").get(f"/attachments/{kept.pk}")
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Type"].startswith("image/")
    assert centre.client("other_advisor").get(f"/attachments/{kept.pk}").status_code == 404
    assert Client().get(f"/attachments/{kept.pk}").status_code == 302
    assert f"/attachments/{kept.pk}" in centre.client("advisor").get(f"/cases/{case.pk}?tab=files").content.decode()


def test_the_diagram_marks_where_we_are_and_were(centre: Centre, frozen_clock: Any) -> None:
    case = centre.arrive()
    centre.greet(case)
    instance = Instance.unscoped.get(subject_id=case.pk)
    browser = centre.client("advisor")
    assert b"<bpmn:definitions" in browser.get(f"/instances/{instance.pk}/diagram.bpmn").content
    nodes = browser.get(f"/instances/{instance.pk}/diagram.json").json()["nodes"]
    assert nodes["greet"] == {"state": "done", "who": "李晓", "at": "今天 09:00"}
    assert nodes["reception"]["state"] == "current" and nodes["reception"]["who"] == "李晓"
    second = centre.arrive("示A80001")
    clock.move(frozen_clock + timedelta(minutes=3))
    late = Instance.unscoped.get(subject_id=second.pk).pk
    assert browser.get(f"/instances/{late}/diagram.json").json()["nodes"]["greet"]["state"] == "late"


@pytest.mark.covers("AUTO-14")
def test_a_waiting_customer_sees_the_stage_and_nothing_about_anybody(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    token = progress_token(case.pk, actor=centre.cast.actor("advisor"))
    answer = Client().get(f"/progress/{token}")
    page = answer.content.decode()
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert "接待" in page and "李晓" in page and "示A**001" in page
    for secret in ("70001", "周晓棠", "周女士", "13900007001", case.number, "迎接问候"):
        assert secret not in page, secret


@pytest.mark.covers("AUTO-14")
def test_progress_tokens_expire_and_cannot_be_made_up(centre: Centre, frozen_clock: Any) -> None:
    case = centre.arrive()
    token = progress_token(case.pk, actor=centre.cast.actor("advisor"))
    forged = signing.dumps([case.pk, 9_999_999_999], key="another key", salt=SALT)
    for bad in (token[:-1] + ("A" if token[-1] != "A" else "B"), forged, "x", "1", "x" * 500):
        assert Client().get(f"/progress/{bad}").status_code == 404, bad
    clock.move(frozen_clock + timedelta(hours=49))
    gone = Client().get(f"/progress/{token}")
    assert gone.status_code == 404 and "已经失效" in gone.content.decode()


def test_the_code_leads_to_the_progress_page(centre: Centre) -> None:
    case = centre.arrive()
    page = centre.client("advisor").get(f"/cases/{case.pk}/progress-code").content.decode()
    assert "<svg" in page and "http://testserver/progress/" in page
    assert " style=" not in page


@pytest.mark.parametrize(("plate", "shown"), [("示A12345", "示A**345"), ("示A·D12345", "示A***345"), ("", "***")])
def test_plates_are_covered_in_the_middle(plate: str, shown: str) -> None:
    assert covered_plate(plate) == shown


def test_the_list_shows_each_limit_as_a_traffic_light_with_its_word_and_why_it_stands_still(centre: Centre) -> None:
    waiting = centre.arrive("示A70002")
    centre.arrive("示A70003")
    (held,) = running_clocks("item", centre.item(waiting, "greet").pk)
    pause_clock(held.pk, reason="等待客户", actor=centre.cast.actor("workshop_manager"))
    clock.move(clock.now() + timedelta(seconds=40))
    text = centre.client("advisor").get("/cases").content.decode()
    assert "暂停：等待客户" in text and "仅剩 20 秒" in text and "countdown-soon" in text
    clock.move(clock.now() + timedelta(seconds=30))
    assert "超时 10 秒" in centre.client("advisor").get("/cases").content.decode()
