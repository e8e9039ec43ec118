"""Finding process instances and repairing them on screen."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec.structs import replace

from bihuan.audit.models import Entry
from bihuan.forms.publishing import publish_form
from bihuan.kernel import clock
from bihuan.operations import repairs
from bihuan.operations.pages.instances import InstanceQuery
from bihuan.operations.people.ending import suspend_case
from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.models import Incident, Instance
from bihuan.records.models import Case
from tests.processes.models import END, START, bpmn, service, task
from tests.web.visits import PLATE, Centre

POLISH = bpmn("polish", START, service("wax", "wax_by_robot"), task("look", role="advisor", form="look"), END,
              flows="start>wax wax>look look>end")  # fmt: skip
LIST, STUCK = "/processes/instances", "/processes/incidents"


@pytest.fixture
def polishing(centre: Centre) -> list[int]:
    """Three processes at 云岭 whose service nobody provides, and one at 江湾."""
    store.publish(POLISH, "polish")
    layers = {"type": "number", "key": "layers", "label": "打蜡层数", "properties": {"var": "layers", "unit": "层"}}
    publish_form("look", {"components": [layers]})
    return [start(centre, f"打蜡 {number}") for number in (1, 2, 3)] + [start(centre, "江湾打蜡", at="jw")]


def start(centre: Centre, title: str, at: str = "yl") -> int:
    site, who = (centre.cast.yl, "advisor") if at == "yl" else (centre.cast.jw, "other_advisor")
    started = store.start_instance(
        "polish", site_id=site.pk, actor=centre.cast.actor(who), title=title, variables={"layers": 2, "gloss": "高"},
        around=surroundings(),
    )  # fmt: skip
    return started.instance_id


def shown(centre: Centre, path: str, who: str = "admin") -> str:
    answer = centre.client(who).get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_an_instance_is_found_by_plate_number_node_and_variable(centre: Centre, polishing: list[int]) -> None:
    centre.arrive()
    assert PLATE[-5:] in shown(centre, f"{LIST}?q={PLATE}") and "打蜡" not in shown(centre, f"{LIST}?q={PLATE}")
    assert f"#{polishing[1]}" in shown(centre, f"{LIST}?q=%23{polishing[1]}")
    assert "打蜡 1" in shown(centre, f"{LIST}?q=打蜡 1") and "打蜡 2" not in shown(centre, f"{LIST}?q=打蜡 1")
    assert "打蜡 3" in shown(centre, f"{LIST}?process=polish&node=wax&status=stuck&incident=没有名为")
    assert "打蜡 3" in shown(centre, f"{LIST}?variable=layers&value=2")
    assert "没有符合条件的流程" in shown(centre, f"{LIST}?variable=layers&value=3")
    assert "江湾打蜡" not in shown(centre, LIST)


def test_the_next_page_goes_on_where_this_one_ends(
    centre: Centre, polishing: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bihuan.operations.pages.instances.PAGE_SIZE", 2)
    first = shown(centre, LIST)
    assert numbers(first) == polishing[2:0:-1]
    following = re.search(r'href="([^"]*after=[^"]*)"', first)
    assert following is not None
    second = shown(centre, f"{LIST}{unescape(following[1])}")
    assert numbers(second) == polishing[:1] and "下一页" not in second and "回到第一页" in second


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"/processes/instances/(\d+)\" data-open", page)]


def test_what_makes_no_sense_in_the_address_is_left_out() -> None:
    odd = {
        "version": "x",
        "status": "odd",
        "node": "n",
        "person": "-1",
        "since": "yesterday",
        "after": "1e400_9",
        "q": "\0",
    }
    assert InstanceQuery.of(odd) == InstanceQuery()


def test_the_page_of_one_tells_position_variables_history_and_repairs(centre: Centre, polishing: list[int]) -> None:
    page = shown(centre, f"{LIST}/{polishing[0]}")
    stuck, variables = ("停在“wax”", "没有名为", "重试"), ("打蜡层数（层）", "layers", "&#34;高&#34;")
    for words in (*stuck, *variables, "流程在自动步骤停下", "diagram.bpmn"):
        assert words in page or words in page.replace("&quot;", "&#34;"), words
    state = centre.client("admin").get(f"{LIST}/{polishing[0]}/diagram.json").json()
    assert state["nodes"]["wax"]["state"] == "late" and "没有名为" in state["nodes"]["wax"]["note"]
    assert b"wax_by_robot" in centre.client("admin").get(f"{LIST}/{polishing[0]}/diagram.bpmn").content


def test_variables_are_repaired_in_feel_and_told_in_the_history(centre: Centre, polishing: list[int]) -> None:
    browser, here = centre.client("admin"), f"{LIST}/{polishing[0]}"
    form = {"var-layers": "3", "var-gloss": '"高"', "name": "checked", "value": "true"}
    answer = browser.post(f"{here}/repair", form, follow=True).content.decode()
    assert "已修改变量：layers、checked" in answer and "修改流程变量" in answer
    variables = Instance.unscoped.get(pk=polishing[0]).variables
    assert (variables["layers"], variables["gloss"], variables["checked"]) == (3, "高", True)
    assert Entry.objects.filter(chain=f"instance:{polishing[0]}").latest("seq").actor_id == centre.cast.user("admin").pk
    refused = browser.post(f"{here}/repair", {"var-gloss": "很高"}, follow=True).content.decode()
    assert "文字请加双引号" in refused and Instance.unscoped.get(pk=polishing[0]).variables == variables
    assert "变量没有变化" in browser.post(f"{here}/repair", {"var-layers": "3"}, follow=True).content.decode()


def test_many_are_retried_at_once_each_with_its_own_result(
    centre: Centre, polishing: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wax(call: Any) -> dict[str, Any]:
        if call.instance.title == "打蜡 2":
            raise RuntimeError("no wax left")
        return {}

    provided = replace(surroundings(), services={"wax_by_robot": wax})
    monkeypatch.setattr(repairs, "surroundings", lambda: provided)
    all_open = list(Incident.unscoped.filter(resolved_at__isnull=True).values_list("pk", flat=True))
    page = centre.client("admin").post(STUCK, {"chosen": all_open, "how": "retry"}).content.decode()
    assert "2 个继续，1 个没有" in page and "仍然停下：服务" in page
    assert [store_status(number) for number in polishing] == [False, True, False, True], "江湾 is not ours to repair"
    assert list(check_instances()) == []


def store_status(instance_id: int) -> bool:
    return Incident.unscoped.filter(instance_id=instance_id, resolved_at__isnull=True).exists()


def test_many_are_chosen_by_process_and_words_and_skipped(centre: Centre, polishing: list[int]) -> None:
    assert "没有停下的流程" in shown(centre, f"{STUCK}?words=不存在的话")
    chosen = re.findall(r'name="chosen" value="(\d+)"', shown(centre, f"{STUCK}?process=polish&words=wax"))
    page = centre.client("admin").post(STUCK, {"chosen": chosen, "how": "skip"})
    assert "3 个继续" in page.content.decode()
    assert "请先勾选" in centre.client("admin").post(STUCK, {"how": "skip"}).content.decode()


def test_a_process_is_stopped_with_a_reason(centre: Centre, polishing: list[int]) -> None:
    browser, here = centre.client("admin"), f"{LIST}/{polishing[0]}"
    assert "请填写终止的原因" in browser.post(f"{here}/repair", {"how": "stop"}, follow=True).content.decode()
    answer = browser.post(f"{here}/repair", {"how": "stop", "reason": "客户走了"}, follow=True).content.decode()
    assert "流程已终止" in answer and "<dd>已终止</dd>" in answer
    assert Incident.unscoped.get(instance_id=polishing[0]).resolution == "cancelled"


@pytest.fixture
def visit(centre: Centre, polishing: list[int]) -> tuple[Case, int, int]:
    """A visit with a process that began later beside it: the case, the process that carries it, the one beside."""
    case = centre.arrive()
    carrying = Instance.unscoped.get(subject_kind="case", subject_id=case.pk).pk
    beside = store.start_instance(
        "polish", site_id=case.site_id, actor=centre.cast.actor("advisor"), subject_kind="case", subject_id=case.pk,
        variables={"layers": 2}, around=surroundings(),
    )  # fmt: skip
    return case, carrying, beside.instance_id


def statuses(*instances: int) -> list[str]:
    return [Instance.unscoped.get(pk=one).status for one in instances]


def test_stopping_the_process_that_carries_a_case_ends_the_case_and_what_runs_beside_it(
    centre: Centre, visit: tuple[Case, int, int]
) -> None:
    case, carrying, beside = visit
    centre.client("admin").post(f"{LIST}/{carrying}/repair", {"how": "stop", "reason": "客户走了"})
    assert Case.unscoped.get(pk=case.pk).status == "cancelled"
    assert "running" not in statuses(carrying, beside)


def test_stopping_a_process_beside_a_visit_leaves_the_visit(centre: Centre, visit: tuple[Case, int, int]) -> None:
    case, carrying, beside = visit
    centre.client("admin").post(f"{LIST}/{beside}/repair", {"how": "stop", "reason": "不做了"})
    assert Case.unscoped.get(pk=case.pk).status == "open"
    assert statuses(carrying, beside) == ["running", "cancelled"]


def test_suspending_a_case_suspends_every_process_on_it(centre: Centre, visit: tuple[Case, int, int]) -> None:
    case, carrying, beside = visit
    suspend_case(case.pk, actor=centre.cast.actor("admin"), reason="等厂家答复")
    assert statuses(carrying, beside) == ["suspended", "suspended"]


@pytest.mark.parametrize("path", [LIST, f"{LIST}/{{}}", f"{LIST}/{{}}/diagram.bpmn", f"{LIST}/{{}}/diagram.json"])
def test_instances_are_closed_to_those_who_do_not_operate_processes(
    centre: Centre, polishing: list[int], path: str
) -> None:
    assert centre.client("advisor").get(path.format(polishing[0])).status_code == 403
    assert centre.client("admin").get(path.format(polishing[0])).status_code == 200
    if "{}" in path:
        assert centre.client("other_admin").get(path.format(polishing[0])).status_code == 404


def test_repairs_are_closed_to_the_others_too(centre: Centre, polishing: list[int]) -> None:
    here = f"{LIST}/{polishing[0]}/repair"
    assert centre.client("advisor").post(here, {"var-layers": "9"}).status_code == 403
    assert centre.client("other_admin").post(here, {"how": "stop", "reason": "x"}).status_code == 404
    chosen = list(Incident.unscoped.values_list("pk", flat=True))
    page = centre.client("advisor").post(STUCK, {"chosen": chosen, "how": "skip"})
    assert page.status_code in (200, 403) and not Incident.unscoped.filter(resolved_at__isnull=False).exists()


def test_lists_and_page_cost_the_same_with_more_in_them(centre: Centre, polishing: list[int]) -> None:
    paths, browser = (LIST, f"{LIST}?process=polish&status=stuck", STUCK), centre.client("admin")
    before = [queries(browser, path) for path in paths]
    for number in range(4):
        start(centre, f"打蜡 {number + 4}")
    clock.move(clock.now() + timedelta(minutes=1))
    assert [queries(browser, path) for path in paths] == before
    assert max(before) <= 18 and queries(browser, f"{LIST}/{polishing[0]}") <= 18


def queries(browser: Any, path: str) -> int:
    with CaptureQueriesContext(connection) as told:
        assert browser.get(path).status_code == 200
    return len(told)
