"""Workers that are killed, and workers that work at once: nothing is lost, and receivers can tell a repeat."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from bihuan.kernel import clock
from bihuan.notify.models import Channel, Message, Notice
from bihuan.notify.notices import About, notify_people
from bihuan.notify.outbox import LEASE, send_due
from bihuan.notify.planning import plan_notices
from bihuan.notify.sealing import sealed
from tests.cast import Cast
from tests.notify.receivers import HttpReceiver
from tests.processes.test_killing import spawn

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS, NOTICES = 3, 24


@pytest.fixture
def channel(cast: Cast, receiver: HttpReceiver) -> Iterator[Channel]:
    yield Channel.objects.create(
        site=cast.yl, kind="webhook", name="值班平台", settings={"url": receiver.url},
        secrets={"secret": sealed("0123456789abcdef", "secret")},
    )  # fmt: skip


def at_once(work: Callable[[], object]) -> None:
    """The same work in several threads, each with its own connection."""
    barrier = threading.Barrier(WORKERS)

    def run(_: int) -> None:
        try:
            barrier.wait(timeout=20)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(run, range(WORKERS)))


def test_a_worker_killed_while_it_waits_for_the_answer_loses_nothing_and_its_repeat_is_known(
    cast: Cast, channel: Channel, receiver: HttpReceiver
) -> None:
    notify_people([cast.user("advisor").pk], "缺件", about=About(site_id=cast.yl.pk))
    receiver.may_answer.clear()
    worker = spawn("-m", "bihuan.cli.main", "worker", "--once")
    try:
        assert receiver.arrived.wait(60)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    receiver.may_answer.set()
    held = Message.objects.get()
    assert (held.status, held.attempts) == ("waiting", 1)
    assert send_due().taken == 0, "still leased to the dead worker"
    with clock.frozen(clock.now() + LEASE):
        assert send_due().delivered == 1
        assert send_due().taken == 0
    assert [request.headers["webhook-id"] for request in receiver.requests] == [held.uid, held.uid]
    seen = {request.json["id"]: request.json["title"] for request in receiver.requests}
    assert seen == {held.uid: "缺件"}


def test_workers_at_once_plan_and_send_everything_once(cast: Cast, channel: Channel, receiver: HttpReceiver) -> None:
    people = [cast.user("advisor").pk, cast.user("technician").pk]
    for number in range(NOTICES):
        notify_people(people, f"第 {number} 条", about=About(site_id=cast.yl.pk))

    def plan() -> None:
        while plan_notices(clock.now(), limit=5):
            pass

    at_once(plan)
    assert not Notice.objects.filter(planned_at__isnull=True).exists()
    assert Message.objects.count() == NOTICES
    at_once(lambda: send_due(limit=1000))
    assert sorted(request.json["title"] for request in receiver.requests) == sorted(
        f"第 {number} 条" for number in range(NOTICES)
    )
    assert all(len(request.json["told"]) == 2 for request in receiver.requests)
    assert set(Message.objects.values_list("status", flat=True)) == {"delivered"}
