"""People's operations at the store: whose work is it again, and out of a called process."""

from __future__ import annotations

import pytest

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.org.duty.leave import Span, request_leave
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.asking import remove_person
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.returning import call_off_return, recall_item, send_back
from bihuan.processes.models import Instance, Job, Subscription, WorkItem
from bihuan.processes.rows import read_item
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, BRANCHING, END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
AROUND = Surroundings()
OUTER = bpmn(
    "outer",
    START,
    task("prepare", role="technician"),
    '<callActivity id="call" name="call" calledElement="approval"/>',
    task("after", role="advisor"),
    END,
    flows="start>prepare prepare>call call>after after>end",
)
IN_A_ROW = bpmn(
    "row",
    START,
    '<userTask id="sign" name="sign" bihuan:assignee="who.user" bihuan:signoff="all"><multiInstanceLoopCharacteristics '
    'isSequential="true" bihuan:collection="signers" bihuan:item="who"/></userTask>',
    END,
    flows="start>sign sign>end",
)
GUARDED = bpmn(
    "guarded",
    START,
    task("write", role="technician"),
    task("book", role="technician", effects="issue_gate_pass"),
    task("look", role="advisor", allow="recall"),
    task("last", role="advisor"),
    END,
    flows="start>write write>book book>look look>last last>end",
)


def test_out_of_a_called_process_one_goes_back_to_a_step_of_its_caller(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    outer = desk.start(OUTER, "outer", {"number": "1", "amount": 200}).instance_id
    desk.complete(outer, "prepare", by="second_technician")
    inner = Instance.unscoped.get(parent_id=outer)
    fill = read_item(desk.item(inner.pk, "fill").pk)
    assert [step.node_id for step in steps_back(fill)] == ["prepare"]
    send_back(fill, "prepare", straight=False, actor=desk.cast.actor("advisor"), reason="缺件", around=AROUND)
    assert desk.open_nodes(outer) == ["prepare"] and desk.status(inner.pk) == "cancelled"
    assert desk.item(outer, "prepare").assignee == desk.cast.user("second_technician")
    assert list(check_instances()) == []


def called_and_over(desk: Desk) -> tuple[int, int]:
    """The instance that called an approval, which is over, and the approval."""
    store.publish(APPROVAL, "approval")
    owner = desk.cast.user("advisor").username
    outer = desk.start(OUTER, "outer", {"number": "1", "amount": 200, "owner": owner}).instance_id
    desk.complete(outer, "prepare", by="technician")
    inner = Instance.unscoped.get(parent_id=outer).pk
    desk.complete(inner, "fill", by="advisor")
    desk.complete(inner, "approve", {"ok": True}, by="site_manager")
    desk.complete(inner, "close", by="advisor")
    assert desk.status(inner) == "completed" and desk.open_nodes(outer) == ["after"]
    return outer, inner


@pytest.mark.parametrize(("target", "then"), [("approve", ["approve", "close"]), ("close", ["close"])])
@pytest.mark.parametrize("straight", [True, False])
def test_from_behind_a_call_one_goes_back_into_the_process_that_was_called(
    desk: Desk, target: str, then: list[str], straight: bool
) -> None:
    outer, inner = called_and_over(desk)
    advisor, held = desk.cast.actor("advisor"), read_item(desk.item(outer, "after").pk)
    assert [step.label for step in steps_back(held)] == ["prepare", "fill（call）", "approve（call）", "close（call）"]
    send_back(held, f"{target}（call）", straight=straight, actor=advisor, reason="再看", around=AROUND)
    assert desk.status(inner) == "running" and Instance.unscoped.filter(parent_id=outer).count() == 1
    assert desk.open_nodes(inner) == [target] and desk.open_nodes(outer) == []
    assert list(check_instances()) == []
    for node in then:
        desk.complete(inner, node, by="site_manager" if node == "approve" else "advisor")
    assert desk.status(inner) == "completed" and desk.open_nodes(outer) == ["after"]
    desk.complete(outer, "after", by="advisor")
    assert desk.status(outer) == "completed" and list(check_instances()) == []


def test_a_process_woken_for_its_caller_is_called_off_with_the_return(desk: Desk) -> None:
    outer, inner = called_and_over(desk)
    advisor, held = desk.cast.actor("advisor"), read_item(desk.item(outer, "after").pk)
    send_back(held, "approve（call）", straight=True, actor=advisor, reason="再看", around=AROUND)
    call_off_return(read_item(held.item_id), actor=advisor, reason="不用了", around=AROUND)
    assert desk.status(inner) == "cancelled" and desk.open_nodes(outer) == ["after"]
    assert "approve（call）" in [step.label for step in steps_back(read_item(held.item_id))]
    with pytest.raises(Conflict, match="请从上级流程退回"):
        last = WorkItem.unscoped.get(instance_id=inner, node_id="close")
        recall_item(last.pk, actor=advisor, around=AROUND)


def test_who_has_left_does_not_get_the_step_again(desk: Desk) -> None:
    instance = desk.start(GUARDED, "guarded").instance_id
    desk.complete(instance, "write", by="second_technician")
    User.objects.filter(pk=desk.cast.user("second_technician").pk).update(is_active=False)
    held = read_item(desk.item(instance, "book").pk)
    send_back(held, "write", straight=False, actor=desk.cast.actor("technician"), reason="错", around=AROUND)
    assert desk.item(instance, "write").assignee is None


def test_a_step_sent_back_does_not_wait_for_somebody_on_leave(desk: Desk) -> None:
    instance = desk.start(GUARDED, "guarded").instance_id
    desk.complete(instance, "write", by="second_technician")
    today = clock.now().date()
    request_leave(Span(today, today), actor=desk.cast.system, user_id=desk.cast.user("second_technician").pk)
    held = read_item(desk.item(instance, "book").pk)
    send_back(held, "write", straight=True, actor=desk.cast.actor("technician"), reason="错", around=AROUND)
    item = desk.item(instance, "write")
    assert (item.assignee, item.role, item.why) == (None, "technician", "钱进请假，改由同角色的人领取")


def test_steps_with_effects_are_a_line_nobody_crosses(desk: Desk) -> None:
    instance = desk.start(GUARDED, "guarded").instance_id
    desk.complete(instance, "write", by="technician")
    done = desk.complete(instance, "book", by="technician").item_id
    look = read_item(desk.item(instance, "look").pk)
    assert steps_back(look) == [] and done is not None
    with pytest.raises(Conflict, match="办完后不能撤回"):
        recall_item(done, actor=desk.cast.actor("technician"), around=AROUND)
    with pytest.raises(NotAllowed, match="按规定不能退回"):
        send_back(look, "write", straight=False, actor=desk.cast.actor("advisor"), reason="错", around=AROUND)
    with pytest.raises(NotAllowed, match="按规定不能转办"):
        store.transfer_item(look.item_id, desk.cast.user("site_manager").pk, actor=desk.cast.actor("advisor"))


def test_what_was_done_before_going_back_is_not_taken_back_any_more(desk: Desk) -> None:
    xml = bpmn(
        "loose", START, task("ask", role="technician"), '<parallelGateway id="fork"/>',
        task("aside", role="technician"), task("check", role="technician"), END,
        flows="start>ask ask>fork fork>aside fork>check check>end",
    )  # fmt: skip
    instance, actor = desk.start(xml, "loose").instance_id, desk.cast.actor("technician")
    desk.complete(instance, "ask", by="technician")
    old = desk.item(instance, "aside").pk
    desk.complete(instance, "aside", by="technician")
    send_back(
        read_item(desk.item(instance, "check").pk), "ask", straight=False, actor=actor, reason="错", around=AROUND
    )
    for nodes in (["ask"], ["aside", "check"]):
        with pytest.raises(Conflict, match="后来又重新办过"):
            recall_item(old, actor=actor, around=AROUND)
        assert desk.open_nodes(instance) == nodes
        if nodes == ["ask"]:
            desk.complete(instance, "ask", by="technician")


def test_somebody_elses_step_is_not_taken_back(desk: Desk) -> None:
    instance = desk.start(GUARDED, "guarded").instance_id
    done = desk.complete(instance, "write", by="technician").item_id
    assert done is not None
    with pytest.raises(NotAllowed, match="不是您办的"):
        recall_item(done, actor=desk.cast.actor("second_technician"), around=AROUND)
    recall_item(done, actor=desk.cast.actor("technician"), around=AROUND)
    with pytest.raises(Conflict, match="已经撤回过了"):
        recall_item(done, actor=desk.cast.actor("technician"), around=AROUND)
    assert desk.item(instance, "write").assignee == desk.cast.user("technician")


def test_a_signer_in_a_row_leaves_before_their_turn(desk: Desk) -> None:
    names = [desk.cast.user(who).username for who in ("cashier", "guard", "advisor")]
    instance = desk.start(IN_A_ROW, "row", {"signers": [{"user": name} for name in names]}).instance_id
    held, guard = read_item(desk.item(instance, "sign").pk), desk.cast.user("guard")
    remove_person(held, guard.pk, actor=desk.cast.actor("cashier"), reason="休假", around=AROUND)
    with pytest.raises(Conflict, match="不在这一步"):
        remove_person(read_item(held.item_id), guard.pk, actor=desk.cast.actor("cashier"), reason="休假", around=AROUND)
    desk.complete(instance, "sign", {"approved": True}, by="cashier")
    assert desk.item(instance, "sign").assignee == desk.cast.user("advisor")
    assert list(check_instances()) == []


def test_calling_off_leaves_no_item_timer_or_subscription_of_all_it_has_begun(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    variables = {"number": "A1", "owner": None, "case_id": 7}
    instance = desk.start(BRANCHING, "branching", variables).instance_id
    looked = WorkItem.unscoped.filter(instance_id=instance, node_id="look").order_by("pk")[0]
    store.complete_item(looked.pk, {}, actor=desk.cast.actor("technician"))
    store.deliver_message("arrived", 7, {}, actor=desk.cast.system, site_id=desk.site_id)
    waiting = WorkItem.unscoped.filter(status="open"), Job.objects.all(), Subscription.unscoped.all()
    assert [rows.count() for rows in waiting] == [3, 1, 1]
    assert Instance.unscoped.get(parent_id=instance).status == "running"
    store.cancel_instance(instance, "不做了", actor=desk.cast.actor("advisor"))
    assert [rows.count() for rows in waiting] == [0, 0, 0]
    assert set(Instance.unscoped.values_list("status", flat=True)) == {"cancelled"}
    assert not list(check_instances())
