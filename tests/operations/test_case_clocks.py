"""Clocks of a case: which ends are theirs, and what an end says about them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.forms.texts import publish_text
from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.limits.reading import figures_of
from bihuan.operations.cases import start_case, start_process
from bihuan.operations.people.ending import terminate_case, wake_case, withdraw_case
from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store
from bihuan.processes.handling.returning import recall_item
from bihuan.processes.models import WorkItem
from bihuan.records.models import Case
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
SOLVE = '[[limit]]\nkey = "solve"\nname = "解决"\ntarget = "2h"\nof = "case"\nstart = "started"\n'
CALL = '<callActivity id="ask" calledElement="inquiry"/>'


@pytest.fixture
def case(cast: Cast) -> Case:
    """受理 → 调用“询问”（答） → 办结, 旁边另有一个流程（补）；解决时限不写停在哪里。"""
    publish_text("limits/test", SOLVE)
    steps = (task("accept", role="customer_care"), CALL, task("close", role="customer_care"))
    engine_store.publish(bpmn("inquiry", START, task("answer", role="advisor"), END,
                              flows="start>answer answer>end"), "inquiry")  # fmt: skip
    engine_store.publish(bpmn("suggestion", START, *steps, END,
                              flows="start>accept accept>ask ask>close close>end"), "suggestion")  # fmt: skip
    engine_store.publish(bpmn("beside", START, task("pay", role="cashier"), END,
                              flows="start>pay pay>end"), "beside")  # fmt: skip
    found = start_case("suggestion", actor=cast.actor("customer_care"))
    start_process(found, actor=cast.system, process="beside")
    return found


def do(cast: Cast, node: str, who: str) -> None:
    item = WorkItem.unscoped.get(node_id=node, status="open")
    engine_store.complete_item(item.pk, {}, actor=cast.actor(who), around=surroundings())


def solve() -> Clock:
    return Clock.unscoped.get(key="solve")


def test_neither_a_called_process_nor_one_beside_it_ends_the_cases_clock(cast: Cast, case: Case) -> None:
    do(cast, "accept", "customer_care")
    do(cast, "answer", "advisor")
    assert solve().stopped_at is None
    do(cast, "pay", "cashier")
    assert solve().stopped_at is None
    clock.move(clock.now() + timedelta(hours=3))
    do(cast, "close", "customer_care")
    assert (solve().met, Clock.unscoped.count()) == (False, 1)


@pytest.mark.parametrize("way", [withdraw_case, terminate_case])
def test_a_process_that_is_called_off_says_nothing_about_its_limits(cast: Cast, case: Case, way: object) -> None:
    who = "customer_care" if way is withdraw_case else "site_manager"
    way(case.pk, actor=cast.actor(who), reason="不办了")  # type: ignore[operator]
    assert solve().stopped_at is not None and solve().met is None


def test_an_end_that_ends_every_branch_is_an_end(cast: Cast) -> None:
    publish_text("limits/test", SOLVE)
    final = '<endEvent id="end"><terminateEventDefinition/></endEvent>'
    xml = bpmn("suggestion", START, task("accept", role="customer_care"), final, flows="start>accept accept>end")
    engine_store.publish(xml, "suggestion")
    start_case("suggestion", actor=cast.system)
    do(cast, "accept", "customer_care")
    assert solve().met is True


@pytest.fixture
def two_steps(cast: Cast) -> Case:
    """受理 → 办结; 首次响应停在受理，解决停在流程结束，都从开始起两小时。"""
    respond = SOLVE.replace("solve", "respond") + 'stop = "completed:accept"\n'
    publish_text("limits/test", SOLVE + 'reopen = "exclude"\n' + respond)
    steps = (task("accept", role="customer_care"), task("close", role="customer_care"))
    xml = bpmn("suggestion", START, *steps, END, flows="start>accept accept>close close>end")
    engine_store.publish(xml, "suggestion")
    return start_case("suggestion", actor=cast.actor("customer_care"))


def later(**span: float) -> None:
    clock.move(clock.now() + timedelta(**span))


def test_a_step_taken_back_has_not_stopped_its_clock(cast: Cast, two_steps: Case) -> None:
    later(minutes=30)
    do(cast, "accept", "customer_care")
    later(minutes=30)
    item = WorkItem.unscoped.get(node_id="accept")
    recall_item(item.pk, actor=cast.actor("customer_care"), reason="填错", around=surroundings())
    later(minutes=90)
    do(cast, "accept", "customer_care")
    [held] = Clock.unscoped.filter(key="respond")
    assert (held.met, figures_of(held).used_seconds) == (False, 150 * 60)


@pytest.mark.parametrize("called_off", [False, True])
def test_a_process_woken_goes_on_with_its_limits_the_way_they_say(
    cast: Cast, two_steps: Case, called_off: bool
) -> None:
    later(minutes=30)
    do(cast, "accept", "customer_care")
    later(minutes=30)
    if called_off:
        terminate_case(two_steps.pk, actor=cast.actor("site_manager"), reason="客户撤回")
    else:
        do(cast, "close", "customer_care")
    later(days=3)
    wake_case(two_steps.pk, actor=cast.actor("customer_care"), reason="漏了附件")
    assert figures_of(solve()).remaining_seconds == 3600, "the days in between do not count"
    later(minutes=61)
    do(cast, "close", "customer_care")
    assert solve().met is False
    assert Clock.unscoped.get(key="respond").met is True
