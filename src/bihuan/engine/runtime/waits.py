"""Opening and closing what the instance waits for outside itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bihuan.engine.definition.iso8601 import BadTime, Cycle, Duration, Moment, first_due, next_due, timer_value
from bihuan.engine.definition.model import Node
from bihuan.engine.feel import Expression, to_text
from bihuan.engine.runtime.events import (
    CallClosed,
    Event,
    IncidentRaised,
    ItemClosed,
    ServiceClosed,
    Subscribed,
    TimerCleared,
    TimerSet,
    Unsubscribed,
)
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import State, Token, Wait

LISTENING = frozenset({"message", "signal", "timer"})
"""Kinds of event that open a wait; errors and escalations are looked up when they are thrown."""


def waits_of_token(state: State, token: int) -> list[Wait]:
    """What one token waits for, boundary events of its activity included."""
    return [wait for wait in state.waits.values() if wait.token == token]


def listen(run: Run, nodes: Iterable[Node], token: int, scope: int, data: int) -> None:
    """Open a wait for each event node. `token` is who waits, 0 for the scope itself; `data` is where names are found.

    Raises Trouble before anything is opened.
    """
    events = [event for node in nodes if (event := _awaited(run, node, token, scope, data)) is not None]
    for make in events:
        run.emit(_numbered(make, run.new_id()))


def _numbered(event: TimerSet | Subscribed, wait: int) -> Event:
    if isinstance(event, TimerSet):
        return TimerSet(wait, event.node, event.token, event.due_at, event.left, event.scope)
    return Subscribed(wait, event.node, event.token, event.kind, event.name, event.correlation, event.scope)


def _awaited(run: Run, node: Node, token: int, scope: int, data: int) -> TimerSet | Subscribed | None:
    spec = node.event
    if spec is None or spec.kind not in LISTENING:
        return None
    owner = 0 if token else scope
    if spec.kind == "timer":
        due = _first_due(run, node, data)
        return None if due is None else TimerSet(0, node.id, token, due[0], due[1], owner)
    name = name_of(run, node, data)
    correlation = key_of(run, spec.correlation, data)
    return Subscribed(0, node.id, token, spec.kind, name, correlation, owner)


def name_of(run: Run, node: Node, scope: int) -> str:
    """The name of the message or signal of an event. Raises Trouble."""
    spec = node.event
    assert spec is not None
    if spec.name_expression is None:
        return spec.name
    value = run.evaluate(spec.name_expression, scope)
    if value is None or value == "":
        raise Trouble(f"「{node.label}」的消息名没有值")
    return to_text(value)


def key_of(run: Run, expression: Expression | None, scope: int) -> str:
    """The correlation key, "" where none is asked for. Raises Trouble if it has no value."""
    if expression is None:
        return ""
    value = run.evaluate(expression, scope)
    if value is None or value == "":
        raise Trouble(f"消息的对应键「{expression.text}」没有值")
    return to_text(value)


def timer_of(run: Run, node: Node, scope: int) -> Moment | Duration | Cycle:
    """The value of a timer event now. Raises Trouble."""
    spec = node.event.timer if node.event is not None else None
    assert spec is not None
    if spec.fixed is not None:
        return spec.fixed
    assert spec.expression is not None
    value = run.evaluate(spec.expression, scope)
    try:
        return timer_value(spec.kind, value)
    except BadTime as bad:
        raise Trouble(f"「{node.label}」的时间「{spec.text}」算不出来：{bad}") from None


def _first_due(run: Run, node: Node, scope: int) -> tuple[datetime, int | None] | None:
    try:
        return first_due(timer_of(run, node, scope), run.now, run.zone)
    except BadTime as bad:
        raise Trouble(f"「{node.label}」的时间算不出来：{bad}") from None


def repeat_timer(run: Run, node: Node, wait: Wait, scope: int) -> None:
    """Set a cycle's timer again after it went off; nothing if it is over."""
    if wait.left == 0 or wait.due_at is None:
        return
    try:
        value = timer_of(run, node, scope)
        due = next_due(value, wait.due_at, run.now, run.zone, wait.left) if isinstance(value, Cycle) else None
    except (Trouble, BadTime) as trouble:
        run.emit(IncidentRaised(run.new_id(), node.id, str(trouble), wait.token, "timer"))
        return
    if due is not None:
        run.emit(TimerSet(run.new_id(), node.id, wait.token, due[0], due[1], wait.scope))


def close(run: Run, wait: Wait, *, answered: bool = False) -> None:
    """A wait is over: `answered`, or no longer needed."""
    outcome = "completed" if answered else "cancelled"
    if wait.kind == "item":
        run.emit(ItemClosed(wait.id, outcome))
    elif wait.kind == "timer":
        run.emit(TimerCleared(wait.id, answered))
    elif wait.kind == "service":
        run.emit(ServiceClosed(wait.id, outcome))
    elif wait.kind == "call":
        run.emit(CallClosed(wait.id, outcome))
    else:
        run.emit(Unsubscribed(wait.id))


def close_waits_of_token(run: Run, token: Token) -> None:
    """Nobody waits here any more."""
    for wait in waits_of_token(run.state, token.id):
        close(run, wait)


def close_waits_of_scope(run: Run, scope: int) -> None:
    """The event sub-processes of a scope stop listening."""
    for wait in [wait for wait in run.state.waits.values() if not wait.token and wait.scope == scope]:
        close(run, wait)
