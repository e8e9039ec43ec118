"""Who may not, and what does not go: every refusal leaves everything as it was."""

from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.operations.cases import cancel_case, receive_vehicle
from bihuan.operations.counters import guard_desk, let_go
from bihuan.operations.papers import read_paper
from bihuan.operations.timing.repair_pause import pause_repair, resume_repair
from bihuan.operations.work import FormRefused, complete_task, load_work
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case, Custody, Document, Settlement, Sheet
from tests.web.story import drive
from tests.web.visits import PLATE, Centre

GREETED = {"greeting": ["guided", "greeted"]}


# --- completing a step -------------------------------------------------------------------------------------------
@pytest.mark.covers("AUTO-33")
@pytest.mark.parametrize("who", ["cashier", "guard", "technician", "customer_care", "parts_clerk"])
def test_a_step_of_another_role_is_refused_with_the_name_of_the_role(centre: Centre, who: str) -> None:
    case = centre.arrive()
    item, before = centre.item(case, "greet"), Entry.objects.count()
    with pytest.raises(NotAllowed, match="“迎接问候”由服务顾问办理"):
        complete_task(item.pk, GREETED, actor=centre.cast.actor(who))
    assert centre.item(case, "greet").pk == item.pk
    assert Entry.objects.count() == before


def test_a_step_that_a_colleague_holds_is_refused_with_their_name(centre: Centre) -> None:
    case = drive(centre, "故障确诊")
    item = centre.item(case, "diagnose")
    answer = {"as_estimated": "yes", "finding": "与预检一致"}
    with pytest.raises(NotAllowed, match="已由赵强办理"):
        complete_task(item.pk, answer, actor=centre.cast.actor("second_technician"))
    assert centre.item(case, "diagnose").is_open


@pytest.mark.parametrize("who", ["other_advisor", "other_technician", "without_position"])
def test_another_site_cannot_tell_a_step_from_none(centre: Centre, who: str) -> None:
    item = centre.item(centre.arrive(), "greet")
    actor = centre.cast.actor(who)
    for item_id in (item.pk, 999_999):
        with pytest.raises(NotFound, match="没有这项工作，或者它不属于您的门店"):
            complete_task(item_id, GREETED, actor=actor)
        with pytest.raises(NotFound, match="没有这项工作，或者它不属于您的门店"):
            load_work(item_id, actor=actor)


def test_what_is_sent_for_a_hidden_field_is_not_kept(centre: Centre) -> None:
    case = drive(centre, "询问等待方式")
    phone = case.phone
    sent = {"waiting_mode": "wait", "phone": "13900009999"}
    centre.complete(case, "waiting", "advisor", sent)
    case.refresh_from_db()
    assert (case.waiting_mode, case.phone) == ("wait", phone)


def test_a_field_the_form_does_not_have_is_not_kept(centre: Centre) -> None:
    case = drive(centre, "故障确诊")
    sent = {"as_estimated": "yes", "finding": "一致", "actual_note": "藏起来的", "status": "closed", "stamp": "blue"}
    centre.complete(case, "diagnose", "technician", sent)
    case.refresh_from_db()
    assert (case.status, case.stamp) == ("open", "")
    assert "藏起来的" not in str(list(Sheet.unscoped.filter(case=case).values_list("data", flat=True)))


def test_a_repeated_request_answers_the_first_outcome_and_a_new_one_is_told_it_is_done(centre: Centre) -> None:
    case = centre.arrive()
    item, actor = centre.item(case, "greet"), centre.cast.actor("advisor")
    first = complete_task(item.pk, GREETED, actor=actor, once_key="k1")
    entries = Entry.objects.count()
    again = complete_task(item.pk, GREETED, actor=actor, once_key="k1")
    assert (first.repeated, again.repeated) == (False, True)
    assert (first.case_id, first.opened, first.ended) == (again.case_id, again.opened, again.ended)
    with pytest.raises(Conflict, match="您在 09:00 已经完成了“迎接问候”"):
        complete_task(item.pk, GREETED, actor=actor, once_key="k2")
    assert Entry.objects.count() == entries


def test_a_refused_form_does_not_use_up_the_key(centre: Centre) -> None:
    case = centre.arrive()
    item, actor = centre.item(case, "greet"), centre.cast.actor("advisor")
    with pytest.raises(FormRefused):
        complete_task(item.pk, {"greeting": ["guided"]}, actor=actor, once_key="k1")
    assert not complete_task(item.pk, GREETED, actor=actor, once_key="k1").repeated


def test_an_effect_that_refuses_leaves_no_field_behind(centre: Centre) -> None:
    case = centre.arrive()
    centre.greet(case)
    sent = {
        "customer": centre.customer.pk, "vehicle": centre.vehicle.pk, "phone": "13900008888",
        "has_appointment": "yes", "requests": [{"raised_by": "customer", "description": "异响"}],
    }  # fmt: skip
    with pytest.raises(BusinessError, match="没有找到这位客户今天的预约"):
        centre.complete(case, "reception", "advisor", sent)
    case.refresh_from_db()
    assert case.phone != "13900008888"
    assert not case.lines.exists()


# --- a car arrives -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("plate", "told"), [(" ", "请填写车牌"), ("示A" + "9" * 20, "车牌最多 16 个字")])
def test_a_car_needs_a_plate_that_can_be_one(centre: Centre, plate: str, told: str) -> None:
    with pytest.raises(BusinessError, match=told):
        receive_vehicle(plate, actor=centre.cast.actor("guard"))
    assert not Case.unscoped.exists()


def test_a_car_that_is_in_the_house_does_not_arrive_again(centre: Centre) -> None:
    case = centre.arrive()
    with pytest.raises(BusinessError, match=f"已经在店：单据 {case.number}"):
        receive_vehicle(PLATE.lower(), actor=centre.cast.actor("advisor"))
    assert Case.unscoped.count() == 1


def test_who_may_not_open_visits_receives_no_car(centre: Centre) -> None:
    for who in ("cashier", "parts_clerk"):
        with pytest.raises(NotAllowed):
            receive_vehicle(PLATE, actor=centre.cast.actor(who))
    with pytest.raises(BusinessError, match="没有岗位"):
        receive_vehicle(PLATE, actor=centre.cast.actor("without_position"))
    with pytest.raises(NotFound, match="没有这个门店"):
        receive_vehicle(PLATE, actor=centre.cast.actor("advisor"), site_id=centre.cast.jw.pk)
    assert not Case.unscoped.exists()


def test_a_case_is_called_off_with_a_reason_by_who_may(centre: Centre) -> None:
    case = centre.arrive()
    with pytest.raises(NotAllowed):
        cancel_case(case.pk, actor=centre.cast.actor("technician"), reason="不修了")
    with pytest.raises(BusinessError, match="原因"):
        cancel_case(case.pk, actor=centre.cast.actor("site_manager"), reason=" ")
    assert centre.item(case, "greet").is_open


# --- the repair clock --------------------------------------------------------------------------------------------
@pytest.mark.covers("AUTO-19")
def test_only_the_technician_of_the_job_or_the_manager_stops_the_repair_clock(centre: Centre) -> None:
    case = drive(centre, "维修")
    for who in ("second_technician", "advisor", "cashier"):
        with pytest.raises(NotAllowed):
            pause_repair(case.pk, actor=centre.cast.actor(who), reason="等待配件")
    with pytest.raises((NotAllowed, NotFound)):
        pause_repair(case.pk, actor=centre.cast.actor("other_technician"), reason="等待配件")
    pause_repair(case.pk, actor=centre.cast.actor("workshop_manager"), reason="等待工位")
    resume_repair(case.pk, actor=centre.cast.actor("technician"))


def test_there_is_nothing_to_pause_before_the_repair(centre: Centre) -> None:
    case = drive(centre, "维修派工")
    with pytest.raises(BusinessError, match="现在不在维修计时中"):
        pause_repair(case.pk, actor=centre.cast.actor("workshop_manager"), reason="等待工位")


# --- papers ------------------------------------------------------------------------------------------------------
def test_a_paper_is_read_by_who_may_print_or_has_the_case_in_hand(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    assert read_paper(case.pk, "gatepass", actor=centre.cast.actor("guard")).kind == "gate_pass"
    with pytest.raises(NotFound, match="没有这种单据"):
        read_paper(case.pk, "receipt", actor=centre.cast.actor("advisor"))
    with pytest.raises((NotAllowed, NotFound)):
        read_paper(case.pk, "settlement", actor=centre.cast.actor("other_advisor"))
    with pytest.raises(NotFound):
        read_paper(999_999, "settlement", actor=centre.cast.actor("advisor"))


def test_a_paper_that_was_not_issued_cannot_be_printed(centre: Centre) -> None:
    case = centre.arrive()
    advisor = centre.cast.actor("advisor")
    for kind, title in {"settlement": "结算单", "gate_pass": "出门证", "estimate": "估价单"}.items():
        with pytest.raises(BusinessError, match=f"{title}还没有开具"):
            read_paper(case.pk, kind, actor=advisor)


# --- at the gate -------------------------------------------------------------------------------------------------
@pytest.mark.covers("AUTO-27")
def test_the_key_stays_when_paper_person_or_place_is_wrong(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    gate_pass = Document.unscoped.get(case=case, kind="gate_pass").number
    bill = Settlement.unscoped.get(case=case).number
    guard = centre.cast.actor("guard")
    for wrong in (
        ("", bill),
        (gate_pass, ""),
        (gate_pass, "YL-JS-20200101-0001"),
        (bill, gate_pass),
        ("x" * 300, bill),
    ):
        with pytest.raises(BusinessError):
            let_go(*wrong, actor=guard)
    for who in ("technician", "cashier"):
        with pytest.raises(NotAllowed):
            let_go(gate_pass, bill, actor=centre.cast.actor(who))
        with pytest.raises(NotAllowed):
            guard_desk(actor=centre.cast.actor(who), gate_pass=gate_pass, settlement=bill)
    with pytest.raises(BusinessError):
        let_go(gate_pass, bill, actor=centre.cast.actor("other_advisor"))
    assert Custody.unscoped.get(case=case, thing="key").holder_kind == "desk"
    let_go(gate_pass, bill, actor=guard)
    assert Custody.unscoped.get(case=case, thing="key").holder_kind == "customer"


@pytest.mark.covers("AUTO-27", "AUTO-25")
def test_papers_alone_do_not_free_a_key_that_is_elsewhere(centre: Centre) -> None:
    case = drive(centre, "放行核对")
    gate_pass = Document.unscoped.get(case=case, kind="gate_pass").number
    bill = Settlement.unscoped.get(case=case).number
    WorkItem.unscoped.filter(instance__subject_id=case.pk, node_id="gate_check").update(status="cancelled")
    Custody.unscoped.filter(case=case, thing="key").update(holder_kind="user", holder_name="赵强")
    with pytest.raises(BusinessError, match="钥匙现在在赵强处"):
        let_go(gate_pass, bill, actor=centre.cast.actor("guard"))
