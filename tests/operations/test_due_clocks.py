"""Limits are told about once, in order, whoever is killed and however the machine's clock is set."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bihuan.kernel import clock
from bihuan.limits.clocks import start_clock, stop_clock
from bihuan.limits.due import BATCH, next_moment
from bihuan.limits.models import STILL_TO_TELL, Clock, ClockStep
from bihuan.notify import notices
from bihuan.notify.models import Notice
from bihuan.operations.background import LimitWatch, product_worker
from bihuan.operations.timing import due_work
from bihuan.operations.timing.due_work import tell_due_clocks
from bihuan.processes.engine_store import publish, start_instance
from bihuan.processes.models import Instance, Job
from tests.cast import Cast
from tests.conftest import ON_POSTGRES
from tests.processes.models import DEADLINE
from tests.processes.test_killing import spawn

WAIT_SECONDS = 60


def start(cast: Cast, number: int, seconds: float, *, warn_before: float = 0) -> Clock:
    """A limit on a call whose breach is told to the manager of 云岭."""
    return start_clock(
        subject_kind="call",
        subject_id=number,
        key="answer_call",
        name=f"来电接听 {number}",
        site_id=cast.yl.pk,
        target_seconds=seconds,
        warn_before_seconds=warn_before,
        escalate_to="site_manager",
    )


def later(seconds: float) -> datetime:
    clock.move(clock.now() + timedelta(seconds=seconds))
    return clock.now()


def told() -> list[str]:
    """What the manager of 云岭 was told, in order."""
    mine = Notice.objects.filter(user__username="heping")
    return list(mine.order_by("pk").values_list("title", flat=True))


@pytest.mark.django_db
@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite has the machine's clock")
@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_worker_whose_clock_is_wrong_does_what_is_due_and_nothing_else(cast: Cast, hours: int) -> None:
    """Timers of processes, limits, their further steps: all by the database server's clock."""
    publish(DEADLINE, "deadline")
    ago = timedelta(minutes=-20)
    with clock.corrected_by(ago):
        due = start_instance("deadline", site_id=cast.yl.pk, actor=cast.system).instance_id
    waiting = start_instance("deadline", site_id=cast.yl.pk, actor=cast.system).instance_id
    step = {"at": "50%", "notify": ["site_manager"], "text": "过半"}
    for number, (seconds, began) in enumerate(((60, ago), (1800, timedelta()), (1800, ago))):
        with clock.corrected_by(began):
            start_clock(
                subject_kind="call", subject_id=number, key="answer", name=f"接听 {number}", site_id=cast.yl.pk,
                target_seconds=seconds, escalate_to="site_manager", rule={"steps": [step] if number else []},
            )  # fmt: skip
    with clock.corrected_by(timedelta(hours=hours)):
        worker = product_worker()
        worker.round()
        worker.round()
    assert [Instance.unscoped.get(pk=pk).status for pk in (due, waiting)] == ["completed", "running"]
    assert told()[0] == "已超时：接听 0"
    assert list(ClockStep.unscoped.filter(told_at__isnull=False).values_list("clock__subject_id", flat=True)) == [2]
    [fired] = Notice.objects.filter(user__username="heping", title__startswith="已超时").values_list("at", flat=True)
    assert abs(fired - clock.now()) < timedelta(minutes=1)


@pytest.mark.django_db
@pytest.mark.usefixtures("frozen_clock")
class TestOneWorker:
    def test_a_late_worker_catches_up_in_the_order_of_the_moments(self, cast: Cast) -> None:
        for number, seconds in enumerate((30, 10, 20)):
            start(cast, number, seconds)
        later(3600)
        assert tell_due_clocks() == 3
        assert told() == ["已超时：来电接听 1", "已超时：来电接听 2", "已超时：来电接听 0"]
        assert tell_due_clocks() == 0

    def test_one_clock_that_cannot_be_told_does_not_hold_up_the_others(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse_one(messages: Sequence[notices.Message]) -> int:
            if any(message.title.endswith(" 1") for message in messages):
                raise ValueError("broken")
            return notices.notify_all(messages)

        for number in range(3):
            start(cast, number, 10)
        later(11)
        with monkeypatch.context() as broken:
            broken.setattr(due_work, "notify_all", refuse_one)
            tell_due_clocks()
        assert told() == ["已超时：来电接听 0", "已超时：来电接听 2"]
        product_worker().round()
        assert told()[2:] == ["已超时：来电接听 1"]
        assert not Job.objects.exists() and tell_due_clocks() == 0

    def test_a_put_off_telling_is_dropped_when_the_clock_was_stopped_in_time_after_all(self, cast: Cast) -> None:
        held = start(cast, 1, 10)
        stop_clock(subject_kind="call", subject_id=1, key="answer_call")
        due_work.enqueue(due_work.TELL_CLOCK, {"clock": held.pk, "kind": "breach"})
        assert product_worker().round().done == 1
        assert told() == []

    def test_a_clock_set_back_tells_nothing_twice(self, cast: Cast) -> None:
        watch, began = LimitWatch(), clock.now()
        start(cast, 1, 10)
        watch(later(11))
        clock.move(began + timedelta(seconds=10.5))
        watch(clock.now())
        watch(later(60))
        assert told() == ["已超时：来电接听 1"]

    @pytest.mark.parametrize("restarted", [False, True])
    def test_what_a_clock_running_ahead_told_too_early_is_told_at_its_own_moment(
        self, cast: Cast, restarted: bool
    ) -> None:
        watch, began = LimitWatch(), clock.now()
        start(cast, 1, 600, warn_before=60)
        watch(later(3600))
        assert told() == ["已超时：来电接听 1"]
        clock.move(began + timedelta(seconds=5))
        watch = LimitWatch() if restarted else watch
        assert watch(clock.now()) == began + timedelta(seconds=540)
        assert not Clock.unscoped.filter(breached_at__isnull=False).exists()
        watch(later(594))
        assert told()[1:] == []
        watch(later(2))
        assert told()[1:] == ["已超时：来电接听 1"]

    def test_telling_a_portion_costs_the_same_statements_for_two_and_for_many(self, cast: Cast) -> None:
        def queries(count: int) -> int:
            Clock.unscoped.all().delete()
            for number in range(count):
                start(cast, number, 10)
            later(11)
            with CaptureQueriesContext(connection) as seen:
                assert tell_due_clocks() == count
            return len(seen)

        assert queries(2) == queries(12)

    def test_finding_what_is_due_reads_an_index_and_not_the_clocks(self, cast: Cast) -> None:
        start(cast, 1, 10)
        rows = Clock.unscoped.filter(STILL_TO_TELL, due_at__lt=clock.now()).order_by("due_at", "pk")[:BATCH]
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")
            plan = rows.explain()
        assert "limits_clock_due" in plan


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
class TestProcesses:
    def test_a_worker_killed_while_telling_leaves_the_clocks_to_be_told_once(self, cast: Cast) -> None:
        for number in range(3):
            start(cast, number, 0)
        doomed = spawn("-m", "tests.operations.doomed")
        try:
            assert doomed.stdout is not None and doomed.stdout.readline() == "inside\n"
            if connection.vendor == "postgresql":
                assert tell_due_clocks() == 0, "another worker holds them"
        finally:
            doomed.send_signal(signal.SIGKILL)
            doomed.communicate()
        assert told() == []
        assert (tell_due_clocks(), tell_due_clocks()) == (3, 0)
        assert len(told()) == 3

    def test_three_workers_one_of_them_killed_tell_every_clock_once_in_its_second(self, cast: Cast) -> None:
        workers = [spawn("-m", "bihuan.cli.main", "worker") for _ in range(3)]
        try:
            for worker in workers:
                assert worker.stdout is not None and worker.stdout.readline() == "后台进程已启动\n"
            with transaction.atomic():
                for number in range(300):
                    start(cast, number, 1 + number % 100 / 50)
            began = time.monotonic()
            while Clock.unscoped.filter(breach_told_at__isnull=False).count() < 100:
                assert time.monotonic() - began < WAIT_SECONDS
                time.sleep(0.05)
            workers[0].kill()
            while next_moment() is not None:
                assert time.monotonic() - began < WAIT_SECONDS
                time.sleep(0.05)
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
        assert Counter(told()) == Counter({f"已超时：来电接听 {number}": 1 for number in range(300)})
