"""Instances begun by messages and signals, pools of one file, and waits of the engine's own in the store."""

from __future__ import annotations

from datetime import datetime

import pytest

from bihuan.audit.models import Entry
from bihuan.engine.definition import parse_bpmn
from bihuan.engine.rehearsal import rehearse
from bihuan.engine.runtime import NodeEntered, event_from_json
from bihuan.kernel.errors import Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.history import replay
from bihuan.processes.models import Beginning, Instance
from tests.processes.conftest import Desk
from tests.processes.models import ALARMING, BEGUN, POOLS, TOGETHER, UNDOING, WATCHING

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def running() -> list[str]:
    """Processes of all instances, oldest first, with how they stand."""
    rows = Instance.unscoped.order_by("pk").values_list("process_id", "status")
    return [f"{process} {status}" for process, status in rows]


def test_the_other_pool_of_a_file_is_an_instance_of_its_own(desk: Desk) -> None:
    buyers = [
        desk.start(POOLS, "buyer", {"number": number}, subject_kind="case", subject_id=number).instance_id
        for number in (1, 2)
    ]
    assert running() == ["buyer running", "seller running", "buyer running", "seller running"]
    second = Instance.unscoped.filter(process_id="seller").order_by("pk")[1]
    assert (second.subject_kind, second.subject_id, second.parent_id) == ("case", 2, None)
    desk.complete(second.pk, "pack", by="technician")
    assert [desk.status(buyer) for buyer in buyers] == ["running", "completed"], "each answer goes to its own buyer"
    assert replay(second.pk).to_json() == store.hold_instance(second.pk).state.to_json()


def test_pools_that_begin_by_themselves_run_as_in_the_rehearsal(desk: Desk, frozen_clock: datetime) -> None:
    """A message sent before the other pool waits, too."""
    model = parse_bpmn(TOGETHER)
    rehearsed = rehearse(model, model.main, now=frozen_clock, auto=True, pools=model.pools)
    shop = desk.start(TOGETHER, "together", subject_kind="case", subject_id=7).instance_id
    [supplier] = Instance.unscoped.exclude(pk=shop).values_list("pk", flat=True)
    desk.complete(supplier, "stock", by="technician")
    desk.complete(shop, "agree", by="advisor")
    stored = [_walked(number) for number in (shop, supplier)]
    assert stored == [instance.nodes for instance in rehearsed.instances]
    assert running() == ["shop completed", "supplier completed"] and rehearsed.state == "completed"
    assert Instance.unscoped.get(pk=supplier).chain == "case:7"


def test_pools_about_nothing_in_particular_are_one_case_too(desk: Desk) -> None:
    first, second = (desk.start(TOGETHER, "together").instance_id for _ in range(2))
    suppliers = list(Instance.unscoped.filter(process_id="supplier").order_by("pk").values_list("pk", flat=True))
    desk.complete(suppliers[1], "stock", by="technician")
    assert (desk.open_nodes(first), desk.open_nodes(second)) == ([], ["agree"]), "only its own shop has the offer"
    assert Instance.unscoped.get(pk=suppliers[1]).chain == Instance.unscoped.get(pk=second).chain


def _walked(instance: int) -> list[str]:
    """The nodes an instance has entered, in order."""
    chain = Instance.unscoped.get(pk=instance).chain
    steps = [entry.data for entry in Entry.objects.filter(chain=chain, action="process.step").order_by("seq")]
    events = [event_from_json(event) for step in steps if step["instance"] == instance for event in step["events"]]
    return [event.node for event in events if isinstance(event, NodeEntered)]


def test_a_process_asked_for_by_name_begins_alone(desk: Desk) -> None:
    desk.start(TOGETHER, "supplier")
    assert running() == ["supplier running"]


def test_a_message_begins_what_is_published_to_begin_with_it(desk: Desk) -> None:
    store.publish(BEGUN, "begun")
    actor = desk.cast.actor("guard")
    assert store.deliver_message("rang", "", actor=actor) is None, "without a place nothing begins"
    result = store.deliver_message("rang", "", {"phone": "100"}, actor=actor, site_id=desk.site_id)
    assert result is not None and desk.open_nodes(result.instance_id) == ["look"]
    assert store.hold_instance(result.instance_id).state.variables == {"phone": "100"}


def test_a_signal_begins_it_too(desk: Desk) -> None:
    store.publish(BEGUN, "begun")
    store.throw_signal("fire", site_id=desk.site_id, actor=desk.cast.actor("guard"))
    assert running() == ["begun running"]


def test_a_signal_of_an_older_version_begins_each_pool_of_its_file_once(desk: Desk) -> None:
    store.publish(ALARMING, "store")
    shop = desk.start(ALARMING, "shop").instance_id
    for key in ("shop", "store"):
        store.publish(ALARMING.replace('name="look"', 'name="再看"'), key)
    desk.complete(shop, "look", by="advisor")
    assert running() == ["shop completed", "store running"]


def test_only_the_version_in_force_is_begun(desk: Desk) -> None:
    store.publish(BEGUN, "begun")
    store.publish(BEGUN.replace('name="rang"', 'name="knocked"'), "begun")
    assert sorted(Beginning.objects.values_list("kind", "name")) == [("message", "knocked"), ("signal", "fire")]
    actor = desk.cast.actor("guard")
    with pytest.raises(Conflict):
        store.deliver_message("rang", "", actor=actor, site_id=desk.site_id, required=True)
    assert running() == []


def test_conditions_and_activities_begun_by_hand_live_in_the_state_alone(desk: Desk) -> None:
    actor = desk.cast.actor("advisor")
    instance = desk.start(WATCHING, "watching").instance_id
    store.set_variables(instance, {"temperature": 35}, actor=actor)
    assert desk.open_nodes(instance) == []
    [wait] = store.hold_instance(instance).state.waits
    with pytest.raises(Conflict):
        store.begin_activity(instance, wait, "nothing", actor=actor)
    store.begin_activity(instance, wait, "cool", actor=actor)
    desk.complete(instance, "cool", {"enough": True}, by="advisor")
    assert desk.status(instance) == "completed"
    assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()


def test_undoing_opens_work_like_any_other_step(desk: Desk) -> None:
    instance = desk.start(UNDOING, "undoing").instance_id
    desk.complete(instance, "book", by="advisor")
    assert desk.open_nodes(instance) == ["unbook"]
    desk.complete(instance, "unbook", by="advisor")
    assert desk.status(instance) == "completed"
