"""People do whatever they may, in any order, to a process that calls another, which calls one for each of many.

After every deed the checker finds nothing wrong with what is stored; at the end what is open is done, and all ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bihuan.kernel.errors import BusinessError
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.returning import call_off_return, jump, recall_item, send_back
from bihuan.processes.handling.standing import resume_instance, suspend_instance
from bihuan.processes.models import Incident, Instance, WorkItem
from bihuan.processes.rows import read_item
from tests.processes.conftest import Desk
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
AROUND = Surroundings()
WHO = "technician"
EACH = '<multiInstanceLoopCharacteristics {}bihuan:collection="pumps" bihuan:item="pump"/>'


def call(node: str, called: str, loop: str = "") -> str:
    return f'<callActivity id="{node}" name="{node}" calledElement="{called}">{loop}</callActivity>'


FORK, JOIN = '<parallelGateway id="fork"/>', '<parallelGateway id="join"/>'
MEASURE = bpmn("measure", START, task("read", role=WHO), task("note", role=WHO), END,
               flows="start>read read>note note>end")  # fmt: skip
INSPECT = bpmn("inspect", START, task("look", role=WHO), call("each", "measure", EACH.format("")), END,
               flows="start>look look>each each>end")  # fmt: skip
VISIT = bpmn(
    "visit", START, task("prepare", role=WHO), FORK, call("check", "inspect"),
    call("turn", "measure", EACH.format('isSequential="true" ')), task("paint", role=WHO), JOIN,
    task("hand_over", role=WHO), END,
    flows="start>prepare prepare>fork fork>check fork>paint paint>turn check>join turn>join join>hand_over "
    "hand_over>end",
)  # fmt: skip
STEPS = ("prepare", "check", "paint", "hand_over")
# Enough to finish by completing what is open.
ENOUGH = 80
NUMBERS = st.integers(0, 9)


class Family(RuleBasedStateMachine):
    """Each rule is one thing a person may try; what is refused has changed nothing."""

    desk: ClassVar[Desk]

    @initialize(done=st.lists(NUMBERS, max_size=13))
    def begin(self, done: list[int]) -> None:
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.root = self.desk.start(VISIT, "visit", {"pumps": ["一号", "二号"]}).instance_id
        self.actor = self.desk.cast.actor(WHO)
        for number in done:
            self.complete(number)

    def pick(self, rows: Any, number: int) -> Any:
        found = list(rows.order_by("pk"))
        return found[number % len(found)] if found else None

    def items(self, *statuses: str) -> Any:
        return WorkItem.unscoped.filter(status__in=statuses)

    def try_(self, deed: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                deed()
        except BusinessError:
            return

    @rule(number=NUMBERS)
    def complete(self, number: int) -> None:
        item = self.pick(self.items("open"), number)
        if item is not None:
            self.try_(lambda: store.complete_item(item.pk, {}, actor=self.actor))

    @rule(number=NUMBERS, place=st.integers(0, 19), straight=st.booleans())
    def go_back(self, number: int, place: int, straight: bool) -> None:
        item = self.pick(self.items("open", "waiting"), number)
        if item is None:
            return
        held = read_item(item.pk)
        steps = steps_back(held)
        if steps:
            key = steps[place % len(steps)].key
            self.try_(lambda: send_back(held, key, straight=straight, actor=self.actor, reason="重办", around=AROUND))

    @precondition(lambda self: self.items("waiting").exists())
    @rule(number=NUMBERS)
    def go_on_without(self, number: int) -> None:
        item = self.pick(self.items("waiting"), number)
        self.try_(lambda: call_off_return(read_item(item.pk), actor=self.actor, reason="不用了", around=AROUND))

    @precondition(lambda self: Incident.unscoped.filter(resolved_at__isnull=True).exists())
    @rule(number=NUMBERS, again=st.booleans())
    def repair(self, number: int, again: bool) -> None:
        incident = self.pick(Incident.unscoped.filter(resolved_at__isnull=True), number)
        deed = store.retry_incident if again else store.skip_incident
        self.try_(lambda: deed(incident.pk, actor=self.actor))

    @rule(deed=st.sampled_from(["recall", "end_one", "be_put_elsewhere", "stand_still"]), number=NUMBERS)
    def seldom(self, deed: str, number: int) -> None:
        getattr(self, deed)(number)

    def recall(self, number: int) -> None:
        item = self.pick(self.items("done"), number)
        if item is not None:
            self.try_(lambda: recall_item(item.pk, actor=self.actor, around=AROUND))

    def end_one(self, number: int) -> None:
        child = self.pick(Instance.unscoped.filter(parent__isnull=False, status="running"), number)
        if child is not None:
            self.try_(lambda: store.cancel_instance(child.pk, "不办了", actor=self.actor))

    def be_put_elsewhere(self, number: int) -> None:
        target = STEPS[number % len(STEPS)]
        self.try_(lambda: jump(self.root, 0, target, actor=self.actor, reason="重来", around=AROUND, others_done=True))

    def stand_still(self, _number: int) -> None:
        self.try_(lambda: suspend_instance(self.root, actor=self.actor, reason="停工", around=AROUND))
        assert list(check_instances()) == []
        self.try_(lambda: resume_instance(self.root, actor=self.actor, around=AROUND))

    @invariant()
    def all_fits_together(self) -> None:
        if hasattr(self, "undone"):
            assert list(check_instances()) == []

    def teardown(self) -> None:
        """Everybody does what is open; then it is over."""
        if not hasattr(self, "undone"):
            return
        try:
            for _ in range(ENOUGH):
                for incident in Incident.unscoped.filter(resolved_at__isnull=True):
                    store.skip_incident(incident.pk, actor=self.actor)
                item = self.items("open").first()
                if item is None:
                    break
                store.complete_item(item.pk, {}, actor=self.actor)
            assert not Instance.unscoped.filter(ended_at__isnull=True) and list(check_instances()) == []
        finally:
            transaction.set_rollback(True)
            self.undone.__exit__(None, None, None)


_QUIET = settings(stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def family(desk: Desk) -> type[Family]:
    """The machine with the people of the desk, and the processes that are called published."""
    store.publish(MEASURE, "measure")
    store.publish(INSPECT, "inspect")
    Family.desk = desk
    return Family


def test_people_in_any_order_across_calls(family: type[Family]) -> None:
    run_state_machine_as_test(family, settings=settings(_QUIET, max_examples=4))


@pytest.mark.long
def test_people_in_many_orders_across_calls(family: type[Family]) -> None:
    run_state_machine_as_test(family, settings=settings(_QUIET, max_examples=150))
