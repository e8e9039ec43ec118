"""Gateways that wait for several tokens. Tokens that have arrived stand at the gateway; counting them is the join."""

from __future__ import annotations

from collections.abc import Iterable

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.cancelling import drop_incidents
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import leave
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


def arrived(run: Run, node: Node, scope: int) -> dict[str, Token]:
    """The first waiting token of each incoming flow. Tokens that are held by an incident do not count."""
    held = {incident.token for incident in run.state.incidents.values() if incident.stage != "join"}
    first: dict[str, Token] = {}
    for token in run.state.tokens.values():
        if token.node == node.id and token.scope == scope and token.id not in held:
            first.setdefault(token.flow, token)
    return first


def idle_tokens(run: Run, node: Node, scope: int) -> list[Token]:
    """Tokens at an activity that do nothing yet: it needs several to begin."""
    busy = {wait.token for wait in run.state.waits.values()} | {held.token for held in run.state.scopes.values()}
    busy |= {incident.token for incident in run.state.incidents.values() if incident.stage != "join"}
    here = [token for token in run.state.tokens.values() if token.node == node.id and token.scope == scope]
    return [token for token in here if token.id not in busy]


def merge(run: Run, node: Node, tokens: dict[str, Token], flow: Flow | None = None) -> None:
    """One token goes on for all of these."""
    survivor, *others = tokens.values()
    for token in others:
        drop_incidents(run, token)
        run.emit(NodeLeft(node.id, token.id))
    leave(run, node, survivor, flow)


def release_joins(run: Run) -> bool:
    """Let the first join go on that waits for nobody any more (inclusive and complex ones). False if there is none."""
    places = {(token.node, token.scope) for token in run.state.tokens.values() if token.node in run.process.reach}
    places |= {(node, scope) for scope, node in run.state.gateways}
    for name, scope in sorted(places):
        node = run.process.nodes[name]
        if run.element(node).release(run, node, scope):
            return True
    return False


def somebody_comes(run: Run, node: Node, scope: int, waiting: Iterable[str]) -> bool:
    """Whether a token elsewhere can reach an incoming flow that nobody came by, and none that somebody came by."""
    reach = run.process.reach[node.id]
    missing = [flow for flow in node.incoming if flow not in waiting]
    aside = redoing(run.state)
    for token in run.state.tokens.values():
        if token.scope != scope or token.node == node.id or token.id in aside:
            continue
        flows = reach.get(token.node)
        if flows and any(flow in flows for flow in missing) and not any(flow in flows for flow in waiting):
            return True
    return False
