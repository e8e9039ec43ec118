"""What begins a process, noted when it is published: messages and signals, to be found by name, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bihuan.engine.definition import Model, Process
from bihuan.processes.auto_starts import BY_ITSELF, start_events
from bihuan.processes.models import Beginning, Definition


@dataclass(frozen=True, slots=True)
class Trigger:
    """One way in which a process begins when something happens; `part` of a multiple event."""

    process_id: str
    node_id: str
    part: int
    kind: str
    name: str


def triggers_of(process: Process) -> Iterator[Trigger]:
    """The messages and signals with a fixed name that begin a process."""
    for node in process.triggers:
        for part, spec in enumerate(node.event.all_parts if node.event is not None else ()):
            if spec.kind in ("message", "signal") and spec.name and spec.name_expression is None:
                yield Trigger(process.id, node.id, part, spec.kind, spec.name[:120])


def trigger_for(process: Process, kind: str, name: str) -> Trigger | None:
    """The first way in which this message or signal begins the process."""
    return next((each for each in triggers_of(process) if (each.kind, each.name) == (kind, name[:120])), None)


def note_beginnings(definition: Definition, model: Model, process: Process) -> None:
    """The version in force has changed: what begins it is what its process says."""
    Beginning.objects.filter(definition=definition).delete()
    names = dict.fromkeys((trigger.kind, trigger.name) for trigger in triggers_of(process))
    if start_events(model, process):
        names[BY_ITSELF, ""] = None
    Beginning.objects.bulk_create(Beginning(definition=definition, kind=kind, name=name) for kind, name in names)
