"""Several people, several workers, at the same moment: each thing happens exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.processes import engine_store as store
from bihuan.processes import jobs
from bihuan.processes.consistency import check_auto_starts, check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.returning import recall_item
from bihuan.processes.history import replay
from bihuan.processes.migrating import Migration, migrate_instance
from bihuan.processes.models import Instance, Job, Message, Subscription, Version, WorkItem
from bihuan.processes.starting import start_handlers
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, CALLER, LATE, PARALLEL, REMINDER, SENDER, daily

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 6


def at_once(work: Callable[[int], Any], crowd: int = CROWD) -> list[Any]:
    """The work by several threads that begin together; refusals are answers."""
    barrier = threading.Barrier(crowd)

    def one(number: int) -> Any:
        try:
            barrier.wait(timeout=20)
            return work(number)
        except BusinessError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(crowd) as pool:
        return list(pool.map(one, range(crowd)))


def test_of_people_completing_one_item_at_once_exactly_one_wins(desk: Desk) -> None:
    for _ in range(5):
        instance = desk.start(PARALLEL, "parallel").instance_id
        item = desk.item(instance, "wash").pk
        actors = [desk.cast.actor(who) for who in ("technician", "second_technician")]
        answers = at_once(lambda number: store.complete_item(item, actor=actors[number % 2]))  # noqa: B023 run at once
        winners = [answer for answer in answers if isinstance(answer, store.StepResult)]
        losers = [answer for answer in answers if isinstance(answer, Conflict)]
        assert (len(winners), len(losers)) == (1, CROWD - 1), answers
        assert all("完成" in loser.message for loser in losers)
        assert Entry.objects.filter(chain=f"instance:{instance}").count() == 2
        assert replay(instance).to_json() == _state(instance)
    assert verify() == []


def test_a_double_click_is_one_completion_with_one_answer(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}).instance_id
    item, actor = desk.item(instance, "fill").pk, desk.cast.actor("advisor")
    answers = at_once(lambda _: store.complete_item(item, {"amount": 500}, actor=actor, once_key="k"))
    assert all(isinstance(answer, store.StepResult) for answer in answers), answers
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * (CROWD - 1)
    assert len({answer.opened for answer in answers}) == 1
    assert WorkItem.unscoped.filter(instance_id=instance).count() == 2


def test_a_use_case_that_holds_the_item_first_writes_its_records_once(desk: Desk) -> None:
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}, subject_kind="case", subject_id=4).instance_id
    item, actor = desk.item(instance, "fill").pk, desk.cast.actor("advisor")

    def use_case(_: int) -> bool:
        with transaction.atomic():
            held = store.hold_item(item)
            if store.repeated_result(held, "k", actor=actor) is not None:
                return False
            record(actor_id=actor.user_id, action="case.edit", chain="case:4", data={})
            store.complete_held(held, {"amount": 5, "owner": None}, actor=actor, once_key="k")
            return True

    assert sorted(at_once(use_case)) == [False] * (CROWD - 1) + [True]
    assert Entry.objects.filter(chain="case:4", action="case.edit").count() == 1
    assert verify() == []


def test_people_at_different_branches_of_one_case_both_get_through(desk: Desk) -> None:
    for case in range(5):
        instance = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=case).instance_id
        work = [
            (desk.item(instance, node).pk, desk.cast.actor(who))
            for node, who in (("wash", "technician"), ("bill", "cashier"))
        ]
        answers = at_once(lambda n: store.complete_item(work[n][0], actor=work[n][1]), crowd=2)  # noqa: B023 run at once
        assert sorted(answer.ended for answer in answers) == ["", "completed"], answers
        assert replay(instance).to_json() == _state(instance)
    assert verify() == []


def test_steps_and_edits_of_one_case_at_once_make_one_whole_chain(desk: Desk) -> None:
    for case in range(4):
        instance = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=case).instance_id
        item, actor = desk.item(instance, "wash").pk, desk.cast.actor("technician")

        def act(number: int) -> None:
            if number == 0:
                store.complete_item(item, actor=actor)  # noqa: B023 run at once
            else:
                with transaction.atomic():
                    record(actor_id=1, action="case.edit", chain=f"case:{case}", data={"n": number})  # noqa: B023

        assert at_once(act) == [None] * CROWD
        assert Entry.objects.filter(chain=f"case:{case}").count() == CROWD + 1
    assert verify() == []


def test_ending_a_called_process_while_its_caller_is_cancelled_never_locks_up(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    for _ in range(5):
        caller = desk.start(CALLER, "caller", {"number": "A1", "owner": None}).instance_id
        child = Instance.unscoped.get(parent_id=caller).pk
        desk.complete(child, "fill", {"amount": 5}, by="advisor")
        item, advisor, manager = (
            desk.item(child, "close").pk,
            desk.cast.actor("advisor"),
            desk.cast.actor("site_manager"),
        )

        def act(number: int) -> Any:
            if number == 0:
                return store.complete_item(item, actor=advisor)  # noqa: B023 run at once
            return store.cancel_instance(caller, "", actor=manager)  # noqa: B023 run at once

        completed, cancelled = at_once(act, crowd=2)
        assert isinstance(cancelled, store.StepResult), cancelled
        assert isinstance(completed, (store.StepResult, Conflict)), completed
        assert desk.status(caller) == "cancelled"
        assert not WorkItem.unscoped.filter(instance_id__in=(caller, child), status="open").exists()
        for instance in (caller, child):
            assert replay(instance).to_json() == _state(instance)


def test_timers_fire_once_however_many_workers_there_are(desk: Desk) -> None:
    instances = [desk.start(REMINDER, "reminder").instance_id for _ in range(12)]
    due = clock.now() + timedelta(hours=2)

    def work(_: int) -> int:
        with clock.frozen(due):
            done = 0
            while (ran := jobs.fire_due(around=Surroundings(), limit=2)).taken:
                done += ran.done
            return done

    answers = at_once(work)
    assert sum(answers) == len(instances), answers
    assert WorkItem.unscoped.filter(node_id="chase").count() == len(instances)
    assert Job.objects.count() == 0
    assert verify() == []


def test_a_process_begins_by_itself_once_however_many_workers_there_are(desk: Desk) -> None:
    store.publish(daily(), "daily")
    due = clock.now() + timedelta(days=2)

    def work(number: int) -> int:
        with clock.frozen(due):
            if number == 0:
                store.publish(daily(timer="<timeCycle>R/P1W</timeCycle>"), "daily")
            return jobs.run_due(handlers=start_handlers(Surroundings())).done

    assert sum(answer for answer in at_once(work) if isinstance(answer, int)) == 1
    assert Instance.unscoped.count() == 1 and Job.objects.count() == 1
    assert list(check_auto_starts()) == []


def test_a_timer_and_the_person_it_waits_for_never_lock_up(desk: Desk) -> None:
    for _ in range(5):
        instance = desk.start(REMINDER, "reminder").instance_id
        item, actor = desk.item(instance, "wait").pk, desk.cast.actor("advisor")
        due = clock.now() + timedelta(hours=2)

        def act(number: int) -> Any:
            with clock.frozen(due):  # noqa: B023 run at once
                if number == 0:
                    return store.complete_item(item, actor=actor)  # noqa: B023 run at once
                return jobs.fire_due(around=Surroundings())

        completed, _ran = at_once(act, crowd=2)
        assert isinstance(completed, store.StepResult), completed
        assert WorkItem.unscoped.filter(instance_id=instance, node_id="chase").count() in (0, 1)
        assert Job.objects.count() == 0
        assert replay(instance).to_json() == _state(instance)


def test_starting_with_one_key_at_once_starts_once(desk: Desk) -> None:
    store.publish(PARALLEL, "parallel")
    actor = desk.cast.actor("advisor")
    answers = at_once(lambda _: store.start_instance("parallel", site_id=desk.site_id, actor=actor, once_key="s"))
    started = {answer.instance_id for answer in answers if isinstance(answer, store.StepResult)}
    assert len(started) == 1 and Instance.unscoped.count() == 1
    assert all(isinstance(answer, (store.StepResult, Conflict)) for answer in answers)


def test_of_taking_back_and_going_on_at_once_exactly_one_wins(desk: Desk) -> None:
    first, second = desk.cast.actor("advisor"), desk.cast.actor("site_manager")
    for _ in range(4):
        instance = desk.start(APPROVAL, "approval", {"number": "1", "amount": 200}).instance_id
        done = desk.complete(instance, "fill", by="advisor").item_id
        assert done is not None
        following = desk.item(instance, "approve").pk

        def act(number: int, done: int = done, following: int = following) -> Any:
            if number % 2:
                return store.complete_item(following, actor=second)
            return recall_item(done, actor=first, around=Surroundings())

        answers = at_once(act, crowd=4)
        winners = [answer for answer in answers if isinstance(answer, store.StepResult)]
        assert len(winners) == 1, answers
        assert desk.open_nodes(instance) in (["fill"], ["close"])
        assert list(check_instances([instance])) == []
    assert verify() == []


@pytest.mark.parametrize("first", ["waits", "sends"])
def test_a_message_sent_just_as_somebody_begins_to_wait_comes_once(desk: Desk, first: str) -> None:
    """Whoever is first has not saved yet when the other looks."""
    instance = desk.start(LATE, "late", {"case_id": 1}).instance_id
    sender = desk.start(SENDER, "sender", {"case_id": 1}).instance_id
    advisor = desk.cast.actor("advisor")
    work = {"waits": desk.item(instance, "prepare").pk, "sends": desk.item(sender, "drive").pk}
    looked = threading.Event()

    def act(number: int) -> None:
        if number == 0:
            with transaction.atomic():
                store.complete_item(work.pop(first), actor=advisor)
                looked.set()
                _until_somebody_waits_for_us()
        else:
            looked.wait(10)
            store.complete_item(work.popitem()[1], actor=advisor)

    assert at_once(act, crowd=2) == [None, None]
    assert desk.open_nodes(instance) == ["greet"]
    assert not Message.unscoped.exists() and not Subscription.unscoped.exists()
    assert list(check_instances()) == []


def _until_somebody_waits_for_us() -> None:
    """On SQLite the other transaction cannot even begin."""
    if connection.vendor == "postgresql":
        for _ in range(500):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
                if cursor.fetchone():
                    return
            threading.Event().wait(0.01)
        pytest.fail("the other looked without waiting for us")


def _state(instance_id: int) -> dict[str, Any]:
    with transaction.atomic():
        return store.hold_instance(instance_id).state.to_json()


def test_work_done_while_its_process_moves_to_another_version_is_done_once_on_either(desk: Desk) -> None:
    instances = [desk.start(PARALLEL, "parallel").instance_id for _ in range(8)]
    target = store.publish(PARALLEL.replace('"wash"', '"clean"'), "parallel")
    way = Migration(Version.objects.exclude(pk=target.pk), target, {"wash": "clean"})
    admin, technician = desk.cast.actor("admin"), desk.cast.actor("technician")
    for instance in instances:
        item = desk.item(instance, "wash").pk
        answers = at_once(
            lambda number: (
                store.complete_item(item, actor=technician)  # noqa: B023 run at once
                if number
                else migrate_instance(instance, way, actor=admin, reason="新版", around=Surroundings())  # noqa: B023
            ),
            crowd=2,
        )
        assert all(isinstance(answer, store.StepResult) for answer in answers), answers
        assert desk.open_nodes(instance) == ["bill"] and replay(instance).to_json() == _state(instance)
    assert not list(check_instances())
