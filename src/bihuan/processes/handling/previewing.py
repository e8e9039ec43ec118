"""What an operation would do, told before it is done: the engine works it out on a copy, nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from bihuan.engine.definition import Process
from bihuan.engine.runtime import Command, CommandRejected, ItemClosed, State, parked_by, step
from bihuan.kernel import clock
from bihuan.processes.models import WorkItem


@dataclass(frozen=True, slots=True)
class Preview:
    """The open work that would be taken away, rest, or go on as it is; or the `refusal` that says why it cannot be."""

    cancelled: tuple[WorkItem, ...] = ()
    resting: tuple[WorkItem, ...] = ()
    untouched: tuple[WorkItem, ...] = ()
    opens: tuple[str, ...] = ()
    calls: int = 0
    refusal: str = ""


@dataclass(slots=True)
class Previewer:
    """Asks for one instance again and again: its state and open items are read once."""

    process: Process
    state: State
    items: list[WorkItem] = field(default_factory=list)

    def of(self, command: Command) -> Preview:
        """What the command would do."""
        copy = State.from_json(self.state.to_text())
        try:
            events = step(self.process, copy, command, clock.now(), context={"timezone": "UTC"})
        except CommandRejected as refusal:
            return Preview(refusal=refusal.reason)
        gone = {event.wait for event in events if isinstance(event, ItemClosed)}
        now = [item for item in self.items if item.wait in copy.waits]
        old = {wait.id for wait in self.state.waits.values()}
        nodes = self.process.nodes
        fresh = [wait for wait in copy.waits.values() if wait.kind == "item" and wait.id not in old]
        calls = [wait for wait in self.state.waits.values() if wait.kind == "call" and wait.id not in copy.waits]
        return Preview(
            cancelled=tuple(item for item in self.items if item.wait in gone),
            resting=tuple(item for item in now if item.is_open and parked_by(copy, item.wait)),
            untouched=tuple(item for item in now if not parked_by(copy, item.wait)),
            opens=tuple(dict.fromkeys(nodes[wait.node].label for wait in fresh)),
            calls=len(calls),
        )
