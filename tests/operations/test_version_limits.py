"""Limits of processes: kept with the version that work began on, worked out for each piece of work."""

from __future__ import annotations

import pytest

from bihuan.forms.texts import publish_text
from bihuan.limits.models import Clock
from bihuan.operations.cases import start_case
from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store
from bihuan.processes.models import WorkItem
from bihuan.processes.publishing import renew_limits
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_running_work_keeps_the_limits_it_began_under(cast: Cast) -> None:
    """Running clocks are left alone by a changed rule book, and later clocks of old work take the old rules too."""
    rule = '[[limit]]\nkey = "solve"\nname = "处理"\nof = "case"\nstart = "started"\nstop = "completed:受理"\n'
    step = '[[limit]]\nkey = "parts"\nname = "备料"\n'
    xml = bpmn(
        "suggestion", START, task("受理", role="customer_care"), task("备料", role="parts_clerk", limit="parts"), END,
        flows="start>受理 受理>备料 备料>end",
    )  # fmt: skip
    publish_text("limits/test", f'{rule}target = "2h"\n{step}target = "30m"')
    engine_store.publish(xml, "suggestion")
    old = start_case("suggestion", actor=cast.system)
    publish_text("limits/test", f'{rule}target = "5h"\n{step}target = "45m"')
    [renewed] = renew_limits()
    new = start_case("suggestion", actor=cast.system)
    assert (renewed.number, renew_limits()) == (2, [])
    for case in (old, new):
        item = WorkItem.unscoped.get(instance__subject_id=case.pk)
        engine_store.complete_item(item.pk, {}, actor=cast.actor("customer_care"), around=surroundings())
    hours = {(held.subject_id, held.key): held.target_seconds / 3600 for held in Clock.unscoped.all()}
    later = {item.instance.subject_id: item.pk for item in WorkItem.unscoped.filter(status="open")}
    assert hours == {
        (old.pk, "solve"): 2, (later[old.pk], "parts"): 0.5, (new.pk, "solve"): 5, (later[new.pk], "parts"): 0.75,
    }  # fmt: skip


def test_each_of_several_people_has_the_target_worked_out_for_them(cast: Cast) -> None:
    limit = '[[limit]]\nkey = "own"\nname = "各自的时间"\ntarget = "=hours"\nwarn = 0.5'
    each = '<multiInstanceLoopCharacteristics bihuan:collection="=[1, 3]" bihuan:item="hours"/></userTask>'
    several = task("核对", role="customer_care", limit="own").replace("/>", f">{each}")
    xml = bpmn("suggestion", START, several, END, flows="start>核对 核对>end")
    publish_text("limits/test", limit)
    engine_store.publish(xml, "suggestion")
    start_case("suggestion", actor=cast.system)
    assert sorted(Clock.unscoped.values_list("target_seconds", flat=True)) == [3600, 10800]
