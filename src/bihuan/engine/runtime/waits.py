"""Opening and closing what the instance waits for outside itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bihuan.engine.definition.iso8601 import BadTime, Cycle, Duration, Moment, first_due, next_due, timer_value
from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import EventSpec
from bihuan.engine.feel import Expression, to_text
from bihuan.engine.runtime.events import (
    CallClosed,
    IncidentRaised,
    ItemClosed,
    ServiceClosed,
    Subscribed,
    TimerCleared,
    TimerSet,
    Unsubscribed,
)
from bihuan.engine.runtime.inner_events import ConditionSeen, WaitClosed, WaitOpened
from bihuan.engine.runtime.outputs import assign
from bihuan.engine.runtime.people.events import CallerForsaken
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import State, Token, Wait

LISTENING = frozenset({"message", "signal", "timer", "conditional"})
"""Kinds of event that open a wait; errors and escalations are looked up when they are thrown."""


INNER = frozenset({"condition", "data", "adhoc"})
"""Kinds of wait for something inside the instance."""


def waits_of_token(state: State, token: int) -> list[Wait]:
    """What one token waits for, boundary events of its activity included."""
    return [wait for wait in state.waits.values() if wait.token == token]


def listen(run: Run, nodes: Iterable[Node], token: int, scope: int, data: int, *, but: int | None = None) -> None:
    """Open a wait for each event node, or for each part of a multiple one (but the one that has come already).

    `token` is who waits, 0 for the scope itself; `data` is where names are found. Raises Trouble before anything is
    opened.
    """
    owner = 0 if token else scope
    opened: list[TimerSet | Subscribed | WaitOpened] = []
    for node in nodes:
        for part, spec in enumerate(node.event.all_parts if node.event is not None else ()):
            if spec.kind not in LISTENING or part == but:
                continue
            event = _awaited(run, node, spec, data)
            if event is not None:
                opened.append(replace(event, token=token, scope=owner, part=part))
    for event in opened:
        run.emit(replace(event, wait=run.new_id()))


def listen_part(run: Run, node: Node, part: int, token: int, scope: int) -> None:
    """Open the wait for one part of an event node again. Raises Trouble."""
    assert node.event is not None
    event = _awaited(run, node, node.event.all_parts[part], scope)
    if event is not None:
        owner = 0 if token else scope
        run.emit(replace(event, wait=run.new_id(), token=token, scope=owner, part=part))


def _awaited(run: Run, node: Node, spec: EventSpec, data: int) -> TimerSet | Subscribed | WaitOpened | None:
    if spec.kind == "conditional":
        return WaitOpened(0, "condition", node.id, 0)
    if spec.kind == "timer":
        due = _first_due(run, node, spec, data)
        return None if due is None else TimerSet(0, node.id, 0, due[0], due[1])
    return Subscribed(0, node.id, 0, spec.kind, name_of(run, node, data, spec), key_of(run, spec.correlation, data))


def spec_of(run: Run, wait: Wait) -> EventSpec:
    """What a wait of an event is for: its event, or that part of a multiple one."""
    event = run.process.nodes[wait.node].event
    assert event is not None
    return event.all_parts[wait.part]


def data_of(run: Run, wait: Wait) -> int:
    """The scope in which the event of a wait finds its names."""
    return run.state.tokens[wait.token].scope if wait.token else wait.scope


def has_come(
    run: Run, node: Node, wait: Wait, variables: Mapping[str, Any], *, stays: bool = False
) -> Mapping[str, Any] | None:
    """What a wait was for has come: the variables it brings, or None while the event still needs its other parts.

    An event that `stays` (it does not interrupt) keeps listening.
    """
    event = node.event
    assert event is not None
    if event.parallel:
        close(run, wait, answered=True)
        same = (wait.node, wait.token, wait.scope)
        if any((other.node, other.token, other.scope) == same for other in run.state.waits.values()):
            assign(run, data_of(run, wait), variables)
            return None
        if stays:
            _listen_again(run, node, wait)
    elif wait.kind == "timer":
        close(run, wait, answered=True)
        if stays:
            repeat_timer(run, node, wait, data_of(run, wait))
    elif wait.kind == "condition" and stays:
        run.emit(ConditionSeen(wait.id, holds=True))
    return variables


def _listen_again(run: Run, node: Node, wait: Wait) -> None:
    scope = data_of(run, wait)
    try:
        listen(run, [node], wait.token, scope, scope)
    except Trouble as trouble:
        run.emit(IncidentRaised(run.new_id(), node.id, trouble.reason, wait.token, "timer"))


def name_of(run: Run, node: Node, scope: int, spec: EventSpec | None = None) -> str:
    """The name of the message or signal of an event. Raises Trouble."""
    spec = spec or node.event
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


def timer_of(run: Run, node: Node, scope: int, event: EventSpec | None = None) -> Moment | Duration | Cycle:
    """The value of a timer event now. Raises Trouble."""
    event = event or node.event
    spec = event.timer if event is not None else None
    assert spec is not None
    if spec.fixed is not None:
        return spec.fixed
    assert spec.expression is not None
    value = run.evaluate(spec.expression, scope)
    try:
        return timer_value(spec.kind, value)
    except BadTime as bad:
        raise Trouble(f"「{node.label}」的时间「{spec.text}」算不出来：{bad}") from None


def _first_due(run: Run, node: Node, spec: EventSpec, scope: int) -> tuple[datetime, int | None] | None:
    try:
        return first_due(timer_of(run, node, scope, spec), run.now, run.zone)
    except BadTime as bad:
        raise Trouble(f"「{node.label}」的时间算不出来：{bad}") from None


def repeat_timer(run: Run, node: Node, wait: Wait, scope: int) -> None:
    """Set a cycle's timer again after it went off; nothing if it is over."""
    if wait.left == 0 or wait.due_at is None:
        return
    try:
        value = timer_of(run, node, scope, spec_of(run, wait))
        due = next_due(value, wait.due_at, run.now, run.zone, wait.left) if isinstance(value, Cycle) else None
    except (Trouble, BadTime) as trouble:
        run.emit(IncidentRaised(run.new_id(), node.id, str(trouble), wait.token, "timer"))
        return
    if due is not None:
        run.emit(TimerSet(run.new_id(), node.id, wait.token, due[0], due[1], wait.scope, wait.part))


def close(run: Run, wait: Wait, *, answered: bool = False) -> None:
    """A wait is over: `answered`, or no longer needed."""
    outcome = "completed" if answered else "cancelled"
    if wait.kind == "item":
        if wait.id in run.state.awaiting:
            run.emit(CallerForsaken(wait.id))
        run.emit(ItemClosed(wait.id, outcome))
    elif wait.kind == "timer":
        run.emit(TimerCleared(wait.id, answered))
    elif wait.kind == "service":
        run.emit(ServiceClosed(wait.id, outcome))
    elif wait.kind == "call":
        run.emit(CallClosed(wait.id, outcome))
    elif wait.kind in INNER:
        run.emit(WaitClosed(wait.id))
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
