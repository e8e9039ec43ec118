"""挂起 holds a case with everything that runs on it, says why, and gives the time back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.forms.texts import publish_text
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict
from bihuan.limits.models import Clock
from bihuan.operations.cases import start_case, start_process, why_suspended
from bihuan.operations.people.ending import resume_case, resume_process, suspend_case, suspend_process
from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.models import Case
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
LIMITS = '[[limit]]\nkey = "hour"\nname = "一小时"\ntarget = "1h"'


@pytest.fixture
def case(cast: Cast) -> Case:
    """A case with its own process and one beside it, each with an hour to do."""
    publish_text("limits/test", LIMITS)
    for key in ("suggestion", "beside"):
        step = task("work", role="customer_care", limit="hour")
        engine_store.publish(bpmn(key, START, step, END, flows="start>work work>end"), key)
    found = start_case("suggestion", actor=cast.system)
    start_process(found, actor=cast.system, process="beside")
    return found


def stands(case: Case) -> dict[str, tuple[str, str, bool]]:
    """By process: how it stands, how its work stands, whether the clock runs."""
    found = {}
    for item in WorkItem.unscoped.filter(instance__subject_id=case.pk).select_related("instance"):
        held = Clock.unscoped.get(subject_kind="item", subject_id=item.pk)
        found[item.instance.process_id] = (item.instance.status, item.status, held.paused_at is None)
    return found


RUNS, STANDS = ("running", "open", True), ("suspended", "waiting", False)


def test_everything_on_the_case_stands_still_and_gets_its_time_back(cast: Cast, case: Case) -> None:
    manager, began = cast.actor("site_manager"), clock.now()
    suspend_case(case.pk, actor=manager, reason="客户出国")
    assert stands(case) == {"suggestion": STANDS, "beside": STANDS}
    assert {why_suspended(one) for one in Instance.unscoped.filter(subject_id=case.pk)} == {"客户出国"}
    for item in WorkItem.unscoped.all():
        with pytest.raises(Conflict, match="已挂起"):
            engine_store.complete_item(item.pk, {}, actor=cast.actor("customer_care"), around=surroundings())
    with pytest.raises(Conflict, match="单据已挂起（客户出国）"):
        start_process(case, actor=cast.system, process="beside")
    clock.move(began + timedelta(days=2))
    resume_case(case.pk, actor=manager)
    assert stands(case) == {"suggestion": RUNS, "beside": RUNS}
    due = began + timedelta(days=2, hours=1)
    assert set(WorkItem.unscoped.values_list("due_at", flat=True)) == {due}


def test_what_stood_still_before_goes_on_standing_still(cast: Cast, case: Case) -> None:
    manager = cast.actor("site_manager")
    suspend_process(Instance.unscoped.get(process_id="beside"), "版本停用", actor=manager)
    clock.move(clock.now() + timedelta(minutes=1))
    assert stands(case) == {"suggestion": RUNS, "beside": STANDS}
    suspend_case(case.pk, actor=manager, reason="客户出国")
    resume_case(case.pk, actor=manager)
    assert stands(case) == {"suggestion": RUNS, "beside": STANDS}
    resume_process(Instance.unscoped.get(process_id="beside"), "", actor=manager)
    assert stands(case) == {"suggestion": RUNS, "beside": RUNS}
