"""Where one may go back to across calls. A process that was called and is over is woken for the call that is made anew,
at the step one goes back to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bihuan.engine.definition import Process
from bihuan.engine.runtime import CallRequested, InstanceMigrated, Restore, SendBack, State
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.passed import Passed, has_passed_final, is_in_special, passed_steps, present_of
from bihuan.processes.history import instance_events, states_around
from bihuan.processes.models import Instance
from bihuan.processes.rows import Held, Loaded
from bihuan.processes.unit import Unit

GiveBack = Callable[[Loaded, State, State], None]


def steps_back(held: Held) -> list[Passed]:
    """Where one may go back to from an item: steps of its process and of those it called, then of its caller."""
    instance = held.instance
    own = passed_steps(instance.id, instance.process, present_of(held))
    if has_passed_final(instance.id, instance.process):
        return own
    own = sorted([*own, *steps_below(instance.id, instance.process)], key=lambda step: (step.done_at, step.last))
    if instance.parent_id is None:
        return own
    caller = Instance.unscoped.select_related("version").defer("version__xml").get(pk=instance.parent_id)
    process = compiled_process(caller.version_id, caller.version.sha256, caller.process_id)
    return [*(replace(step, above=caller.pk) for step in passed_steps(caller.pk, process)), *own]


def steps_below(instance_id: int, process: Process) -> list[Passed]:
    """The steps done in processes that this one called and that are over, of each call the newest one.

    Calls that are made for many, or inside a sub-process of several passes, are left out: their pass is not known.
    """
    over = Instance.unscoped.filter(parent_id=instance_id, status=Instance.Status.COMPLETED)
    children = list(over.select_related("version").defer("version__xml").order_by("pk"))
    if not children:
        return []
    calls = _calls(instance_id)
    newest = {calls[child.parent_wait]: child for child in children if child.parent_wait in calls}
    found: list[Passed] = []
    for node_id, child in newest.items():
        node = process.nodes.get(node_id)
        if node is None or node.kind != "callActivity" or node.loop is not None or is_in_special(process, node):
            continue
        called = compiled_process(child.version_id, child.version.sha256, child.process_id)
        for step in passed_steps(child.pk, called):
            key, of = f"{node_id}/{step.key}", (node.label, *step.of)
            found.append(replace(step, below=child.pk, call=node_id, key=key, of=of))
    return found


def _calls(instance_id: int) -> dict[int, str]:
    """The calls an instance has made: wait to node, as the version knows it that it runs on now."""
    calls: dict[int, str] = {}
    for event in instance_events(instance_id):
        if isinstance(event, CallRequested):
            calls[event.wait] = event.node
        elif isinstance(event, InstanceMigrated):
            calls = {wait: event.new_id(node) for wait, node in calls.items()}
    return calls


def wake_for(unit: Unit, step: Passed, give_back: GiveBack) -> Callable[[CallRequested], None]:
    """What happens instead of calling anew: the process that was called runs again at the step."""

    def wake(event: CallRequested) -> None:
        child = unit.hold(step.below)
        before, after, _ = states_around(child.id, None)
        child.parent_wait = event.wait
        Instance.unscoped.filter(pk=child.id).update(parent_wait=event.wait)
        unit.submit(child, Restore(before, after, "wake"))
        give_back(child, before, after)
        items = [wait for wait in child.state.waits.values() if wait.kind == "item"]
        if items and all(wait.node != step.node_id for wait in items):
            unit.submit(child, SendBack(items[0].id, step.node_id, into=step.into))

    return wake
