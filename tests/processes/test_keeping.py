"""Messages that come before anybody waits for them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict
from bihuan.kernel.sql import on_postgres
from bihuan.operations.messages import send_again
from bihuan.org.access import system_actor
from bihuan.processes import engine_store as store
from bihuan.processes import room
from bihuan.processes.consistency import check_instances
from bihuan.processes.contract import Surroundings
from bihuan.processes.handling.returning import recall_item
from bihuan.processes.history import history, replay
from bihuan.processes.models import Instance, Message, Subscription, WorkItem
from bihuan.processes.publishing import RefusedDefinitionError
from bihuan.processes.retention import archive_finished, forget_unread, restore_archive, set_retention
from tests.processes.conftest import Desk
from tests.processes.models import ARRIVAL, END, LATE, SENDER, START, bpmn, task

pytestmark = pytest.mark.django_db

# 不中断的边界消息每来一次就多一项工作
LISTENING = bpmn(
    "listening",
    START,
    task("work", role="advisor"),
    '<boundaryEvent id="rung" attachedToRef="work" cancelActivity="false"><messageEventDefinition messageRef="m"/>'
    "</boundaryEvent>",
    task("answer", role="advisor"),
    END,
    '<endEvent id="answered"/>',
    flows="start>work work>end rung>answer answer>answered",
    extra='<message id="m" name="arrived" bihuan:correlation="=case_id"/>',
)


def send(desk: Desk, case: int, xml: str = SENDER, **variables: Any) -> None:
    sender = desk.start(xml, "sender", {"case_id": case, **variables}).instance_id
    desk.complete(sender, "drive", by="advisor")


def test_a_message_that_comes_too_early_is_there_when_somebody_waits(desk: Desk) -> None:
    send(desk, 1)
    send(desk, 2)
    [first, _] = Message.unscoped.order_by("pk")
    assert (first.name, first.correlation, first.node_id) == ("arrived", "1", "tell")
    instance = desk.start(LATE, "late", {"case_id": 1}).instance_id
    desk.complete(instance, "prepare", by="advisor")
    assert desk.open_nodes(instance) == ["greet"] and not Subscription.unscoped.exists()
    assert list(Message.unscoped.values_list("correlation", flat=True)) == ["2"], "the other key is not for it"
    assert history(Instance.unscoped.get(pk=instance).chain)[-1].data["messages"] == [first.pk]
    assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()
    assert list(check_instances()) == []


KEY = ' bihuan:correlation="=case_id"'
UNKEYED = SENDER.replace(KEY, "")


def begin(desk: Desk, xml: str, key: str, case: int, site: int = 0) -> int:
    """An instance about a case, past its first step."""
    at = site or desk.site_id
    instance = desk.start(xml, key, {"case_id": case}, site_id=at, subject_kind="case", subject_id=case).instance_id
    first = desk.open_nodes(instance)
    desk.complete(instance, first[0], by="advisor" if at == desk.site_id else system_actor(at)) if first else None
    return int(instance)


def test_without_a_key_a_message_stays_in_its_case_with_one_it_reaches_others(desk: Desk) -> None:
    here, there = (begin(desk, LATE.replace(KEY, ""), "late", case) for case in (1, 2))
    begin(desk, UNKEYED, "sender", 1)
    assert (desk.open_nodes(here), desk.open_nodes(there)) == (["greet"], [])
    other = begin(desk, LATE, "keyed", 3)
    begin(desk, SENDER.replace("=case_id", "=3"), "sender", 1)
    assert desk.open_nodes(other) == ["greet"]


def test_an_early_message_without_a_key_is_for_its_own_case(desk: Desk) -> None:
    begin(desk, UNKEYED, "sender", 1)
    other, own = (begin(desk, LATE.replace(KEY, ""), "late", case) for case in (2, 1))
    assert (desk.open_nodes(other), desk.open_nodes(own)) == ([], ["greet"])
    begin(desk, UNKEYED, "sender", 3)
    [kept] = Message.unscoped.all()
    send_again(kept.pk, actor=desk.cast.actor("admin"))
    assert desk.open_nodes(other) == [] and Message.unscoped.get().sender_id == kept.sender_id, "still for case 3"
    assert list(check_instances()) == []


def test_from_outside_a_message_without_a_key_is_for_the_site_it_is_sent_to(desk: Desk) -> None:
    keyless = LATE.replace(KEY, "")
    here, there = begin(desk, keyless, "late", 1), begin(desk, keyless, "late", 2, desk.cast.jw.pk)
    actor = desk.cast.actor("admin")
    store.deliver_message("arrived", "", actor=actor, site_id=desk.site_id)
    assert (desk.open_nodes(here), desk.open_nodes(there)) == (["greet"], [])
    store.deliver_message("arrived", "", actor=actor, site_id=desk.site_id, keep_for=timedelta(days=1))
    later = [begin(desk, keyless, "late", case, site) for case, site in ((3, desk.cast.jw.pk), (4, desk.site_id))]
    assert [desk.open_nodes(each) for each in later] == [[], ["greet"]]
    assert list(check_instances()) == []


def test_the_oldest_comes_first_and_each_once(desk: Desk, frozen_clock: Any) -> None:
    actor = desk.cast.actor("guard")
    for plate in ("示A1", "示A2"):
        kept = store.deliver_message(
            "arrived", 1, {"plate": plate}, actor=actor, site_id=desk.site_id, keep_for=timedelta(days=1)
        )
        assert kept is None
    plates = []
    for _ in range(3):
        instance = desk.start(ARRIVAL, "arrival", {"case_id": 1}).instance_id
        plates.append(Instance.unscoped.get(pk=instance).variables.get("plate"))
    assert plates == ["示A1", "示A2", None]


def test_an_event_that_goes_on_listening_gets_all_that_came(desk: Desk) -> None:
    for _ in range(2):
        send(desk, 1)
    instance = desk.start(LISTENING, "listening", {"case_id": 1}).instance_id
    assert desk.open_nodes(instance) == ["answer", "answer", "work"]
    assert Subscription.unscoped.count() == 1 and not Message.unscoped.exists()


def test_a_message_is_kept_as_long_as_its_event_says(desk: Desk, frozen_clock: Any) -> None:
    send(desk, 1)
    send(desk, 2, SENDER.replace('id="tell"', 'id="tell" bihuan:timeToLive="PT1H"'))
    send(desk, 3, SENDER.replace('id="tell"', 'id="tell" bihuan:timeToLive="PT0S"'))
    kept = {row.correlation: row.expires_at - frozen_clock for row in Message.unscoped.all()}
    assert kept == {"1": timedelta(days=7), "2": timedelta(hours=1)}
    clock.move(frozen_clock + timedelta(hours=1))
    instance = desk.start(ARRIVAL, "arrival", {"case_id": 2}).instance_id
    assert desk.open_nodes(instance) == [], "its time is up"
    assert Message.unscoped.get(correlation="2").is_over(clock.now()), "but it is still to be seen"


@pytest.mark.parametrize("said", ["bald", "-PT1H", "P99Y"])
def test_a_time_to_live_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(RefusedDefinitionError, match="timeToLive"):
        store.publish(SENDER.replace('id="tell"', f'id="tell" bihuan:timeToLive="{said}"'), "sender")


def test_only_a_step_that_opens_a_wait_looks_for_messages(desk: Desk, statements: list[str]) -> None:
    instance = desk.start(LATE, "late", {"case_id": 1}).instance_id
    prepare, actor = desk.item(instance, "prepare").pk, desk.cast.actor("advisor")
    statements.clear()
    store.complete_item(prepare, actor=actor)
    looking = [sql for sql in statements if "processes_message" in sql or "advisory" in sql]
    assert len(looking) == (2 if on_postgres() else 1), "one lock, one look"
    store.deliver_message("arrived", 1, actor=actor)
    greet = desk.item(instance, "greet").pk
    statements.clear()
    store.complete_item(greet, actor=actor)
    assert not [sql for sql in statements if "processes_message" in sql or "advisory" in sql]


def test_a_step_that_took_a_message_is_not_taken_back(desk: Desk) -> None:
    send(desk, 1)
    instance = desk.start(LATE, "late", {"case_id": 1}).instance_id
    desk.complete(instance, "prepare", by="advisor")
    done = WorkItem.unscoped.get(instance_id=instance, node_id="prepare").pk
    with pytest.raises(Conflict, match="不能撤回"):
        recall_item(done, actor=desk.cast.actor("advisor"), around=Surroundings())


def test_what_nobody_took_leaves_with_the_history_of_who_sent_it(
    desk: Desk, frozen_clock: Any, settings: Any, tmp_path: Path
) -> None:
    settings.ARCHIVE_ROOT = tmp_path
    send(desk, 1)
    store.deliver_message(
        "arrived", 9, actor=desk.cast.actor("guard"), site_id=desk.site_id, keep_for=timedelta(days=7)
    )
    set_retention("sender", 1, actor=desk.cast.actor("admin"))
    clock.move(frozen_clock + timedelta(days=3))
    assert archive_finished() is None, "somebody may still come for it"
    clock.move(frozen_clock + timedelta(days=8))
    archived = archive_finished()
    assert archived is not None and Message.unscoped.get().correlation == "9"
    restore_archive(archived.name, actor=desk.cast.actor("admin"))
    assert Message.unscoped.filter(sender__isnull=False).count() == 1
    forget_unread(frozen_clock + timedelta(days=38))
    assert not Message.unscoped.filter(sender__isnull=True).exists()


@pytest.fixture
def little_room(settings: Any) -> Any:
    """Two of one name and key, five in all; nothing is known of other tests."""
    settings.BIHUAN_KEPT_MESSAGES_PER_KEY, settings.BIHUAN_KEPT_MESSAGES = 2, 5
    room._known.clear()
    return settings


def early(desk: Desk, key: object, *, name: str = "arrived", days: int = 1) -> None:
    actor = desk.cast.actor("guard")
    store.deliver_message(name, key, actor=actor, site_id=desk.site_id, keep_for=timedelta(days=days))


def test_of_one_name_and_key_no_more_are_kept_than_there_is_room_for(desk: Desk, little_room: Any) -> None:
    little_room.BIHUAN_KEPT_MESSAGES = 9
    for key in (1, 1, 2):
        early(desk, key)
    with pytest.raises(room.NoRoom, match=r"“arrived”（对应键 1）已有 2 条没有人取，到了上限.*没有取走的消息"):
        early(desk, 1)
    begin(desk, UNKEYED, "sender", 1)
    begin(desk, UNKEYED, "sender", 2)
    assert Message.unscoped.count() == 5, "without a key each sender's own count"
    desk.start(ARRIVAL, "arrival", {"case_id": 1})
    early(desk, 1)


def test_in_all_no_more_are_kept_and_what_is_over_makes_room(
    desk: Desk, little_room: Any, frozen_clock: Any, statements: list[str]
) -> None:
    for key in range(5):
        early(desk, key, days=1 + key)
    with pytest.raises(room.NoRoom, match=r"一共已有 5 条，到了上限，“arrived”不再收"):
        early(desk, 9)
    assert statements.count(room._ALL) == 1, "not one by one for each that is kept or refused"
    clock.move(frozen_clock + timedelta(days=1, seconds=2))
    early(desk, 9, days=30)
    assert Message.unscoped.count() == 6
    little_room.BIHUAN_KEPT_MESSAGES = 1
    forget_unread(frozen_clock + timedelta(days=6))
    keys = list(Message.unscoped.order_by("pk").values_list("correlation", flat=True))
    assert keys == ["4", "9"], "of what is over the newest stays to be seen"


def test_what_a_step_sends_with_no_room_for_it_leaves_the_step_undone(desk: Desk, little_room: Any) -> None:
    for _ in range(2):
        early(desk, 1)
    with pytest.raises(room.NoRoom):
        send(desk, 1)
    assert Message.unscoped.count() == 2
    assert list(check_instances()) == []
