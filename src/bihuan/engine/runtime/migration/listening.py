"""What an instance waits for before and after: waits that stay, waits that end, and events that begin to listen.

A wait stays with its moment or key where its event is the same; one whose event has changed ends and begins anew; an
event that the new version adds begins to listen now.
"""

from __future__ import annotations

from dataclasses import dataclass

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.migration.plan import MigrationPlan, same_event, text_of
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.people.ways import JOINS, is_join
from bihuan.engine.runtime.state import ROOT, Scope, State, Token, Wait
from bihuan.engine.runtime.waits import LISTENING

EVENT_WAITS = frozenset({"timer", "message", "signal", "condition"})


@dataclass(frozen=True, slots=True)
class Listener:
    """Who begins to listen to `events` of the new version: a token, or (with token 0) the level `scope` for its event
    sub-processes."""

    token: int
    scope: int
    events: tuple[str, ...]


class Listening:
    """Compares what is waited for in a state with what the new version waits for there."""

    def __init__(self, plan: MigrationPlan, state: State) -> None:
        self.plan = plan
        self.state = state
        self._quiet = redoing(state)

    def ending(self) -> list[Wait]:
        """Waits whose event is gone or has changed."""
        return [wait for wait in self.state.waits.values() if wait.kind in EVENT_WAITS and not self._stays(wait)]

    def beginning(self) -> list[Listener]:
        """Who begins to listen to what."""
        tokens = (self._of_token(token) for token in self.state.tokens.values())
        levels = (self._of_level(scope) for scope in self.state.scopes.values() if scope.kind in ("process", "sub"))
        return [listener for listener in (*tokens, *levels) if listener.events]

    def to_look_at(self) -> list[Token]:
        """Tokens that wait at a join, or for tokens or data, whose conditions have changed: the first of each place."""
        held = {incident.token for incident in self.state.incidents.values()}
        found: dict[tuple[str, int], Token] = {}
        for token in self.state.tokens.values():
            if token.id not in held and self._waits_differently(token):
                found.setdefault((token.node, token.scope), token)
        return list(found.values())

    def _waits_differently(self, token: Token) -> bool:
        plan = self.plan
        old, new = plan.old.nodes[token.node], plan.new.nodes[plan.nodes[token.node]]
        if is_join(old):
            branches = {plan.flows.get(flow) for flow in old.incoming}
            return branches != set(new.incoming) or text_of(old.activation) != text_of(new.activation)
        if any(wait.token == token.id and wait.kind == "data" for wait in self.state.waits.values()):
            return old.needs != new.needs
        return old.start_quantity != new.start_quantity and not self._is_begun(token)

    def _stays(self, wait: Wait) -> bool:
        plan = self.plan
        target = plan.nodes.get(wait.node)
        if target is None or not same_event(plan.old.nodes[wait.node], plan.new.nodes[target]):
            return False
        return target in self._heard(plan.new, wait.token, wait.scope, moved=True)

    def _heard(self, process: Process, token: int, scope: int, *, moved: bool) -> tuple[str, ...]:
        """The events that a token or level listens to in a version."""
        if token:
            held = self.state.tokens[token]
            node = process.nodes[self.plan.nodes[held.node] if moved else held.node]
            return _events_at(process, node, repeated=_is_repetition(self.state, held))
        level = self.state.scopes[scope]
        parent = "" if level.id == ROOT else self.plan.nodes[level.node] if moved else level.node
        inside = process.levels[parent]
        return tuple(event for each in inside.listeners for event in process.levels[each].triggers)

    def _fresh(self, token: int, scope: int) -> tuple[str, ...]:
        """Events that were not listened to here before, and those that have changed while they listened."""
        plan = self.plan
        known = {plan.nodes.get(event, "") for event in self._heard(plan.old, token, scope, moved=False)}
        changed = {
            plan.nodes.get(wait.node, "")
            for wait in self.state.waits.values()
            if wait.token == token and wait.scope == scope and wait.kind in EVENT_WAITS and not self._stays(wait)
        }
        heard = self._heard(plan.new, token, scope, moved=True)
        return tuple(event for event in heard if event not in known or event in changed)

    def _of_token(self, token: Token) -> Listener:
        silent = token.id in self._quiet or not self._is_begun(token)
        return Listener(token.id, ROOT, () if silent else self._fresh(token.id, ROOT))

    def _of_level(self, scope: Scope) -> Listener:
        # Whoever tries again what is stuck listens to everything then.
        stuck = any(
            held.token == scope.token and (scope.id != ROOT or held.stage == "listen")
            for held in self.state.incidents.values()
        )
        silent = stuck or scope.token in self._quiet or self._is_taken_over(scope)
        return Listener(0, scope.id, () if silent else self._fresh(0, scope.id))

    def _is_taken_over(self, scope: Scope) -> bool:
        """Whether an event sub-process has interrupted the level: then nothing listens there any more."""
        old = self.plan.old
        running = (old.nodes[token.node] for token in self.state.tokens.values() if token.scope == scope.id)
        starts = (old.nodes[start] for node in running if node.by_event for start in old.levels[node.id].triggers)
        return any(start.interrupting for start in starts)

    def _is_begun(self, token: Token) -> bool:
        """Whether the token is at work; one that waits to begin listens when it does, one that is done no more."""
        own = [incident.stage for incident in self.state.incidents.values() if incident.token == token.id]
        if any(stage in ("enter", "limit", "join", "leave") for stage in own):
            return False
        waits = {wait.kind for wait in self.state.waits.values() if wait.token == token.id}
        inside = any(scope.token == token.id and scope.id for scope in self.state.scopes.values())
        return bool((waits - {"data"}) or inside or own) and self.plan.old.nodes[token.node].kind not in JOINS


def _events_at(process: Process, node: Node, *, repeated: bool) -> tuple[str, ...]:
    if node.kind == "eventBasedGateway":
        events = tuple(process.flows[flow].target for flow in node.outgoing)
    elif node.event is not None and node.kind in ("intermediateCatchEvent", "startEvent", "receiveTask"):
        events = (node.id,) if repeated else (node.id, *node.boundary)
    else:
        events = () if repeated else node.boundary
    return tuple(event for event in events if _listens(process.nodes[event]))


def _listens(node: Node) -> bool:
    return node.event is not None and any(part.kind in LISTENING for part in node.event.all_parts)


def _is_repetition(state: State, token: Token) -> bool:
    scope = state.scopes[token.scope]
    return scope.kind == "each" and scope.node == token.node
