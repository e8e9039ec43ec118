"""What the steps of a visit demand, allow and lead to, told through the use case that every screen calls."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.limits.models import Clock
from bihuan.notify.models import Notice
from bihuan.operations.timing.due_work import run_due_work
from bihuan.operations.timing.repair_pause import pause_repair, resume_repair
from bihuan.operations.work import FormRefused
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case, Custody, WorkLine
from tests.web.story import drive
from tests.web.visits import Centre

REGISTERED = {
    "licence": "checked", "customer_name": "周晓棠", "salutation": "女士", "customer_phone": "13900007009",
    "phone_confirmed": True, "items_confirmed": True, "custody": ["key", "licence"],
}  # fmt: skip


def open_steps(case: Case) -> set[str]:
    rows = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk, status="open")
    return set(rows.values_list("name", flat=True))


def repair_clock(case: Case) -> Clock:
    found: Clock = Clock.unscoped.get(subject_kind="case", subject_id=case.pk, key="repair_hours")
    return found


@pytest.mark.covers("AUTO-10")
@pytest.mark.parametrize(
    ("missing", "field"),
    [("licence", "licence"), ("phone_confirmed", "phone_confirmed"), ("items_confirmed", "items_confirmed")],
)
def test_the_front_desk_checks_licence_telephone_and_every_request(centre: Centre, missing: str, field: str) -> None:
    case = drive(centre, "前台登记")
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "register", "front_desk", {**REGISTERED, missing: ""})
    assert set(refused.value.errors) == {field}
    assert open_steps(case) == {"前台登记"}


@pytest.mark.covers("AUTO-10")
def test_a_corrected_telephone_is_kept_and_what_was_handed_over_is_in_custody(centre: Centre) -> None:
    case = drive(centre, "前台登记")
    with pytest.raises(FormRefused, match="请先收下车钥匙"):
        centre.complete(case, "register", "front_desk", {**REGISTERED, "custody": ["licence"]})
    centre.complete(case, "register", "front_desk", REGISTERED)
    centre.customer.refresh_from_db()
    assert centre.customer.phone == "13900007009"
    assert set(Custody.unscoped.filter(case=case).values_list("thing", flat=True)) == {"key", "licence"}
    assert open_steps(case) == {"预检"}


@pytest.mark.covers("AUTO-15")
def test_the_manager_sends_the_technician_that_pre_checked_to_confirm_the_fault(centre: Centre) -> None:
    case = drive(centre, "安排确诊")
    case.refresh_from_db()
    assert case.technician == centre.cast.user("technician"), "who pre-checked is proposed"
    centre.complete(case, "assign_diagnosis", "workshop_manager", {"technician": case.technician_id, "bay": "K1"})
    item = centre.item(case, "diagnose")
    assert item.assignee == centre.cast.user("technician")
    case.refresh_from_db()
    assert case.bay == "K1"


@pytest.mark.covers("AUTO-16")
def test_a_confirmed_fault_is_verified_shown_and_agreed_again_before_dispatch(centre: Centre) -> None:
    case = drive(centre, "车旁确认")
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "confirm_at_car", "advisor", {"steps": ["verified"], "customer_answer": "agree"})
    assert set(refused.value.errors) == {"steps"}
    steps = ["verified", "shown", "reconfirmed"]
    centre.complete(case, "confirm_at_car", "advisor", {"steps": steps, "customer_answer": "agree"})
    assert open_steps(case) == {"维修派工"}


@pytest.mark.covers("AUTO-16")
def test_a_customer_who_does_not_agree_at_the_car_is_not_repaired(centre: Centre) -> None:
    case = drive(centre, "车旁确认")
    answer = {"steps": ["verified", "shown", "reconfirmed"], "customer_answer": "refuse", "refuse_reason": "太贵"}
    centre.complete(case, "confirm_at_car", "advisor", answer)
    assert open_steps(case) == {"拒修登记"}


@pytest.mark.covers("AUTO-19")
def test_a_pause_needs_a_reason_and_moves_the_promise_by_its_length(centre: Centre) -> None:
    case = drive(centre, "维修")
    due = repair_clock(case).due_at
    assert due is not None
    technician = centre.cast.actor("technician")
    with pytest.raises(BusinessError, match="原因"):
        pause_repair(case.pk, actor=technician, reason=" ")
    pause_repair(case.pk, actor=technician, reason="等待配件")
    clock.move(clock.now() + timedelta(minutes=25))
    resume_repair(case.pk, actor=technician)
    held = repair_clock(case)
    case.refresh_from_db()
    assert held.due_at == case.agreed_done_at == due + timedelta(minutes=25)
    assert list(held.pauses.values_list("reason", flat=True)) == ["等待配件"]


@pytest.mark.covers("AUTO-19")
def test_an_overrun_warns_before_and_goes_to_the_manager_after(centre: Centre) -> None:
    case = drive(centre, "维修")
    held = repair_clock(case)
    assert held.warn_at is not None and held.due_at is not None
    clock.move(held.warn_at + timedelta(seconds=1))
    run_due_work()
    told = set(Notice.objects.filter(title="维修即将超时").values_list("user__name", flat=True))
    assert {"赵强", "李晓", "孙立"} <= told
    assert "超时处理" not in open_steps(case)
    clock.move(held.due_at + timedelta(seconds=1))
    run_due_work()
    assert open_steps(case) == {"维修", "超时处理"}


@pytest.mark.covers("AUTO-22")
def test_the_advisor_takes_the_car_over_only_with_new_and_old_parts_checked(centre: Centre) -> None:
    case = drive(centre, "报完工通知")
    with pytest.raises(FormRefused):
        centre.complete(case, "report_done", "technician", {"advisor_called": ""})
    centre.complete(case, "report_done", "technician", {"advisor_called": True})
    lines = [{"id": line.pk, "old_part_present": True} for line in WorkLine.unscoped.filter(case=case, status="done")]
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "handover", "advisor", {"lines": lines, "steps": ["new_parts", "tidy"]})
    assert set(refused.value.errors) == {"steps"}
    centre.complete(case, "handover", "advisor", {"lines": lines, "steps": ["new_parts", "old_parts", "tidy"]})
    assert open_steps(case) == {"客户验车"}
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "customer_check", "advisor", {"result_shown": True, "check_result": "ok"})
    assert set(refused.value.errors) == {"old_parts"}
    shown = {"result_shown": True, "old_parts": "taken", "check_result": "ok"}
    centre.complete(case, "customer_check", "advisor", shown)
    assert "结算说明" in open_steps(case)


@pytest.mark.covers("AUTO-28")
def test_a_farewell_is_whole_and_tells_the_next_maintenance(centre: Centre) -> None:
    case = drive(centre, "送别")
    goodbye = ["card", "club", "app", "follow_up", "safety", "seen_off"]
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "farewell", "advisor", {"kit": ["removed"], "goodbye": goodbye[:-1]})
    assert set(refused.value.errors) == {"goodbye", "next_service_km", "next_service_on", "next_told"}
    told = {"next_service_km": "36000", "next_service_on": "2027-05-24", "next_told": True}
    with pytest.raises(FormRefused) as refused:
        centre.complete(case, "farewell", "advisor", {"kit": [], "goodbye": goodbye, **told})
    assert set(refused.value.errors) == {"kit"}
    centre.complete(case, "farewell", "advisor", {"kit": ["removed"], "goodbye": goodbye, **told})
    centre.vehicle.refresh_from_db()
    assert centre.vehicle.next_service_km == 36000
    case.refresh_from_db()
    assert case.status == "closed"


@pytest.mark.covers("AUTO-29")
def test_the_follow_up_is_due_three_days_after_release_and_tried_again(centre: Centre) -> None:
    visit = drive(centre, "回访通话")
    follow_up = Case.unscoped.get(kind="follow_up", parent=visit)
    held = Clock.unscoped.get(subject_kind="case", subject_id=follow_up.pk, key="follow_up")
    assert held.due_at is not None and held.due_at - held.started_at == timedelta(days=3)
    for _ in range(2):
        centre.complete(follow_up, "call", "customer_care", {"call_outcome": "unreachable"})
        assert open_steps(follow_up) == set()
        clock.move(clock.now() + timedelta(days=1))
        run_due_work()
        assert open_steps(follow_up) == {"回访通话"}
    centre.complete(follow_up, "call", "customer_care", {"call_outcome": "unreachable"})
    follow_up.refresh_from_db()
    assert follow_up.status == "closed", "after the third try it is closed as not reached"
