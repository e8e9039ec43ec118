"""A workbook of one's own data: tried first, every problem with its row, stored all or nothing."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from bihuan.kernel import clock
from bihuan.operations import imports
from bihuan.org.models import PositionHolder
from bihuan.processes.jobs import Ran, run_due, take_due
from bihuan.records.importing.progress import Teller, read_progress
from bihuan.records.models import Customer, ImportRun
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
    """Hand a workbook in; if it is taken, let the worker do it and answer the page of what came of it."""
    client = centre.client(who)
    answer: HttpResponse = client.post("/import", {"file": SimpleUploadedFile(name, content), "mode": mode})
    if answer.status_code != 302:
        return answer
    assert work().done == 1
    done: HttpResponse = client.get(answer["Location"])
    return done


def work() -> Ran:
    """The worker takes its turn."""
    return run_due(handlers={imports.KIND: imports.HANDLER})


def ask(centre: Centre, content: bytes, *, mode: str = "store", who: str = "admin") -> str:
    """Hand a workbook in and answer the address to watch it at."""
    answer = centre.client(who).post("/import", {"file": SimpleUploadedFile("资料.xlsx", content), "mode": mode})
    assert answer.status_code == 302
    return str(answer["Location"])


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
    assert "发现 1 处问题，什么都没有存" in page
    assert "客户" in page and '<td class="num" data-label="行">4</td>' in page and "电话" in page
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
    page = answer.content.decode()
    assert "banner-bad" in page and "已全部导入" not in page and "Traceback" not in page
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


def test_a_tried_file_is_stored_with_one_click(centre: Centre) -> None:
    client = centre.client("admin")
    tried = ask(centre, book(GOOD), mode="try")
    work()
    assert "正式导入这份文件" in client.get(tried).content.decode()
    answer = client.post(f"{tried}/store")
    work()
    assert "已全部导入：资料.xlsx" in client.get(answer["Location"]).content.decode()
    assert Customer.objects.count() == 3
    assert not ImportRun.unscoped.get(pk=int(answer["Location"].rpartition("/")[2])).content


def test_a_file_with_problems_cannot_be_stored_from_its_trial(centre: Centre) -> None:
    tried = ask(centre, book([*GOOD, ["坏", "12"]]), mode="try")
    work()
    assert "正式导入这份文件" not in centre.client("admin").get(tried).content.decode()
    assert centre.client("admin").post(f"{tried}/store").status_code == 409


def test_the_page_says_how_far_it_is_and_then_what_came_of_it(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    seen: list[str] = []
    client, address = centre.client("admin"), ask(centre, book(GOOD))
    assert "排队中" in client.get(address, headers={"HX-Request": "true"}).content.decode()

    def look(teller: Teller, done: int, total: int, sheet: str) -> None:
        told(teller, done, total, sheet)
        seen.append(client.get(address, headers={"HX-Request": "true"}).content.decode())

    told = Teller.__call__
    monkeypatch.setattr(Teller, "__call__", look)
    with django_capture_on_commit_callbacks(execute=True):
        work()
    assert "2 / 2</b> 行" in seen[-1] and 'max="2" value="2"' in seen[-1] and "every 1s" in seen[-1]
    assert client.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    last = client.get(address).content.decode()
    assert "已全部导入" in last and "every 1s" not in last and "选择工作簿" in last
    assert read_progress(ImportRun.unscoped.get().pk) is None


def test_whoever_comes_back_finds_the_import_that_is_under_way(centre: Centre) -> None:
    ask(centre, book(GOOD))
    page = centre.client("admin").get("/import").content.decode()
    assert "排队中" in page and "可以关掉本页" in page and "选择工作簿" not in page


def test_a_second_import_of_the_site_is_refused_with_the_name_of_the_first(centre: Centre) -> None:
    ask(centre, book(GOOD))
    answer = send(centre, book(GOOD), who="site_manager")
    name = centre.cast.user("admin").name
    assert answer.status_code == 409
    assert f"{name}正在导入“资料.xlsx”，同一门店一次只能导入一份" in answer.content.decode()
    assert work().done == 1 and Customer.objects.count() == 3


def test_a_worker_that_died_in_the_middle_leaves_it_to_the_next(centre: Centre) -> None:
    address = ask(centre, book(GOOD))
    [lost] = take_due(clock.now(), 1, kinds=[imports.KIND])
    Teller(lost.payload["run"])(1, 2, "客户")
    assert work().taken == 0 and Customer.objects.count() == 1
    clock.move(clock.now() + timedelta(minutes=2))
    assert work().done == 1
    assert "已全部导入" in centre.client("admin").get(address).content.decode()
    assert Customer.objects.count() == 3


def test_a_file_that_kills_every_worker_is_given_up_with_a_word(centre: Centre) -> None:
    address = ask(centre, book(GOOD))
    for _ in range(3):
        assert len(take_due(clock.now(), 1, kinds=[imports.KIND])) == 1
        clock.move(clock.now() + timedelta(minutes=2))
    work()
    page = centre.client("admin").get(address).content.decode()
    assert "处理时后台进程几次中断，什么都没有存" in page and Customer.objects.count() == 1
    assert ask(centre, book(GOOD)) != address


def test_somebody_who_lost_the_right_meanwhile_stores_nothing(centre: Centre) -> None:
    address = ask(centre, book(GOOD), who="site_manager")
    PositionHolder.objects.filter(user=centre.cast.user("site_manager")).delete()
    work()
    assert Customer.objects.count() == 1
    page = centre.client("admin").get(address).content.decode()
    assert "banner-bad" in page and "已全部导入" not in page


def test_another_site_cannot_watch_an_import(centre: Centre) -> None:
    address = ask(centre, book(GOOD))
    assert centre.client("other_advisor").get(address).status_code in (403, 404)
