"""The duty screens: asking and deciding, the roster of a week, work nobody can do, handing over."""

from __future__ import annotations

import re
from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.operations.duty.unattended import look_after_unattended
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.duty.shifts import add_weekly_shift
from bihuan.org.models import DayShift, Delegation, Leave, PositionHolder, WeeklyShift
from bihuan.processes.models import WorkItem
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 24)
# What the shell costs every page, and the page itself; no more with more rows.
QUERIES = {"/duty": 22, "/duty/roster": 24, "/duty/decisions": 22, "/duty/unattended": 18}


def plan(centre: Centre, who: str, weekday: int = 1, role: str = "technician") -> WeeklyShift:
    return add_weekly_shift(
        site_id=centre.cast.yl.pk, role_key=role, user_id=centre.cast.user(who).pk, weekday=weekday, starts=time(8),
        ends=time(17), since=TODAY - timedelta(days=7), actor=centre.cast.system,
    )  # fmt: skip


def away(centre: Centre, *people: str) -> None:
    for who in people:
        request_leave(Span(TODAY, TODAY), actor=centre.cast.system, user_id=centre.cast.user(who).pk)


def test_asking_for_leave_and_having_it_approved(centre: Centre) -> None:
    own, manager = centre.client("technician"), centre.client("workshop_manager")
    sent = {"kind": "annual", "first": "2026-11-26", "last": "2026-11-27", "from_half": "noon", "to_half": "evening"}
    assert own.post("/duty/leave", sent).headers["Location"] == "/duty"
    page = own.get("/duty").content.decode()
    assert "11月26日下午 至 11月27日" in page and "待批准" in page
    asked = Leave.objects.get()
    assert "赵强" in manager.get("/duty/decisions").content.decode()
    manager.post(f"/duty/decisions/{asked.pk}", {"answer": "approve"})
    assert "已批准" in own.get("/duty").content.decode()
    own.post(f"/duty/leave/{asked.pk}/cancel")
    assert Leave.objects.get().status == Leave.Status.CANCELLED


def test_a_refused_request_keeps_what_was_typed_and_says_so_at_the_field(centre: Centre) -> None:
    answer = centre.client("technician").post(
        "/duty/leave", {"first": "2026-11-26", "last": "2026-11-20", "kind": "sick"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422 and "结束须晚于开始" in page and 'id="e-last"' in page
    assert 'value="2026-11-26"' in page and '<option value="sick" selected>' in page
    for day in ("", "某天", "2026-13-45"):
        assert centre.client("technician").post("/duty/leave", {"first": day, "last": day}).status_code == 422
    assert not Leave.objects.exists()


def test_letting_a_colleague_do_my_work_and_taking_it_back(centre: Centre) -> None:
    own = centre.client("cashier")
    sent = {
        "to": centre.cast.user("advisor").pk,
        "starts": "2026-11-24T08:00",
        "ends": "2026-11-30T18:00",
        "role": "cashier",
    }
    assert own.post("/duty/delegations", sent).status_code == 302
    assert "李晓" in own.get("/duty").content.decode() and "代理中" in own.get("/duty").content.decode()
    theirs = centre.client("advisor").get("/duty").content.decode()
    assert "我代理别人的" in theirs and "冯玉" in theirs
    own.post(f"/duty/delegations/{Delegation.objects.get().pk}/end")
    assert "代理中" not in own.get("/duty").content.decode()
    assert own.post("/duty/delegations", {**sent, "to": "x"}).status_code == 422


def test_the_roster_shows_who_is_on_duty_now_and_who_is_away(centre: Centre) -> None:
    plan(centre, "technician")
    plan(centre, "second_technician")
    away(centre, "second_technician")
    page = centre.client("advisor").get("/duty/roster?role=technician").content.decode()
    assert "今天" in page and "当班" in page and "请假" in page and page.count("赵强") >= 1
    assert "排入值班表" not in page, "only who plans duty changes it"
    assert centre.client("advisor").post("/duty/roster/add", {"role": "technician"}).status_code in (403, 422)


def test_planning_a_week(centre: Centre) -> None:
    manager, who = centre.client("site_manager"), centre.cast.user("technician").pk
    sent = {
        "role": "technician",
        "week": "2026-11-23",
        "person": who,
        "day": "2026-11-25",
        "starts": "08:00",
        "ends": "12:00",
    }
    assert "week=2026-11-23" in manager.post("/duty/roster/add", {**sent, "repeat": "once"}).headers["Location"]
    manager.post("/duty/roster/add", {**sent, "day": "2026-11-26", "repeat": "weekly"})
    assert (DayShift.objects.get().day, WeeklyShift.objects.get().weekday) == (date(2026, 11, 25), 3)
    clash = manager.post("/duty/roster/add", {**sent, "repeat": "once"})
    assert clash.status_code == 422 and "已有班次" in clash.content.decode()
    weekly = WeeklyShift.objects.get()
    gone = {"role": "technician", "week": "2026-11-23", "shift": weekly.pk, "day": "2026-11-26", "weekly": "1"}
    manager.post("/duty/roster/drop", gone)
    assert DayShift.objects.filter(off=True).count() == 1
    manager.post("/duty/roster/stop", {**gone, "day": "2026-12-03"})
    assert WeeklyShift.objects.get().until == date(2026, 12, 2)
    manager.post("/duty/roster/copy", {"role": "technician", "week": "2026-11-30"})
    assert DayShift.objects.filter(day=date(2026, 12, 2), off=False).exists()


def test_only_who_plans_duty_decides(centre: Centre) -> None:
    assert centre.client("advisor").get("/duty/decisions").status_code == 403
    assert centre.client("technician").get("/duty/unattended").status_code == 403
    for who in ("advisor", "other_admin"):
        path = f"/duty/people/{centre.cast.user('technician').pk}/handover"
        assert centre.client(who).get(path).status_code in (403, 404)
    assert (
        centre.client("site_manager").get(f"/admin/people/{centre.cast.user('cashier').pk}/handover").status_code == 403
    )


def test_work_that_nobody_can_do_is_listed_and_can_be_handed_on(centre: Centre) -> None:
    case = centre.arrive()
    away(centre, "advisor")
    assert look_after_unattended() >= 1
    manager = centre.client("workshop_manager")
    assert "有 1 项工作现在没有人能办" in manager.get("/").content.decode()
    assert "没有人能办" not in centre.client("technician").get("/").content.decode()
    assert "现在没有人能办" in manager.get(f"/cases/{case.pk}").content.decode()
    page = manager.get("/duty/unattended").content.decode()
    assert "迎接问候" in page and "服务顾问" in page
    item = centre.item(case, "greet")
    assert "现在都不在岗" in manager.get(f"/tasks/{item.pk}").content.decode()
    assert "王芳" in manager.get(f"/tasks/{item.pk}/act/transfer").content.decode(), "anybody of the site"
    manager.post(f"/tasks/{item.pk}/act/transfer", {"to": centre.cast.user("front_desk").pk, "reason": "顾问都不在"})
    assert "每项工作都有人能办" in manager.get("/duty/unattended").content.decode()


def test_who_is_on_duty_now_is_told_at_a_glance(centre: Centre) -> None:
    assert "现在当班" not in centre.client("advisor").get("/duty/now").content.decode()
    plan(centre, "technician")
    plan(centre, "guard", role="guard", weekday=2)
    card = centre.client("advisor").get("/duty/now").content.decode()
    assert "现在当班" in card and "赵强" in card and "没有人当班" in card


def test_work_of_a_principal_is_ones_own_and_says_for_whom(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    WorkItem.unscoped.filter(pk=item.pk).update(assignee=centre.cast.user("advisor"))
    sent = {"to": centre.cast.user("guard").pk, "starts": "2026-11-24T08:00", "ends": "2026-11-30T18:00"}
    centre.client("advisor").post("/duty/delegations", sent)
    bench = centre.client("guard").get("/").content.decode()
    assert "迎接问候" in bench and "代李晓" in bench and f"/tasks/{item.pk}/claim" not in bench
    task = centre.client("guard").get(f"/tasks/{item.pk}").content.decode()
    assert "李晓委托您代办" in task
    centre.complete(case, "greet", "guard", {"greeting": ["guided", "greeted"]})
    assert WorkItem.unscoped.get(pk=item.pk).completed_by == centre.cast.user("guard")


def test_a_leaver_is_asked_to_hand_over_first(centre: Centre) -> None:
    PositionHolder.objects.update(since=clock.now() - timedelta(days=90))
    case = centre.arrive()
    centre.greet(case)
    admin, leaver = centre.client("admin"), centre.cast.user("advisor")
    refused = admin.post(f"/admin/people/{leaver.pk}/deactivate", {"reason": "离职"})
    assert refused.status_code == 422 and "请先办理离职交接" in refused.content.decode()
    page = admin.get(f"/admin/people/{leaver.pk}/handover").content.decode()
    assert "在办单据（服务顾问）" in page and case.number in page
    half = admin.post(f"/admin/people/{leaver.pk}/handover", {"reason": "离职"})
    assert half.status_code == 422 and "请选择谁接手" in half.content.decode()
    successor = centre.cast.user("front_desk")
    first, second, *keys = re.findall(r'name="to-([\w:]+)-text"', page)
    sent = {"reason": "离职", **{f"to-{key}-text": "" for key in keys}, **{f"to-{key}": successor.pk for key in keys}}
    sent |= {f"to-{first}-text": "王芳", f"to-{second}-text": "", f"to-{second}-plain": successor.pk}
    lost = admin.post(f"/admin/people/{leaver.pk}/handover", {**sent, f"to-{first}-text": "王"})
    assert lost.status_code == 422 and "没有找到同事“王”" in lost.content.decode()
    done = admin.post(f"/admin/people/{leaver.pk}/handover", sent)
    assert done.status_code == 302 and not User.objects.get(pk=leaver.pk).is_active
    case.refresh_from_db()
    assert case.advisor == successor


def test_the_task_page_says_why_and_asks_who_goes_on(centre: Centre) -> None:
    case = centre.arrive()
    page = centre.client("advisor").get(f"/tasks/{centre.item(case, 'greet').pk}").content.decode()
    assert "为什么是我" in page and "您担任服务顾问" in page


@pytest.mark.parametrize("path", QUERIES)
def test_each_page_takes_a_fixed_number_of_queries(centre: Centre, path: str) -> None:
    def count() -> int:
        browser = centre.client("site_manager")
        with CaptureQueriesContext(connection) as caught:
            assert browser.get(path).status_code == 200
        return len(caught)

    plan(centre, "technician")
    away(centre, "advisor")
    centre.arrive()
    look_after_unattended()
    first = count()
    for who in ("technician", "second_technician", "guard", "cashier"):
        away(centre, who)
        plan(centre, who, weekday=3)
    centre.arrive("示A70002")
    look_after_unattended()
    assert count() == first <= QUERIES[path]
