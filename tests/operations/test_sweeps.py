"""Many running instances at once: moved to another version, held with their version, let go on; each one reported."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from django.db import OperationalError

from bihuan.audit.models import Entry
from bihuan.cli import processes
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.notify.models import Notice
from bihuan.operations.sweeps import (
    HANDLER,
    ask_migration,
    find_migration,
    held_instances,
    resume_held,
    run_sweep,
    stop_and_hold,
)
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.jobs import run_due
from bihuan.processes.migrating import preview_migration
from bihuan.processes.models import Instance, Job, Sweep, SweepRow, Version, WorkItem
from bihuan.processes.publishing import stop_version
from bihuan.processes.sweeping import SWEEP, counts_of, do_portion
from tests.cast import Cast
from tests.processes.models import CALLER, PARALLEL, REMINDER, flow, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]

CLEANED = PARALLEL.replace('"wash"', '"clean"')


def start(cast: Cast, key: str, xml: str, times: int = 1) -> list[int]:
    store.publish(xml, key)
    actor = cast.actor("advisor")
    return [store.start_instance(key, site_id=cast.yl.pk, actor=actor).instance_id for _ in range(times)]


def work() -> None:
    """The worker does what is due."""
    while run_due(handlers={SWEEP: HANDLER}).done:
        pass


def versions(*instances: int) -> list[int]:
    return [Instance.unscoped.get(pk=one).version.number for one in instances]


def test_what_runs_at_several_places_moves_and_what_cannot_is_reported(cast: Cast) -> None:
    at_start, washed, billed = start(cast, "parallel", PARALLEL, 3)
    for instance, node, who in ((washed, "wash", "technician"), (billed, "bill", "cashier")):
        item = WorkItem.unscoped.get(instance_id=instance, node_id=node)
        store.complete_item(item.pk, actor=cast.actor(who))
    store.publish(CLEANED, "parallel")
    admin = cast.actor("admin")
    with pytest.raises(NotAllowed):
        ask_migration(find_migration("parallel", [1], 2, {}), reason="新版", actor=cast.actor("site_manager"))
    sweep = ask_migration(find_migration("parallel", [1], 2, {}), reason="新版", actor=admin)
    with pytest.raises(Conflict, match="正在批量处理"):
        ask_migration(find_migration("parallel", [1], 2, {"wash": "clean"}), reason="新版", actor=admin)
    work()
    assert counts_of(sweep).done == 1 and versions(at_start, washed, billed) == [1, 2, 1]
    refused = sweep.rows.filter(outcome=SweepRow.Outcome.REFUSED)
    assert set(refused.values_list("reason", flat=True)) == {"新版本没有「wash」，也没有指定由哪个环节接着办"}
    assert Notice.objects.filter(user=cast.user("admin"), body="完成 1 件，2 件没有处理，原因见报告").exists()
    ask_migration(find_migration("parallel", [1], 2, {"wash": "clean"}), reason="洗车改叫清洁", actor=admin)
    work()
    assert versions(at_start, washed, billed) == [2, 2, 2] and not list(check_instances())
    logged = Entry.objects.filter(chain="process:parallel", action="process.migrate").order_by("seq")
    assert [(entry.data["instances"], entry.data["mapping"]) for entry in logged] == [(3, {}), (2, {"wash": "clean"})]


def _lose_the_database() -> None:
    raise OperationalError("server closed the connection unexpectedly")


def test_a_worker_that_died_is_followed_by_the_next(cast: Cast) -> None:
    instances = start(cast, "parallel", PARALLEL, 3)
    store.publish(CLEANED, "parallel")
    migration = find_migration("parallel", [1], 2, {"wash": "clean"})
    sweep = ask_migration(migration, reason="新版", actor=cast.actor("admin"))
    done: list[int] = []
    assert do_portion(sweep, lambda row: done.append(row.instance_id), limit=2)
    sweep.rows.filter(instance_id=instances[1]).update(outcome=SweepRow.Outcome.WAITING)
    with pytest.raises(OperationalError):
        do_portion(sweep, lambda row: _lose_the_database())
    assert counts_of(sweep).waiting == 2, "that is no instance's fault"
    assert not run_sweep(sweep.pk) and not run_sweep(sweep.pk)
    assert versions(*instances) == [1, 2, 2] and Sweep.objects.get(pk=sweep.pk).is_over


def test_what_can_no_longer_be_done_ends_with_its_reason_and_keeps_nobody_waiting(cast: Cast) -> None:
    start(cast, "parallel", PARALLEL)
    store.publish(CLEANED, "parallel")
    sweep = ask_migration(find_migration("parallel", [1], 2, {}), reason="新版", actor=cast.actor("admin"))
    Sweep.objects.filter(pk=sweep.pk).update(mapping={"wash": "split"})
    work()
    assert sweep.rows.get().reason == "「wash」是人工任务，「并行网关」是并行网关"
    ask_migration(find_migration("parallel", [1], 2, {}), reason="再来", actor=cast.actor("admin"))


def test_a_stopped_version_holds_what_runs_on_it_until_it_is_let_go_on(cast: Cast) -> None:
    [held, apart] = start(cast, "reminder", REMINDER, 2)
    store.cancel_instance(apart, "不办了", actor=cast.actor("advisor"))
    item = WorkItem.unscoped.get(instance_id=held)
    store.claim_item(item.pk, actor=cast.actor("advisor"))
    admin, version = cast.actor("admin"), Version.objects.get(definition__key="reminder")
    stop_version(version.pk, stopped=True, reason="先停发起", actor=admin)
    stop_and_hold(version.pk, reason="收费规定要改", actor=admin)
    work()
    assert held_instances(version.definition) == {version.pk: [held]}
    with pytest.raises(Conflict, match="流程已挂起"):
        store.complete_item(item.pk, actor=cast.actor("advisor"))
    assert Notice.objects.filter(user=cast.user("advisor"), body="您手上 1 项工作已暂停：收费规定要改").exists()
    store.publish(REMINDER.replace("PT1H", "PT2H"), "reminder")
    ask_migration(find_migration("reminder", [1], 2, {}), reason="新规定", actor=admin)
    work()
    resume_held(version.pk, reason="新规定已生效", actor=admin)
    work()
    with pytest.raises(Conflict, match="没有暂停着的流程"):
        resume_held(version.pk, reason="再来", actor=admin)
    store.complete_item(item.pk, actor=cast.actor("advisor"))
    assert Instance.unscoped.get(pk=held).status == "completed" and not list(check_instances())
    assert not Job.objects.filter(kind=SWEEP).exists()


def test_a_called_process_is_held_and_goes_on_with_the_caller_that_waits_for_it(cast: Cast) -> None:
    store.publish(PARALLEL.replace('"parallel"', '"approval"'), "approval")
    callers = start(cast, "caller", CALLER, 2)
    called, admin = Version.objects.get(definition__key="approval"), cast.actor("admin")
    for command, status in ((stop_and_hold, "suspended"), (resume_held, "running")):
        sweep = command(called.pk, reason="规定有误", actor=admin)
        assert sweep is not None
        work()
        assert counts_of(sweep).done == 2
        rows = Instance.unscoped.values_list("status", flat=True)
        assert set(rows.filter(pk__in=callers)) == set(rows.filter(parent_id__in=callers)) == {status}
    assert not list(check_instances())


LOOKING = '<startEvent id="begin"/>' + task("look", role="technician") + flow("begin>look")
INNER = f'<process id="inner" isExecutable="true">{LOOKING}</process>'
INSPECTION = CALLER.replace('"approval"', '"inner"').replace("</definitions>", f"{INNER}</definitions>")


def test_a_caller_and_what_it_called_of_the_same_file_move_together_or_not_at_all(cast: Cast) -> None:
    [caller] = start(cast, "caller", INSPECTION)
    [called] = Instance.unscoped.filter(parent_id=caller).values_list("pk", flat=True)
    store.publish(INSPECTION.replace('"look"', '"test"'), "caller")
    for mapping, numbers, reason in (
        ({}, [1, 1], "新版本没有「look」"),
        ({"look": "test"}, [2, 2], ""),
    ):
        way = find_migration("caller", [1], 2, mapping)
        told = preview_migration(way)
        assert (told.movable, len(told.blocked)) == ((0, 2) if reason else (2, 0))
        sweep = ask_migration(way, reason="新规定", actor=cast.actor("admin"))
        work()
        assert versions(caller, called) == numbers
        assert all(reason in row.reason for row in sweep.rows.all())
    assert not list(check_instances())


def test_processes_that_one_caller_has_called_each_move_by_themselves(cast: Cast) -> None:
    each = '<multiInstanceLoopCharacteristics bihuan:collection="[1, 2]" bihuan:item="number"/></callActivity>'
    store.publish(PARALLEL, "parallel")
    [caller] = start(cast, "caller", CALLER.replace('"approval"/>', f'"parallel">{each}'))
    washed, billed = Instance.unscoped.filter(parent_id=caller).order_by("pk").values_list("pk", flat=True)

    def complete(instance: int, node: str, who: str) -> None:
        item = WorkItem.unscoped.get(instance_id=instance, node_id=node, status="open")
        store.complete_item(item.pk, actor=cast.actor(who))

    complete(washed, "wash", "technician")
    complete(billed, "bill", "cashier")
    store.publish(PARALLEL.replace('"bill"', '"charge"'), "parallel")
    way = find_migration("parallel", [1], 2, {})
    told = preview_migration(way)
    assert told.movable == 1 and [seen.instance_id for seen in told.blocked] == [washed]
    ask_migration(way, reason="收款改名", actor=cast.actor("admin"))
    work()
    assert versions(caller, washed, billed) == [1, 1, 2] and not list(check_instances())
    complete(washed, "bill", "cashier")
    complete(billed, "wash", "technician")
    assert WorkItem.unscoped.get(instance_id=caller).node_id == "after" and not list(check_instances())


def test_versions_that_are_not_there_are_told(cast: Cast) -> None:
    start(cast, "parallel", PARALLEL)
    with pytest.raises(BusinessError, match="没有第 7 版"):
        find_migration("parallel", [1], 7, {})
    with pytest.raises(BusinessError, match="请选择原版本"):
        find_migration("parallel", [], 1, {})
    store.publish(CLEANED, "parallel")
    with pytest.raises(BusinessError, match="没有进行中的流程"):
        ask_migration(find_migration("parallel", [2], 1, {}), reason="回去", actor=cast.actor("admin"))


def test_the_command_line_looks_moves_holds_and_lets_go_on(cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    start(cast, "parallel", PARALLEL, 2)
    store.publish(CLEANED, "parallel")

    def told(*words: str) -> tuple[int, dict[str, Any]]:
        parser = argparse.ArgumentParser()
        processes.register(parser.add_subparsers())
        arguments = parser.parse_args(["process", *words, "--json"])
        code = arguments.run(arguments)
        return code, json.loads(capsys.readouterr().out or "{}")

    code, shown = told("migrate", "parallel", "--preview")
    assert (code, shown["movable"], len(shown["blocked"])) == (1, 0, 2)
    assert told("migrate", "parallel", "--map", "wash") == (2, {})
    assert told("migrate", "parallel", "--map", "wash=clean", "--reason", "新版") == (0, {"done": 2, "refused": []})
    assert told("hold", "parallel", "--version", "2", "--reason", "停一停") == (0, {"done": 2, "refused": []})
    newest = told("versions", "parallel")[1]["versions"][0]
    assert newest == {"number": 2, "current": True, "stopped": True, "running": 0, "suspended": 2, "held": 2}
    assert told("resume", "parallel", "--version", "2", "--reason", "好了") == (0, {"done": 2, "refused": []})
