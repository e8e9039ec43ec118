"""Who waits for which message or signal, and handing them over.

A message goes to every instance that waits for its name and correlation key, once to each (to the longest waiting
node); without a key only to those of the sender's own case, from outside to those at the site it is sent to. A signal
goes to everybody at the same site who waits for its name; one that nobody waits for is lost. A message that nobody
waits for and that begins nothing is kept for a while; the step that threw it tells its observer all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bihuan.engine.runtime import (
    Command,
    DeliverMessage,
    DeliverSignal,
    MessageThrown,
    SignalThrown,
    Subscribed,
    Unsubscribed,
)
from bihuan.processes.beginnings import begin_by
from bihuan.processes.keeping import keep_message, kept_until, lock_message, take_kept
from bihuan.processes.models import Subscription
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit


def subscribe(unit: Unit, instance: Loaded, event: Subscribed) -> None:
    """Rows are written at once, not at the end: another instance may throw the message in this very transaction."""
    Subscription.unscoped.create(
        site_id=instance.facts.site_id,
        instance_id=instance.id,
        wait=event.wait,
        node_id=event.node,
        kind=event.kind,
        name=event.name,
        correlation=event.correlation,
        since=unit.now,
    )
    if event.kind == "message":
        unit.later(lambda: take_kept(unit, instance, event))


def unsubscribe(unit: Unit, instance: Loaded, event: Unsubscribed) -> None:
    """The wait is over."""
    Subscription.unscoped.filter(instance_id=instance.id, wait=event.wait).delete()


def throw_message(unit: Unit, instance: Loaded, event: MessageThrown) -> None:
    """A process throws a message: send it once the events of this step are all applied."""

    def send() -> None:
        expires_at = kept_until(unit, instance, event)
        send_message(unit, event, site_id=instance.facts.site_id, expires_at=expires_at, sender=instance)

    unit.later(send)


def send_message(
    unit: Unit, event: MessageThrown, *, site_id: int | None, expires_at: datetime | None, sender: Loaded | None = None
) -> list[int]:
    """To all who wait for it, else it begins a process at the site, else it is kept there for those who come to wait
    until it expires; answers the instances that it reached or began."""
    if unit.is_runaway:
        return []
    chain = sender.facts.chain if sender is not None else ""
    reached = deliver(unit, message_receivers(event, chain, site_id), "message", event.payload)
    if not reached and site_id is not None:
        reached = begin_by(unit, "message", event.name, event.payload, site_id=site_id, sender=sender)
        if not reached and expires_at is not None and expires_at > unit.now:
            lock_message(event.name, event.correlation)
            # Somebody may have begun to wait while we looked.
            reached = deliver(unit, message_receivers(event, chain, site_id), "message", event.payload)
            if not reached:
                keep_message(unit, event, site_id=site_id, expires_at=expires_at, sender=sender)
    return reached


def throw_signal(unit: Unit, instance: Loaded, event: SignalThrown) -> None:
    """A process throws a signal: it reaches everybody at the site. Its own instance has heard it already."""
    site_id, thrower = instance.facts.site_id, instance.id

    def send() -> None:
        others = [receiver for receiver in signal_receivers(event.name, site_id) if receiver[0] != thrower]
        if not unit.is_runaway:
            deliver(unit, others, "signal", event.payload)
        begin_by(unit, "signal", event.name, event.payload, site_id=site_id, sender=instance)

    if event.name:
        unit.later(send)


def message_receivers(event: MessageThrown, chain: str, site_id: int | None) -> list[tuple[int, int]]:
    """(instance, wait) of all who wait for the message, one per instance, in a fixed order: locks must not cross.

    `chain` is the case of who sends it, "" from outside.
    """
    waiting = Subscription.unscoped.filter(kind="message", name=event.name, correlation=event.correlation)
    if not event.correlation:
        waiting = waiting.filter(instance__chain=chain) if chain else waiting.filter(site_id=site_id)
    receivers: dict[int, int] = {}
    for instance_id, wait in waiting.order_by("instance_id", "id").values_list("instance_id", "wait"):
        receivers.setdefault(instance_id, wait)
    return list(receivers.items())


def signal_receivers(name: str, site_id: int) -> list[tuple[int, int]]:
    """(instance, wait) of all at the site who wait for the signal."""
    waiting = Subscription.unscoped.filter(kind="signal", name=name, site_id=site_id)
    return list(waiting.order_by("instance_id", "id").values_list("instance_id", "wait"))


def deliver(unit: Unit, receivers: list[tuple[int, int]], kind: str, payload: Mapping[str, Any]) -> list[int]:
    """Hand over to those who still wait after their instance is locked; answers their instances."""
    reached: list[int] = []
    for instance_id, wait in receivers:
        receiver = unit.hold(instance_id)
        if wait not in receiver.state.waits:
            continue
        command: Command = (
            DeliverMessage(wait, dict(payload)) if kind == "message" else DeliverSignal(wait, dict(payload))
        )
        unit.follow(receiver, command)
        reached.append(instance_id)
    return reached
