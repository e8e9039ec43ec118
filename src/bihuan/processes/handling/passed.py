"""Where one may go back to: the steps done so far, those of a repeated sub-process once for each of its passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Max

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import Pass, is_special, passes_around, passes_in
from bihuan.engine.runtime.people.moving import PERSONAL
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.allowing import is_final
from bihuan.processes.history import instance_events
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.rows import Held

RECALLED = "recalled"
MAX_PASSES = 200
MAX_NAME = 20


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was done: where one may go back to. `last` is the newest item of it, `into` the passes it is in."""

    node_id: str
    name: str
    last: int
    done_by_id: int
    done_by: str
    done_at: datetime
    above: int = 0
    """The calling instance whose step it is, 0 for a step of the item's own."""
    into: tuple[Pass, ...] = ()

    @property
    def label(self) -> str:
        """Its name, and for which of many it was done."""
        names = [_item_name(one) for one in self.into if one.whole]
        return f"{self.name}（{'、'.join(names)}）" if names else self.name

    @property
    def key(self) -> str:
        """What tells it from the others: its node, and which of many it was done for."""
        return "@".join([self.node_id, *(str(one.number) for one in self.into if one.whole)])


def passed_steps(instance_id: int, process: Process, present: str = "") -> list[Passed]:
    """The steps done by people so far, newest last, without the present one and what lies before a final step."""
    done = WorkItem.unscoped.filter(
        instance_id=instance_id, status=WorkItem.Status.DONE, asked_as="", completed_by__isnull=False
    ).exclude(answer=RECALLED)
    newest = set(done.values("node_id").annotate(last=Max("id")).values_list("last", flat=True))
    many = [node.id for node in process.nodes.values() if any(map(_is_many, _around(process, node.id)))]
    if many:
        newest.update(done.filter(node_id__in=many).order_by("-id").values_list("id", flat=True)[:MAX_PASSES])
    rows = list(WorkItem.unscoped.filter(pk__in=newest).select_related("completed_by").order_by("completed_at", "id"))
    passes = _passes(instance_id, process, rows)
    steps: list[Passed] = []
    for row in rows:
        node = process.nodes.get(row.node_id)
        if node is None or node.kind not in PERSONAL:
            continue
        if is_final(node):
            steps.clear()
        elif row.node_id != present:
            who, into = row.completed_by, passes.get(row.wait, ())
            steps.append(Passed(row.node_id, row.name, row.pk, who.pk, who.name, row.completed_at, into=into))
    return _newest(steps)


def steps_back(held: Held) -> list[Passed]:
    """Where one may go back to from an item: steps of its process, then those of the process that called it."""
    instance, state = held.instance, held.instance.state
    own = passed_steps(instance.id, instance.process, held.node_id)
    wait = state.waits.get(held.wait)
    if wait is not None and wait.token:
        around = {one.scope for one in passes_around(state, state.tokens[wait.token])}
        # Of many that are still under way, only one's own.
        own = [
            step
            for step in own
            if not any(one.whole and one.whole in state.scopes and one.scope not in around for one in step.into)
        ]
    if instance.parent_id is None or has_passed_final(instance.id, instance.process):
        return own
    caller = Instance.unscoped.select_related("version").defer("version__xml").get(pk=instance.parent_id)
    process = compiled_process(caller.version_id, caller.version.sha256, caller.process_id)
    return [*(replace(step, above=caller.pk) for step in passed_steps(caller.pk, process)), *own]


def has_passed_final(instance_id: int, process: Process) -> bool:
    """Whether a step was done behind which nobody goes back."""
    final = [node.id for node in process.nodes.values() if is_final(node)]
    done = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.DONE, node_id__in=final)
    return bool(final) and bool(done.exclude(answer=RECALLED).exists())


def _passes(instance_id: int, process: Process, rows: Iterable[WorkItem]) -> dict[int, tuple[Pass, ...]]:
    """The passes of those done in a sub-process that has several, read from the history; nothing where none is."""
    inside = {row.wait for row in rows if any(map(is_special, _around(process, row.node_id)))}
    return passes_in(instance_events(instance_id), inside) if inside else {}


def _newest(steps: list[Passed]) -> list[Passed]:
    """Of the same step in the same pass the newest, as far as the last time went through the same items."""
    last: dict[str, Any] = {}
    found: dict[str, Passed] = {}
    for step in reversed(steps):
        if all(last.setdefault(one.node, one.items) == one.items for one in step.into):
            found.setdefault(step.key, step)
    return list(found.values())[::-1]


def _around(process: Process, node_id: str) -> Iterator[Node]:
    node = process.nodes.get(node_id)
    while node is not None and node.parent:
        node = process.nodes[node.parent]
        yield node


def _is_many(node: Node) -> bool:
    return node.loop is not None and not node.loop.standard


def _item_name(one: Pass) -> str:
    item: Any = one.items[one.number - 1] if one.items is not None and one.number <= len(one.items) else None
    if isinstance(item, dict):
        item = item.get("name")
    return item[:MAX_NAME] if isinstance(item, str) and item else f"第 {one.number} 项"
