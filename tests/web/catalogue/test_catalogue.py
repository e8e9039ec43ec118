"""Parts with stock, jobs with prices, slot capacities: seen, searched, edited, exported."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from bihuan.records.catalogue import save_job, save_part
from bihuan.records.models import JobType, Part, SlotCapacity
from bihuan.records.stock import receive_stock
from tests.web.visits import Centre


@pytest.mark.parametrize("kind", ["parts", "jobs", "slots"])
def test_each_kind_opens_in_few_queries(centre: Centre, kind: str, django_assert_max_num_queries: Any) -> None:
    browser = centre.client("site_manager")
    browser.get("/catalogue")
    with django_assert_max_num_queries(13):
        assert browser.get("/catalogue", {"kind": kind, "page": "999"}).status_code == 200


@pytest.mark.parametrize("kind", ["parts", "jobs"])
def test_a_longer_list_needs_no_more_queries(centre: Centre, kind: str) -> None:
    browser, actor = centre.client("site_manager"), centre.cast.system
    browser.get("/catalogue")
    with CaptureQueriesContext(connection) as short:
        browser.get("/catalogue", {"kind": kind})
    for number in range(12):
        part = save_part(actor=actor, code=f"P-2{number:03d}", name="垫片", unit="个", price_yuan=Decimal(5))
        receive_stock(part.pk, Decimal(3), actor=actor, site_id=centre.cast.yl.pk, reason="期初库存")
        save_job(
            actor=actor, site_id=centre.cast.yl.pk, code=f"J-2{number:03d}", name="检查", hours=Decimal(1),
            rate_yuan_per_hour=Decimal(120),
        )  # fmt: skip
    with CaptureQueriesContext(connection) as long:
        page = browser.get("/catalogue", {"kind": kind}).content.decode()
    assert "2011" in page and len(long) == len(short)


def test_parts_show_the_stock_here_and_are_found_by_code_and_name(centre: Centre) -> None:
    browser = centre.client("parts_clerk")
    for text in ("P-1001", "机油"):
        page = browser.get("/catalogue", {"kind": "parts", "q": text}).content.decode()
        assert "机油 4L" in page and "A-01" in page and "268.00" in page
    assert "没有找到" in browser.get("/catalogue", {"kind": "parts", "q": "不存在"}).content.decode()


def test_who_may_not_see_prices_is_told_who_can(centre: Centre) -> None:
    assert centre.client("guard").get("/catalogue").status_code == 403
    assert centre.client("guard").get("/catalogue/export.xlsx").status_code == 403


def test_a_job_is_made_and_changed_by_those_who_keep_the_list(centre: Centre) -> None:
    browser = centre.client("site_manager")
    form = {"code": "J-900", "name": "四轮定位", "hours": "1.5", "rate_yuan_per_hour": "120", "active": "1"}
    assert browser.post("/catalogue/jobs/new", form).status_code == 302
    job = JobType.unscoped.get(code="J-900")
    assert browser.post(f"/catalogue/jobs/{job.pk}", {**form, "hours": "2"}).status_code == 302
    job.refresh_from_db()
    assert job.labour_fee_yuan == 240
    refused = browser.post(f"/catalogue/jobs/{job.pk}", {**form, "hours": ""})
    assert refused.status_code == 422 and "请填写标准工时" in refused.content.decode()
    assert centre.client("technician").post(f"/catalogue/jobs/{job.pk}", form).status_code == 403
    assert centre.client("other_admin").get(f"/catalogue/jobs/{job.pk}").status_code in (403, 404)


def test_a_part_gets_a_new_price(centre: Centre) -> None:
    part = Part.objects.get(code="P-1001")
    form = {"code": "P-1001", "name": "机油 4L", "unit": "桶", "price_yuan": "288", "active": "1"}
    assert centre.client("technician").post(f"/catalogue/parts/{part.pk}", form).status_code == 403
    assert centre.client("parts_clerk").post(f"/catalogue/parts/{part.pk}", form).status_code == 302
    part.refresh_from_db()
    assert part.price_yuan == 288
    taken = centre.client("parts_clerk").post("/catalogue/parts/new", form)
    assert taken.status_code == 422 and "已经有了" in taken.content.decode()


def test_a_slot_takes_as_many_as_said(centre: Centre) -> None:
    form = {"weekday": "6", "starts": "09:00", "minutes": "60", "capacity": "3"}
    assert centre.client("site_manager").post("/catalogue/slots", form).status_code == 302
    assert SlotCapacity.unscoped.get(site=centre.cast.yl, weekday=6).capacity == 3
    centre.client("site_manager").post("/catalogue/slots", {**form, "capacity": "viele"})
    assert SlotCapacity.unscoped.get(site=centre.cast.yl, weekday=6).capacity == 3
    assert centre.client("technician").post("/catalogue/slots", form).status_code == 403


@pytest.mark.parametrize(("kind", "first"), [("parts", "P-1001"), ("jobs", "J-101")])
def test_exactly_this_view_is_exported(centre: Centre, kind: str, first: str) -> None:
    answer = centre.client("site_manager").get("/catalogue/export.xlsx", {"kind": kind, "q": first})
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert [row[0] for row in sheet.values][1:] == [first]
