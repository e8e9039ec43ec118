"""Timers and background jobs: fired once, tried again, given up on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.org.models import Department
from bihuan.processes import engine_store as store
from bihuan.processes import jobs
from bihuan.processes.contract import Surroundings
from bihuan.processes.history import replay
from bihuan.processes.models import Definition, Instance, Job
from bihuan.processes.publishing import RefusedDefinitionError
from bihuan.processes.worker import Worker
from tests.processes.conftest import Desk
from tests.processes.models import DEADLINE, END, REMINDER, START, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
AROUND = Surroundings()


def later(**span: float) -> None:
    clock.move(clock.now() + timedelta(**span))


def test_a_timer_fires_when_it_is_due_and_not_before(desk: Desk) -> None:
    instance = desk.start(REMINDER, "reminder").instance_id
    later(minutes=59)
    assert jobs.fire_due(around=AROUND).taken == 0
    later(minutes=1)
    assert jobs.fire_due(around=AROUND) == jobs.Ran(done=1)
    assert desk.open_nodes(instance) == ["chase", "wait"]
    assert jobs.fire_due(around=AROUND).taken == 0
    assert Job.objects.count() == 0


def nagging(rhythm: str) -> str:
    """Whoever works is reminded again and again, from the file or from what was entered."""
    edge = (
        '<boundaryEvent id="nag" name="催" attachedToRef="wait" cancelActivity="false"><timerEventDefinition>'
        f"<timeCycle>{rhythm}</timeCycle></timerEventDefinition></boundaryEvent>"
    )
    return bpmn("nagging", START, task("wait", role="advisor"), END, edge, flows="start>wait wait>end nag>end")


@pytest.mark.parametrize("rhythm", ["R/PT1S", "R3/PT59S", '="R/PT" + "10S"', "R/2026-11-02T00:00/PT0.5S"])
def test_a_timer_that_would_repeat_too_often_is_not_published(desk: Desk, rhythm: str) -> None:
    with pytest.raises(RefusedDefinitionError, match=r"定时「催」重复得太密.*至少 60 秒") as refused:
        store.publish(nagging(rhythm), "nagging")
    [problem] = refused.value.problems
    assert (problem.element, problem.element_id, problem.line, problem.code) == ("boundaryEvent", "nag", 1, "too-often")
    assert not Definition.objects.exists()


def test_a_timer_that_goes_off_once_or_rarely_is_published(desk: Desk) -> None:
    once = nagging("R/PT1S").replace('cancelActivity="false"', "")
    for number, xml in enumerate((nagging("R/PT1M"), nagging("R/P9999Y"), once), start=1):
        assert store.publish(xml, "nagging").number == number


def test_a_rhythm_computed_from_data_is_held_back(desk: Desk) -> None:
    desk.start(nagging("=rhythm"), "nagging", {"rhythm": "R/PT1S"})
    later(seconds=1)
    assert jobs.fire_due(around=AROUND).done == 1
    later(seconds=59)
    assert jobs.fire_due(around=AROUND).taken == 0
    later(seconds=1)
    assert jobs.fire_due(around=AROUND).done == 1


def test_finishing_in_time_takes_the_timer_away(desk: Desk) -> None:
    instance = desk.start(REMINDER, "reminder").instance_id
    assert Job.objects.filter(kind="timer", instance_id=instance).count() == 1
    desk.complete(instance, "wait", by="advisor")
    assert Job.objects.count() == 0


def test_an_interrupting_timer_cancels_the_work(desk: Desk) -> None:
    instance = desk.start(DEADLINE, "deadline").instance_id
    later(minutes=10)
    jobs.fire_due(around=AROUND)
    assert (desk.open_nodes(instance), desk.status(instance)) == ([], "completed")
    row = Instance.unscoped.get(pk=instance)
    assert replay(instance).to_json()["status"] == "ended" and row.ended_at == clock.now()


def test_a_fired_timer_is_the_systems_step(desk: Desk) -> None:
    from_start = desk.start(DEADLINE, "deadline")
    seen: list[Any] = []
    later(minutes=10)
    jobs.fire_due(around=Surroundings(observe=seen.append))
    assert [(step.instance_id, step.actor_id) for step in seen] == [(from_start.instance_id, None)]


def test_jobs_run_in_the_order_in_which_they_are_due() -> None:
    done: list[int] = []
    for minutes in (3, 1, 2):
        jobs.enqueue("note", {"minutes": minutes}, due_at=clock.now() + timedelta(minutes=minutes))
    later(minutes=5)
    jobs.run_due(handlers={"note": lambda job: done.append(job.payload["minutes"])})
    assert done == [1, 2, 3]


def test_a_job_without_a_handler_here_is_left_for_another_worker() -> None:
    jobs.enqueue("mail")
    assert jobs.run_due(handlers={"note": lambda job: None}).taken == 0
    assert Job.objects.get().attempts == 0


def test_a_failing_job_leaves_nothing_rests_longer_each_time_and_is_given_up(desk: Desk) -> None:
    def fail(job: jobs.TakenJob) -> None:
        Department.objects.create(site_id=desk.site_id, name="半途")
        raise ValueError("broken")

    jobs.enqueue("note")
    rests = []
    for _ in range(jobs.MAX_ATTEMPTS):
        before = clock.now()
        assert jobs.run_due(handlers={"note": fail}) == jobs.Ran(failed=1)
        job = Job.objects.get()
        rests.append((job.run_at - before).total_seconds())
        assert jobs.run_due(handlers={"note": fail}).taken == 0
        clock.move(job.run_at)
    assert rests == [5, 10, 20, 40, 80, 160, 320, 640]
    assert job.dead_at is not None and job.last_error == "ValueError: broken"
    assert not Department.objects.filter(name="半途").exists()
    assert jobs.run_due(handlers={"note": fail}).taken == 0


def test_a_dead_job_can_be_revived() -> None:
    jobs.enqueue("note")
    Job.objects.update(dead_at=clock.now(), attempts=8)
    jobs.revive_job(Job.objects.get().pk)
    assert jobs.run_due(handlers={"note": lambda job: None}) == jobs.Ran(done=1)
    with pytest.raises(NotFound):
        jobs.revive_job(1)


def test_a_leased_job_is_free_again_when_its_worker_is_gone() -> None:
    jobs.enqueue("note")
    [lost] = jobs.take_due(clock.now(), 5, kinds=["note"])
    assert jobs.take_due(clock.now(), 5, kinds=["note"]) == []
    later(seconds=61)
    assert jobs.run_due(handlers={"note": lambda job: None}) == jobs.Ran(done=1)
    # The first worker comes back from the dead: its lease is worth nothing now.
    assert jobs._run(lost, lambda job: pytest.fail("done twice"), clock.now()) == jobs.Ran(gone=1)


def test_work_enqueued_in_a_transaction_that_fails_is_never_done() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        jobs.enqueue("note")
        raise ZeroDivisionError
    assert jobs.next_due() is None


def test_a_round_of_the_worker_does_jobs_and_ticks_and_survives_both_failing() -> None:
    ticked: list[Any] = []

    def fail(_: Any) -> None:
        raise RuntimeError("broken")

    jobs.enqueue("bad")
    jobs.enqueue("good")
    worker = Worker({"bad": fail, "good": lambda job: None}, ticks=[fail, ticked.append])
    assert worker.round() == jobs.Ran(done=1, failed=1)
    assert ticked == [clock.now()]


def test_a_worker_looks_at_least_once_a_second() -> None:
    with pytest.raises(ValueError, match="within a second"):
        Worker({}, poll_seconds=5)
