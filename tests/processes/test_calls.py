"""People's operations across calls: a process made for each of many, called by one that is called itself."""

from __future__ import annotations

import pytest

from bihuan.kernel.errors import Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.returning import call_off_return, jump, send_back, wake_instance
from bihuan.processes.handling.standing import end_instance, resume_instance, suspend_instance
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.rows import Held, read_item
from tests.processes.conftest import Desk
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
AROUND = Surroundings()
MEASURE = bpmn("measure", START, task("read", role="technician"), task("note", role="technician"), END,
               flows="start>read read>note note>end")  # fmt: skip
EACH = '<multiInstanceLoopCharacteristics bihuan:collection="pumps" bihuan:item="pump"/>'
INSPECT = bpmn(
    "inspect",
    START,
    f'<callActivity id="each" name="each" calledElement="measure">{EACH}</callActivity>',
    END,
    flows="start>each each>end",
)
VISIT = bpmn(
    "visit",
    START,
    task("prepare", role="technician"),
    '<callActivity id="check" name="check" calledElement="=inspection"/>',
    task("hand_over", role="advisor"),
    END,
    flows="start>prepare prepare>check check>hand_over hand_over>end",
)


class Visit:
    """A visit that has an inspection done, which has each pump measured by a process of its own."""

    def __init__(self, desk: Desk) -> None:
        store.publish(MEASURE, "measure")
        store.publish(INSPECT, "inspect")
        self.desk = desk
        self.visit = desk.start(VISIT, "visit", {"pumps": ["一号", "二号"], "inspection": "inspect"}).instance_id
        desk.complete(self.visit, "prepare", by="technician")
        self.inspection = Instance.unscoped.get(parent_id=self.visit).pk
        self.first, self.second = Instance.unscoped.filter(parent_id=self.inspection).order_by("pk")

    def measure(self, instance: Instance, *, by: str = "technician") -> None:
        for node in ("read", "note"):
            self.desk.complete(instance.pk, node, by=by)

    def asks_for_preparing(self, instance: Instance) -> None:
        """Who reads a pump wants the preparing of the visit redone, and rests."""
        self.send_back(instance.pk, "read", "prepare", straight=True)

    def all_measured(self) -> Visit:
        self.measure(self.first)
        self.measure(self.second, by="second_technician")
        return self

    def send_back(self, instance_id: int, node: str, target: str, *, straight: bool = False) -> None:
        held = read_item(self.desk.item(instance_id, node).pk)
        actor = self.desk.cast.actor("advisor" if node == "hand_over" else "technician")
        send_back(held, target, straight=straight, actor=actor, reason="再看", around=AROUND)

    def complete(self, instance_id: int, *nodes: str) -> None:
        for node in nodes:
            self.desk.complete(instance_id, node, by="technician")

    def waiting(self, instance: Instance, node: str) -> Held:
        """An item that rests until others have acted."""
        return read_item(WorkItem.unscoped.get(instance=instance, node_id=node, status="waiting").pk)

    def targets(self, instance_id: int, node: str) -> list[str]:
        return [step.label for step in steps_back(read_item(self.desk.item(instance_id, node).pk))]

    @property
    def open(self) -> dict[str, list[str]]:
        """What is open in each of its instances."""
        named = {self.visit: "visit", self.inspection: "inspection", self.first.pk: "first", self.second.pk: "second"}
        return {name: nodes for pk, name in named.items() if (nodes := self.desk.open_nodes(pk))}


@pytest.fixture
def visit(desk: Desk) -> Visit:
    return Visit(desk)


@pytest.mark.parametrize("straight", [True, False])
def test_one_of_many_called_processes_is_gone_back_into_through_the_calls_around_it(
    visit: Visit, straight: bool
) -> None:
    desk = visit.all_measured().desk
    steps = [f"{step}（check、each、{pump}）" for pump in ("一号", "二号") for step in ("read", "note")]
    assert sorted(visit.targets(visit.visit, "hand_over")) == sorted(["prepare", *steps])
    visit.send_back(visit.visit, "hand_over", "read（check、each、二号）", straight=straight)
    assert visit.open == {"second": ["read"]} and list(check_instances()) == []
    assert desk.item(visit.second.pk, "read").assignee == desk.cast.user("second_technician")
    visit.measure(visit.second, by="second_technician")
    assert visit.open == {"visit": ["hand_over"]}
    desk.complete(visit.visit, "hand_over", by="advisor")
    assert Instance.unscoped.exclude(status="completed").count() == 0 and list(check_instances()) == []


def test_from_one_of_many_called_processes_another_that_is_over_is_gone_back_into_beside_it(visit: Visit) -> None:
    visit.measure(visit.first)
    visit.desk.complete(visit.second.pk, "read", by="technician")
    visit.send_back(visit.second.pk, "note", "note（each、一号）")
    assert visit.open == {"first": ["note"], "second": ["note"]}
    visit.desk.complete(visit.first.pk, "note", by="technician")
    visit.desk.complete(visit.second.pk, "note", by="technician")
    assert visit.open == {"visit": ["hand_over"]} and list(check_instances()) == []


def test_out_of_many_called_processes_one_goes_back_to_the_caller_of_their_caller_and_all_of_them_end(
    visit: Visit,
) -> None:
    visit.measure(visit.first)
    visit.send_back(visit.second.pk, "read", "prepare")
    assert visit.open == {"visit": ["prepare"]} and visit.desk.status(visit.inspection) == "cancelled"
    assert list(check_instances()) == []


def test_a_called_process_whose_call_cannot_be_made_again_is_not_gone_back_into(visit: Visit) -> None:
    desk = visit.all_measured().desk
    store.set_variables(visit.visit, {"inspection": ""}, actor=desk.cast.actor("site_manager"))
    with pytest.raises(Conflict, match="“check”现在不能再办"):
        visit.send_back(visit.visit, "hand_over", "read（check、each、一号）")
    assert visit.open == {"visit": ["hand_over"]} and list(check_instances()) == []


def test_a_step_of_the_caller_is_redone_and_comes_straight_back_into_the_called_process(visit: Visit) -> None:
    visit.asks_for_preparing(visit.first)
    assert visit.open == {"visit": ["prepare"], "second": ["read"]} and list(check_instances()) == []
    visit.measure(visit.second)
    visit.complete(visit.visit, "prepare")
    assert visit.open == {"first": ["read"]} and list(check_instances()) == []
    visit.measure(visit.first)
    assert visit.open == {"visit": ["hand_over"]}


def test_who_rests_for_the_caller_may_go_on_without_it_and_does_not_ask_twice(visit: Visit) -> None:
    visit.asks_for_preparing(visit.first)
    held, actor = visit.waiting(visit.first, "read"), visit.desk.cast.actor("technician")
    with pytest.raises(Conflict, match="已经请前面的环节重办"):
        send_back(held, "prepare", straight=True, actor=actor, reason="再看", around=AROUND)
    call_off_return(visit.waiting(visit.first, "read"), actor=actor, reason="不用了", around=AROUND)
    assert visit.open == {"first": ["read"], "second": ["read"]} and list(check_instances()) == []


def test_two_called_processes_each_have_the_step_redone_and_each_goes_on_with_its_own(visit: Visit) -> None:
    visit.asks_for_preparing(visit.first)
    visit.asks_for_preparing(visit.second)
    first, second = WorkItem.unscoped.filter(instance_id=visit.visit, status="open").order_by("pk")
    store.complete_item(second.pk, {}, actor=visit.desk.cast.actor("technician"))
    assert visit.open == {"visit": ["prepare"], "second": ["read"]} and first.node_id == "prepare"
    visit.complete(visit.visit, "prepare")
    assert visit.open == {"first": ["read"], "second": ["read"]} and list(check_instances()) == []


@pytest.mark.parametrize("how", ["the called process is ended", "the caller is put elsewhere", "the sender walks"])
def test_who_is_gone_has_nothing_redone_any_more(visit: Visit, how: str) -> None:
    visit.asks_for_preparing(visit.first)
    manager = visit.desk.cast.actor("site_manager")
    if how == "the called process is ended":
        store.cancel_instance(visit.first.pk, actor=manager, reason="不测了")
        assert visit.open == {"second": ["read"]}
    elif how == "the caller is put elsewhere":
        jump(visit.visit, 0, "hand_over", actor=manager, reason="不测了", around=AROUND)
        assert visit.open == {"visit": ["hand_over"]}
    else:
        held = visit.waiting(visit.first, "read")
        send_back(
            held, "prepare", straight=False, actor=visit.desk.cast.actor("technician"), reason="全部重来", around=AROUND
        )
        assert visit.open == {"visit": ["prepare"]}
    assert list(check_instances()) == []


def test_what_is_redone_for_a_called_process_stands_still_with_it(visit: Visit) -> None:
    manager = visit.desk.cast.actor("site_manager")
    visit.asks_for_preparing(visit.first)
    suspend_instance(visit.visit, actor=manager, reason="停工", around=AROUND)
    assert visit.open == {} and list(check_instances()) == []
    resume_instance(visit.visit, actor=manager, around=AROUND)
    assert visit.open == {"visit": ["prepare"], "second": ["read"]} and list(check_instances()) == []
    visit.complete(visit.visit, "prepare")
    assert visit.open == {"first": ["read"], "second": ["read"]}


def test_what_was_called_is_woken_with_its_caller_each_where_it_stood(visit: Visit) -> None:
    manager = visit.desk.cast.actor("site_manager")
    visit.complete(visit.second.pk, "read")
    visit.asks_for_preparing(visit.first)
    for _ in range(2):
        end_instance(visit.visit, actor=manager, reason="弄错了", withdrawn=False, around=AROUND)
        assert visit.open == {} and list(check_instances()) == []
        wake_instance(visit.visit, actor=manager, reason="接着办", around=AROUND)
        assert visit.open == {"first": ["read"], "second": ["note"]} and list(check_instances()) == []
    visit.measure(visit.first)
    visit.complete(visit.second.pk, "note")
    assert visit.open == {"visit": ["hand_over"]}


def test_the_checker_notices_who_waits_for_a_caller_that_redoes_nothing_and_the_other_way_round(visit: Visit) -> None:
    visit.asks_for_preparing(visit.first)
    Instance.unscoped.filter(pk=visit.inspection).update(parent=None)
    assert "rework-missing" in {damage.kind for damage in check_instances()}
    WorkItem.unscoped.filter(instance=visit.first).update(status="open")
    assert "rework-extra" in {damage.kind for damage in check_instances()}


def test_nobody_goes_back_across_a_final_step_of_a_called_process(desk: Desk) -> None:
    paying = [task("pay", role="technician", final="true"), task("receipt", role="technician")]
    store.publish(bpmn("payment", START, *paying, END, flows="start>pay pay>receipt receipt>end"), "payment")
    called = '<callActivity id="call" name="call" calledElement="payment"/>'
    steps = [task("prepare", role="technician"), called, task("after", role="technician")]
    way = "start>prepare prepare>call call>after after>end"
    outer = desk.start(bpmn("sale", START, *steps, END, flows=way), "sale").instance_id
    desk.complete(outer, "prepare", by="technician")
    inner = Instance.unscoped.get(parent_id=outer).pk
    desk.complete(inner, "pay", by="technician")
    assert steps_back(read_item(desk.item(inner, "receipt").pk)) == []
    desk.complete(inner, "receipt", by="technician")
    assert [step.label for step in steps_back(read_item(desk.item(outer, "after").pk))] == ["receipt（call）"]
