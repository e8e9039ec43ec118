"""抄送 of a process that is about no case: the right to look at that one, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from bihuan.kernel import clock
from bihuan.notify.models import Notice
from bihuan.processes.models import Instance
from bihuan.records.models import CarbonCopy
from tests.cast import Cast
from tests.web.copies.conftest import Send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
ELSEWHERE = "who='=&quot;jiangxin&quot;' confirm='true' note='请安排代班'"


def browser(cast: Cast, who: str) -> Client:
    client = Client()
    client.force_login(cast.user(who))
    return client


def test_whoever_is_copied_looks_at_that_one_process_and_nothing_else(cast: Cast, sent: Send) -> None:
    number, another = sent(ELSEWHERE), sent("who='role:cashier'")
    assert Notice.objects.get(user=cast.user("other_advisor")).url == f"/copies/process/{number}/open"
    reader = browser(cast, "other_advisor")
    row = reader.get("/copies").content.decode()
    assert "“申请”办完时按规定抄送" in row and "李晓请假" in row and "云岭汽车服务中心" in row
    assert reader.get(f"/copies/process/{number}/open").status_code == 302
    page = reader.get(f"/copies/process/{number}").content.decode()
    for words in ("李晓请假", "请安排代班", "天数", "带薪", "是", "批准", "只能看，不能办理", "抄送蒋欣"):
        assert words in page, words
    for part in ("diagram.bpmn", "diagram.json"):
        assert reader.get(f"/instances/{number}/{part}").status_code == 200
        assert reader.get(f"/instances/{another}/{part}").status_code == 404
    assert reader.get(f"/copies/process/{another}").status_code == 404
    assert reader.get(f"/processes/instances/{number}").status_code == 403
    for offered in ("/tasks/", "/processes/", "收回"):
        assert offered not in page.partition("<main")[2], offered


def test_reading_is_confirmed_once_and_kept_in_the_history_of_the_process(cast: Cast, sent: Send) -> None:
    number = sent(ELSEWHERE)
    reader = browser(cast, "other_advisor")
    reader.get(f"/copies/process/{number}/open")
    assert "未阅" in reader.get(f"/copies/process/{number}").content.decode()
    reader.post(f"/copies/process/{number}/confirm", {"remark": "韩磊代班", "back": "list"})
    copy = CarbonCopy.unscoped.get()
    assert (copy.confirmed_at, copy.remark, copy.case_id) == (clock.now(), "韩磊代班", None)
    story = browser(cast, "admin").get(f"/processes/instances/{number}").content.decode()
    assert "意见：韩磊代班" in story
    assert browser(cast, "cashier").post(f"/copies/process/{number}/confirm").status_code == 404


def test_who_operates_processes_takes_it_back_and_the_right_goes(cast: Cast, sent: Send) -> None:
    number = sent(ELSEWHERE)
    copy = CarbonCopy.unscoped.get()
    assert browser(cast, "advisor").post(f"/copies/{copy.pk}/withdraw").status_code == 403
    answer = browser(cast, "admin").post(f"/copies/{copy.pk}/withdraw", {"back": "instance", "reason": "发错了"})
    assert answer["Location"] == f"/processes/instances/{number}"
    reader = browser(cast, "other_advisor")
    paths = (f"/copies/process/{number}", f"/copies/process/{number}/open", f"/instances/{number}/diagram.bpmn")
    assert {reader.get(path).status_code for path in paths} == {404}


def test_what_is_in_the_archive_can_still_be_confirmed(cast: Cast, sent: Send) -> None:
    number = sent(ELSEWHERE)
    Instance.unscoped.filter(pk=number).delete()
    reader = browser(cast, "other_advisor")
    assert "已经归档" in reader.get(f"/copies/process/{number}").content.decode()
    reader.post(f"/copies/process/{number}/confirm")
    assert not CarbonCopy.unscoped.get().unread


def test_the_page_costs_the_same_however_many_were_told(
    cast: Cast, sent: Send, django_assert_max_num_queries: Any
) -> None:
    number = sent(ELSEWHERE, "who='role:technician'", "who='role:cashier'", "who='role:guard'")
    reader = browser(cast, "other_advisor")
    reader.get(f"/copies/process/{number}")
    with django_assert_max_num_queries(18):
        reader.get(f"/copies/process/{number}")


def test_every_page_says_in_the_menu_how_many_are_unread_at_no_further_query(
    cast: Cast, sent: Send, django_assert_num_queries: Any
) -> None:
    reader = browser(cast, "other_advisor")
    before = reader.get("/notices")
    assert 'id="rail-copies" hidden' in before.content.decode()
    mark = "0-0-0"
    with django_assert_num_queries(3):
        assert reader.get("/notices/live", {"seen": mark}).status_code == 204
    number = sent(ELSEWHERE)
    for page in (reader.get("/duty"), reader.get("/notices/live", {"seen": mark})):
        for place in ("rail", "sheet", "more"):
            assert re.search(
                rf'id="{place}-copies"[^>]*><span class="sr-only">未阅抄送 </span>1<', page.content.decode()
            )
    reader.post(f"/copies/process/{number}/confirm")
    assert 'id="rail-copies" hidden' in reader.get("/notices").content.decode()
