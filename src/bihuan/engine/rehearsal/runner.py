"""Runs a process in memory: every wait with a prepared answer is answered, the rest is listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bihuan.engine.definition import Model, Node, Process
from bihuan.engine.dmn import DecisionError, DecisionModel
from bihuan.engine.rehearsal.answers import Answer, Answers
from bihuan.engine.rehearsal.outcome import Instance, Outcome
from bihuan.engine.runtime import (
    BeginActivity,
    CallClosed,
    CallRequested,
    Command,
    CommandRejected,
    CompleteItem,
    DeliverMessage,
    DeliverSignal,
    Event,
    FailCall,
    FailService,
    FinishCall,
    FinishService,
    FireTimer,
    IncidentRaised,
    IncidentResolved,
    InstanceEnded,
    ItemOpened,
    MessageThrown,
    ServiceRequested,
    SetVariables,
    SignalThrown,
    Start,
    Subscribed,
    TimerSet,
    UnfitValue,
    step,
)
from bihuan.engine.runtime.state import ROOT, Wait
from bihuan.engine.runtime.variables import names_at

MAX_COMMANDS = 2_000
MAX_INSTANCES = 200
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
    services as they were opened, then the next timer, then the message or signal that has been waited for longest.
    `pools` are processes that begin at the same time.
    """
    rehearsal = _Rehearsal(model, now, answers or Answers(), context or {}, decisions, fire_timers or auto, auto)
    return rehearsal.run(process, variables or {}, start, pools)


class _Rehearsal:
    """The instances of one rehearsal and the clock they share."""

    def __init__(
        self,
        model: Model,
        now: datetime,
        answers: Answers,
        context: Mapping[str, Any],
        decisions: tuple[DecisionModel, ...],
        fire_timers: bool,
        auto: bool,
    ) -> None:
        self.model = model
        self.now = now
        self.answers = answers
        self.context = context
        self.decisions = decisions
        self.fire_timers = fire_timers
        self.auto = auto
        self.undelivered: list[MessageThrown] = []
        self.instances: list[Instance] = []
        self.commands = 0
        self.fired: set[tuple[int, int]] = set()
        self.endless: set[tuple[int, str]] = set()

    def run(
        self, process: Process, variables: Mapping[str, Any], start: str | None, pools: tuple[Process, ...]
    ) -> Outcome:
        """The whole rehearsal."""
        main = self._begin(process)
        refusal = self._start(main, variables, start)
        if not refusal:
            for pool in pools:
                if pool is not process:
                    self._start(self._begin(pool), {})
        while not refusal and self.commands < MAX_COMMANDS and self._advance():
            pass
        return Outcome((refusal and "refused") or self._state_of(main), self.instances, self.answers, refusal)

    def _state_of(self, main: Instance) -> str:
        if main.ended is not None:
            return main.ended.outcome
        if any(instance.incidents for instance in self.instances):
            return "incident"
        return "limit" if self.commands >= MAX_COMMANDS else "waiting"

    def _begin(self, process: Process, parent: Instance | None = None, wait: int = 0) -> Instance:
        instance = Instance(len(self.instances) + 1, process, parent=parent, parent_wait=wait)
        self.instances.append(instance)
        return instance

    def _start(self, instance: Instance, variables: Mapping[str, Any], start: str | None = None) -> str:
        """Start an instance where it is told to, else plainly, else at the first start with an answer, else at the
        first; returns why it cannot."""
        process = instance.process
        level, nodes = process.levels[""], process.nodes
        plain = [nodes[name] for name in level.starts if nodes[name].kind == "startEvent"]
        if start is None and (len(plain) > 1 or not level.starts):
            possible = plain or list(process.triggers)
            if not possible:
                return "流程没有可以开始的节点"
            start = next((node for node in possible if self.answers.peek(node) is not None), possible[0]).id
        answer = self.answers.peek(nodes[start]) if start in nodes and start is not None else None
        if answer is not None and start is not None:
            variables = {**variables, **answer.variables}
            self.answers.take(nodes[start])
        return self._step(instance, Start(variables, start))

    def _step(self, instance: Instance, command: Command) -> str:
        """One command; returns the reason if it was refused."""
        self.commands += 1
        try:
            events = step(instance.process, instance.state, command, self.now, context=self.context)
        except (CommandRejected, UnfitValue) as refusal:
            return str(refusal)
        instance.events.extend(events)
        for event in events:
            _note(instance, event)
        for event in events:
            self._react(instance, event)
        return ""

    def _react(self, instance: Instance, event: Event) -> None:
        """What happens elsewhere because of an event: calls start, messages and signals arrive, callers go on."""
        if isinstance(event, MessageThrown):
            self._deliver_message(instance, event)
        elif isinstance(event, SignalThrown):
            self._deliver_signal(instance, event)
        elif isinstance(event, CallRequested):
            self._call(instance, event)
        elif isinstance(event, CallClosed):
            for child in self.instances:
                if child.parent is instance and child.parent_wait == event.wait and child.ended is None:
                    child.ended = InstanceEnded("cancelled")
        elif isinstance(event, InstanceEnded):
            self._return(instance, event)

    def _call(self, instance: Instance, event: CallRequested) -> None:
        called = self.model.processes.get(event.called)
        if called is None or self.answers.peek(instance.process.nodes[event.node]) is not None:
            return
        if len(self.instances) >= MAX_INSTANCES or not called.levels[""].starts:
            self._step(
                instance, FailCall(event.wait, "调用的流程太多" if called.levels[""].starts else "流程没有普通开始")
            )
            return
        self._start(self._begin(called, instance, event.wait), event.variables)

    def _return(self, instance: Instance, event: InstanceEnded) -> None:
        parent = instance.parent
        if parent is None or parent.ended is not None or instance.parent_wait not in parent.state.waits:
            return
        if event.outcome == "error":
            self._step(parent, FailCall(instance.parent_wait, event.reason, event.code, instance.state.variables))
        else:
            self._step(parent, FinishCall(instance.parent_wait, dict(instance.state.variables)))

    def _deliver_message(self, thrower: Instance, event: MessageThrown) -> None:
        """To who waits, else to a process it begins; else it is kept until somebody waits for it."""
        if not self._received(thrower, event) and not self._begun_by("message", event.name, event.payload, once=True):
            self.undelivered.append(event)

    def _received(self, thrower: Instance | None, event: MessageThrown) -> bool:
        waiting = list(self._subscriptions("message", event.name))
        for instance, wait, subscribed in sorted(waiting, key=lambda found: found[0] is thrower):
            if not event.correlation or not subscribed.correlation or event.correlation == subscribed.correlation:
                self._step(instance, DeliverMessage(wait.id, event.payload))
                return True
        return False

    def _deliver_kept(self) -> bool:
        """Hand over the oldest kept message that somebody waits for by now."""
        for event in self.undelivered:
            if self._received(None, event):
                self.undelivered.remove(event)
                return True
        return False

    def _begun_by(self, kind: str, name: str, payload: Mapping[str, Any], *, once: bool) -> bool:
        """Begin the processes that a message or signal begins, or only the first of them."""
        begun = False
        for process in self.model.processes.values():
            for node in process.triggers:
                parts = node.event.all_parts if node.event is not None else ()
                part = next((n for n, spec in enumerate(parts) if (spec.kind, spec.name) == (kind, name)), None)
                if part is None or (begun and once) or len(self.instances) >= MAX_INSTANCES:
                    continue
                self._step(self._begin(process), Start(payload, node.id, part))
                begun = True
        return begun

    def _deliver_signal(self, thrower: Instance, event: SignalThrown) -> None:
        if not event.name:
            return
        for instance, wait, _ in list(self._subscriptions("signal", event.name)):
            if instance is not thrower and wait.id in instance.state.waits:
                self._step(instance, DeliverSignal(wait.id, event.payload))
        self._begun_by("signal", event.name, event.payload, once=False)

    def _subscriptions(self, kind: str, name: str) -> Iterator[tuple[Instance, Wait, Subscribed]]:
        for instance in list(self.instances):
            for wait in _waits(instance):
                opened = instance.opened.get(wait.id)
                if wait.kind == kind and isinstance(opened, Subscribed) and opened.name == name:
                    yield instance, wait, opened

    def _advance(self) -> bool:
        """Give one answer; False if there is none to give."""
        if self.undelivered and self._deliver_kept():
            return True
        for listening in (True, False):
            for instance, wait in self._open_waits():
                if (wait.kind in _LISTENING) is listening and self._answer(instance, wait):
                    return True
        if self.auto and (self._do_one("item", "service", "call") or self._begin_next()):
            return True
        return (self.fire_timers and self._fire_next()) or (self.auto and self._do_one("message", "signal"))

    def _open_waits(self) -> Iterator[tuple[Instance, Wait]]:
        for instance in list(self.instances):
            for wait in _waits(instance):
                if wait.kind in _COMMANDS and wait.id in instance.state.waits:
                    yield instance, wait

    def _do_one(self, *kinds: str) -> bool:
        """Do the oldest wait of these kinds without variables, unless an answer says to leave it open."""
        for instance, wait in self._open_waits():
            node = instance.process.nodes[wait.node]
            if wait.kind not in kinds or self.answers.key_for(node) is not None:
                continue
            if wait.kind == "call" and self._is_running(instance, wait):
                continue
            if not self._step(instance, _COMMANDS[wait.kind](wait.id, Answer())):
                return True
        return False

    def _is_running(self, caller: Instance, wait: Wait) -> bool:
        return any(child.parent is caller and child.parent_wait == wait.id for child in self.instances)

    def _answer(self, instance: Instance, wait: Wait) -> bool:
        node = instance.process.nodes[wait.node]
        mark = (instance.number, wait.id)
        if mark in self.fired and not isinstance(self.answers.by_node.get(self.answers.key_for(node) or ""), list):
            return False
        answer = self.answers.peek(node)
        if answer is None:
            if mark not in self.answers.once:
                self.answers.once.add(mark)
                self.answers.skip_refusal(node)
            return wait.kind == "service" and self._decide(instance, wait, node)
        command = _COMMANDS[wait.kind](wait.id, _for_result_variable(answer, node))
        if wait.kind == "adhoc":
            command = BeginActivity(wait.id, self._named(instance, node, str(answer.variables.get(BEGIN, ""))))
        if wait.kind == "timer" and wait.due_at is not None:
            self.now = max(self.now, wait.due_at)
        self.fired.add(mark)
        self.answers.take(node)
        refused = self._step(instance, command)
        return not refused

    def _named(self, instance: Instance, around: Node, activity: str) -> str:
        """The activity of an ad-hoc sub-process that an answer names by id or name."""
        nodes = instance.process.nodes
        entries = [nodes[entry] for entry in instance.process.levels[around.id].starts]
        return next((node.id for node in entries if activity in (node.id, node.name)), activity)

    def _begin_next(self) -> bool:
        """Begin the first activity of an ad-hoc sub-process that nobody has begun yet."""
        for instance, wait in self._open_waits():
            if wait.kind != "adhoc" or self.answers.key_for(instance.process.nodes[wait.node]) is not None:
                continue
            scopes = [scope for scope in instance.state.scopes.values() if scope.token == wait.token]
            begun = [entry for scope in scopes for entry in scope.items or ()]
            for entry in instance.process.levels[wait.node].starts:
                if entry not in begun and not self._step(instance, BeginActivity(wait.id, entry)):
                    return True
        return False

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
                    value = model.evaluate(identity, self._names(instance, wait), now=self.now)
                except DecisionError as error:
                    return not self._step(instance, FailService(wait.id, error.message))
                values = value if isinstance(value, dict) and not node.result_variable else {"result": value}
                return not self._step(instance, FinishService(wait.id, values))
        return False

    def _names(self, instance: Instance, wait: Wait) -> Mapping[str, Any]:
        token = instance.state.tokens.get(wait.token)
        return names_at(instance.state, token.data if token else ROOT, self.context)

    def _fire_next(self) -> bool:
        """Fire the timer that is due first; one that repeats for ever fires once."""
        pending = [
            (wait.due_at, instance.number, wait.id, instance)
            for instance in self.instances
            for wait in _waits(instance)
            if wait.kind == "timer" and wait.due_at is not None
            if wait.left is not None or (instance.number, wait.node) not in self.endless
        ]
        if not pending:
            return False
        due_at, number, wait_id, instance = min(pending, key=lambda entry: entry[:3])
        wait = instance.state.waits[wait_id]
        if wait.left is None:
            self.endless.add((number, wait.node))
        self.now = max(self.now, due_at)
        return not self._step(instance, FireTimer(wait_id))


def _waits(instance: Instance) -> list[Wait]:
    return [] if instance.ended is not None else sorted(instance.state.waits.values(), key=lambda wait: wait.id)


def _note(instance: Instance, event: Event) -> None:
    if isinstance(event, (ItemOpened, TimerSet, Subscribed, ServiceRequested, CallRequested)):
        instance.opened[event.wait] = event
    elif isinstance(event, IncidentRaised):
        instance.incidents[event.incident] = event
    elif isinstance(event, IncidentResolved):
        instance.incidents.pop(event.incident, None)
    elif isinstance(event, InstanceEnded):
        instance.ended = event


def _for_result_variable(answer: Answer, node: Node) -> Answer:
    """A node with a result variable takes one value: an answer that names just that variable gives the value itself."""
    if node.result_variable and set(answer.variables) == {node.result_variable}:
        return replace(answer, variables={"result": answer.variables[node.result_variable]})
    return answer


def _service(wait: int, answer: Answer) -> Command:
    if answer.fail or answer.error:
        return FailService(wait, answer.fail or answer.error, answer.error or None, answer.variables)
    return FinishService(wait, answer.variables)


def _call(wait: int, answer: Answer) -> Command:
    if answer.fail or answer.error:
        return FailCall(wait, answer.fail or answer.error, answer.error or None, answer.variables)
    return FinishCall(wait, answer.variables)


BEGIN = "$begin"
"""In an answer for an ad-hoc sub-process: the activity to be begun."""

_COMMANDS: dict[str, Callable[[int, Answer], Command]] = {
    "condition": lambda wait, answer: SetVariables(answer.variables),
    "adhoc": lambda wait, answer: BeginActivity(wait, str(answer.variables.get(BEGIN, ""))),
    "item": lambda wait, answer: CompleteItem(wait, answer.variables),
    "timer": lambda wait, answer: FireTimer(wait),
    "message": lambda wait, answer: DeliverMessage(wait, answer.variables),
    "signal": lambda wait, answer: DeliverSignal(wait, answer.variables),
    "service": _service,
    "call": _call,
}
