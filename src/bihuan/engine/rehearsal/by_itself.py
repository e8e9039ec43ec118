"""What a rehearsal does by itself where nobody has prepared an answer (`auto`), and letting time pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bihuan.engine.definition import Node
from bihuan.engine.rehearsal import made_up
from bihuan.engine.rehearsal.answers import Answer
from bihuan.engine.rehearsal.outcome import Instance, MadeUp
from bihuan.engine.rehearsal.replies import reply
from bihuan.engine.rehearsal.world import World, waits_of
from bihuan.engine.runtime import BeginActivity, FireTimer, RetryIncident, SetVariables
from bihuan.engine.runtime.state import ROOT, Wait
from bihuan.engine.runtime.variables import destinations, names_at

_EVENTS = ("timer", "message", "signal")


class ByItself:
    """Does the oldest of what has no answer. Each method answers whether there was anything to do."""

    def __init__(self, world: World, *, takes_turns: bool) -> None:
        self.world = world
        self.takes_turns = takes_turns
        self.made_up: list[MadeUp] = []
        self._endless: set[tuple[int, str]] = set()
        """Timers that repeat for ever and have gone off."""
        self._turns: Counter[tuple[int, str]] = Counter()
        """How often each event has happened, so that those behind a gateway take turns."""

    def do_one(self, *kinds: str) -> bool:
        """Do the oldest wait of these kinds without variables, unless an answer says to leave it open."""
        for instance, wait in self._without_answer(kinds):
            if (wait.kind == "call" and self._is_running(instance, wait)) or self._had_its_turn(instance, wait):
                continue
            if not self.world.step(instance, reply(instance.process, wait, Answer())):
                self._turns[instance.number, wait.node] += 1
                return True
        return False

    def begin_next(self) -> bool:
        """Begin the first activity of an ad-hoc sub-process that nobody has begun yet."""
        for instance, wait in self._without_answer(("adhoc",)):
            scopes = [scope for scope in instance.state.scopes.values() if scope.token == wait.token]
            begun = [entry for scope in scopes for entry in scope.items or ()]
            for entry in instance.process.levels[wait.node].starts:
                if entry not in begun and not self.world.step(instance, BeginActivity(wait.id, entry)):
                    return True
        return False

    def fire_next(self) -> bool:
        """Fire the timer that is due first; one that repeats for ever fires once."""
        world = self.world
        pending = [
            (wait.due_at, instance.number, wait.id, instance)
            for instance in world.instances
            for wait in waits_of(instance)
            if wait.kind == "timer" and wait.due_at is not None
            if wait.left is not None or (instance.number, wait.node) not in self._endless
            if not self._had_its_turn(instance, wait)
        ]
        if not pending:
            return False
        due_at, number, wait_id, instance = min(pending, key=lambda entry: entry[:3])
        wait = instance.state.waits[wait_id]
        if wait.left is None:
            self._endless.add((number, wait.node))
        self._turns[number, wait.node] += 1
        world.now = max(world.now, due_at)
        return not world.step(instance, FireTimer(wait_id))

    def make_up_data(self) -> bool:
        """Make up the data for want of which a step does not begin, once for each; then it is tried again."""
        for instance in self.world.instances:
            stuck = [(each.node, each.token, each.incident) for each in instance.incidents.values()]
            stuck += [(wait.node, wait.token, 0) for wait in waits_of(instance) if wait.kind == "data"]
            for node_id, token, incident in stuck:
                if self._make_up(instance, instance.process.nodes[node_id], token):
                    if incident:
                        self.world.step(instance, RetryIncident(incident))
                    return True
        return False

    def _make_up(self, instance: Instance, node: Node, token: int) -> bool:
        world, state = self.world, instance.state
        scope = state.tokens[token].scope if token in state.tokens else ROOT
        seen = names_at(state, scope, world.context)
        needed = made_up.needed(instance.process, node, world.model.data_types)
        values = {name: made_up.neutral(kind, world.now) for name, kind in needed.items() if seen.get(name) is None}
        for home, part in destinations(state, scope, values).items() if values else ():
            world.step(instance, SetVariables(part, home))
        self.made_up += [MadeUp(instance, node, name, value) for name, value in values.items()]
        return bool(values)

    def _had_its_turn(self, instance: Instance, wait: Wait) -> bool:
        """Whether another event behind the same gateway has happened less often."""
        token = instance.state.tokens.get(wait.token)
        if not self.takes_turns or token is None or instance.process.nodes[token.node].kind != "eventBasedGateway":
            return False
        here = self._turns[instance.number, wait.node]
        return any(
            self._turns[instance.number, other.node] < here
            for other_instance, other in self._without_answer(_EVENTS)
            if other_instance is instance and other.token == wait.token
        )

    def _without_answer(self, kinds: tuple[str, ...]) -> Iterator[tuple[Instance, Wait]]:
        for instance, wait in self.world.open_waits():
            if wait.kind in kinds and self.world.answers.key_for(instance.process.nodes[wait.node]) is None:
                yield instance, wait

    def _is_running(self, caller: Instance, wait: Wait) -> bool:
        return any(child.parent is caller and child.parent_wait == wait.id for child in self.world.instances)
