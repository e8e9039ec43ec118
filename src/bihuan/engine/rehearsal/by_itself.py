"""What a rehearsal does by itself where nobody has prepared an answer (`auto`), and letting time pass."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.rehearsal.answers import Answer
from bihuan.engine.rehearsal.outcome import Instance
from bihuan.engine.rehearsal.replies import reply
from bihuan.engine.rehearsal.world import World, waits_of
from bihuan.engine.runtime import BeginActivity, FireTimer
from bihuan.engine.runtime.state import Wait


class ByItself:
    """Does the oldest of what has no answer. Each method answers whether there was anything to do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.endless: set[tuple[int, str]] = set()
        """Timers that repeat for ever and have gone off."""

    def do_one(self, *kinds: str) -> bool:
        """Do the oldest wait of these kinds without variables, unless an answer says to leave it open."""
        for instance, wait in self._without_answer(kinds):
            if wait.kind == "call" and self._is_running(instance, wait):
                continue
            if not self.world.step(instance, reply(instance.process, wait, Answer())):
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
            if wait.left is not None or (instance.number, wait.node) not in self.endless
        ]
        if not pending:
            return False
        due_at, number, wait_id, instance = min(pending, key=lambda entry: entry[:3])
        wait = instance.state.waits[wait_id]
        if wait.left is None:
            self.endless.add((number, wait.node))
        world.now = max(world.now, due_at)
        return not world.step(instance, FireTimer(wait_id))

    def _without_answer(self, kinds: tuple[str, ...]) -> Iterator[tuple[Instance, Wait]]:
        for instance, wait in self.world.open_waits():
            if wait.kind in kinds and self.world.answers.key_for(instance.process.nodes[wait.node]) is None:
                yield instance, wait

    def _is_running(self, caller: Instance, wait: Wait) -> bool:
        return any(child.parent is caller and child.parent_wait == wait.id for child in self.world.instances)
