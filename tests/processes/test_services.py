"""Services, incidents, messages, signals and called processes: what one step sets off in its transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.models import Department
from bihuan.processes import engine_store as store
from bihuan.processes.contract import ServiceCall, StepResult, Surroundings
from bihuan.processes.history import replay
from bihuan.processes.models import Incident, Instance, Subscription
from tests.processes.conftest import Desk
from tests.processes.models import ALARM, APPROVAL, ARRIVAL, BOOKING, CALLER, SENDER, bpmn, service, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def booked(call: ServiceCall) -> Mapping[str, Any]:
    return {"room": f"{call.variables['floor']}-01"}


def test_a_service_runs_in_the_step_and_its_answer_becomes_variables(desk: Desk) -> None:
    result = desk.start(BOOKING, "booking", {"floor": "3"}, around=Surroundings(services={"book": booked}))
    assert desk.open_nodes(result.instance_id) == ["confirm"]
    assert Instance.unscoped.get(pk=result.instance_id).variables["room"] == "3-01"


def test_a_refusing_service_becomes_an_incident_and_leaves_nothing_of_its_work(desk: Desk) -> None:
    def refuse(call: ServiceCall) -> Mapping[str, Any]:
        Department.objects.create(site_id=call.instance.site_id, name="半途")
        raise BusinessError("没有空房")

    result = desk.start(BOOKING, "booking", {"floor": "3"}, around=Surroundings(services={"book": refuse}))
    incident = Incident.unscoped.get(instance_id=result.instance_id)
    assert (incident.node_id, incident.reason, incident.resolved_at) == ("book", "没有空房", None)
    assert result.incidents == (incident.number,)
    assert not Department.objects.filter(name="半途").exists()
    assert desk.status(result.instance_id) == "running"


def test_a_crashing_service_tells_people_little_and_the_log_everything(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(call: ServiceCall) -> Mapping[str, Any]:
        return {"room": {}["secret"]}

    with caplog.at_level(logging.ERROR):
        result = desk.start(BOOKING, "booking", {"floor": "3"}, around=Surroundings(services={"book": crash}))
    incident = Incident.unscoped.get(instance_id=result.instance_id)
    assert incident.reason == "服务“book”出错（KeyError），详情见系统日志"
    assert "secret" in caplog.text


def test_a_service_nobody_provides_and_an_answer_that_does_not_fit_are_incidents(desk: Desk) -> None:
    missing = desk.start(BOOKING, "booking", {"floor": "3"})
    odd = desk.start(
        BOOKING, "booking", {"floor": "3"}, around=Surroundings(services={"book": lambda call: {"room": object()}})
    )
    reasons = dict(Incident.unscoped.values_list("instance_id", "reason"))
    assert reasons[missing.instance_id] == "没有名为“book”的服务"
    assert "不能作为流程变量" in reasons[odd.instance_id]


def test_conditions_after_a_service_see_what_it_wrote(desk: Desk) -> None:
    facts = {"stamp": ""}

    def stamp(call: ServiceCall) -> Mapping[str, Any]:
        facts["stamp"] = "blue"
        return {}

    model = bpmn(
        "stamping", '<startEvent id="start"/>', '<exclusiveGateway id="before"/>', service("stamp", "stamp"),
        '<exclusiveGateway id="after"/>', task("good"), '<endEvent id="bad"/>', '<endEvent id="end"/>',
        flows='start>before before>bad[stamp="red"] before>stamp* stamp>after after>good[stamp="blue"] after>bad* '
        "good>end",
    )  # fmt: skip
    around = Surroundings(services={"stamp": stamp}, context=lambda _: dict(facts))
    assert desk.open_nodes(desk.start(model, "stamping", around=around).instance_id) == ["good"]


def test_the_context_is_not_asked_for_when_variables_suffice(desk: Desk) -> None:
    def costly(_: object) -> Mapping[str, Any]:
        raise AssertionError("asked for")

    around = Surroundings(context=costly)
    instance = desk.start(APPROVAL, "approval", {"number": "A1"}, around=around).instance_id
    desk.complete(instance, "fill", {"amount": 500}, by="advisor", around=around)


def test_an_incident_is_retried_with_its_cause_removed(desk: Desk) -> None:
    instance = desk.start(BOOKING, "booking", {}).instance_id
    incident = Incident.unscoped.get(instance_id=instance)
    manager = desk.cast.actor("site_manager")
    around = Surroundings(services={"book": booked})
    store.set_variables(instance, {"floor": "2"}, actor=manager)
    store.retry_incident(incident.pk, actor=manager, around=around)
    incident.refresh_from_db()
    assert (incident.resolution, incident.resolved_by_id) == ("retried", manager.user_id)
    assert desk.open_nodes(instance) == ["confirm"]
    with pytest.raises(Conflict, match="已经处理过"):
        store.retry_incident(incident.pk, actor=manager, around=around)
    assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()


def test_an_incident_is_skipped_with_values_in_place_of_the_service(desk: Desk) -> None:
    instance = desk.start(BOOKING, "booking", {}).instance_id
    incident = Incident.unscoped.get(instance_id=instance)
    store.skip_incident(incident.pk, {"room": "9-09"}, actor=desk.cast.actor("site_manager"))
    assert Instance.unscoped.get(pk=instance).variables["room"] == "9-09"
    incident.refresh_from_db()
    assert incident.resolution == "skipped"


def test_a_process_going_round_without_waiting_ends_in_an_incident(desk: Desk) -> None:
    loop = bpmn(
        "loop",
        '<startEvent id="start"/>',
        '<exclusiveGateway id="again"/>',
        service("spin", "spin"),
        flows="start>again again>spin spin>again",
    )
    result = desk.start(loop, "loop", around=Surroundings(services={"spin": lambda call: {}}))
    assert "循环" in Incident.unscoped.get(instance_id=result.instance_id).reason


def test_a_message_reaches_the_instance_that_waits_for_its_value(desk: Desk) -> None:
    one = desk.start(ARRIVAL, "arrival", {"case_id": 1}).instance_id
    two = desk.start(ARRIVAL, "arrival", {"case_id": 2}).instance_id
    result = store.deliver_message("arrived", 2, {"plate": "示A10001"}, actor=desk.cast.actor("guard"))
    assert result is not None and result.instance_id == two
    assert (desk.open_nodes(one), desk.open_nodes(two)) == ([], ["greet"])
    assert Instance.unscoped.get(pk=two).variables["plate"] == "示A10001"
    assert list(Subscription.unscoped.values_list("instance_id", flat=True)) == [one]


def test_a_message_nobody_waits_for_is_lost_or_refused_as_asked(desk: Desk) -> None:
    actor = desk.cast.actor("guard")
    assert store.deliver_message("arrived", 3, actor=actor) is None
    with pytest.raises(Conflict, match="没有流程在等待“arrived”"):
        store.deliver_message("arrived", 3, actor=actor, required=True)


def test_a_thrown_message_wakes_the_other_process_in_the_same_transaction(desk: Desk) -> None:
    waiting = desk.start(ARRIVAL, "arrival", {"case_id": 1}).instance_id
    sender = desk.start(SENDER, "sender", {"case_id": 1}).instance_id
    seen: list[StepResult] = []
    result = desk.complete(sender, "drive", by="advisor", around=Surroundings(observe=seen.append))
    assert [message.name for message in result.thrown if hasattr(message, "correlation")] == ["arrived"]
    assert desk.open_nodes(waiting) == ["greet"]
    assert [other.instance_id for other in result.others] == [waiting]
    assert [step.instance_id for step in seen] == [sender, waiting]


def test_a_signal_stays_at_its_site(desk: Desk) -> None:
    here = desk.start(ALARM, "alarm").instance_id
    there = desk.start(ALARM, "alarm", site_id=desk.cast.jw.pk).instance_id
    store.throw_signal("fire", site_id=desk.site_id, actor=desk.cast.actor("guard"))
    assert (desk.status(here), desk.status(there)) == ("completed", "running")
    assert store.throw_signal("fire", site_id=desk.site_id, actor=desk.cast.actor("guard")) is None


def test_a_called_process_runs_as_an_instance_of_its_own_and_returns(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1", "owner": None}, subject_kind="case", subject_id=3)
    child = Instance.unscoped.get(parent_id=caller.instance_id)
    assert (child.root_id, child.chain, child.subject_id) == (caller.instance_id, "case:3", 3)
    assert [other.instance_id for other in caller.others] == [child.pk]
    desk.complete(child.pk, "fill", {"amount": 5}, by="advisor")
    result = desk.complete(child.pk, "close", by="advisor")
    assert result.ended == "completed"
    assert desk.open_nodes(caller.instance_id) == ["after"]
    assert Instance.unscoped.get(pk=caller.instance_id).variables["amount"] == 5
    for instance in (caller.instance_id, child.pk):
        assert replay(instance).to_json() == store.hold_instance(instance).state.to_json()


def test_cancelling_the_caller_cancels_what_it_called(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1"}).instance_id
    child = Instance.unscoped.get(parent_id=caller).pk
    store.cancel_instance(caller, "", actor=desk.cast.actor("site_manager"))
    assert (desk.status(caller), desk.status(child), desk.open_nodes(child)) == ("cancelled", "cancelled", [])


def test_cancelling_the_called_process_is_a_failure_of_the_call(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1"}).instance_id
    child = Instance.unscoped.get(parent_id=caller).pk
    store.cancel_instance(child, "不办了", actor=desk.cast.actor("site_manager"))
    assert Incident.unscoped.get(instance_id=caller).reason == "不办了"


def test_calling_what_was_never_published_is_an_incident(desk: Desk) -> None:
    caller = desk.start(CALLER, "caller", {}).instance_id
    assert Incident.unscoped.get(instance_id=caller).reason == "没有发布过流程“approval”"


def test_every_instance_that_moved_has_its_own_entry_in_the_chain(desk: Desk) -> None:
    store.publish(APPROVAL, "approval")
    caller = desk.start(CALLER, "caller", {"number": "A1", "owner": None}, subject_kind="case", subject_id=3)
    told = [entry.data["instance"] for entry in Entry.objects.filter(chain="case:3").order_by("seq")]
    assert told == [caller.instance_id, caller.others[0].instance_id]
