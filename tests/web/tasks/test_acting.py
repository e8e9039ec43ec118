"""The forms behind the menu of a task and of a case: what they say before, what they do, who is not shown them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from bihuan.engine.runtime import State
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.operations.cases import start_case
from bihuan.operations.people.asking import add_assignees
from bihuan.operations.people.beginning import begin_activity
from bihuan.operations.work import complete_task
from bihuan.org.duty.leave import Span, request_leave
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.publishing import publish
from bihuan.records.models import Case
from tests.web.visits import Centre

pytestmark = pytest.mark.django_db
MODELS = Path(__file__).parents[2] / "operations" / "people"
EXPENSE, INQUIRY, FLEET = (MODELS / f"{name}.bpmn" for name in ("expense", "inquiry", "fleet"))
MAX_QUERIES = 40


@pytest.fixture
def expense(centre: Centre) -> Case:
    """An expense that the advisor began; its two branches are under way."""
    publish(EXPENSE.read_bytes(), "complaint")
    case = start_case("complaint", actor=centre.cast.actor("advisor"), site_id=centre.cast.yl.pk, title="更换举升机")
    done(centre, case, "fill", "advisor", signers=["zhaoqiang", "qianjin"])
    return case


@pytest.fixture
def inquiry(centre: Centre) -> Case:
    """An inquiry into a fault whose steps people choose as they go."""
    publish(INQUIRY.read_bytes(), "outreach")
    case = start_case("outreach", actor=centre.cast.actor("advisor"), site_id=centre.cast.yl.pk, title="怠速抖动")
    done(centre, case, "note", "advisor", found=False, pieces=["泵", "阀"])
    return case


def done(centre: Centre, case: Case, node: str, who: str, **values: Any) -> None:
    complete_task(item(case, node).pk, values, actor=centre.cast.actor(who))


def search_for_it(centre: Centre, case: Case) -> None:
    """What they find is told of each piece."""
    instance = Instance.unscoped.get(subject_id=case.pk)
    [door] = [wait for wait in State.from_json(instance.state).waits.values() if wait.kind == "adhoc"]
    begin_activity(case.pk, instance.pk, door.id, "drive", actor=centre.cast.actor("technician"))
    done(centre, case, "drive", "technician", found=True)


def item(case: Case, node: str, **more: Any) -> WorkItem:
    rows = WorkItem.unscoped.filter(instance__subject_id=case.pk, node_id=node, completed_at__isnull=True, **more)
    found: WorkItem = rows.order_by("pk")[0]
    return found


def page_of(centre: Centre, who: str, address: str) -> str:
    response = centre.client(who).get(address)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def sent(centre: Centre, who: str, address: str, values: Mapping[str, Any]) -> HttpResponse:
    return centre.client(who).post(address, dict(values))  # type: ignore[return-value]


def nodes(case: Case) -> list[str]:
    rows = WorkItem.unscoped.filter(instance__subject_id=case.pk, status="open")
    return sorted(rows.values_list("node_id", flat=True))


def test_going_back_says_first_what_is_cancelled_and_what_goes_on(centre: Centre, expense: Case) -> None:
    done(centre, expense, "account", "cashier")
    budget = item(expense, "budget")
    assert f"/tasks/{budget.pk}/act/send_back" in page_of(centre, "parts_clerk", f"/tasks/{budget.pk}")
    form = page_of(centre, "parts_clerk", f"/tasks/{budget.pk}/act/send_back")
    assert "取消“业务审核”、“预算复核”" in form or "取消“预算复核”、“业务审核”" in form
    assert "“业务审核”照常" in form
    address = f"/tasks/{budget.pk}/act/send_back"
    refused = sent(centre, "parts_clerk", address, {"target": "account", "way": "again", "reason": ""})
    assert refused.status_code == 422 and "请填写原因" in refused.content.decode()
    assert nodes(expense) == ["budget", "business"]
    said = {"target": "account", "way": "again", "reason": "抬头"}
    assert sent(centre, "parts_clerk", address, said).status_code == 302
    assert nodes(expense) == ["account", "business"]
    story = page_of(centre, "advisor", f"/cases/{expense.pk}")
    assert "从“预算复核”退回到“财务初审”" in story and "原因：抬头" in story
    state = centre.client("advisor").get(f"/instances/{budget.instance_id}/diagram.json").json()
    assert state["returns"] == [{"from": "budget", "to": "account", "times": 1}]
    told = "从“预算复核”退回“财务初审” 1 次"
    pages = (f"/tasks/{budget.pk}", f"/cases/{expense.pk}?tab=diagram", f"/processes/instances/{budget.instance_id}")
    assert all(told in page_of(centre, "admin", page) for page in pages), "in words without any script"


def test_of_many_one_chooses_which_and_reads_what_becomes_of_each(centre: Centre, inquiry: Case) -> None:
    search_for_it(centre, inquiry)
    done(centre, inquiry, "open_up", "technician")
    done(centre, inquiry, "open_up", "second_technician")
    done(centre, inquiry, "measure", "parts_clerk")
    present = item(inquiry, "measure")
    address = f"/tasks/{present.pk}/act/send_back"
    form = re.sub(r"<[^>]*>|\s", "", page_of(centre, "parts_clerk", address))
    for step in ("拆检（泵）", "拆检（阀）", "测量（泵）"):
        assert f"{step}" in form
    assert "从这一步起重新办；“测量（阀）”照常" in form and "从这一步起重新办；取消“测量（阀）”" in form
    [target] = re.findall(r'value="(measure@\d)"', page_of(centre, "parts_clerk", address))
    said = {"target": target, "way": "again", "reason": "读数不对"}
    assert sent(centre, "parts_clerk", address, said).status_code == 302
    assert nodes(inquiry) == ["measure", "measure"]
    story = page_of(centre, "advisor", f"/cases/{inquiry.pk}")
    assert "从“测量（阀）”退回到“测量（泵）”，那边重新办，自己这一步照常" in story and ">测量（阀）<" in story


def test_a_step_just_done_is_taken_back_from_its_own_page(centre: Centre, expense: Case) -> None:
    account = item(expense, "account")
    done(centre, expense, "account", "cashier")
    assert f"/tasks/{account.pk}/act/recall" in page_of(centre, "cashier", f"/tasks/{account.pk}")
    assert "取消“预算复核”" in page_of(centre, "cashier", f"/tasks/{account.pk}/act/recall")
    sent(centre, "cashier", f"/tasks/{account.pk}/act/recall", {"reason": ""})
    assert nodes(expense) == ["account", "business"]
    assert centre.client("parts_clerk").get(f"/tasks/{account.pk}/act/recall").status_code == 404


def test_whoever_is_asked_answers_and_sees_no_form_to_fill(centre: Centre, expense: Case) -> None:
    account = item(expense, "account")
    technician = centre.cast.user("technician")
    values = {"mode": "before", "to": technician.pk, "reason": "看价格"}
    assert sent(centre, "cashier", f"/tasks/{account.pk}/act/ask", values).status_code == 302
    asked = item(expense, "account", asked_as="before")
    form = page_of(centre, "technician", f"/tasks/{asked.pk}")
    assert "请您先看（前加签）" in form and 'name="answer"' in form
    waiting = page_of(centre, "cashier", f"/tasks/{account.pk}")
    assert "正在等赵强先办" in waiting and f"/tasks/{account.pk}/act/remove" in waiting
    refused = sent(centre, "technician", f"/tasks/{asked.pk}", {"answer": "refuse"})
    assert refused.status_code == 422 and "写明意见" in refused.content.decode()
    sent(centre, "technician", f"/tasks/{asked.pk}", {"answer": "refuse", "opinion": "贵了"})
    back = page_of(centre, "cashier", f"/tasks/{account.pk}")
    assert "不同意" in back and "贵了" in back
    assert "先等着" in page_of(centre, "technician", f"/tasks/{asked.pk}/act/recall")
    sent(centre, "technician", f"/tasks/{asked.pk}/act/recall", {"reason": "看错"})
    assert item(expense, "account", asked_as="before").assignee == technician


def test_a_colleague_is_found_by_post_or_initials_and_without_script_by_the_name_typed(
    centre: Centre, expense: Case
) -> None:
    found = centre.client("cashier").get("/lookup/person", {"q": "zq"}).json()["results"]
    assert [(one["label"], one["note"]) for one in found] == [("赵强", "维修技师")]
    today = clock.now().date()
    request_leave(
        Span(today, today), actor=centre.cast.actor("workshop_manager"), user_id=centre.cast.user("technician").pk
    )
    found = centre.client("cashier").get("/lookup/person", {"q": "技师"}).json()["results"]
    assert {one["label"]: one["note"] for one in found} == {"赵强": "请假中 · 维修技师", "钱进": "维修技师"}
    account = item(expense, "account")
    address = f"/tasks/{account.pk}/act/ask"
    assert "data-picker" in page_of(centre, "cashier", address)
    values = {"mode": "before", "to": "", "to-text": "赵", "reason": "看价格"}
    refused = sent(centre, "cashier", address, values)
    assert refused.status_code == 422 and "没有找到同事“赵”" in refused.content.decode()
    assert sent(centre, "cashier", address, {**values, "to-text": "赵强"}).status_code == 302
    assert item(expense, "account", asked_as="before").assignee == centre.cast.user("technician")


def test_work_is_handed_on_to_who_has_its_role_and_without_script_from_a_list(centre: Centre) -> None:
    case = centre.arrive()
    greet = centre.item(case, "greet")
    today = clock.now().date()
    advisor = centre.cast.user("advisor")
    request_leave(Span(today, today), actor=centre.cast.actor("workshop_manager"), user_id=advisor.pk)
    address = f"/tasks/{greet.pk}/act/transfer"
    form = page_of(centre, "workshop_manager", address)
    assert 'data-role="advisor"' in form and f'<option value="{advisor.pk}">{advisor.name}（请假中）</option>' in form
    assert centre.cast.user("technician").name not in form, "who does not have the role is left out"
    found = centre.client("workshop_manager").get("/lookup/person", {"q": "a", "role": "advisor, cashier"}).json()
    assert "技师" not in "".join(one["note"] for one in found["results"])
    refused = sent(centre, "workshop_manager", address, {"reason": "客户点名"})
    assert refused.status_code == 422 and "请选择同事" in refused.content.decode()
    values = {"to": "", "to-text": "", "to-plain": advisor.pk, "reason": "客户点名"}
    assert sent(centre, "workshop_manager", address, values).status_code == 302
    assert centre.item(case, "greet").assignee == advisor


def test_signers_see_how_the_others_have_signed(centre: Centre, expense: Case) -> None:
    done(centre, expense, "account", "cashier")
    done(centre, expense, "budget", "parts_clerk")
    done(centre, expense, "business", "technical_director")
    complete_task(
        item(expense, "sign", assignee=centre.cast.user("technician")).pk,
        {"answer": "同意", "opinion": "该换"},
        actor=centre.cast.actor("technician"),
    )
    other = item(expense, "sign")
    form = page_of(centre, "second_technician", f"/tasks/{other.pk}")
    assert "谁签过、等谁签" in form and "该换" in form


def test_urging_is_for_those_who_wait_and_once_in_a_while(centre: Centre, expense: Case) -> None:
    business = item(expense, "business")
    address = f"/tasks/{business.pk}/act/urge"
    assert sent(centre, "advisor", address, {"note": "急"}).status_code == 302
    again = sent(centre, "advisor", address, {"note": "急"})
    assert again.status_code == 409 and "半小时内已经催过" in again.content.decode()
    assert "催过 1 次" in page_of(centre, "advisor", f"/cases/{expense.pk}")
    assert centre.client("technical_director").get(address).status_code == 404, "nobody urges themselves"


def test_only_who_began_it_withdraws_and_only_operators_suspend(centre: Centre, expense: Case) -> None:
    case = f"/cases/{expense.pk}"
    assert f"{case}/process/withdraw" in page_of(centre, "advisor", case)
    assert f"{case}/process/" not in page_of(centre, "cashier", case)
    assert sent(centre, "cashier", f"{case}/process/withdraw", {"reason": "不要"}).status_code == 302
    assert nodes(expense) == ["account", "business"], "refused"
    assert sent(centre, "site_manager", f"{case}/process/suspend", {"reason": "等总部"}).status_code == 302
    assert nodes(expense) == [] and "单据已挂起：等总部" in page_of(centre, "advisor", case)
    sent(centre, "site_manager", f"{case}/process/resume", {})
    assert nodes(expense) == ["account", "business"]
    told = page_of(centre, "advisor", f"{case}/process/withdraw")
    assert "取消“财务初审”、“业务审核”" in told
    sent(centre, "advisor", f"{case}/process/withdraw", {"reason": "不买了"})
    assert f"{case}/process/wake" in page_of(centre, "advisor", case)
    sent(centre, "advisor", f"{case}/process/wake", {"reason": "又要买"})
    assert nodes(expense) == ["account", "business"]


def test_a_jump_into_what_is_repeated_offers_each_pass_and_says_what_is_cancelled(
    centre: Centre, inquiry: Case
) -> None:
    search_for_it(centre, inquiry)
    done(centre, inquiry, "open_up", "technician")
    address = f"/cases/{inquiry.pk}/process/jump"
    form = page_of(centre, "site_manager", address)
    told = re.findall(r'value="([^"]+)"[^>]*>.*?<b>([^<]+)</b><span class="muted">([^<]+)</span>', form)
    offered = {name: (key, words) for key, name, words in told}
    names = {"拆检（泵）", "测量（泵）", "拆检（阀）", "测量（阀）", "路试（接着上次）", "路试（重新开始）"}
    assert names <= offered.keys()
    key, words = offered["测量（阀）"]
    assert "其余各项算办完" in words and "取消“拆检（阀）”、“测量（泵）”" in words
    branch = page_of(centre, "site_manager", f"{address}?branch={item(inquiry, 'measure').pk}")
    assert "<b>拆检（泵）</b>" in branch, "from a piece one stays in it"
    assert not any(name in branch for name in ("<b>拆检（阀）</b>", "<b>拆检（重新开始）</b>"))
    assert sent(centre, "site_manager", address, {"target": "measure@9", "reason": "泵不用查"}).status_code == 422
    sent(centre, "site_manager", address, {"target": key, "reason": "泵不用查"})
    assert nodes(inquiry) == ["measure"]
    assert "跳转到“测量（阀）”" in page_of(centre, "advisor", f"/cases/{inquiry.pk}")


def test_a_jump_offers_only_places_that_can_be_gone_to(centre: Centre, expense: Case) -> None:
    address = f"/cases/{expense.pk}/process/jump"
    form = page_of(centre, "site_manager", address)
    assert 'value="approve"' in form and 'value="budget"' not in form
    assert 'value="budget|others-done"' in form and "没到的其余分支算办完" in form
    account = item(expense, "account")
    branch = page_of(centre, "site_manager", f"{address}?branch={account.pk}")
    assert 'value="budget"' in branch and "“业务审核”照常" in branch
    sent(centre, "site_manager", address, {"branch": account.pk, "target": "budget", "reason": "免初审"})
    assert nodes(expense) == ["budget", "business"]
    sent(centre, "site_manager", address, {"target": "account|others-done", "reason": "业务不用看"})
    assert nodes(expense) == ["account"]
    sent(centre, "site_manager", address, {"target": "approve", "reason": "特批"})
    assert nodes(expense) == ["approve"]


@pytest.mark.parametrize("key", ["send_back", "ask", "cc", "urge"])
def test_a_form_keeps_to_its_query_budget(
    centre: Centre, expense: Case, key: str, django_assert_max_num_queries: Any
) -> None:
    done(centre, expense, "account", "cashier")
    client, target = centre.client("parts_clerk"), item(expense, "budget" if key != "urge" else "business")
    with django_assert_max_num_queries(MAX_QUERIES):
        assert client.get(f"/tasks/{target.pk}/act/{key}").status_code == 200


def test_a_service_visit_is_not_gone_back_in_past_what_is_final(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    reception = centre.item(case, "reception")
    assert "/act/send_back" not in page_of(centre, "advisor", f"/tasks/{reception.pk}")


def test_asking_oneself_or_a_stranger_is_refused_at_the_field(centre: Centre, expense: Case) -> None:
    account = item(expense, "account")
    cashier = centre.cast.user("cashier")
    refused = sent(
        centre, "cashier", f"/tasks/{account.pk}/act/ask", {"mode": "before", "to": cashier.pk, "reason": "x"}
    )
    assert refused.status_code == 422 and "不用请自己" in refused.content.decode()
    stranger = centre.cast.user("without_position").pk
    with pytest.raises(BusinessError, match="没有岗位"):
        add_assignees(account.pk, [stranger], "before", actor=centre.cast.actor("cashier"), reason="x")


def test_those_entitled_begin_an_activity_and_a_second_press_begins_nothing(centre: Centre, inquiry: Case) -> None:
    case = f"/cases/{inquiry.pk}"
    assert "由维修技师开始" in page_of(centre, "advisor", case)
    looking = page_of(centre, "cashier", case)
    assert "达到完成条件就结束" in looking and f"{case}/begin" not in looking
    form = page_of(centre, "technician", case)
    wait = re.search(r'name="wait" value="(\d+)"', form)
    instance = re.search(r'name="instance" value="(\d+)"', form)
    assert wait and instance and "还没开始" in form
    pressed = {"instance": instance[1], "wait": wait[1], "begun": "0", "activity": "drive"}
    answer = sent(centre, "technician", f"{case}/begin", pressed)
    assert answer.headers["Location"] == f"/tasks/{item(inquiry, 'drive').pk}"
    sent(centre, "technician", f"{case}/begin", pressed)
    assert nodes(inquiry) == ["drive"]
    assert "再开始一次" in page_of(centre, "technician", f"/tasks/{item(inquiry, 'drive').pk}")
    assert sent(centre, "cashier", f"{case}/begin", {**pressed, "begun": "1"}).status_code == 403


def test_of_many_called_processes_each_is_told_apart_wherever_its_work_is_named(centre: Centre) -> None:
    publish(FLEET.read_bytes(), "routine")
    case = start_case("routine", actor=centre.cast.actor("advisor"), site_id=centre.cast.yl.pk, title="车队保养")
    done(centre, case, "note", "advisor", cars=["示A10001", "示A10002"])
    first, second = WorkItem.unscoped.filter(instance__subject_id=case.pk, node_id="inspect").order_by("pk")
    complete_task(first.pk, {}, actor=centre.cast.actor("technician"))
    back, top = f"/tasks/{second.pk}/act/send_back", f"/tasks/{second.pk}"
    client = centre.client("second_technician")
    assert "<h1>检车（示A10002）" in client.get(top).content.decode()
    form = client.get(back).content.decode()
    assert "正在办的子流程取消（“复检（示A10001）”、“检车（示A10002）”）" in form
    client.post(back, {"target": "note", "way": "straight", "reason": "车牌不对"})
    waiting = client.get(top).content.decode()
    assert "正在等上级流程的“登记”（李晓）重办，办完直接回到您这里。" in waiting
    assert "从“检车（示A10002）”退回到“登记”，办完直接回到这里" in waiting
    assert "取消“登记”（李晓）。" in client.get(f"/tasks/{second.pk}/act/call_off").content.decode()
