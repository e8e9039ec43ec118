"""The task page: seeing, completing, being refused, being too late, handing on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.operations.pages.task import task_page
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case, Customer, Vehicle
from tests.web.story import drive
from tests.web.visits import Centre

QUERIES = 27
GREETED = {"greeting": ["guided", "greeted"]}


@pytest.mark.covers("AUTO-32")
def test_the_page_says_what_to_do_for_whom_until_when_and_what_to_say(centre: Centre) -> None:
    item = centre.item(centre.arrive(), "greet")
    page = centre.client("advisor").get(f"/tasks/{item.pk}").content.decode()
    assert "周女士，您好！欢迎来到云岭汽车服务中心" in page
    assert "已问好，记录需求" in page and "示A·70001" in page and "data-due=" in page
    assert "139****7001" in page and "13900007001" not in page
    assert "开出单据" in page and f"/instances/{item.instance_id}/diagram.bpmn" in page


def test_completing_leads_to_the_next_step_of_the_case(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    browser = centre.client("advisor")
    answer = browser.post(f"/tasks/{item.pk}", {**GREETED, "once_key": "k1"})
    following = centre.item(case, "reception")
    assert answer.headers["Location"] == f"/tasks/{following.pk}"
    shown = browser.get(answer.headers["Location"]).content.decode()
    assert "“迎接问候”已完成，接着办“记录客户需求”" in shown
    assert "系统已填" in shown and "周晓棠 女士" in shown


def test_repeating_a_submission_with_its_key_does_it_once(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    browser = centre.client("advisor")
    first = browser.post(f"/tasks/{item.pk}", {**GREETED, "once_key": "k1"})
    again = browser.post(f"/tasks/{item.pk}", {**GREETED, "once_key": "k1"})
    assert first.headers["Location"] == again.headers["Location"]
    assert WorkItem.unscoped.filter(instance_id=item.instance_id, node_id="reception").count() == 1


def test_a_refused_form_comes_back_with_all_that_was_typed(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    item = centre.item(case, "reception")
    typed = {
        "customer": str(centre.customer.pk), "vehicle": str(centre.vehicle.pk), "phone": "12", "note": "急用车",
        "requests-0-raised_by": "customer", "requests-0-description": "异响", "once_key": "k2",
    }  # fmt: skip
    answer = centre.client("advisor").post(f"/tasks/{item.pk}", typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "处需要更正" in page and "急用车" in page and 'value="异响"' in page and 'value="12"' in page
    assert 'value="k2"' in page, "the key stays so that the corrected form still counts once"
    assert centre.item(case, "reception").is_open


def test_who_comes_second_is_told_who_was_faster_and_where_to_go_on(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    centre.greet(case)
    answer = centre.client("advisor").post(f"/tasks/{item.pk}", {**GREETED, "once_key": "other"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "已经完成了“迎接问候”" in page and "接着办“记录客户需求”" in page
    seen = centre.client("front_desk").get(f"/tasks/{item.pk}").content.decode()
    assert "李晓在 09:00 已经完成了这项工作" in seen


def test_who_does_not_hold_it_sees_it_read_only_with_who_can(centre: Centre) -> None:
    item = centre.item(centre.arrive(), "greet")
    browser = centre.client("cashier")
    page = browser.get(f"/tasks/{item.pk}").content.decode()
    assert "这项工作由服务顾问办理，您可以查看，不能代办" in page
    assert "data-draft" not in page
    assert browser.post(f"/tasks/{item.pk}", GREETED).status_code == 403
    assert centre.item(Case.unscoped.get(), "greet").is_open


def test_another_site_does_not_even_learn_that_it_exists(centre: Centre) -> None:
    item = centre.item(centre.arrive(), "greet")
    browser = centre.client("other_advisor")
    assert browser.get(f"/tasks/{item.pk}").status_code == 404
    assert browser.post(f"/tasks/{item.pk}/claim").status_code == 404
    assert browser.post(f"/tasks/{item.pk}/act/transfer", {"to": "1", "reason": "x"}).status_code == 404


@pytest.mark.covers("AUTO-07")
def test_a_walk_in_nobody_knows_is_registered_on_the_way(centre: Centre) -> None:
    case = centre.arrive("示A99999")
    centre.greet(case)
    item = centre.item(case, "reception")
    browser = centre.client("advisor")
    assert 'value="示A99999"' in browser.get(f"/tasks/{item.pk}").content.decode()
    newcomer = {"name": "石磊", "salutation": "先生", "phone": "13900008888", "plate": "示A99999", "brand": "远山"}
    refused = browser.post(f"/tasks/{item.pk}/newcomer", {**newcomer, "phone": "13900007001"})
    assert refused.status_code == 409
    assert "周晓棠" in refused.content.decode() and 'value="石磊"' in refused.content.decode()
    assert not Customer.objects.filter(name="石磊").exists()
    assert browser.post(f"/tasks/{item.pk}/newcomer", newcomer).status_code == 302
    case.refresh_from_db()
    assert case.customer is not None and case.customer.name == "石磊"
    assert case.vehicle == Vehicle.objects.get(plate="示A99999") and case.phone == "13900008888"
    assert "石磊 先生" in browser.get(f"/tasks/{item.pk}").content.decode()


def test_work_is_given_back_and_handed_on_with_a_reason(centre: Centre) -> None:
    case = centre.arrive()
    item = centre.item(case, "greet")
    advisor, manager = centre.client("advisor"), centre.client("workshop_manager")
    advisor.post(f"/tasks/{item.pk}/claim")
    assert advisor.post(f"/tasks/{item.pk}/release").status_code == 302
    assert centre.item(case, "greet").assignee is None
    colleague = centre.cast.user("advisor").pk
    manager.post(f"/tasks/{item.pk}/act/transfer", {"to": str(colleague), "reason": ""})
    assert centre.item(case, "greet").assignee is None, "a reason is needed"
    manager.post(f"/tasks/{item.pk}/act/transfer", {"to": str(colleague), "reason": "客户点名"})
    assert centre.item(case, "greet").assignee_id == colleague
    assert "客户点名" in advisor.get("/").content.decode(), "the colleague is told"
    assert "转交“迎接问候”" in advisor.get(f"/cases/{case.pk}").content.decode()
    assert centre.client("cashier").post(f"/tasks/{item.pk}/release").status_code == 403


def test_the_whole_number_is_shown_once_asked_for_and_only_to_those_who_may(centre: Centre) -> None:
    case = centre.arrive()
    assert "139 0000 7001" in centre.client("advisor").post(f"/cases/{case.pk}/phone").content.decode()
    assert centre.client("technician").post(f"/cases/{case.pk}/phone").status_code == 403
    assert centre.client("advisor").get(f"/cases/{case.pk}/phone").status_code == 405


def test_stages_are_shown_and_what_is_late_is_marked(centre: Centre, frozen_clock: Any) -> None:
    item = centre.item(centre.arrive(), "greet")
    actor = centre.cast.actor("advisor")
    found = task_page(item.pk, actor=actor).stages
    assert [stage.label for stage in found][:3] == ["接待", "预检", "估价"]
    assert found[0].state == "current"
    clock.move(frozen_clock + timedelta(minutes=5))
    assert task_page(item.pk, actor=actor).stages[0].state == "late"


def test_the_page_keeps_to_its_query_budget(centre: Centre, django_assert_max_num_queries: Any) -> None:
    case = centre.arrive()
    centre.greet(case)
    item = centre.item(case, "reception")
    browser = centre.client("advisor")
    browser.get(f"/tasks/{item.pk}")
    with django_assert_max_num_queries(QUERIES):
        browser.get(f"/tasks/{item.pk}")


@pytest.mark.covers("AUTO-28")
def test_the_next_service_is_worked_out_and_filled_in_at_the_farewell(centre: Centre) -> None:
    case = drive(centre, "送别")
    page = centre.client("advisor").get(f"/tasks/{centre.item(case, 'farewell').pk}").content.decode()
    # 31,000 km and 7,500 more, in the month six months from now (decisions/maintenance.dmn).
    assert 'name="next_service_km"' in page and 'value="38500"' in page
    assert 'value="2027-05-24"' in page
