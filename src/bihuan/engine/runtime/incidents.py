"""Going on after an incident: trying again what failed, or skipping it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.cancelling import clear_token
from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.conditions import missing_data
from bihuan.engine.runtime.events import IncidentRaised, IncidentResolved
from bihuan.engine.runtime.flows import leave
from bihuan.engine.runtime.inside import listen_inside
from bihuan.engine.runtime.joins import arrived, idle_tokens, merge
from bihuan.engine.runtime.outputs import assign
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import ROOT, Incident, Token, Wait
from bihuan.engine.runtime.waits import close, listen

JOINS = frozenset({"parallelGateway", "inclusiveGateway", "complexGateway"})


def retry(run: Run, incident: Incident) -> None:
    """Do again what raised the incident; if it fails again there is a new incident."""
    run.emit(IncidentResolved(incident.id, "retried"))
    token = run.state.tokens.get(incident.token)
    if incident.stage in ("listen", "timer"):
        _listen_again(run, incident, token)
        return
    assert token is not None
    node = run.node(token)
    element = run.element(node)
    if incident.stage in ("enter", "limit", "join"):
        run.queue.append(token.id)
    elif incident.stage == "work":
        _work_again(run, node, token)
    elif incident.stage == "output":
        element.finish(run, node, token, {})
    elif incident.stage == "leave":
        leave(run, node, token)
    elif incident.stage == "count":
        element.recount(run, node, token)
    else:
        element.done(run, node, token)


def _work_again(run: Run, node: Node, token: Token) -> None:
    try:
        run.element(node).work(run, node, token)
    except Trouble as trouble:
        run.incident(token, "work", trouble.reason)


def _listen_again(run: Run, incident: Incident, token: Token | None) -> None:
    try:
        if incident.stage == "listen" and token is not None:
            scopes = run.state.scopes.values()
            listen_inside(run, token.node, next(scope.id for scope in scopes if scope.token == token.id))
        elif incident.stage == "listen":
            listen_inside(run, "", ROOT)
        elif token is not None:
            listen(run, [run.process.nodes[incident.node]], token.id, token.scope, token.scope)
    except Trouble as trouble:
        run.emit(IncidentRaised(run.new_id(), incident.node, trouble.reason, incident.token, incident.stage))


def skip(run: Run, incident: Incident, variables: Mapping[str, Any], flow: str | None) -> None:
    """Go on as if the work had been done with these results."""
    token = run.state.tokens.get(incident.token)
    if token is None or incident.stage in ("listen", "timer"):
        run.emit(IncidentResolved(incident.id, "skipped"))
        return
    node = run.node(token)
    way = _way(run, node, flow)
    if incident.stage == "leave":
        _skip_choice(run, incident, node, token, variables, way)
        return
    run.emit(IncidentResolved(incident.id, "skipped"))
    if incident.stage == "join" or (incident.stage == "limit" and node.kind in JOINS):
        assign(run, token.scope, variables)
        merge(run, node, arrived(run, node, token.scope), way)
    elif incident.stage == "loop":
        clear_token(run, token)
        leave(run, node, token, way)
    else:
        clear_token(run, token)
        run.element(node).finish(run, node, token, variables, skipped=True)


def _way(run: Run, node: Node, flow: str | None) -> Flow | None:
    if flow is None:
        return None
    if flow not in node.outgoing:
        raise CommandRejected(f"「{node.label}」没有流线「{flow}」")
    return run.process.flows[flow]


def _skip_choice(
    run: Run, incident: Incident, node: Node, token: Token, variables: Mapping[str, Any], way: Flow | None
) -> None:
    if way is None and len(node.outgoing) == 1:
        way = run.process.flows[node.outgoing[0]]
    if way is None and not variables:
        raise CommandRejected(f"请说明从「{node.label}」走哪一条流线")
    run.emit(IncidentResolved(incident.id, "skipped"))
    assign(run, token.scope, variables)
    leave(run, node, token, way)


def _report_missing(run: Run, wait: Wait) -> None:
    node = run.process.nodes[wait.node]
    lacking = "、".join(missing_data(run, node, wait.token))
    close(run, wait)
    run.incident(
        run.state.tokens[wait.token], "enter", f"「{node.label}」缺少输入数据「{lacking}」，也没有别的环节会给出"
    )


def report_deadlock(run: Run) -> None:
    """When tokens stand at joins and nothing else can ever move, somebody must be told: an incident per join."""
    state = run.state
    if state.incidents:
        return
    for wait in state.waits.values():
        if wait.token and wait.kind != "data":
            return
    for wait in list(state.waits.values()):
        if wait.kind == "data":
            _report_missing(run, wait)
    told: set[tuple[str, int]] = set()
    for token in list(state.tokens.values()):
        node = run.node(token)
        joins = node.kind in JOINS or (node.start_quantity > 1 and token in idle_tokens(run, node, token.scope))
        if joins and (node.id, token.scope) not in told:
            told.add((node.id, token.scope))
            run.incident(token, "join", f"「{node.label}」在等的分支永远不会到")
