"""Drives one instance in a test. Each step is saved, loaded, replayed from its events and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bihuan.engine.definition import Process
from bihuan.engine.runtime import (
    Ask,
    CallRequested,
    CancelInstance,
    Command,
    CompleteItem,
    DeliverMessage,
    DeliverSignal,
    Event,
    FailCall,
    FailService,
    FinishCall,
    FinishService,
    FireTimer,
    ItemOpened,
    Pass,
    RetryIncident,
    SendBack,
    SetVariables,
    SkipIncident,
    Start,
    State,
    apply,
    event_from_json,
    new_state,
    parked_by,
    passes_in,
    step,
)
from bihuan.engine.runtime.incidents import JOINS
from tests.engine.runtime.models import build

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


class Story:
    """One instance of one process, and everything that happened in it."""

    def __init__(self, model: str | Process, *, context: Mapping[str, Any] | None = None) -> None:
        self.process = build(model) if isinstance(model, str) else model
        self.state = new_state()
        self.now = NOON
        self.context = context
        self.history: list[Event] = []
        self.last: list[Event] = []

    def do(self, command: Command) -> list[Event]:
        """One step, checked every way we know."""
        replayed = _copy(self.state)
        before = self.state.to_json()
        loaded = _copy(self.state)
        assert loaded == self.state, "saving and loading changed the state"
        self.state = loaded
        try:
            self.last = step(self.process, self.state, command, self.now, context=self.context)
        except Exception:
            assert self.state.to_json() == before, "a rejected command changed the state"
            raise
        for event in self.last:
            again = event_from_json(json.loads(json.dumps(event.to_json())))
            assert again == event, "an event does not survive saving"
            apply(replayed, again)
        assert replayed == self.state, "replaying the events gives another state"
        self.history.extend(self.last)
        check_whole(self.process, self.state)
        return self.last

    def start(self, start_node: str | None = None, **variables: Any) -> Story:
        self.do(Start(variables, start_node))
        return self

    def wait(self, node: str, kind: str, number: int = 0) -> int:
        """The id of an open wait of a node."""
        found = [wait.id for wait in self.state.waits.values() if wait.node == node and wait.kind == kind]
        assert found, f"{node} waits for no {kind}; open: {self.open}"
        return found[number]

    def complete(self, node: str, number: int = 0, **variables: Any) -> Story:
        self.do(CompleteItem(self.wait(node, "item", number), variables))
        return self

    def fire(self, node: str) -> Story:
        wait = self.state.waits[self.wait(node, "timer")]
        assert wait.due_at is not None
        self.now = max(self.now, wait.due_at)
        self.do(FireTimer(wait.id))
        return self

    def message(self, node: str, **variables: Any) -> Story:
        self.do(DeliverMessage(self.wait(node, "message"), variables))
        return self

    def set_off(self, node: str) -> Story:
        """The moment or message an event waits for has come."""
        return self.fire(node) if any(wait.kind == "timer" for wait in self._waits_at(node)) else self.message(node)

    def _waits_at(self, node: str) -> list[Any]:
        return [wait for wait in self.state.waits.values() if wait.node == node]

    def signal(self, node: str, **variables: Any) -> Story:
        self.do(DeliverSignal(self.wait(node, "signal"), variables))
        return self

    def finish(self, node: str, number: int = 0, **variables: Any) -> Story:
        self.do(FinishService(self.wait(node, "service", number), variables))
        return self

    def fail(self, node: str, reason: str = "坏了", error: str | None = None, **variables: Any) -> Story:
        self.do(FailService(self.wait(node, "service"), reason, error, variables))
        return self

    def returned(self, node: str, **variables: Any) -> Story:
        self.do(FinishCall(self.wait(node, "call"), variables))
        return self

    def call_failed(self, node: str, error: str | None = None) -> Story:
        self.do(FailCall(self.wait(node, "call"), "坏了", error))
        return self

    def retry(self) -> Story:
        self.do(RetryIncident(self.incident))
        return self

    def skip(self, flow: str | None = None, **variables: Any) -> Story:
        self.do(SkipIncident(self.incident, variables, flow))
        return self

    def set(self, **variables: Any) -> Story:
        self.do(SetVariables(variables))
        return self

    def cancel(self) -> Story:
        self.do(CancelInstance("不办了"))
        return self

    def later(self, **span: float) -> Story:
        self.now += timedelta(**span)
        return self

    def send_back(self, node: str, target: str, *, straight: bool = False, done: int = -1, number: int = 0) -> Story:
        """`done` says which time it was done, of those in a sub-process of several passes (the last)."""
        self.do(SendBack(self.wait(node, "item", number), target, straight, self.into(target, done)))
        return self

    def into(self, node: str, done: int = -1) -> tuple[Pass, ...]:
        """The passes around a step or call as it was done, from the history."""
        asked = (event for event in self.history if isinstance(event, (ItemOpened, CallRequested)))
        opened = [event.wait for event in asked if event.node == node]
        return passes_in(self.history, opened[done:][:1])[opened[done]] if len(opened) >= abs(done) else ()

    def ask(self, node: str, mode: str, person: int = 7) -> Story:
        self.do(Ask(self.wait(node, "item"), mode, person, asker=1))
        return self

    @property
    def before(self) -> State:
        """The state as it is, kept to come back to."""
        return _copy(self.state)

    @property
    def items(self) -> list[str]:
        """Nodes with open work that is somebody's turn, sorted, once per item."""
        waits = (wait for wait in self.state.waits.values() if wait.kind == "item")
        return sorted(wait.node for wait in waits if not parked_by(self.state, wait.id))

    @property
    def incident(self) -> int:
        [held] = self.state.incidents
        return held

    @property
    def open(self) -> list[str]:
        """Nodes that wait for something, sorted, once per wait."""
        return sorted(wait.node for wait in self.state.waits.values())

    @property
    def outcome(self) -> str:
        return self.state.outcome

    @property
    def variables(self) -> dict[str, Any]:
        return self.state.variables

    def happened(self, kind: type[Event]) -> list[Any]:
        """Events of a kind in the last step."""
        return [event for event in self.last if isinstance(event, kind)]

    def path(self) -> list[str]:
        """Node ids in the order they were entered."""
        return [event.node for event in self.history if type(event).__name__ == "NodeEntered"]


def _copy(state: State) -> State:
    return State.from_json(state.to_text())


def check_whole(process: Process, state: State) -> None:
    """Nothing hangs in the air: every wait, scope and incident belongs to something that is still there."""
    if state.status == "ended":
        assert not (state.asks or state.reworks or state.awaiting or state.held or state.suspended_at or state.kept)
        assert not state.tokens and not state.waits and not state.incidents and set(state.scopes) == {0}
        assert not state.records and not state.gateways
        return
    assert state.tokens, "a running instance without a token"
    held = {incident.token for incident in state.incidents.values()}
    for token in state.tokens.values():
        assert token.scope in state.scopes and token.node in process.nodes
        assert not token.local or token.local in state.scopes
    for scope in state.scopes.values():
        assert scope.id == 0 or (scope.token in state.tokens and scope.parent in state.scopes)
    for incident in state.incidents.values():
        assert incident.token in state.tokens or incident.stage in ("listen", "timer")
    for wait in state.waits.values():
        assert wait.token in state.tokens if wait.token else wait.scope in state.scopes
    waiting = {wait.token for wait in state.waits.values()} | {scope.token for scope in state.scopes.values()}
    for token in state.tokens.values():
        at_join = process.nodes[token.node].kind in JOINS or process.nodes[token.node].start_quantity > 1
        assert token.id in waiting or token.id in held or at_join, f"{token} waits for nothing"
    for ask in state.asks.values():
        assert ask.token in state.tokens and (not ask.item or ask.item in state.waits)
        assert ask.mode == "after" or ask.wait in state.waits
    for rework in state.reworks.values():
        assert rework.token in state.tokens and rework.top in state.tokens and rework.wait in state.waits
        assert (state.waits[rework.wait].kind == "call") == bool(rework.behind)
    assert all(state.waits[wait].kind == "item" for wait in state.awaiting)
    assert set(state.held) <= set(state.tokens)
    for record in state.records.values():
        assert record.scope in state.scopes and (not record.within or record.within in state.records)
        assert not record.by or record.by in state.tokens
    for scope_id, node in state.gateways:
        assert scope_id in state.scopes and process.nodes[node].kind == "complexGateway"
    ids = [*state.tokens, *state.scopes, *state.waits, *state.incidents, *state.records]
    assert len(ids) == len(set(ids)) and max(ids) < state.next_id
