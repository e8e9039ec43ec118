"""How a token goes on: choosing flows, walking them, and noticing that a scope has run empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.cancelling import drop_incidents, end_instance
from bihuan.engine.runtime.copying import request_copies
from bihuan.engine.runtime.events import FlowTaken, NodeEntered, NodeLeft, ScopeClosed
from bihuan.engine.runtime.inner_events import Compensated
from bihuan.engine.runtime.people.rework import end_rework
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Token
from bihuan.engine.runtime.waits import close_waits_of_scope


def every_open_way(run: Run, node: Node, token: Token, extra: Mapping[str, Any] | None = None) -> list[Flow]:
    """The rule for activities, events and inclusive gateways: every unconditional flow, every flow whose condition is
    true, and the default if no conditional one is. Raises Trouble if there are flows but none may be taken."""
    flows = run.process.flows
    if len(node.outgoing) == 1:
        only = flows[node.outgoing[0]]
        if only.condition is None:
            return [only]
    chosen: list[Flow] = []
    asked = False
    default: Flow | None = None
    met = False
    for flow_id in node.outgoing:
        flow = flows[flow_id]
        if flow.default:
            default = flow
            continue
        is_open = run.is_open(flow, token.data, extra)
        asked = asked or is_open is not None
        met = met or bool(is_open)
        if is_open is not False:
            chosen.append(flow)
    if default is not None and not met and (asked or not chosen):
        chosen.append(default)
    if not chosen and node.outgoing:
        raise Trouble(f"「{node.label}」后面没有一条流线的条件成立" + run.unknown(node.outgoing, token.data))
    return chosen


def leave(run: Run, node: Node, token: Token, flow: Flow | None = None) -> None:
    """The token goes on by the flows its element chooses, or by the one given."""
    if run.state.reworks and token.id in run.state.reworks:
        if node.copies:
            request_copies(run, node.copies, node.id, token.data, "complete")
        end_rework(run, token)
        return
    if flow is not None:
        chosen = [flow]
    else:
        try:
            chosen = run.element(node).choose(run, node, token)
        except Trouble as trouble:
            run.incident(token, "leave", trouble.reason)
            return
    if run.state.incidents:
        drop_incidents(run, token)
    if node.copies:
        request_copies(run, node.copies, node.id, token.data, "complete")
    run.emit(NodeLeft(node.id, token.id))
    if token.scope != ROOT and _ended_around(run, token.scope):
        return
    if chosen:
        walk(run, chosen * node.completion_quantity, token.scope)
    else:
        end_scope_if_empty(run, token.scope)


def _ended_around(run: Run, scope_id: int) -> bool:
    """Whether an ad-hoc sub-process is over because something in it was done."""
    scope = run.state.scopes[scope_id]
    if scope.kind != "sub":
        return False
    node = run.process.nodes[scope.node]
    return node.ad_hoc is not None and run.element(node).one_done(run, node, scope_id)


def walk(run: Run, flows: Iterable[Flow], scope: int) -> None:
    """New tokens appear at the far end of the flows."""
    for flow in flows:
        run.emit(FlowTaken(flow.id))
        arrive(run, flow.target, scope, flow.id)


def arrive(run: Run, node: str, scope: int, flow: str = "") -> Token:
    """A new token at a node; it is entered when its turn comes."""
    token = run.new_id()
    run.emit(NodeEntered(node, token, scope, flow))
    run.queue.append(token)
    return run.state.tokens[token]


def stand(run: Run, node: str, scope: int) -> Token:
    """A new token at a node whose work is done by the caller."""
    token = run.new_id()
    run.emit(NodeEntered(node, token, scope))
    return run.state.tokens[token]


def end_scope_if_empty(run: Run, scope_id: int) -> None:
    """When no token is left in a process or sub-process, it is over."""
    state = run.state
    for token in state.tokens.values():
        if token.scope == scope_id:
            return
    scope = state.scopes[scope_id]
    if scope.kind == "sub":
        node = run.process.nodes[scope.node]
        if node.ad_hoc is not None and run.element(node).goes_on(run, node, scope_id):
            return
    end_scope(run, scope_id)


def end_scope_if_hollow(run: Run, scope_id: int) -> None:
    """A level that a step redone on the side has left is over if nobody else is in it; it may be gone already."""
    if scope_id in run.state.scopes:
        end_scope_if_empty(run, scope_id)


def end_scope(run: Run, scope_id: int, outcome: str = "completed") -> None:
    """A process or sub-process without tokens is over; what listened for it stops listening."""
    if scope_id == ROOT:
        request_copies(run, run.process.copies, "", ROOT, "complete")
        end_instance(run, outcome)
        return
    state = run.state
    close_waits_of_scope(run, scope_id)
    scope = state.scopes[scope_id]
    owner = state.tokens[scope.token]
    node = run.process.nodes[scope.node]
    element = run.element(node)
    if scope.kind == "sub" and outcome == "completed":
        element.completed(run, node, owner, scope_id)
    run.emit(ScopeClosed(scope_id))
    if scope.record:
        run.emit(Compensated(scope.record))
    element.inside_ended(run, node, owner)
