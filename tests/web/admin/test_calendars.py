"""The administration of time on screen: the year of holidays, importing it, confirming it, and work calendars."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook

from bihuan.kernel import clock
from bihuan.limits.clocks import start_clock
from bihuan.limits.models import Clock, HolidayDay, HolidayYear, WorkCalendar
from tests.cast import Cast

HEAD = "日期,类别,名称,半天至\n"


def browser(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast.user(who))
    return client


def upload(client: Client, text: str | bytes, name: str = "放假.csv", mode: str = "store") -> Any:
    content = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile(name, content)
    return client.post("/admin/holidays/2026/import", {"file": file, "mode": mode})


@pytest.mark.parametrize("address", ["holidays/2026", "calendars", "calendars/new"])
def test_the_pages_open_in_few_queries_for_administrators_only(cast: Cast, address: str) -> None:
    group = browser(cast, "group_admin")
    group.post("/admin/holidays/2026/open")
    with CaptureQueriesContext(connection) as seen:
        assert group.get(f"/admin/{address}").status_code == 200
    assert len(seen) <= 16, [query["sql"][:90] for query in seen]
    assert browser(cast, "technician").get(f"/admin/{address}").status_code == 403


def test_a_year_is_opened_corrected_and_confirmed(cast: Cast) -> None:
    group = browser(cast, "group_admin")
    assert "还没有 2026 年的节假日" in group.get("/admin/holidays/2026").content.decode()
    group.post("/admin/holidays/2026/open")
    shown = group.get("/admin/holidays/2026").content.decode()
    assert "尚未确认" in shown
    assert "10月10日 调休上班：国庆节调休上班" in shown
    day = {"day": "2026-12-31", "kind": "half", "name": "除夕前", "until": "12:00"}
    assert group.post("/admin/holidays/2026/day", day).status_code == 302
    assert group.post("/admin/holidays/2026/confirm").status_code == 302
    shown = group.get("/admin/holidays/2026").content.decode()
    assert "已确认" in shown
    assert "12月31日 半天：除夕前，上班到 12:00" in shown


def test_a_site_administrator_looks_but_does_not_touch(cast: Cast) -> None:
    browser(cast, "group_admin").post("/admin/holidays/2026/open")
    site = browser(cast, "admin")
    shown = site.get("/admin/holidays/2026").content.decode()
    assert "请找集团的系统管理员" in shown
    assert "修改一天" not in shown
    assert site.post("/admin/holidays/2026/confirm").status_code == 403
    assert not HolidayYear.objects.get().is_confirmed


def test_confirming_works_the_waiting_clocks_out_anew_if_asked(cast: Cast) -> None:
    group = browser(cast, "group_admin")
    with clock.frozen(datetime.fromisoformat("2026-11-24T09:00+08:00")):
        held = start_clock(
            subject_kind="case", subject_id=7, key="reply", name="答复", site_id=cast.yl.pk, target_seconds=3600,
            calendar="site",
        )  # fmt: skip
        group.post("/admin/holidays/2026/open")
        assert "重算 1 个正在计时" in group.get("/admin/holidays/2026").content.decode()
        group.post("/admin/holidays/2026/confirm", {"recalculate": "1"})
    assert Clock.unscoped.get(pk=held.pk).unconfirmed_year is None


def test_a_day_that_makes_no_sense_is_refused_where_it_was_typed(cast: Cast) -> None:
    group = browser(cast, "group_admin")
    group.post("/admin/holidays/2026/open")
    for wrong in ({"day": "soon", "kind": "rest"}, {"day": "2026-05-05", "kind": "half", "until": ""}):
        answer = group.post("/admin/holidays/2026/day", wrong)
        assert answer.status_code == 422
    assert HolidayDay.objects.filter(date=date(2026, 5, 5), kind="rest").exists()


def test_a_file_is_tried_then_stored_and_the_year_waits_for_confirmation(cast: Cast) -> None:
    group = browser(cast, "group_admin")
    text = HEAD + "2026-10-01 至 2026-10-07,放假,国庆节,\n2026/10/10,调休上班,国庆节调休,\n2026-12-31,半天,跨年,12:00\n"
    tried = upload(group, text, mode="try")
    assert "没有发现问题：2026 年 9 天" in tried.content.decode()
    assert not HolidayDay.objects.exists()
    assert upload(group, text).status_code == 302
    kinds = list(HolidayDay.objects.values_list("kind", flat=True))
    assert (kinds.count("rest"), kinds.count("work"), kinds.count("half")) == (7, 1, 1)
    assert HolidayYear.objects.get().source == "导入 放假.csv"


def test_an_excel_workbook_with_real_dates_is_read_as_well(cast: Cast) -> None:
    book = Workbook()
    sheet = book.create_sheet("放假", 0)
    for row in (
        ("日期", "类别", "名称"),
        (datetime(2026, 5, 1), "放假", "劳动节"),
        (date(2026, 5, 9), "补班", "劳动节"),
    ):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    assert upload(browser(cast, "group_admin"), content.getvalue(), "a.xlsx").status_code == 302
    assert HolidayDay.objects.count() == 2


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2026-02-30,放假,x,", "不是日期"),
        ("2026-10-01,聚会,x,", "不是类别"),
        ("2026-10-01,半天,x,noon", "不是时间"),
        ("1900-10-01,放假,x,", "不是日期"),
        ("2026-10-07 至 2026-10-01,放假,x,", "起止不对"),
        ("2026-10-01 至 2026-10-03,放假,x,\n2026-10-02,放假,y,", "重复"),
        (f"2026-10-01,放假,{'名' * 61},", "最多 60 个字"),
        ("", "没有日期"),
    ],
)
def test_each_mistake_in_a_file_is_told_with_its_row_and_nothing_is_stored(cast: Cast, row: str, told: str) -> None:
    answer = upload(browser(cast, "group_admin"), HEAD + row)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert not HolidayDay.objects.exists()


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a,b,c\n1,2,3"])
def test_a_file_that_is_no_list_of_holidays_is_refused(cast: Cast, content: bytes) -> None:
    assert upload(browser(cast, "group_admin"), content).status_code == 422
    assert not HolidayYear.objects.exists()


def test_a_work_calendar_is_made_changed_and_refused_without_hours(cast: Cast) -> None:
    admin = browser(cast, "admin")
    form = {
        "key": "night_shift",
        "name": "夜班",
        "hours_mon": "22:00-06:00",
        "observes_holidays": "1",
        "is_active": "1",
    }
    assert admin.post("/admin/calendars/new", {**form, "hours_mon": ""}).status_code == 422
    assert admin.post("/admin/calendars/new", {**form, "own_days": "明天 休息"}).status_code == 422
    assert admin.post("/admin/calendars/new", {**form, "own_days": "2026-12-24 平安夜 18:00-22:00"}).status_code == 302
    held = WorkCalendar.objects.get()
    assert held.own_days == {"2026-12-24": {"name": "平安夜", "hours": [["18:00", "22:00"]]}}
    shown = admin.get(f"/admin/calendars/{held.pk}").content.decode()
    assert "2026-12-24 平安夜 18:00-22:00" in shown
    assert admin.post(f"/admin/calendars/{held.pk}", {**form, "name": "大夜班"}).status_code == 302
    assert "大夜班" in admin.get("/admin/calendars").content.decode()
    assert browser(cast, "other_admin").get(f"/admin/calendars/{held.pk}").status_code == 404


def test_recalculating_a_site_needs_a_reason(cast: Cast) -> None:
    admin = browser(cast, "admin")
    assert admin.post("/admin/calendars", {"reason": " "}).status_code == 422
    assert admin.post("/admin/calendars", {"reason": "改了营业时间"}).status_code == 302
