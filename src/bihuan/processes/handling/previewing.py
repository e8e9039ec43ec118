"""What an operation would do, told before it is done: the engine works it out on a copy, nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bihuan.accounts.models import User
from bihuan.engine.definition import Process
from bihuan.engine.runtime import Command, CommandRejected, ItemClosed, State, parked_by, step
from bihuan.kernel import clock
from bihuan.processes.compiled import compiled_process
from bihuan.processes.contract import Surroundings
from bihuan.processes.families import facts_of
from bihuan.processes.handling.passed import label_of
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.unit import LazyNames


@dataclass(frozen=True, slots=True)
class Named:
    """An open item as people call it, with which of many it is for, and who holds it."""

    name: str
    assignee: User | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The open work that would be taken away, rest, or go on as it is; or the `refusal` that says why it cannot be."""

    cancelled: tuple[Named, ...] = ()
    resting: tuple[Named, ...] = ()
    untouched: tuple[Named, ...] = ()
    opens: tuple[str, ...] = ()
    calls: int = 0
    """Called processes that would be called off, with the open work in them."""
    called: tuple[Named, ...] = ()
    refusal: str = ""


@dataclass(slots=True)
class Previewer:
    """Asks for one instance again and again: its state and open items are read once."""

    process: Process
    state: State
    items: list[WorkItem]
    context: Mapping[str, Any]
    """What expressions see besides the variables."""
    called: Mapping[int, list[WorkItem]]
    """The open items of the processes that run for each call."""

    def of(self, command: Command) -> Preview:
        """What the command would do."""
        copy = State.from_json(self.state.to_text())
        try:
            events = step(self.process, copy, command, clock.now(), context=self.context)
        except CommandRejected as refusal:
            return Preview(refusal=refusal.reason)
        gone = {event.wait for event in events if isinstance(event, ItemClosed)}
        now = [item for item in self.items if item.wait in copy.waits]
        old = {wait.id for wait in self.state.waits.values()}
        nodes = self.process.nodes
        fresh = [wait for wait in copy.waits.values() if wait.kind == "item" and wait.id not in old]
        calls = [wait for wait in self.state.waits.values() if wait.kind == "call" and wait.id not in copy.waits]
        return Preview(
            cancelled=self.named(item for item in self.items if item.wait in gone),
            resting=self.named(item for item in now if item.is_open and parked_by(copy, item.wait)),
            untouched=self.named(item for item in now if item.is_open and not parked_by(copy, item.wait)),
            opens=tuple(dict.fromkeys(nodes[wait.node].label for wait in fresh)),
            calls=len(calls),
            called=tuple(Named(one.label, one.assignee) for call in calls for one in self.called.get(call.id, ())),
        )

    def named(self, items: Iterable[WorkItem]) -> tuple[Named, ...]:
        """As they are now."""
        return tuple(
            Named(label_of(self.process, self.state, one.wait, one.name, one.instance.called_for), one.assignee)
            for one in items
        )


def previewer_of(instance: Instance, around: Surroundings) -> Previewer:
    """Asks what operations on an instance would do."""
    return previewers_of([instance], around)[instance.pk]


def previewers_of(instances: Sequence[Instance], around: Surroundings) -> dict[int, Previewer]:
    """The same for several instances of one family, which are read together; by their numbers."""
    first = instances[0]
    family = Instance.unscoped.filter(root_id=first.root_id or first.pk, ended_at__isnull=True)
    children = list(family.order_by("pk").values_list("pk", "parent_id", "parent_wait"))
    live = {pk for pk, _, _ in children} | {one.pk for one in instances}
    rows = WorkItem.unscoped.filter(instance_id__in=live, completed_at__isnull=True)
    rows = rows.select_related("assignee", "instance").defer("instance__state")
    items: dict[int, list[WorkItem]] = defaultdict(list)
    for row in rows.order_by("id"):
        items[row.instance_id].append(row)
    within: dict[int, list[WorkItem]] = {pk: [*items[pk]] for pk in live}
    called: dict[int, dict[int, list[WorkItem]]] = defaultdict(dict)
    for pk, parent_id, wait in reversed(children):
        # Who was called last has gathered what is below it.
        within.get(parent_id, []).extend(within[pk])
        called[parent_id][wait] = within[pk]
    facts = facts_of(first)
    return {
        one.pk: Previewer(
            process=compiled_process(one.version_id, one.version.sha256, one.process_id),
            state=State.from_json(one.state),
            items=items[one.pk],
            context=LazyNames(around.context, facts_of(one, facts.timezone)),
            called=called[one.pk],
        )
        for one in instances
    }
