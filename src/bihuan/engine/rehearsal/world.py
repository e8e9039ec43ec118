"""What happens between the processes of a rehearsal: one clock, calls and returns, messages and signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bihuan.engine.definition import Flow, Model, Node, Process
from bihuan.engine.rehearsal.answers import Answers
from bihuan.engine.rehearsal.outcome import Instance
from bihuan.engine.rehearsal.replies import ANSWERED
from bihuan.engine.runtime import (
    CallClosed,
    CallRequested,
    Command,
    CommandRejected,
    DeliverMessage,
    DeliverSignal,
    Event,
    FailCall,
    FinishCall,
    IncidentRaised,
    IncidentResolved,
    InstanceEnded,
    ItemOpened,
    MessageThrown,
    ServiceRequested,
    SignalThrown,
    Start,
    Subscribed,
    TimerSet,
    UnfitValue,
    step,
)
from bihuan.engine.runtime.state import Wait

MAX_INSTANCES = 200


class World:
    """The instances of one rehearsal, the clock they share and the messages nobody has taken yet.

    Where a drawing does not say which way to take, each is taken in turn: so a loop comes to its end.
    """

    def __init__(self, model: Model, now: datetime, answers: Answers, context: Mapping[str, Any]) -> None:
        self.model = model
        self.now = now
        self.answers = answers
        self.context = context
        self.instances: list[Instance] = []
        self.undelivered: list[MessageThrown] = []
        self.commands = 0
        self.in_turn: dict[str, Node] = {}
        """The gateways at which that was so."""
        self._taken: Counter[str] = Counter()

    def begin(self, process: Process, parent: Instance | None = None, wait: int = 0) -> Instance:
        """A new instance, not started yet."""
        instance = Instance(len(self.instances) + 1, process, parent=parent, parent_wait=wait)
        self.instances.append(instance)
        return instance

    def start(self, instance: Instance, variables: Mapping[str, Any], start: str | None = None) -> str:
        """Start an instance where it is told to, else plainly, else at the first start with an answer, else at the
        first; returns why it cannot."""
        process = instance.process
        level, nodes = process.levels[""], process.nodes
        plain = [nodes[name] for name in level.starts if nodes[name].kind == "startEvent"]
        if start is None and (len(plain) > 1 or not level.starts):
            possible = plain or list(process.triggers)
            if not possible:
                return f"第 {process.line} 行的流程「{process.name or process.id}」里没有可以开始的节点"
            start = next((node for node in possible if self.answers.peek(node) is not None), possible[0]).id
        answer = self.answers.peek(nodes[start]) if start in nodes and start is not None else None
        if answer is not None and start is not None:
            variables = {**variables, **answer.variables}
            self.answers.take(nodes[start])
        return self.step(instance, Start(variables, start))

    def step(self, instance: Instance, command: Command) -> str:
        """One command; returns the reason if it was refused."""
        self.commands += 1
        try:
            events = step(
                instance.process,
                instance.state,
                command,
                self.now,
                context=self.context,
                choose_way=self._least_taken,
            )
        except (CommandRejected, UnfitValue) as refusal:
            return str(refusal)
        instance.events.extend(events)
        for event in events:
            _note(instance, event)
        for event in events:
            self._react(instance, event)
        return ""

    def _least_taken(self, gateway: Node, ways: Sequence[Flow]) -> Flow:
        way = min(ways, key=lambda flow: self._taken[flow.id])
        self._taken[way.id] += 1
        self.in_turn[gateway.id] = gateway
        return way

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
            self.step(
                instance, FailCall(event.wait, "调用的流程太多" if called.levels[""].starts else "流程没有普通开始")
            )
            return
        self.start(self.begin(called, instance, event.wait), event.variables)

    def _return(self, instance: Instance, event: InstanceEnded) -> None:
        parent = instance.parent
        if parent is None or parent.ended is not None or instance.parent_wait not in parent.state.waits:
            return
        if event.outcome == "error":
            self.step(parent, FailCall(instance.parent_wait, event.reason, event.code, instance.state.variables))
        else:
            self.step(parent, FinishCall(instance.parent_wait, dict(instance.state.variables)))

    def _deliver_message(self, thrower: Instance, event: MessageThrown) -> None:
        """To who waits, else to a process it begins; else it is kept until somebody waits for it."""
        if not self._received(thrower, event) and not self._begun_by("message", event.name, event.payload, once=True):
            self.undelivered.append(event)

    def _received(self, thrower: Instance | None, event: MessageThrown) -> bool:
        waiting = list(self._subscriptions("message", event.name))
        for instance, wait, subscribed in sorted(waiting, key=lambda found: found[0] is thrower):
            if not event.correlation or not subscribed.correlation or event.correlation == subscribed.correlation:
                self.step(instance, DeliverMessage(wait.id, event.payload))
                return True
        return False

    def deliver_kept(self) -> bool:
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
                self.step(self.begin(process), Start(payload, node.id, part))
                begun = True
        return begun

    def _deliver_signal(self, thrower: Instance, event: SignalThrown) -> None:
        if not event.name:
            return
        for instance, wait, _ in list(self._subscriptions("signal", event.name)):
            if instance is not thrower and wait.id in instance.state.waits:
                self.step(instance, DeliverSignal(wait.id, event.payload))
        self._begun_by("signal", event.name, event.payload, once=False)

    def _subscriptions(self, kind: str, name: str) -> Iterator[tuple[Instance, Wait, Subscribed]]:
        for instance in list(self.instances):
            for wait in waits_of(instance):
                opened = instance.opened.get(wait.id)
                if wait.kind == kind and isinstance(opened, Subscribed) and opened.name == name:
                    yield instance, wait, opened

    def open_waits(self) -> Iterator[tuple[Instance, Wait]]:
        """Every wait that can be answered, the oldest instance first."""
        for instance in list(self.instances):
            for wait in waits_of(instance):
                if wait.kind in ANSWERED and wait.id in instance.state.waits:
                    yield instance, wait


def waits_of(instance: Instance) -> list[Wait]:
    """What an instance waits for, the oldest first."""
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
