"""The rule book on screen."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec.structs import replace

from bihuan.audit.models import Entry
from bihuan.forms.models import TextVersion
from bihuan.forms.texts import newest_text, publish_text, script_body
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.operations import repairs
from bihuan.operations.pages.decision_pages import in_words
from bihuan.operations.repairs import resolve_incident
from bihuan.operations.surroundings import surroundings
from bihuan.org.models import Grant
from bihuan.processes import engine_store as store
from bihuan.processes.models import Definition, Incident, Instance
from bihuan.processes.publishing import renew_limits
from tests.cast import GRANTS
from tests.processes.models import END, START, bpmn, service
from tests.web.visits import Centre


def test_the_rule_book_opens_in_few_queries_and_not_to_everybody(
    centre: Centre, django_assert_max_num_queries: Any
) -> None:
    browser = centre.client("admin")
    browser.get("/processes")
    with django_assert_max_num_queries(14):
        assert "维修" in browser.get("/processes").content.decode()
    with django_assert_max_num_queries(14):
        page = browser.get("/processes/service_visit").content.decode()
    assert "服务顾问" in page and "diagram.bpmn" in page
    assert b"definitions" in browser.get("/processes/service_visit/diagram.bpmn").content
    assert browser.get("/processes/nothing").status_code == 404


def test_a_version_tells_what_it_changed_in_the_limits(centre: Centre) -> None:
    body = TextVersion.objects.get(key="limits/auto_service").body
    publish_text("limits/auto_service", body.replace('"10m"', '"12m"', 1).replace("warn = 0.6", "warn = 0.7", 1))
    renew_limits()
    page = centre.client("site_manager").get("/processes/service_visit").content.decode()
    assert "时限：安排确诊 10 分 → 12 分；停车后迎接 的提醒、升级或起止有变" in page


def test_a_script_is_published_anew_by_those_who_may(centre: Centre) -> None:
    browser, here = centre.client("admin"), "/processes/scripts/greet"
    assert browser.get(here).status_code == 200
    refused = browser.post(here, {"body": "您好{不存在}", "expected": "1"})
    assert refused.status_code == 422 and "没有这些占位词" in refused.content.decode()
    assert browser.post(here, {"body": "您好，{称呼}！", "expected": "1"}).status_code == 302
    assert script_body("greet") == "您好，{称呼}！"
    assert Entry.objects.filter(chain="text:script/greet", action="text.publish").count() == 1
    assert browser.post(here, {"body": "别的", "expected": "1"}).status_code == 422
    assert centre.client("guard").post(here, {"body": "别的", "expected": "2"}).status_code == 403


def test_how_long_what_is_finished_stays_is_changed_by_those_who_may(centre: Centre) -> None:
    browser, here = centre.client("admin"), "/processes/service_visit"
    assert "保存期限已更改" in browser.post(here, {"days": "365"}, follow=True).content.decode()
    assert 'value="365"' in browser.get(here).content.decode()
    told = Entry.objects.filter(chain="process:service_visit", action="process.retention").latest("seq")
    assert (told.actor_id, told.data["after"]) == (centre.cast.user("admin").pk, {"retain_days": 365})
    assert "保存天数应为整数" in browser.post(here, {"days": "1.5"}, follow=True).content.decode()
    assert "1 到 36500" in browser.post(here, {"days": "0"}, follow=True).content.decode()
    assert centre.client("site_manager").post(here, {"days": ""}).status_code == 403
    assert Definition.objects.get(key="service_visit").retain_days == 365
    browser.post(here, {"days": ""})
    assert Definition.objects.get(key="service_visit").retain_days is None


def test_on_a_stopped_version_nothing_begins_and_what_runs_goes_on(centre: Centre) -> None:
    browser, here = centre.client("admin"), "/processes/service_visit/versions"
    case, version = centre.arrive(), Definition.objects.get(key="service_visit").current_id
    stop = {"version": version, "how": "stop"}
    assert "请填写原因" in browser.post(here, stop, follow=True).content.decode()
    assert centre.client("guard").post(here, {**stop, "reason": "改制度"}).status_code == 403
    assert "不再发起" in browser.post(here, {**stop, "reason": "改制度"}, follow=True).content.decode()
    with pytest.raises(Conflict, match="已停用"):
        centre.arrive("示A70002")
    centre.greet(case)
    told = Entry.objects.filter(chain="process:service_visit", action="process.stop").latest("seq")
    assert told.data == {"number": 1, "reason": "改制度"}
    browser.post(here, {"version": version, "how": "go_on", "reason": "改好了"})
    centre.arrive("示A70002")


@pytest.fixture
def stuck(centre: Centre) -> Incident:
    """A process at 云岭 whose service nobody provides."""
    store.publish(bpmn("polish", START, service("wax", "wax_by_robot"), END, flows="start>wax wax>end"), "polish")
    started = store.start_instance(
        "polish", site_id=centre.cast.yl.pk, actor=centre.cast.actor("advisor"), title="打蜡", around=surroundings()
    )
    found: Incident = Incident.unscoped.get(instance_id=started.instance_id)
    return found


def status_of(stuck: Incident) -> str:
    return str(Instance.unscoped.values_list("status", flat=True).get(pk=stuck.instance_id))


def test_what_is_stuck_is_listed_with_its_reason_and_skipped_from_the_page(centre: Centre, stuck: Incident) -> None:
    browser = centre.client("admin")
    for path in ("/processes", "/processes/incidents"):
        page = browser.get(path).content.decode()
        assert "打蜡" in page and stuck.reason in page
    assert (
        f"/processes/incidents/{stuck.pk}" in browser.get(f"/processes/instances/{stuck.instance_id}").content.decode()
    )
    answer = browser.post(f"/processes/incidents/{stuck.pk}", {"how": "skip"}, follow=True)
    assert "已跳过" in answer.content.decode() and "没有停下的流程" in answer.content.decode()
    stuck.refresh_from_db()
    assert (stuck.resolution, stuck.resolved_by_id) == ("skipped", centre.cast.user("admin").pk)
    assert status_of(stuck) == "completed"
    again = browser.post(f"/processes/incidents/{stuck.pk}", {"how": "skip"}, follow=True)
    assert again.status_code == 200 and "已跳过" not in again.content.decode()


def test_more_stuck_processes_need_no_more_queries(centre: Centre, stuck: Incident) -> None:
    browser = centre.client("admin")
    browser.get("/processes")
    with CaptureQueriesContext(connection) as one:
        browser.get("/processes")
    for _ in range(4):
        store.start_instance(
            "polish", site_id=centre.cast.yl.pk, actor=centre.cast.actor("advisor"), around=surroundings()
        )
    with CaptureQueriesContext(connection) as five:
        page = browser.get("/processes").content.decode()
    assert "5 处" in page and len(five) == len(one)


def test_a_retry_that_fails_again_says_so_and_one_with_the_cause_removed_goes_on(
    centre: Centre, stuck: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = centre.client("admin")
    answer = browser.post(f"/processes/incidents/{stuck.pk}", {"how": "retry"}, follow=True)
    assert "仍然停下" in answer.content.decode() and "打蜡" in answer.content.decode()
    assert status_of(stuck) == "running"
    left = Incident.unscoped.get(instance_id=stuck.instance_id, resolved_at__isnull=True)
    provided = replace(surroundings(), services={"wax_by_robot": lambda call: {}})
    monkeypatch.setattr(repairs, "surroundings", lambda: provided)
    answer = browser.post(f"/processes/incidents/{left.pk}", {"how": "retry"}, follow=True)
    assert "已重试" in answer.content.decode() and "没有停下的流程" in answer.content.decode()
    left.refresh_from_db()
    assert left.resolution == "retried" and status_of(stuck) == "completed"


@pytest.mark.parametrize("how", ["retry", "skip"])
def test_only_who_operates_processes_resolves_and_only_at_the_own_site(
    centre: Centre, stuck: Incident, how: str
) -> None:
    looker = next(who for who, rights in GRANTS.items() if "process.view" in rights and "process.operate" not in rights)
    here = f"/processes/incidents/{stuck.pk}"
    assert "checkbox" not in centre.client(looker).get("/processes/incidents").content.decode()
    assert centre.client(looker).post(here, {"how": how}).status_code == 403
    assert centre.client("other_admin").post(here, {"how": how}).status_code == 404
    assert "打蜡" not in centre.client("other_admin").get("/processes").content.decode()
    assert centre.client("admin").post(here, {"how": "wish"}).status_code == 302
    stuck.refresh_from_db()
    assert stuck.resolved_at is None and status_of(stuck) == "running"


@pytest.mark.parametrize(
    "path",
    ["/processes", "/processes/service_visit", "/processes/service_visit/diagram.bpmn", "/processes/scripts/greet"],
)
def test_the_rule_book_is_closed_to_those_without_the_right(centre: Centre, path: str) -> None:
    Grant.objects.filter(role__key="guard", action="process.view").delete()
    assert centre.client("guard").get(path).status_code == 403


def test_an_incident_that_is_not_there_is_not_resolved(centre: Centre) -> None:
    with pytest.raises(NotFound):
        resolve_incident(999, how="retry", actor=centre.cast.actor("admin"))


def test_a_decision_table_reads_as_a_table_with_its_hit_policy(centre: Centre) -> None:
    browser = centre.client("admin")
    assert 'href="/processes/decisions/maintenance"' in browser.get("/processes").content.decode()
    assert 'href="/processes/decisions/maintenance"' in browser.get("/processes/service_visit").content.decode()
    page = browser.get("/processes/decisions/maintenance").content.decode()
    for word in (
        "保养周期",
        "唯一：只能有一条规则适用",
        "如果 里程（公里）",
        "则 间隔公里",
        "10000（含）到 100000（不含）",
        "7500",
        "先算保养周期",
    ):
        assert word in page
    assert browser.get("/processes/decisions/nothing").status_code == 404


def test_a_new_table_is_published_by_those_who_may(centre: Centre) -> None:
    def publish(who: str, content: bytes, expected: int = 1) -> Any:
        file = SimpleUploadedFile("maintenance.dmn", content)
        return centre.client(who).post("/processes/decisions/maintenance", {"file": file, "expected": expected})

    table = newest_text("decision/maintenance")
    assert publish("site_manager", table.encode()).status_code == 403
    assert "不是 DMN" in publish("admin", b"<x/>").content.decode()
    assert publish("admin", table.replace("7500", "8000").encode()).status_code == 302
    page = centre.client("admin").get("/processes/decisions/maintenance").content.decode()
    assert "第 2 版" in page and "8000" in page and "本店发布" in page
    assert publish("admin", table.encode()).status_code == 422


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("-", "不论"),
        ("< 10", "不到 10"),
        (">= 10", "10 以上（含）"),
        ("[1..5]", "1（含）到 5（含）"),
        ("(1..5)", "1（不含）到 5（不含）"),
        ("[0.5 .. 1.5)", "0.5（含）到 1.5（不含）"),
        ('"黄金", "白金"', '"黄金", "白金"'),
        ("> 3, < 1", "> 3, < 1"),
    ],
)
def test_a_condition_is_read_in_words_where_it_is_simple(test: str, words: str) -> None:
    assert in_words(test) == words
