"""The checker itself: what is whole is found whole, and each kind of damage is found and named."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from bihuan.audit.models import Entry
from bihuan.cli import audit
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.standing import end_instance, resume_instance, suspend_instance
from bihuan.processes.jobs import revive_job
from bihuan.processes.models import Incident, Instance, Job, Message, Subscription, WorkItem
from tests.audit.intruder import tamper
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, ARRIVAL, BOOKING, CALLER, PARALLEL, REMINDER, SENDER


def kinds() -> set[str]:
    return {damage.kind for damage in check_instances()}


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A bit of everything: parallel work, a timer, a message waited for, an incident, a called process, an end."""
    parallel = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=7).instance_id
    desk.complete(parallel, "wash", by="technician")
    desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=7)
    desk.start(REMINDER, "reminder")
    desk.start(ARRIVAL, "arrival", {"case_id": 7})
    desk.start(BOOKING, "booking")
    store.publish(APPROVAL, "approval")
    desk.start(CALLER, "caller", {"number": "A1", "owner": None})
    returned = desk.start(CALLER, "caller", {"number": "A3", "owner": None}).instance_id
    called = Instance.unscoped.get(parent_id=returned).pk
    desk.complete(called, "fill", {"amount": 5}, by="advisor")
    desk.complete(called, "close", by="advisor")
    ended = desk.start(APPROVAL, "approval", {"number": "A2", "owner": None}).instance_id
    desk.complete(ended, "fill", {"amount": 5}, by="advisor")
    desk.complete(ended, "close", by="advisor")
    stopped = desk.start(REMINDER, "reminder").instance_id
    sender = desk.start(SENDER, "sender", {"case_id": 8}).instance_id
    desk.complete(sender, "drive", by="advisor")
    desk.start(ARRIVAL, "arrival", {"case_id": 8})
    store.cancel_instance(stopped, "不做了", actor=desk.cast.actor("advisor"))
    return desk


def test_whatever_the_product_stores_is_whole(busy: Desk) -> None:
    assert list(check_instances()) == []


def test_only_the_instances_asked_for_are_checked_and_all_are_counted(busy: Desk) -> None:
    counted: list[int] = []
    assert list(check_instances(counted=counted.append)) == []
    assert sum(counted) == Instance.unscoped.count()
    first = Instance.unscoped.order_by("pk").values_list("pk", flat=True)[0]
    tamper_table("UPDATE processes_workitem SET status = 'cancelled'")
    assert {damage.instance for damage in check_instances([first])} == {first}


def test_a_timer_given_up_and_revived_is_no_damage(busy: Desk) -> None:
    later = clock.now() + timedelta(hours=3)
    Job.objects.update(dead_at=later)
    with clock.frozen(later):
        revive_job(Job.objects.get().pk)
        assert kinds() == set()


def tamper_table(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount > 0


def in_state(change: Callable[[dict[str, Any]], object], **which: Any) -> None:
    row = Instance.unscoped.filter(**which).order_by("pk").first()
    assert row is not None
    data = json.loads(row.state)
    change(data)
    Instance.unscoped.filter(pk=row.pk).update(state=json.dumps(data))


DEEP = argparse.Namespace(chain=None, anchor=None, json=False, deep=True)
RUNNING = {"status": "running", "process_id": "parallel"}
DAMAGES: dict[str, tuple[str, Callable[[], object]]] = {
    "an item taken out": ("item-missing", lambda: WorkItem.unscoped.filter(status="open").delete()),
    "an item reopened": (
        "item-extra", lambda: WorkItem.unscoped.filter(status="done").update(status="open", completed_at=None),
    ),
    "an item at another node": ("item-extra", lambda: WorkItem.unscoped.filter(status="open").update(node_id="x")),
    "an item closed behind the process": ("item-missing", lambda: WorkItem.unscoped.update(status="done")),
    "an item closed without its moment": ("item-time-differs", lambda: WorkItem.unscoped.update(completed_at=None)),
    "an item done that history tells as cancelled": (
        "item-unproven", lambda: WorkItem.unscoped.filter(status="cancelled").update(status="done"),
    ),
    "a timer lost": ("timer-missing", lambda: Job.objects.all().delete()),
    "a timer brought forward": (
        "timer-moved", lambda: Job.objects.update(due_at=clock.now() - timedelta(days=1)),
    ),
    "a timer put off": ("timer-moved", lambda: tamper_later()),
    "a timer too many": (
        "timer-extra",
        lambda: Job.objects.create(
            kind="timer", due_at=clock.now(), run_at=clock.now(), created_at=clock.now(), wait=99,
            instance=Instance.unscoped.filter(status="running").first(),
        ),
    ),
    "a subscription lost": ("subscription-missing", lambda: Subscription.unscoped.all().delete()),
    "a subscription too many": ("subscription-extra", lambda: Subscription.unscoped.update(wait=99)),
    "an incident lost": ("incident-missing", lambda: Incident.unscoped.all().delete()),
    "an incident too many": ("incident-extra", lambda: Incident.unscoped.update(number=99)),
    "a called process lost": (
        "call-missing", lambda: Instance.unscoped.filter(parent__isnull=False).update(parent=None),
    ),
    "a called process nobody waits for": (
        "call-extra", lambda: Instance.unscoped.filter(parent__isnull=False).update(parent_wait=99),
    ),
    "an end that was not reached": ("status-differs", lambda: Instance.unscoped.update(status="completed")),
    "an end without its moment": (
        "end-differs", lambda: Instance.unscoped.filter(status="completed").update(ended_at=None),
    ),
    "work left behind in an end": (
        "left-behind", lambda: in_state(lambda s: s.update(status="ended", outcome="completed"), **RUNNING),
    ),
    "nothing left to wait for": ("stuck", lambda: in_state(lambda s: s.pop("waits"), **RUNNING)),
    "a state that is not one": ("state-unreadable", lambda: Instance.unscoped.update(state='{"format": 99}')),
    "a wait without its token": ("token-missing", lambda: in_state(lambda s: s.pop("tokens"), **RUNNING)),
    "a token in a scope that is not there": (
        "scope-missing", lambda: in_state(lambda s: s["tokens"][0].__setitem__(slice(2, None), [55]), **RUNNING),
    ),
    "a number that will be given out twice": ("number-reused", lambda: in_state(lambda s: s.update(next=1), **RUNNING)),
    "a node that is not in the version": (
        "node-unknown", lambda: in_state(lambda s: s["tokens"][0].__setitem__(1, "nowhere"), **RUNNING),
    ),
    "a process that is not in the version": ("process-missing", lambda: Instance.unscoped.update(process_id="nothing")),
    "variables changed by hand": (
        "history-differs", lambda: in_state(lambda s: s["scopes"][0].update(variables={"amount": 1}), **RUNNING),
    ),
    "a step cut out of the history": (
        "steps-differ", lambda: tamper("DELETE FROM audit_entry WHERE chain = 'case:7' AND seq = 2"),
    ),
    "a step that cannot be read": (
        "history-unreadable",
        lambda: tamper("UPDATE audit_entry SET data = REPLACE(data, 'ItemOpened', 'ItemLost') WHERE chain = 'case:7'"),
    ),
    "a kept message that was given and is still there": (
        "message-twice", lambda: _keep(pk=_given(), correlation="8"),
    ),
    "a kept message passed over": (
        "message-missed", lambda: _keep(correlation="7"),
    ),
    "an item completed twice": (
        "item-twice",
        lambda: tamper(
            "INSERT INTO audit_entry (chain, seq, at, actor_id, action, site_id, data, prev_hash, hash) SELECT chain, "
            "seq + 90, at, actor_id, action, site_id, data, prev_hash, hash FROM audit_entry "
            "WHERE chain = 'case:7' AND seq = 2"
        ),
    ),
}  # fmt: skip


def _given() -> int:
    """The number of the one message that had been kept and was given to somebody."""
    [number] = [entry.data["messages"][0] for entry in Entry.objects.all() if "messages" in entry.data]
    return int(number)


def _keep(**columns: Any) -> None:
    site_id, now = Instance.unscoped.values_list("site_id", flat=True)[0], clock.now()
    Message.unscoped.create(site_id=site_id, name="arrived", sent_at=now, expires_at=now + timedelta(days=1), **columns)


def tamper_later() -> None:
    later = clock.now() + timedelta(days=9)
    Job.objects.update(due_at=later, run_at=later)


def test_each_damage_is_found_and_named(busy: Desk) -> None:
    """One set-up for all, each damage undone before the next: the table above is what the checker promises."""
    missed: dict[str, set[str]] = {}
    for name, (kind, inflict) in DAMAGES.items():
        with transaction.atomic():
            inflict()
            found = kinds()
            if kind not in found:
                missed[name] = found
            transaction.set_rollback(True)
    assert missed == {}
    assert kinds() == set(), "everything is whole again"


def test_the_command_counts_what_is_whole_and_names_what_is_not(busy: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.run_verify(DEEP) == 0
    assert "状态、待办、定时器与记录一致" in capsys.readouterr().out
    Job.objects.all().delete()
    assert audit.run_verify(DEEP) == 1
    assert "定时器不见了" in capsys.readouterr().out
    assert audit.run_verify(argparse.Namespace(**{**vars(DEEP), "json": True})) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["problems"], answer["instances"]) == (False, [], Instance.unscoped.count())
    assert [damage["kind"] for damage in answer["damages"]] == ["timer-missing"]


def test_a_called_process_cannot_end_while_its_caller_stands_still(desk: Desk) -> None:
    """Found by killing clients under load: the caller would never have heard of the end."""
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1", "owner": None}).instance_id
    called, admin = Instance.unscoped.get(parent_id=caller).pk, desk.cast.actor("admin")
    suspend_instance(caller, actor=admin, reason="等客户", around=Surroundings())
    with pytest.raises(Conflict, match="上级流程"):
        resume_instance(called, actor=admin, around=Surroundings())
    with pytest.raises(Conflict, match="上级流程"):
        store.cancel_instance(called, "", actor=admin)
    with pytest.raises(Conflict, match="上级流程"):
        end_instance(called, actor=admin, reason="", withdrawn=False, around=Surroundings())
    resume_instance(caller, actor=admin, around=Surroundings())
    assert desk.open_nodes(called) == ["fill"] and kinds() == set()
