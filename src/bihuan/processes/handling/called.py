"""Where one may go back to across calls. A process that was called and is over is woken for the call that is made anew,
at the step one goes back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from bihuan.engine.definition import Process
from bihuan.engine.runtime import (
    CallRequested,
    Event,
    InstanceEnded,
    InstanceMigrated,
    Pass,
    Reopen,
    Rework,
    State,
    passes_in,
)
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.allowing import is_final
from bihuan.processes.handling.passed import (
    Call,
    Passed,
    Present,
    is_in_special,
    naming_of,
    newest,
    passed_steps,
    present_of,
    turns_of,
    work_done,
)
from bihuan.processes.history import events_in
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.rows import Held, Loaded
from bihuan.processes.unit import Unit


def steps_back(held: Held) -> list[Passed]:
    """Where one may go back to from an item: steps of those who called its process, outermost first, then its own; with
    those of the processes that these called and that are over."""
    family = _Family(held.instance)
    found = [replace(step, wait=held.wait) for step in family.steps_in(held.instance.id, present_of(held))]
    called = family.rows[held.instance.id]
    while called.parent_id is not None:
        above, wait = called.parent_id, called.parent_wait or 0
        found = [*(replace(step, above=above, wait=wait) for step in family.steps_in(above)), *found]
        called = family.rows[above]
    return found


@dataclass(frozen=True, slots=True)
class _Made:
    """A call that was made: at which node, and in which passes."""

    node_id: str
    into: tuple[Pass, ...] = ()


class _Family:
    """An instance with those that called it and all that these called; each is read once."""

    def __init__(self, instance: Loaded) -> None:
        root = instance.root_id or instance.id
        rows = Instance.unscoped.filter(Q(pk=root) | Q(root_id=root)).select_related("version")
        self.rows = {row.pk: row for row in rows.defer("state", "version__xml").order_by("pk")}
        self.called: dict[int, list[Instance]] = {}
        for row in self.rows.values():
            if row.parent_id is not None:
                self.called.setdefault(row.parent_id, []).append(row)
        self.processes = {
            pk: compiled_process(row.version_id, row.version.sha256, row.process_id) for pk, row in self.rows.items()
        }
        self.done = work_done(self.processes)
        stopped = [pk for pk, row in self.rows.items() if row.status == Instance.Status.CANCELLED]
        self.history = events_in(instance.facts.chain, {*self.called, *stopped}) if self.called else {}

    def steps_in(self, instance_id: int, present: Present | None = None) -> list[Passed]:
        """The steps done in an instance and in what it called, in their order, without what lies before a final one."""
        own = passed_steps(instance_id, self.processes[instance_id], present, self.done[instance_id])
        line = self._newest_final(instance_id)
        steps = [*own, *self.steps_below(instance_id)]
        behind = [step for step in steps if line is None or (step.done_at, step.last) > line]
        return sorted(behind, key=lambda step: (step.done_at, step.last))

    def steps_below(self, instance_id: int) -> list[Passed]:
        """The steps done in processes that this one called and that are over, of each call, and each of many, the
        newest; and in those that they called."""
        children = [row for row in self.called.get(instance_id, ()) if row.is_running or self._was_over(row)]
        if not children:
            return []
        process = self.processes[instance_id]
        made = _calls(process, self.history[instance_id], {child.parent_wait or 0 for child in children})
        turns = turns_of(process, (call.into for call in made.values()))
        named = []
        for child in children:
            call = made.get(child.parent_wait or 0)
            if call is not None and call.node_id in process.nodes:
                named.append((*naming_of(process, call.node_id, call.into, turns), call, child))
        found: list[Passed] = []
        for key, of, call, child in newest(named, lambda one: (one[0], one[2].into)):
            if child.is_running:
                continue
            way, label = Call(child.pk, call.node_id, call.into), process.nodes[call.node_id].label
            own = passed_steps(child.pk, self.processes[child.pk], rows=self.done[child.pk])
            for step in [*own, *self.steps_below(child.pk)]:
                found.append(replace(step, way=(way, *step.way), key=f"{key}/{step.key}", of=(label, *of, *step.of)))
        return found

    def _was_over(self, row: Instance) -> bool:
        """Whether a called process was completed, even if it was woken since and that called off."""
        if row.status != Instance.Status.CANCELLED:
            return bool(row.status == Instance.Status.COMPLETED)
        ends = (event.outcome for event in self.history[row.pk] if isinstance(event, InstanceEnded))
        return "completed" in ends

    def _newest_final(self, instance_id: int) -> tuple[datetime, int] | None:
        """When the newest final step of an instance and of all that it called was done."""
        found = [
            (row.completed_at, row.pk)
            for pk in self._with_called(instance_id)
            for row in self.done[pk]
            if row.completed_at is not None
            and (node := self.processes[pk].nodes.get(row.node_id)) is not None
            and is_final(node)
        ]
        return max(found, default=None)

    def _with_called(self, instance_id: int) -> list[int]:
        found = [instance_id]
        for pk in found:
            found.extend(row.pk for row in self.called.get(pk, ()))
        return found


def _calls(process: Process, history: Sequence[Event], waits: set[int]) -> dict[int, _Made]:
    """These calls of an instance by wait, as the version knows them that it runs on now."""
    nodes: dict[int, str] = {}
    for event in history:
        if isinstance(event, CallRequested) and event.wait in waits:
            nodes[event.wait] = event.node
        elif isinstance(event, InstanceMigrated):
            nodes = {wait: event.new_id(node) for wait, node in nodes.items()}
    many = {
        wait
        for wait, node_id in nodes.items()
        if (node := process.nodes.get(node_id)) is not None and (node.loop is not None or is_in_special(process, node))
    }
    into = passes_in(history, many) if many else {}
    return {wait: _Made(node_id, into.get(wait, ())) for wait, node_id in nodes.items()}


def rework_for(item: WorkItem) -> tuple[Instance, Rework] | None:
    """The step that is redone for an item that rests: in which instance, its own or one that called it."""
    instance: Instance | None = item.instance
    while instance is not None:
        for rework in State.from_json(instance.state).reworks.values():
            own = instance.pk == item.instance_id and rework.wait == item.wait
            if own or rework.behind == item.pk:
                return instance, rework
        instance = Instance.unscoped.select_related("version").filter(pk=instance.parent_id).first()
    return None


def wake_for(unit: Unit, way: tuple[Call, ...], step: Passed) -> Callable[[CallRequested], None]:
    """What happens instead of calling anew: the process that was called runs again at the step, or at the call that
    leads to it."""
    call, *further = way

    def wake(event: CallRequested) -> None:
        child = unit.hold(call.instance_id)
        child.parent_wait = event.wait
        Instance.unscoped.filter(pk=child.id).update(parent_wait=event.wait)
        if further:
            unit.instead[child.id, further[0].node_id] = wake_for(unit, tuple(further), step)
            unit.submit(child, Reopen(further[0].node_id, further[0].into))
        else:
            unit.submit(child, Reopen(step.node_id, step.into))

    return wake
