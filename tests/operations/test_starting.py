"""Processes that nobody starts: what they are about, and how they are seen and held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.engine.definition import parse_bpmn
from bihuan.kernel import clock
from bihuan.notify.models import Notice
from bihuan.operations.scenarios.format import parse_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.operations.starting import open_subject
from bihuan.operations.timing.due_work import run_due_work
from bihuan.org.access import system_actor
from bihuan.processes import engine_store as store
from bihuan.processes.contract import Begun
from bihuan.processes.models import AutoStart, Instance, WorkItem
from bihuan.records.models import Case
from tests.cast import Cast
from tests.processes.models import CROWDED, END, LATE, bpmn, daily
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db


def test_a_process_begun_by_the_clock_opens_its_case_and_the_work_can_be_done(centre: Centre) -> None:
    store.publish(daily(timer="<timeCycle>R/P1D</timeCycle>"), "daily")
    clock.move(clock.now() + timedelta(days=1))
    run_due_work()
    [case] = Case.unscoped.filter(kind="routine")
    assert case.number.find("LX") >= 0 and case.title == "daily"
    [item] = WorkItem.unscoped.filter(node_id="look_round", instance__subject_id=case.pk)
    advisor = centre.client("advisor")
    assert "到时，流程自动开始" in advisor.get(f"/cases/{case.pk}").content.decode()
    assert advisor.get(f"/tasks/{item.pk}").status_code == 200
    assert Instance.unscoped.get(pk=item.instance_id).chain == f"case:{case.pk}"


def test_a_condition_looks_at_the_site(centre: Centre) -> None:
    store.publish(CROWDED.replace("&gt; 2", "&gt; 0"), "crowded")
    run_due_work()
    assert not Instance.unscoped.filter(process_id="crowded").exists()
    centre.arrive()
    clock.move(clock.now() + timedelta(minutes=1))
    run_due_work()
    begun = Instance.unscoped.get(process_id="crowded")
    assert begun.site_id == centre.cast.yl.pk and Case.unscoped.filter(kind="routine").count() == 1


def test_what_nobody_works_on_opens_no_case(cast: Cast) -> None:
    """The diagram may say what kind of case: `bihuan:case`."""
    alone = bpmn("alone", '<startEvent id="s"/>', '<task id="pass"/>', END, flows="s>pass pass>end")
    suggestion = daily().replace('<process id="daily"', '<process id="daily" bihuan:case="suggestion"')
    kinds = []
    for xml in (alone, daily(), suggestion):
        process = parse_bpmn(xml).main
        subject = open_subject(Begun(process.id, process.id, process, cast.yl.pk, system_actor(cast.yl.pk)))
        kinds.append(Case.unscoped.get(pk=subject.id).kind if subject is not None else "")
    assert kinds == ["", "routine", "suggestion"]


def test_who_manages_processes_is_told_of_a_start_that_could_not_be(centre: Centre) -> None:
    unknown = daily(timer="<timeCycle>R/P1D</timeCycle>").replace('id="daily" ', 'id="daily" bihuan:case="voyage" ')
    store.publish(unknown, "daily", name="营业前巡查")
    clock.move(clock.now() + timedelta(days=1))
    run_due_work()
    told = Notice.objects.get(user=centre.cast.user("admin"), title__contains="没有自动发起")
    assert "voyage" in told.body and "voyage" in centre.client("admin").get(told.url).content.decode()


def test_a_story_tells_what_begins_by_itself_and_what_comes_early(cast: Cast) -> None:
    waiting = LATE.replace('"late"', '"suggestion"').replace("=case_id", "=string(case.id)")
    store.publish(daily(), "daily")
    store.publish(waiting, "suggestion")
    [scenario] = parse_scenarios(STORY, source="starts.yaml")
    report = play(scenario)
    assert report.ok, f"{report.place}: {report.problem}"


STORY = """
scenario: 每天自己开始，消息来得太早
given: {clock: 2026-11-24 09:00}
steps:
  - at: 2026-11-26 08:00
    then: {begun: {daily: 2}}
  - {do: begun, with: {process: daily}, save: 巡查}
  - {task: look_round, as: 李晓, then: {process: completed}}
  - {do: start, process: suggestion, as: 李晓, with: {title: 建议}}
  - {do: message, with: {name: arrived}, refused: 没有流程在等}
  - {do: message, with: {name: arrived, keep: 1天}}
  - {task: prepare, as: 李晓, then: {only_open: greet}}
"""


def test_the_page_of_a_process_says_when_it_begins_next_and_lets_it_be_held(centre: Centre) -> None:
    store.publish(daily(), "daily")
    start, admin = AutoStart.objects.get(), centre.client("admin")
    page = admin.get("/processes/daily").content.decode()
    assert "自动发起" in page and "下次" in page
    held = admin.post("/processes/daily", {"start": start.pk, "how": "hold", "reason": "装修"}, follow=True)
    assert "装修" in held.content.decode() and "已暂停" in held.content.decode()
    assert centre.client("advisor").post(
        "/processes/daily", {"start": start.pk, "how": "free", "reason": "x"}
    ).status_code in (403, 404)
    admin.post("/processes/daily", {"start": start.pk, "how": "free", "reason": "开业"})
    assert AutoStart.objects.get().held_at is None
