"""Errors and escalations: who catches them, and what happens when nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import cancel_token, empty_scope, end_instance
from bihuan.engine.runtime.events import ErrorThrown, EscalationThrown, ScopeOpened
from bihuan.engine.runtime.flows import stand
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Token


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
    event = catcher.event
    assert event is not None
    if event.code_variable:
        values[event.code_variable] = code
    if event.message_variable:
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
        if catcher.event is not None and catcher.event.code_variable:
            values[catcher.event.code_variable] = code
        _catch(run, catcher, host, values)


def _catcher(run: Run, token: Token, kind: str, code: str) -> tuple[Node, Token | int] | None:
    """The catching event and what it interrupts: the token of an activity, or the id of a scope."""
    state, nodes = run.state, run.process.nodes
    while True:
        scope = state.scopes[token.scope]
        node = nodes[token.node]
        if scope.kind != "each":
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
        if node.event is None or node.event.kind != kind:
            continue
        if node.event.name == code:
            return node
        if not node.event.name and catch_all is None:
            catch_all = node
    return catch_all


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
    owner = stand(run, start.parent, scope)
    inner = run.new_id()
    run.emit(ScopeOpened(inner, scope, start.parent, owner.id, "sub"))
    token = stand(run, start.id, inner)
    run.element(start).finish(run, start, token, variables)
