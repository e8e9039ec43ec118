"""Killing what works, in the middle of its work: nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.processes import engine_store as store
from bihuan.processes import jobs
from bihuan.processes.contract import Surroundings
from bihuan.processes.models import Job, WorkItem
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, REMINDER

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


def spawn(*words: str) -> subprocess.Popen[str]:
    """A process of its own on the test's database."""
    name = connection.settings_dict["NAME"]
    address = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"postgres:///{name}"
    environment = {**os.environ, "BIHUAN_DB": address, "DJANGO_SETTINGS_MODULE": "bihuan.config.settings"}
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def kill_inside(*words: str) -> None:
    """Let the doomed process come to the middle of its transaction, and kill it there."""
    doomed = spawn("-m", "tests.processes.doomed", *words)
    try:
        assert doomed.stdout is not None and doomed.stdout.readline() == "inside\n"
    finally:
        doomed.send_signal(signal.SIGKILL)
        doomed.communicate()


def test_a_worker_killed_in_the_middle_of_a_timer_loses_and_doubles_nothing(desk: Desk) -> None:
    instance = desk.start(REMINDER, "reminder").instance_id
    kill_inside("timer")
    job = Job.objects.get()
    assert (job.attempts, desk.open_nodes(instance)) == (1, ["wait"])
    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert jobs.fire_due(around=Surroundings()).taken == 0, "still leased to the dead worker"
    with clock.frozen(clock.now() + timedelta(hours=2, minutes=2)):
        assert jobs.fire_due(around=Surroundings()) == jobs.Ran(done=1)
        assert jobs.fire_due(around=Surroundings()).taken == 0
    assert desk.open_nodes(instance) == ["chase", "wait"]
    assert verify() == []


def test_a_server_killed_while_an_item_is_completed_leaves_it_open_to_be_completed_once(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}).instance_id
    item, advisor = desk.item(instance, "fill").pk, desk.cast.user("advisor")
    kill_inside("item", str(item), advisor.username)
    assert desk.open_nodes(instance) == ["fill"]
    assert Entry.objects.filter(chain=f"instance:{instance}").count() == 1
    # The browser sends its form again, twice.
    actor = desk.cast.actor("advisor")
    first = store.complete_item(item, {"amount": 5}, actor=actor, once_key="k")
    again = store.complete_item(item, {"amount": 5}, actor=actor, once_key="k")
    assert (first.repeated, again.repeated) == (False, True)
    assert WorkItem.unscoped.filter(instance_id=instance).count() == 2
    assert verify() == []


def test_the_worker_command_stops_cleanly_when_asked() -> None:
    worker = spawn("-m", "bihuan.cli.main", "worker")
    assert worker.stdout is not None and worker.stdout.readline() == "后台进程已启动\n"
    worker.terminate()
    said, _ = worker.communicate(timeout=20)
    assert (worker.returncode, said) == (0, "后台进程已停止\n")


def test_the_worker_command_does_what_is_due_and_ends(desk: Desk) -> None:
    instance = desk.start(REMINDER, "reminder").instance_id
    Job.objects.update(due_at=clock.now(), run_at=clock.now())
    once = spawn("-m", "bihuan.cli.main", "worker", "--once")
    said, _ = once.communicate(timeout=60)
    assert (once.returncode, said) == (0, "完成 1 个任务，失败 0 个\n")
    assert desk.open_nodes(instance) == ["chase", "wait"]
