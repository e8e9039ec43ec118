"""People's operations across calls: a process made for each of many, called by one that is called itself."""

from __future__ import annotations

import pytest

from bihuan.kernel.errors import Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.returning import send_back
from bihuan.processes.models import Instance
from bihuan.processes.rows import read_item
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

    def all_measured(self) -> Visit:
        self.measure(self.first)
        self.measure(self.second, by="second_technician")
        return self

    def send_back(self, instance_id: int, node: str, target: str, *, straight: bool = False) -> None:
        held = read_item(self.desk.item(instance_id, node).pk)
        actor = self.desk.cast.actor("advisor" if node == "hand_over" else "technician")
        send_back(held, target, straight=straight, actor=actor, reason="再看", around=AROUND)

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
