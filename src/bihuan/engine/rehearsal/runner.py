"""Runs a process in memory: every wait with a prepared answer is answered, the rest is listed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bihuan.engine.definition import Model, Node, Process
from bihuan.engine.dmn import DecisionError, DecisionModel
from bihuan.engine.rehearsal.answers import Answers
from bihuan.engine.rehearsal.by_itself import ByItself
from bihuan.engine.rehearsal.outcome import Instance, Outcome
from bihuan.engine.rehearsal.replies import reply
from bihuan.engine.rehearsal.world import World
from bihuan.engine.runtime import FailService, FinishService, ServiceRequested
from bihuan.engine.runtime.state import ROOT, Wait
from bihuan.engine.runtime.variables import names_at

MAX_COMMANDS = 2_000
_LISTENING = ("timer", "message", "signal", "condition")


def rehearse(
    model: Model,
    process: Process,
    *,
    now: datetime,
    answers: Answers | None = None,
    variables: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    decisions: tuple[DecisionModel, ...] = (),
    fire_timers: bool = False,
    start: str | None = None,
    auto: bool = False,
    pools: tuple[Process, ...] = (),
) -> Outcome:
    """Run a process until nothing with an answer is left. Time moves only with the timers that are fired.

    `start` names the node it begins at. With `auto` whatever has no answer is done without variables: tasks and
    services as they were opened, then the next timer, then the message or signal that has been waited for longest; data
    that is missing is made up.
    `pools` are processes that begin at the same time.
    """
    world = World(model, now, answers or Answers(), context or {})
    return _Rehearsal(world, decisions, fire_timers or auto, auto).run(process, variables or {}, start, pools)


class _Rehearsal:
    """Gives one answer after the other."""

    def __init__(self, world: World, decisions: tuple[DecisionModel, ...], fire_timers: bool, auto: bool) -> None:
        self.world = world
        self.answers = world.answers
        self.decisions = decisions
        self.fire_timers = fire_timers
        self.auto = auto
        self.by_itself = ByItself(world, takes_turns=auto)
        self.answered: set[tuple[int, int]] = set()

    def run(
        self, process: Process, variables: Mapping[str, Any], start: str | None, pools: tuple[Process, ...]
    ) -> Outcome:
        """The whole rehearsal."""
        world = self.world
        main = world.begin(process)
        refusal = world.start(main, variables, start)
        if not refusal:
            for pool in pools:
                if pool is not process:
                    world.start(world.begin(pool), {})
        while not refusal and world.commands < MAX_COMMANDS and self._advance():
            pass
        state = "refused" if refusal else self._state_of(main)
        in_turn, made_up = tuple(world.in_turn.values()), tuple(self.by_itself.made_up)
        return Outcome(state, world.instances, self.answers, refusal, in_turn, made_up)

    def _state_of(self, main: Instance) -> str:
        if main.ended is not None:
            return main.ended.outcome
        if any(instance.incidents for instance in self.world.instances):
            return "incident"
        return "limit" if self.world.commands >= MAX_COMMANDS else "waiting"

    def _advance(self) -> bool:
        """Give one answer; False if there is none to give."""
        if self.world.deliver_kept():
            return True
        for listening in (True, False):
            for instance, wait in self.world.open_waits():
                if (wait.kind in _LISTENING) is listening and self._answer(instance, wait):
                    return True
        alone = self.by_itself
        if self.auto and (alone.do_one("item", "service", "call") or alone.begin_next()):
            return True
        if self.fire_timers and alone.fire_next():
            return True
        return self.auto and (alone.do_one("message", "signal") or alone.make_up_data())

    def _answer(self, instance: Instance, wait: Wait) -> bool:
        node = instance.process.nodes[wait.node]
        mark = (instance.number, wait.id)
        if mark in self.answered and not isinstance(self.answers.by_node.get(self.answers.key_for(node) or ""), list):
            return False
        answer = self.answers.peek(node)
        if answer is None:
            if mark not in self.answers.once:
                self.answers.once.add(mark)
                self.answers.skip_refusal(node)
            return wait.kind == "service" and self._decide(instance, wait, node)
        if wait.kind == "timer" and wait.due_at is not None:
            self.world.now = max(self.world.now, wait.due_at)
        self.answered.add(mark)
        self.answers.take(node)
        return not self.world.step(instance, reply(instance.process, wait, answer))

    def _decide(self, instance: Instance, wait: Wait, node: Node) -> bool:
        """Evaluate the decision a business rule task asks for, if its file was given."""
        opened = instance.opened.get(wait.id)
        if not isinstance(opened, ServiceRequested) or not opened.decision:
            return False
        for model in self.decisions:
            for identity, element in model.decisions.items():
                if opened.decision not in (identity, element.name):
                    continue
                try:
                    value = model.evaluate(identity, self._names(instance, wait), now=self.world.now)
                except DecisionError as error:
                    return not self.world.step(instance, FailService(wait.id, error.message))
                values = value if isinstance(value, dict) and not node.result_variable else {"result": value}
                return not self.world.step(instance, FinishService(wait.id, values))
        return False

    def _names(self, instance: Instance, wait: Wait) -> Mapping[str, Any]:
        token = instance.state.tokens.get(wait.token)
        return names_at(instance.state, token.data if token else ROOT, self.world.context)
