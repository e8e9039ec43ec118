"""Errors and escalations: who catches them, and what happens when nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import EventSpec
from bihuan.engine.runtime.cancelling import cancel_token, empty_scope, end_instance
from bihuan.engine.runtime.events import (
    ErrorThrown,
    EscalationThrown,
    MessageThrown,
    ScopeOpened,
    SignalThrown,
    VariablesSet,
)
from bihuan.engine.runtime.flows import stand
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Token, Wait
from bihuan.engine.runtime.waits import data_of, key_of, name_of, spec_of


def throw_error(
    run: Run, token: Token, code: str, reason: str = "", variables: Mapping[str, Any] | None = None
) -> bool:
    """An error leaves the token upwards to the nearest event that catches its code. False if there is none; nothing
    but the record of the throw has happened then."""
    found = _catcher(run, token, "error", code)
    run.emit(ErrorThrown(token.node, code, found[0].id if found else "", reason))
    if found is None:
        return False
    catcher, host = found
    values = dict(variables or {})
    event = _part(catcher, "error", code)
    if event is not None and event.code_variable:
        values[event.code_variable] = code
    if event is not None and event.message_variable:
        values[event.message_variable] = reason
    _catch(run, catcher, host, values)
    return True


def end_with_error(run: Run, code: str) -> None:
    """Nobody caught an error: the instance ends with it, and who called it will be told."""
    end_instance(run, "error", f"错误「{code}」没有人处理", code)


def throw_escalation(run: Run, token: Token, code: str, variables: Mapping[str, Any] | None = None) -> None:
    """An escalation goes upwards to the nearest event that catches its code; without one it is only recorded.

    The thrower goes on unless the catcher interrupted what it is part of.
    """
    found = _catcher(run, token, "escalation", code)
    run.emit(EscalationThrown(token.node, code, found[0].id if found else ""))
    if found is not None:
        catcher, host = found
        values = dict(variables or {})
        event = _part(catcher, "escalation", code)
        if event is not None and event.code_variable:
            values[event.code_variable] = code
        _catch(run, catcher, host, values)


def throw_signal(run: Run, node: str, name: str, payload: Mapping[str, Any]) -> None:
    """A signal goes out. In this instance it reaches whoever listens at this moment; others are told by the store."""
    run.emit(SignalThrown(node, name, payload))
    for wait in [wait for wait in run.state.waits.values() if wait.kind == "signal"]:
        if wait.id in run.state.waits and _hears(run, wait, name):
            listener = run.process.nodes[wait.node]
            run.element(listener).answer(run, listener, wait, payload)


def throw_from(run: Run, node: Node, token: Token, spec: EventSpec) -> None:
    """What a multi-instance throws, without data, when a repetition completes. Raises Trouble."""
    if spec.kind == "escalation":
        throw_escalation(run, token, spec.name)
    elif spec.kind == "error":
        if not throw_error(run, token, spec.name):
            end_with_error(run, spec.name)
    elif spec.kind == "message":
        name, key = name_of(run, node, token.scope, spec), key_of(run, spec.correlation, token.scope)
        run.emit(MessageThrown(node.id, name, key, {}))
    elif spec.name:
        throw_signal(run, node.id, name_of(run, node, token.scope, spec), {})
    else:
        _default_signal(run, node, token)


def _default_signal(run: Run, node: Node, token: Token) -> None:
    """The signal without a name that the standard lets a multi-instance throw: for the events at its own boundary."""
    run.emit(SignalThrown(node.id, "", {}))
    for wait in [wait for wait in run.state.waits.values() if wait.kind == "signal" and wait.token == token.id]:
        if wait.id in run.state.waits:
            event = run.process.nodes[wait.node]
            run.element(event).answer(run, event, wait, {})


def _hears(run: Run, wait: Wait, name: str) -> bool:
    try:
        return name_of(run, run.process.nodes[wait.node], data_of(run, wait), spec_of(run, wait)) == name
    except Trouble:
        return False


def _catcher(run: Run, token: Token, kind: str, code: str) -> tuple[Node, Token | int] | None:
    """The catching event and what it interrupts: the token of an activity, or the id of a scope."""
    state, nodes = run.state, run.process.nodes
    while True:
        scope = state.scopes[token.scope]
        node = nodes[token.node]
        if scope.kind == "undo":
            boundary = _matching(run, node.boundary, kind, code)
            if boundary is not None:
                return boundary, token
        elif scope.kind != "each":
            boundary = _matching(run, node.boundary, kind, code)
            if boundary is not None:
                return boundary, token
            starts = [run.process.levels[listener].triggers for listener in run.process.levels[scope.node].listeners]
            inside = [trigger for triggers in starts for trigger in triggers if nodes[trigger].parent != token.node]
            start = _matching(run, inside, kind, code)
            if start is not None:
                return start, scope.id
            if scope.id == ROOT:
                return None
        token = state.tokens[scope.token]


def _matching(run: Run, candidates: tuple[str, ...] | list[str], kind: str, code: str) -> Node | None:
    catch_all: Node | None = None
    for candidate in candidates:
        node = run.process.nodes[candidate]
        part = _part(node, kind, code)
        if part is not None and part.name:
            return node
        if part is not None and catch_all is None:
            catch_all = node
    return catch_all


def _part(node: Node, kind: str, code: str) -> EventSpec | None:
    """What of an event catches this code: the part that names it, else one that takes all."""
    parts = [part for part in node.event.all_parts if part.kind == kind] if node.event is not None else []
    named = [part for part in parts if part.name == code]
    return next(iter([*named, *(part for part in parts if not part.name)]), None)


def _catch(run: Run, catcher: Node, host: Token | int, variables: Mapping[str, Any]) -> None:
    if isinstance(host, Token):
        trigger_boundary(run, catcher, host, variables)
    else:
        trigger_listener(run, catcher, host, variables)


def trigger_boundary(run: Run, event: Node, host: Token, variables: Mapping[str, Any]) -> None:
    """A boundary event goes off: its activity is cancelled if it interrupts, and a token leaves by the event."""
    scope = host.scope
    if event.interrupting:
        cancel_token(run, host)
    token = stand(run, event.id, scope)
    run.element(event).finish(run, event, token, variables)


def trigger_listener(run: Run, start: Node, scope: int, variables: Mapping[str, Any]) -> None:
    """An event sub-process goes off in a scope: everything else there is cancelled if it interrupts."""
    if start.interrupting:
        empty_scope(run, scope)
    begin_listener(run, start, scope, variables)


def begin_listener(run: Run, start: Node, scope: int, variables: Mapping[str, Any]) -> None:
    """An event sub-process begins in a scope."""
    owner = stand(run, start.parent, scope)
    inner = run.new_id()
    run.emit(ScopeOpened(inner, scope, start.parent, owner.id, "sub"))
    own = run.process.nodes[start.parent].own_data
    if own:
        run.emit(VariablesSet(inner, dict.fromkeys(own)))
    try:
        listen_inside(run, start.parent, inner)
    except Trouble as trouble:
        run.incident(owner, "listen", trouble.reason)
    token = stand(run, start.id, inner)
    run.element(start).finish(run, start, token, variables)
