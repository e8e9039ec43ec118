"""A workbook of one's own data: tried first, every problem with its row, stored all or nothing."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from bihuan.records.models import Customer
from bihuan.web.imports import views
from tests.web.visits import Centre

GOOD = [["姓名", "电话"], ["李娜", "13900002001"], ["高远", "13900002002"]]


def book(rows: list[list[Any]], sheet: str = "客户") -> bytes:
    workbook = openpyxl.Workbook()
    page = workbook.worksheets[0]
    page.title = sheet
    for row in rows:
        page.append(row)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def send(
    centre: Centre, content: bytes, *, name: str = "资料.xlsx", mode: str = "try", who: str = "admin"
) -> HttpResponse:
    file = SimpleUploadedFile(name, content)
    answer: HttpResponse = centre.client(who).post("/import", {"file": file, "mode": mode})
    return answer


def test_a_trial_stores_nothing_and_says_what_it_would_do(centre: Centre) -> None:
    answer = send(centre, book(GOOD))
    page = answer.content.decode()
    assert answer.status_code == 200 and "试导入没有发现问题" in page and "资料.xlsx" not in page.split("<main")[0]
    assert Customer.objects.count() == 1


def test_the_same_file_is_then_stored_and_a_second_time_changes_nothing(centre: Centre) -> None:
    page = send(centre, book(GOOD), mode="store").content.decode()
    assert "已全部导入：资料.xlsx" in page
    assert set(Customer.objects.values_list("name", flat=True)) == {"周晓棠", "李娜", "高远"}
    again = send(centre, book(GOOD), mode="store").content.decode()
    assert "已全部导入" in again and Customer.objects.count() == 3


def test_one_problem_keeps_every_row_out_and_is_named_with_its_place(centre: Centre) -> None:
    answer = send(centre, book([*GOOD, ["<b>坏</b>", "12"]]), mode="store")
    page = answer.content.decode()
    assert answer.status_code == 422 and "发现 1 处问题，什么都没有存" in page
    assert "客户" in page and '<td class="num">4</td>' in page and "电话" in page
    assert "<b>坏</b>" not in page
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", b"not a workbook"),
        ("a.xlsx", b""),
        ("a.csv", b"\xff\xfe\x00\xd8"),
        ("a.exe", b"MZ"),
        ("a.xlsx", b"PK\x03\x04" + b"\0" * 200),
    ],
)
def test_what_is_no_workbook_is_refused_in_words(centre: Centre, name: str, content: bytes) -> None:
    answer = send(centre, content, name=name, mode="store")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "banner-bad" in page and "Traceback" not in page
    assert Customer.objects.count() == 1


def test_no_file_and_too_large_a_file_are_refused(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "请选择要导入的工作簿" in centre.client("admin").post("/import", {"mode": "try"}).content.decode()
    monkeypatch.setattr(views, "MAX_BYTES", 10)
    answer = send(centre, book(GOOD))
    assert answer.status_code == 422 and "请分成几个文件" in answer.content.decode()


def test_the_template_to_fill_in_can_be_imported_itself(centre: Centre) -> None:
    content = centre.client("site_manager").get("/import/template").content
    assert "客户" in openpyxl.load_workbook(io.BytesIO(content)).sheetnames
    assert "处问题" not in send(centre, content).content.decode()


def test_only_those_who_may_import(centre: Centre) -> None:
    for who in ("advisor", "guard", "without_position"):
        assert centre.client(who).get("/import").status_code == 403, who
        assert centre.client(who).get("/import/template").status_code == 403, who
        assert send(centre, book(GOOD), mode="store", who=who).status_code == 403, who
    assert Customer.objects.count() == 1
