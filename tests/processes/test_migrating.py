"""Running instances move to another version: rows, holders, limits, history and the checker follow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.engine.runtime import State
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.compiled import process_of
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import LimitSpec, Surroundings
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.passed import passed_steps
from bihuan.processes.handling.returning import recall_item, send_back
from bihuan.processes.handling.standing import resume_instance, suspend_instance
from bihuan.processes.history import diagram, replay
from bihuan.processes.migrating import Migration, migrate_instance, preview_migration
from bihuan.processes.models import NEVER, Instance, Job, Subscription, Version, WorkItem
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, ARRIVAL, CALLER, END, PARALLEL, REMINDER, START, bpmn, flow, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]

CHECKED = bpmn(
    "checked", START, '<subProcess id="each"><multiInstanceLoopCharacteristics isSequential="true"><loopCardinality>2'
    '</loopCardinality></multiInstanceLoopCharacteristics><startEvent id="in"/>', task("look", role="technician"),
    flow("in>look"), "</subProcess>", task("bill", role="cashier"), END, flows="start>each each>bill bill>end",
)  # fmt: skip
AROUND = Surroundings(limits={"fill": LimitSpec(3600), "quick": LimitSpec(600, 300)})


def to_newest(key: str, xml: str, **mapping: str) -> Migration:
    """Publish the next version of a process, and the way there from those before."""
    target = store.publish(xml, key)
    return Migration(Version.objects.filter(definition__key=key).exclude(pk=target.pk), target, mapping)


def move(desk: Desk, migration: Migration, *instances: int) -> list[store.StepResult]:
    admin = desk.cast.actor("admin")
    return [migrate_instance(one, migration, actor=admin, reason="新版", around=AROUND) for one in instances]


def whole(*instances: int) -> bool:
    """State, rows and history tell the same story."""
    return not list(check_instances()) and all(
        replay(one).to_json() == State.from_json(Instance.unscoped.get(pk=one).state).to_json() for one in instances
    )


def test_open_work_keeps_its_number_and_its_holder_and_reads_as_the_new_version_says(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}, around=AROUND).instance_id
    item = desk.item(instance, "fill")
    store.claim_item(item.pk, actor=desk.cast.actor("advisor"))
    clock.move(clock.now() + timedelta(minutes=5))
    newer = APPROVAL.replace('id="fill" name="fill"', 'id="write" name="填单"').replace('"fill"', '"quick"')
    newer = newer.replace('sourceRef="quick"', 'sourceRef="write"').replace('targetRef="quick"', 'targetRef="write"')
    [result] = move(desk, to_newest("approval", newer, fill="write"), instance)
    now = WorkItem.unscoped.get(pk=item.pk)
    assert (now.node_id, now.name, now.form_key, now.limit_key) == ("write", "填单", "quick", "quick")
    assert now.assignee_id == desk.cast.user("advisor").pk and now.due_at == item.opened_at + timedelta(minutes=10)
    assert [(one.old_limit_key, one.handed_on) for one in result.renewed] == [("fill", False)]
    desk.complete(instance, "write", {"amount": 5}, by="advisor")
    assert desk.open_nodes(instance) == ["close"] and whole(instance)


def test_work_goes_to_the_new_role_unless_its_holder_has_it_too(desk: Desk) -> None:
    taken, offered = (desk.start(PARALLEL, "parallel").instance_id for _ in range(2))
    store.claim_item(desk.item(taken, "wash").pk, actor=desk.cast.actor("technician"))
    store.claim_item(desk.item(taken, "bill").pk, actor=desk.cast.actor("cashier"))
    newer = PARALLEL.replace('bihuan:role="technician"', 'bihuan:role="advisor,technician"')
    move(desk, to_newest("parallel", newer.replace('bihuan:role="cashier"', 'bihuan:role="guard"')), taken, offered)
    wash, bill = desk.item(taken, "wash"), desk.item(taken, "bill")
    assert wash.assignee_id == desk.cast.user("technician").pk and wash.why == "换版后仍由赵强办理"
    assert (bill.assignee_id, bill.role, bill.why) == (None, "guard", "换版后由新的角色办理")
    assert (desk.item(offered, "wash").role, desk.item(offered, "wash").shared) == ("advisor,technician", True)
    assert whole(taken, offered)


def test_timers_and_messages_go_along_and_those_of_a_suspended_instance_rest(desk: Desk) -> None:
    waiting = desk.start(ARRIVAL, "arrival", {"case_id": 7}).instance_id
    move(desk, to_newest("arrival", ARRIVAL.replace('"wait"', '"await"'), wait="await"), waiting)
    assert Subscription.unscoped.get(instance_id=waiting).node_id == "await"
    plain = REMINDER.replace("PT1H", "PT9H")
    instance = desk.start(plain, "reminder").instance_id
    admin = desk.cast.actor("admin")
    suspend_instance(instance, actor=admin, reason="等新版", around=AROUND)
    clock.move(clock.now() + timedelta(hours=2))
    move(desk, to_newest("reminder", REMINDER), instance)
    assert Job.objects.get(instance_id=instance).run_at == NEVER and whole(instance)
    resume_instance(instance, actor=admin, around=AROUND)
    assert Job.objects.get(instance_id=instance).run_at == clock.now() + timedelta(hours=1)
    store.deliver_message("arrived", 7, actor=admin)
    assert desk.open_nodes(waiting) == ["greet"] and whole(instance, waiting)


def test_one_that_cannot_move_stays_as_it_was_and_says_why(desk: Desk) -> None:
    instance, other = (desk.start(PARALLEL, "parallel").instance_id for _ in range(2))
    desk.complete(other, "wash", by="technician")
    migration = to_newest("parallel", PARALLEL.replace('"wash"', '"clean"'))
    shown = preview_migration(migration)
    assert (shown.movable, shown.total) == (1, 2)
    assert [(one.instance_id, one.version, one.reasons) for one in shown.blocked] == [
        (instance, 1, ("新版本没有「wash」，也没有指定由哪个环节接着办",))
    ]
    with pytest.raises(Conflict, match="新版本没有「wash」"):
        move(desk, migration, instance)
    assert Instance.unscoped.get(pk=instance).version.number == 1 and desk.open_nodes(instance) == ["bill", "wash"]
    move(desk, migration, other)
    with pytest.raises(Conflict, match="已经不在要迁移的版本上"):
        move(desk, migration, other)
    assert preview_migration(migration, limit=0).unseen == 1 and whole(instance, other)


def test_a_mapping_that_does_not_fit_is_told_before_anything_is_done(desk: Desk) -> None:
    desk.start(PARALLEL, "parallel")
    with pytest.raises(BusinessError, match="原版本没有环节：nowhere"):
        to_newest("parallel", PARALLEL.replace('"wash"', '"clean"'), nowhere="clean")
    with pytest.raises(BusinessError, match="「wash」是人工任务，「并行网关」是并行网关"):
        to_newest("parallel", PARALLEL.replace('"wash"', '"clean"'), wash="split")
    first = Version.objects.get(definition__key="parallel", number=1)
    with pytest.raises(BusinessError, match="请选另一个版本"):
        Migration([first], first, {})


def test_history_is_told_in_the_words_of_the_new_version(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}).instance_id
    done = desk.item(instance, "fill")
    desk.complete(instance, "fill", {"amount": 500}, by="advisor")
    newer = APPROVAL.replace('"fill"', '"write"').replace("fill", "write")
    move(desk, to_newest("approval", newer, fill="write"), instance)
    shown = diagram(instance)
    assert (shown.nodes["write"]["state"], shown.nodes["approve"]["state"]) == ("done", "active")
    assert shown.flows["start_write"] == 1 and "fill" not in shown.nodes
    process = process_of(Version.objects.get(number=2))
    assert [step.node_id for step in passed_steps(instance, process)] == ["write"]
    with pytest.raises(Conflict, match="换到新版本之前"):
        recall_item(done.pk, actor=desk.cast.actor("advisor"), around=AROUND)


def test_a_called_process_runs_on_and_comes_back_to_the_version_its_caller_is_on_now(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1", "owner": None}).instance_id
    called = Instance.unscoped.get(parent_id=caller).pk
    move(desk, to_newest("caller", CALLER.replace('"after"', '"later"'), after="later"), caller)
    desk.complete(called, "fill", {"amount": 5}, by="advisor")
    desk.complete(called, "close", by="advisor")
    assert desk.open_nodes(caller) == ["later"] and whole(caller, called)


def test_one_goes_back_to_a_step_whose_sub_process_the_new_version_has_replaced(desk: Desk) -> None:
    """What was done there was no pass of the new one, so that can only be begun as a whole."""
    instance = desk.start(CHECKED, "checked").instance_id
    for _ in range(2):
        desk.complete(instance, "look", by="technician")
    move(desk, to_newest("checked", CHECKED.replace('"each"', '"every"')), instance)
    held = store.hold_item(desk.item(instance, "bill").pk)
    assert [step.label for step in steps_back(held)] == ["look"]
    admin = desk.cast.actor("admin")
    with pytest.raises(Conflict, match="那里一项一项地办，要从它的开头重新办"):
        send_back(held, "look", straight=True, actor=admin, reason="漏看", around=AROUND)
