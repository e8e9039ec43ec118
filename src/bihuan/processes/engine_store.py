"""Running published processes: the functions that use cases call, each one transaction (or part of the caller's).

Permission to act at all is the caller's to check; that a person holds the work item is checked here. What a step needs
from outside (services, context, limits, observer) comes bundled as `around`.

Lock rule: `hold_item` before any other row of the case is written, in every transaction that will complete an item.
A use case that writes records does: `repeated_result`, `hold_item`, its records, `complete_held`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bihuan.engine.runtime import (
    BeginActivity,
    CancelInstance,
    Command,
    CompleteItem,
    MessageThrown,
    RetryIncident,
    SetVariables,
    SkipIncident,
    Start,
    UnfitValue,
    normalised,
)
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.processes import once
from bihuan.processes.beginnings import begin_by, begin_pools
from bihuan.processes.contract import (
    ClosedItem,
    Context,
    InstanceFacts,
    Limits,
    LimitSpec,
    Observer,
    OpenedItem,
    Service,
    ServiceCall,
    ServiceError,
    StepResult,
    Surroundings,
)
from bihuan.processes.driving import begin
from bihuan.processes.families import insert_instance
from bihuan.processes.finishing import finish
from bihuan.processes.holding import acted_for, holds, refuse_closed, require_completable
from bihuan.processes.models import Incident, Version
from bihuan.processes.people import claim_item, release_item, transfer_item
from bihuan.processes.publishing import RefusedDefinitionError, current_version, publish, require_startable
from bihuan.processes.rows import Held, Loaded, hold_instance, read_item, refreshed, transactional
from bihuan.processes.subscriptions import deliver, send_message, signal_receivers
from bihuan.processes.unit import Unit

__all__ = [
    "ClosedItem",
    "Context",
    "Held",
    "InstanceFacts",
    "LimitSpec",
    "Limits",
    "Observer",
    "OpenedItem",
    "RefusedDefinitionError",
    "Service",
    "ServiceCall",
    "ServiceError",
    "StepResult",
    "Surroundings",
    "acted_for",
    "begin_activity",
    "cancel_instance",
    "claim_item",
    "complete_held",
    "complete_item",
    "current_version",
    "deliver_message",
    "hold_instance",
    "hold_item",
    "holds",
    "publish",
    "release_item",
    "repeated_result",
    "require_completable",
    "retry_incident",
    "set_variables",
    "skip_incident",
    "start_instance",
    "throw_signal",
    "transfer_item",
]


NOWHERE = Surroundings()
"""No services, no context, no limits: for models that need nothing from outside."""


@transactional
def start_instance(
    definition_key: str,
    *,
    site_id: int,
    actor: Actor,
    subject_kind: str = "",
    subject_id: int | None = None,
    variables: Mapping[str, Any] | None = None,
    title: str = "",
    start_node: str | None = None,
    version: Version | None = None,
    once_key: str = "",
    data_for_history: Mapping[str, Any] | None = None,
    around: Surroundings = NOWHERE,
) -> StepResult:
    """Start the process in force (or the named version) at a site; `title` names its items unless the model does.

    Its history goes to the chain `subject_kind:subject_id`, or `instance:<id>` without a subject. Repeating a request
    with the same `once_key` answers the first result. Raises NotFound when nothing is published under the key, Conflict
    while the version is stopped.
    """
    earlier = once.recall(once_key, "process.start") if once_key else None
    if earlier is not None:
        return once.first_result(hold_instance(earlier["instance"]), item_id=None)
    published = version or current_version(definition_key)
    require_startable(published)
    unit = begin(actor, clock.now(), around)
    instance = insert_instance(
        published,
        process_id=published.process_id,
        site_id=site_id,
        subject_kind=subject_kind,
        subject_id=subject_id,
        title=title,
        at=unit.now,
        started_by_id=actor.user_id,
    )
    if once_key:
        once.remember(once_key, "process.start", actor_id=actor.user_id, result={"instance": instance.id}, at=unit.now)
    unit.submit(instance, Start(_fit(variables), start_node))
    begin_pools(unit, instance, published)
    return finish(unit, instance, command="Start", held_before=True, detail=data_for_history)


@transactional
def hold_item(item_id: int, *, actor: Actor | None = None) -> Held:
    """Lock an item with its instance for the rest of the transaction and read both.

    With `actor` it is refused to those who cannot complete it: Conflict, naming who was faster and when, or that it
    is no longer needed; NotAllowed, naming whose it is. Raises NotFound.
    """
    held = read_item(item_id)
    if actor is not None:
        require_completable(held, actor)
    return held


@transactional
def repeated_result(item: int | Held, once_key: str, *, actor: Actor | None = None) -> StepResult | None:
    """The first result if this very request completed the item before, so that a use case can stop before it writes.

    Locks the item, so that of two equal requests at once the second waits for the first. A key sent by somebody else
    does not count.
    """
    held = read_item(item) if isinstance(item, int) else item
    if not once_key or held.is_open or held.once_key != once_key:
        return None
    result = once.first_result(held.instance, item_id=held.item_id)
    return result if actor is None or actor.user_id == result.actor_id else None


@transactional
def complete_item(
    item_id: int,
    variables: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    once_key: str = "",
    data_for_history: Mapping[str, Any] | None = None,
    around: Surroundings = NOWHERE,
) -> StepResult:
    """Complete a work item: the item, the instance, what it opens and one audit entry, together or not at all.

    A repeated `once_key` answers the first result (`repeated`). Raises Conflict, naming who was faster and when;
    NotAllowed when the person does not hold the item.
    """
    held = read_item(item_id)
    first = repeated_result(held, once_key, actor=actor)
    if first is not None:
        return first
    require_completable(held, actor)
    return _complete(held, variables, actor, once_key, data_for_history, around)


@transactional
def complete_held(
    held: Held,
    variables: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    once_key: str = "",
    data_for_history: Mapping[str, Any] | None = None,
    around: Surroundings = NOWHERE,
    alone: bool = False,
) -> StepResult:
    """Complete an item that this transaction holds; who may do so was checked by `hold_item` or by the caller.

    `alone` says that this transaction has written nothing since it read the item: it is not looked at again.
    """
    present = held if alone else refreshed(held)
    if not present.is_open:
        refuse_closed(present, actor)
    return _complete(present, variables, actor, once_key, data_for_history, around)


@transactional
def deliver_message(
    name: str,
    correlation: str | int,
    variables: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    required: bool = False,
    site_id: int | None = None,
    keep_for: timedelta | None = None,
    sender_id: int | None = None,
    data_for_history: Mapping[str, Any] | None = None,
    around: Surroundings = NOWHERE,
) -> StepResult | None:
    """Give a message to every instance that waits for its name and correlation value, once to each; without a value to
    those at `site_id`, or in the case of the instance `sender_id` that has sent it before.

    With `site_id`, one that nobody waits for begins there what is published to begin with it, else it is kept there
    so long (`keep_for`) for whoever comes to wait for it. Answers None when nobody waits and nothing begins (Conflict
    if `required`).
    """
    unit = begin(actor, clock.now(), around)
    message = MessageThrown("", name, str(correlation), _fit(variables))
    expires_at = unit.now + keep_for if keep_for is not None else None
    sender, reached = unit.hold(sender_id) if sender_id is not None else None, list[int]()

    def send() -> None:
        reached.extend(send_message(unit, message, site_id=site_id, expires_at=expires_at, sender=sender))

    unit.later(send)
    unit.settle()
    if not reached and required:
        raise Conflict(f"没有流程在等待“{name}”，它可能已经走过了这一步")
    return _reached(unit, reached, "DeliverMessage", data_for_history)


@transactional
def throw_signal(
    name: str,
    variables: Mapping[str, Any] | None = None,
    *,
    site_id: int,
    actor: Actor,
    data_for_history: Mapping[str, Any] | None = None,
    around: Surroundings = NOWHERE,
) -> StepResult | None:
    """Give a signal to everybody at the site who waits for it, and begin there what begins with it; None if nobody."""
    unit = begin(actor, clock.now(), around)
    payload, reached = _fit(variables), list[int]()

    def throw() -> None:
        reached.extend(deliver(unit, signal_receivers(name, site_id), "signal", payload))
        reached.extend(begin_by(unit, "signal", name, payload, site_id=site_id))

    unit.later(throw)
    unit.settle()
    return _reached(unit, reached, "DeliverSignal", data_for_history)


@transactional
def retry_incident(incident_id: int, *, actor: Actor, around: Surroundings = NOWHERE) -> StepResult:
    """Try again what failed. Raises Conflict when the incident is resolved already."""
    incident = _open_incident(incident_id)
    return _command(incident.instance_id, RetryIncident(incident.number), actor, around)


@transactional
def skip_incident(
    incident_id: int,
    variables: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    flow: str | None = None,
    around: Surroundings = NOWHERE,
) -> StepResult:
    """Go on as if the failed node had done its work; `flow` names the way on where one must be chosen."""
    incident = _open_incident(incident_id)
    command = SkipIncident(incident.number, _fit(variables), flow)
    return _command(incident.instance_id, command, actor, around)


@transactional
def cancel_instance(instance_id: int, reason: str, *, actor: Actor, around: Surroundings = NOWHERE) -> StepResult:
    """Stop an instance with everything it waits for and every process it called."""
    unit = begin(actor, clock.now(), around)
    instance = hold_instance(instance_id)
    if instance.status != "suspended":
        _running(instance)
    elif instance.parent_id is not None:
        # Its caller stands still too, and would not hear of the end.
        raise Conflict("上级流程已挂起，请先恢复它")
    unit.submit(instance, CancelInstance(reason))
    return finish(unit, instance, command="CancelInstance")


@transactional
def begin_activity(
    instance_id: int, wait: int, activity: str, *, actor: Actor, around: Surroundings = NOWHERE
) -> StepResult:
    """Begin an activity of an ad-hoc sub-process; `wait` is its open `adhoc` wait. Raises Conflict if it cannot be."""
    unit = begin(actor, clock.now(), around)
    instance = _running(hold_instance(instance_id))
    unit.submit(instance, BeginActivity(wait, activity))
    detail = {"name": instance.process.nodes[activity].label}
    return finish(unit, instance, command="BeginActivity", detail=detail)


@transactional
def set_variables(
    instance_id: int, values: Mapping[str, Any], *, actor: Actor, around: Surroundings = NOWHERE
) -> StepResult:
    """Change variables of a running instance, e.g. before an incident is tried again."""
    return _command(instance_id, SetVariables(_fit(values)), actor, around)


def _complete(
    held: Held,
    variables: Mapping[str, Any] | None,
    actor: Actor,
    once_key: str,
    detail: Mapping[str, Any] | None,
    around: Surroundings,
) -> StepResult:
    unit = begin(actor, clock.now(), around)
    unit.done = held
    unit.submit(held.instance, CompleteItem(held.wait, variables or {}))
    return finish(unit, held.instance, command="CompleteItem", done=held, once_key=once_key, detail=detail)


def _command(instance_id: int, command: Command, actor: Actor, around: Surroundings) -> StepResult:
    unit = begin(actor, clock.now(), around)
    instance = _running(hold_instance(instance_id))
    unit.submit(instance, command)
    return finish(unit, instance, command=type(command).__name__)


def _running(instance: Loaded) -> Loaded:
    if instance.status == "suspended":
        raise Conflict("流程已挂起，恢复后才能继续")
    if instance.status != "running":
        raise Conflict("流程已经结束")
    return instance


def _reached(unit: Unit, reached: list[int], command: str, detail: Mapping[str, Any] | None) -> StepResult | None:
    """What a message or signal from outside has done to the first whom it reached; None if nobody."""
    return finish(unit, unit.loaded[reached[0]], command=command, detail=detail) if reached else None


def _open_incident(incident_id: int) -> Incident:
    found: Incident | None = Incident.unscoped.filter(pk=incident_id).first()
    if found is None:
        raise NotFound("没有这个异常")
    if found.resolved_at is not None:
        raise Conflict("这个异常已经处理过了")
    return found


def _fit(variables: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return normalised(variables or {})
    except UnfitValue as unfit:
        raise BusinessError(str(unfit)) from None
