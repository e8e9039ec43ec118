"""Starting and completing: what a step writes, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed, NotFound
from bihuan.kernel.sql import on_postgres
from bihuan.processes import engine_store as store
from bihuan.processes.contract import LimitSpec, StepResult, Surroundings
from bihuan.processes.history import replay
from bihuan.processes.models import Instance, WorkItem
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, PARALLEL, ROUND, SIGN_OFF

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_starting_opens_the_first_item_with_what_the_model_says(desk: Desk) -> None:
    result = desk.start(APPROVAL, "approval", {"number": "A1"}, subject_kind="case", subject_id=12)
    item = desk.item(result.instance_id, "fill")
    assert (item.role, item.form_key, item.limit_key, item.script_key, item.button) == (
        "advisor", "fill", "fill", "greet", "提交",
    )  # fmt: skip
    assert item.title == "单据 A1"
    assert result.instance.chain == "case:12"
    assert [opened.id for opened in result.opened] == [item.pk]


def test_completing_moves_the_process_on_in_one_audited_step(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}).instance_id
    result = desk.complete(instance, "fill", {"amount": 500}, by="advisor", data_for_history={"amount": 500})
    assert desk.open_nodes(instance) == ["approve"]
    done = WorkItem.unscoped.get(pk=result.item_id)
    assert (done.status, done.completed_by_id) == ("done", desk.cast.user("advisor").pk)
    entry = Entry.objects.filter(chain=f"instance:{instance}").latest("seq")
    assert entry.action == "process.step"
    assert (entry.data["item"], entry.data["node"], entry.data["detail"]) == (done.pk, "fill", {"amount": 500})
    assert entry.actor_id == desk.cast.user("advisor").pk
    assert verify() == []


def test_the_last_step_ends_the_instance(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}).instance_id
    desk.complete(instance, "fill", {"amount": 5}, by="advisor")
    result = desk.complete(instance, "close", by="advisor")
    assert result.ended == "completed"
    row = Instance.unscoped.get(pk=instance)
    assert (row.status, row.ended_at) == ("completed", clock.now())


def test_replaying_the_log_gives_the_stored_state(desk: Desk) -> None:
    instance = desk.start(ROUND, "round").instance_id
    for turn in range(12):
        desk.complete(instance, "work", {"turn": turn, "stop": False}, by="technician")
    row = Instance.unscoped.get(pk=instance)
    assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()
    assert row.lock_version == 13


def test_the_state_does_not_grow_with_age(desk: Desk) -> None:
    instance = desk.start(ROUND, "round").instance_id
    sizes = []
    for _ in range(20):
        desk.complete(instance, "work", {"stop": False}, by="technician")
        sizes.append(len(Instance.unscoped.get(pk=instance).state))
    assert max(sizes[1:]) - min(sizes[1:]) < 20


def test_a_limit_fills_due_and_reminder(desk: Desk) -> None:
    around = Surroundings(limits={"fill": LimitSpec(600, 480)})
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}, around=around).instance_id
    item = desk.item(instance, "fill")
    assert item.due_at == clock.now() + timedelta(minutes=10)
    assert item.warn_at == clock.now() + timedelta(minutes=8)
    assert item.sort_at == item.due_at


def test_a_limit_may_be_computed_from_what_the_item_sees(desk: Desk) -> None:
    seen: dict[str, object] = {}

    def rule(key: str, instance: object, opened_at: object, variables: dict[str, object]) -> tuple[None, None]:
        seen.update(variables, key=key)
        return None, None

    around = Surroundings(limits=rule, context={"case": {"id": 7}})  # type: ignore[arg-type]
    desk.start(APPROVAL, "approval", {"number": "A1"}, around=around)
    assert (seen["key"], seen["number"], seen["case"]) == ("fill", "A1", {"id": 7})


def test_a_limit_that_cannot_be_computed_leaves_the_work_without_one_and_says_so(desk: Desk) -> None:
    def rule(*_: object) -> tuple[None, None]:
        raise ValueError("工时未定")

    result = desk.start(APPROVAL, "approval", {"number": "A1"}, around=Surroundings(limits=rule))
    assert desk.item(result.instance_id, "fill").due_at is None
    assert Entry.objects.get(chain=result.instance.chain).data["notes"] == ["“fill”没有到期时间：工时未定"]


def test_conditions_read_the_context_given_for_the_instance(desk: Desk) -> None:
    around = Surroundings(context=lambda facts: {"amount": 500 if facts.subject_id == 12 else 1})
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}, subject_kind="case", subject_id=12).instance_id
    desk.complete(instance, "fill", by="advisor", around=around)
    assert desk.open_nodes(instance) == ["approve"]


def test_expressions_tell_the_day_of_the_site(desk: Desk) -> None:
    clock.move(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))
    dated = APPROVAL.replace('="单据 " + number', "string(today())")
    desk.start(dated, "approval")
    assert WorkItem.unscoped.get().title == "2026-11-25"


@pytest.mark.parametrize("by_id", [True, False], ids=["by number", "by name"])
def test_an_assignee_is_a_user_by_number_or_name(desk: Desk, by_id: bool) -> None:
    advisor = desk.cast.user("advisor")
    owner = advisor.pk if by_id else advisor.username
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": owner}).instance_id
    desk.complete(instance, "fill", {"amount": 5}, by="advisor")
    assert desk.item(instance, "close").assignee_id == advisor.pk


@pytest.mark.parametrize("who", ["nobody", "left"])
def test_work_of_somebody_unknown_stays_with_the_role_and_history_says_so(desk: Desk, who: str) -> None:
    owner = desk.cast.user("left").username if who == "left" else "nobody"
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": owner}).instance_id
    desk.complete(instance, "fill", {"amount": 5}, by="advisor")
    item = desk.item(instance, "close")
    assert (item.assignee_id, item.role) == (None, "advisor")
    notes = Entry.objects.filter(chain=f"instance:{instance}").latest("seq").data["notes"]
    assert notes == [f"找不到在职人员“{owner}”，“close”改由角色办理"]


def test_each_person_of_a_sign_off_gets_an_item_with_its_own_value(desk: Desk) -> None:
    people = [desk.cast.user("advisor").pk, desk.cast.user("cashier").pk]
    instance = desk.start(SIGN_OFF, "sign_off", {"people": people}).instance_id
    items = WorkItem.unscoped.filter(instance_id=instance).order_by("id")
    assert [item.assignee_id for item in items] == people
    assert '"person"' in items[0].local
    store.complete_item(items[0].pk, actor=desk.cast.actor("advisor"))
    assert store.complete_item(items[1].pk, actor=desk.cast.actor("cashier")).ended == "completed"


def test_parallel_work_closes_in_any_order(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel").instance_id
    assert desk.open_nodes(instance) == ["bill", "wash"]
    desk.complete(instance, "bill", by="cashier")
    assert desk.complete(instance, "wash", by="technician").ended == "completed"


def test_somebody_without_the_role_is_told_whose_work_it_is(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}).instance_id
    with pytest.raises(NotAllowed, match="“fill”由服务顾问办理"):
        desk.complete(instance, "fill", by="cashier")
    assert desk.open_nodes(instance) == ["fill"]


def test_the_second_to_complete_is_told_who_was_first_and_when(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel").instance_id
    item = desk.item(instance, "wash").pk
    store.complete_item(item, actor=desk.cast.actor("technician"))
    with pytest.raises(Conflict, match="“wash”已由赵强在 09:00 完成，您填写的内容没有保存"):
        store.complete_item(item, actor=desk.cast.actor("second_technician"))
    with pytest.raises(Conflict, match="您在 09:00 已经完成了“wash”"):
        store.complete_item(item, actor=desk.cast.actor("technician"))
    clock.move(clock.now() + timedelta(days=1))
    with pytest.raises(Conflict, match="在 11月24日 09:00 完成"):
        store.complete_item(item, actor=desk.cast.actor("second_technician"))


def test_repeating_a_request_answers_its_first_result_and_does_nothing(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}).instance_id
    item, actor = desk.item(instance, "fill").pk, desk.cast.actor("advisor")
    first = store.complete_item(item, {"amount": 500}, actor=actor, once_key="k1")
    again = store.complete_item(item, {"amount": 5}, actor=actor, once_key="k1")
    assert again.repeated and not first.repeated
    assert (again.opened, again.closed, again.events, again.at) == (
        first.opened, first.closed, first.events, first.at,
    )  # fmt: skip
    assert desk.open_nodes(instance) == ["approve"]
    with pytest.raises(Conflict):
        store.complete_item(item, {}, actor=actor, once_key="another")
    with pytest.raises(Conflict):
        store.complete_item(item, {}, actor=desk.cast.actor("site_manager"), once_key="k1")


def test_records_logged_between_holding_and_completing_go_before_the_step(desk: Desk) -> None:
    instance = desk.start(ROUND, "round", subject_kind="case", subject_id=6).instance_id
    actor = desk.cast.actor("technician")
    held = store.hold_item(desk.item(instance, "work").pk, actor=actor)
    record(actor_id=actor.user_id, action="case.edit", chain="case:6", data={})
    store.complete_held(held, {"stop": False}, actor=actor)
    actions = list(Entry.objects.filter(chain="case:6").order_by("seq").values_list("action", flat=True))
    assert actions == ["process.step", "case.edit", "process.step"]
    assert verify() == []


def test_an_effect_that_moves_the_held_instance_itself_is_not_overwritten(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel").instance_id
    held = store.hold_item(desk.item(instance, "wash").pk)
    desk.complete(instance, "bill", by="cashier")
    assert store.complete_held(held, actor=desk.cast.actor("technician")).ended == "completed"
    assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()


def test_an_effect_that_cancels_the_held_item_is_told(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel").instance_id
    held = store.hold_item(desk.item(instance, "wash").pk)
    store.cancel_instance(instance, "", actor=desk.cast.actor("site_manager"))
    with pytest.raises(Conflict, match="已随流程变化取消"):
        store.complete_held(held, actor=desk.cast.actor("technician"))


def test_starting_twice_with_one_key_starts_once(desk: Desk) -> None:
    first = desk.start(APPROVAL, "approval", {"number": "A1"}, once_key="s1")
    again = desk.start(APPROVAL, "approval", {"number": "A2"}, once_key="s1")
    assert (again.instance_id, again.repeated) == (first.instance_id, True)
    assert again.opened == first.opened
    assert Instance.unscoped.count() == 1


def test_the_observer_sees_each_step_inside_its_transaction(desk: Desk) -> None:
    seen: list[StepResult] = []
    around = Surroundings(observe=seen.append)
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}, around=around).instance_id
    result = desk.complete(instance, "fill", {"amount": 500}, by="advisor", around=around)
    assert seen[1] == result
    assert [(closed.id, closed.outcome) for closed in result.closed] == [(result.item_id, "completed")]

    def refuse(_: StepResult) -> None:
        raise BusinessError("不行")

    with pytest.raises(BusinessError), transaction.atomic():
        desk.complete(instance, "approve", by="site_manager", around=Surroundings(observe=refuse))
    assert desk.open_nodes(instance) == ["approve"]


def test_cancelling_closes_everything_and_late_comers_learn_why(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel").instance_id
    item = desk.item(instance, "wash").pk
    result = store.cancel_instance(instance, "客户取消", actor=desk.cast.actor("site_manager"))
    assert result.ended == "cancelled" and {closed.outcome for closed in result.closed} == {"cancelled"}
    assert desk.open_nodes(instance) == [] and desk.status(instance) == "cancelled"
    with pytest.raises(Conflict, match="已随流程变化取消"):
        store.complete_item(item, actor=desk.cast.actor("technician"))
    with pytest.raises(Conflict, match="流程已经结束"):
        store.cancel_instance(instance, "again", actor=desk.cast.actor("site_manager"))


def test_unknown_things_are_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        store.complete_item(999_999, actor=desk.cast.actor("advisor"))
    with pytest.raises(NotFound, match="没有发布过流程“nothing”"):
        store.start_instance("nothing", site_id=desk.site_id, actor=desk.cast.actor("advisor"))


def test_a_value_that_cannot_be_a_variable_is_refused_and_nothing_is_stored(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}).instance_id
    with pytest.raises(BusinessError, match="不能作为流程变量"):
        desk.complete(instance, "fill", {"amount": object()}, by="advisor")
    assert Entry.objects.filter(chain=f"instance:{instance}").count() == 1


def test_a_step_shares_its_chain_with_the_records_of_the_case(desk: Desk) -> None:
    from_start = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=5)
    second = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=5)
    desk.complete(from_start.instance_id, "wash", by="technician")
    desk.complete(second.instance_id, "wash", by="technician")
    assert list(Entry.objects.filter(chain="case:5").order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4]
    assert verify() == []


def test_a_step_costs_few_statements_whatever_its_age(desk: Desk, statements: list[str]) -> None:
    instance = desk.start(ROUND, "round").instance_id
    for _ in range(10):
        desk.complete(instance, "work", {"stop": False}, by="technician")
    item, actor = desk.item(instance, "work").pk, desk.cast.actor("technician")
    statements.clear()
    with CaptureQueriesContext(connection) as others:
        store.complete_item(item, {"stop": False}, actor=actor)
    # One load, and then one statement on PostgreSQL, four on SQLite; nothing through the ORM.
    assert len(statements) == (2 if on_postgres() else 5)
    assert len(others) == 0
