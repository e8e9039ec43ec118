"""The only way the state of an instance changes: one small function per event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bihuan.engine.runtime import events as e
from bihuan.engine.runtime import inner_events as i
from bihuan.engine.runtime.migration.events import MIGRATION_APPLIERS
from bihuan.engine.runtime.people.appliers import PEOPLE_APPLIERS, forget_item, forget_token
from bihuan.engine.runtime.state import ROOT, Incident, Record, Scope, State, Token, Wait


def apply(state: State, event: e.Event) -> None:
    """Change the state by what has happened. Events that are history only (flows, throws) change nothing."""
    applier = APPLIERS.get(type(event))
    if applier is not None:
        applier(state, event)


def _use(state: State, identity: int) -> None:
    if identity >= state.next_id:
        state.next_id = identity + 1


def _instance_started(state: State, _event: e.InstanceStarted) -> None:
    state.status = "running"
    state.scopes[ROOT] = Scope(ROOT, ROOT, "", 0, "process")


def _instance_ended(state: State, event: e.InstanceEnded) -> None:
    state.status = "ended"
    state.outcome = event.outcome
    state.suspended_at = None
    state.kept.clear()
    state.records.clear()
    state.gateways.clear()


def _node_entered(state: State, event: e.NodeEntered) -> None:
    token = event.token
    state.tokens[token] = Token(token, event.node, event.scope, event.flow, 0, event.loop)
    if token >= state.next_id:
        state.next_id = token + 1


def _node_left(state: State, event: e.NodeLeft) -> None:
    del state.tokens[event.token]
    if state.asks or state.reworks or state.held:
        forget_token(state, event.token)
    for record in state.records.values():
        if record.by == event.token:
            record.by = 0


def _scope_opened(state: State, event: e.ScopeOpened) -> None:
    scope = Scope(event.scope, event.parent, event.node, event.token, event.kind, record=event.record)
    if event.kind == "local":
        state.tokens[event.token].local = event.scope
    elif event.kind == "multi":
        scope.total, scope.items = event.total, event.items
        scope.results = [None] * event.total if event.gather else None
    elif event.kind == "each":
        state.scopes[event.parent].started += 1
    state.scopes[event.scope] = scope
    _use(state, event.scope)


def _scope_closed(state: State, event: e.ScopeClosed) -> None:
    scope = state.scopes.pop(event.scope)
    if state.records:
        _forget(state, [record.id for record in state.records.values() if record.scope == event.scope])
    for key in [key for key in state.gateways if key[0] == event.scope]:
        del state.gateways[key]
    if scope.kind == "local" and scope.token in state.tokens:
        state.tokens[scope.token].local = 0


def _loop_advanced(state: State, event: e.LoopAdvanced) -> None:
    scope = state.scopes[event.scope]
    scope.done += 1
    if scope.results is not None:
        scope.results[event.index - 1] = event.result


def _variables_set(state: State, event: e.VariablesSet) -> None:
    state.scopes[event.scope].variables.update(event.values)


def _wait(kind: str) -> Callable[[State, Any], None]:
    def opened(state: State, event: Any) -> None:
        state.waits[event.wait] = Wait(event.wait, kind, event.node, event.token)
        _use(state, event.wait)

    return opened


def _timer_set(state: State, event: e.TimerSet) -> None:
    state.waits[event.wait] = Wait(
        event.wait, "timer", event.node, event.token, event.scope, event.due_at, event.left, event.part
    )
    _use(state, event.wait)


def _subscribed(state: State, event: e.Subscribed | i.WaitOpened) -> None:
    wait = Wait(event.wait, event.kind, event.node, event.token, event.scope)
    wait.part = event.part
    state.waits[event.wait] = wait
    _use(state, event.wait)


def _condition_seen(state: State, event: i.ConditionSeen) -> None:
    state.waits[event.wait].left = int(event.holds)


def _activity_begun(state: State, event: i.ActivityBegun) -> None:
    scope = state.scopes[event.scope]
    scope.items = [*(scope.items or ()), event.node]


def _gateway_fired(state: State, event: i.GatewayFired) -> None:
    state.gateways[event.scope, event.node] = list(event.flows)


def _gateway_reset(state: State, event: i.GatewayReset) -> None:
    del state.gateways[event.scope, event.node]


def _completed(state: State, event: i.Completed) -> None:
    if event.inner:
        for record in state.records.values():
            if record.scope == event.inner:
                record.scope = event.scope
                record.within = record.within or event.record
    state.records[event.record] = Record(event.record, event.node, event.scope, 0, 0, dict(event.values))
    _use(state, event.record)


def _compensation_thrown(state: State, event: i.CompensationThrown) -> None:
    for identity in event.records:
        state.records[identity].by = event.token


def _compensated(state: State, event: i.Compensated) -> None:
    _forget(state, [event.record])


def _forget(state: State, identities: list[int]) -> None:
    """Records go with everything that is within them."""
    while identities:
        for identity in identities:
            state.records.pop(identity, None)
        gone = set(identities)
        identities = [record.id for record in state.records.values() if record.within in gone]


def _wait_closed(state: State, event: Any) -> None:
    del state.waits[event.wait]
    if state.asks:
        forget_item(state, event.wait)


def _incident_raised(state: State, event: e.IncidentRaised) -> None:
    state.incidents[event.incident] = Incident(event.incident, event.node, event.token, event.stage)
    _use(state, event.incident)


def _incident_resolved(state: State, event: e.IncidentResolved) -> None:
    del state.incidents[event.incident]


APPLIERS: dict[type[e.Event], Callable[[State, Any], None]] = {
    e.InstanceStarted: _instance_started,
    e.InstanceEnded: _instance_ended,
    e.NodeEntered: _node_entered,
    e.NodeLeft: _node_left,
    e.ScopeOpened: _scope_opened,
    e.ScopeClosed: _scope_closed,
    e.LoopAdvanced: _loop_advanced,
    e.VariablesSet: _variables_set,
    e.ItemOpened: _wait("item"),
    e.ItemClosed: _wait_closed,
    e.TimerSet: _timer_set,
    e.TimerCleared: _wait_closed,
    e.Subscribed: _subscribed,
    e.Unsubscribed: _wait_closed,
    i.WaitOpened: _subscribed,
    i.WaitClosed: _wait_closed,
    i.ConditionSeen: _condition_seen,
    i.ActivityBegun: _activity_begun,
    i.GatewayFired: _gateway_fired,
    i.GatewayReset: _gateway_reset,
    i.Completed: _completed,
    i.CompensationThrown: _compensation_thrown,
    i.Compensated: _compensated,
    e.ServiceRequested: _wait("service"),
    e.ServiceClosed: _wait_closed,
    e.CallRequested: _wait("call"),
    e.CallClosed: _wait_closed,
    e.IncidentRaised: _incident_raised,
    e.IncidentResolved: _incident_resolved,
    **PEOPLE_APPLIERS,
    **MIGRATION_APPLIERS,
}
