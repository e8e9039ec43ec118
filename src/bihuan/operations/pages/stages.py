"""Where a case stands in its process, in the few words people use for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bihuan.engine.definition import Process
from bihuan.processes.models import WorkItem

STAGE = "stage"
SHOWN_BEFORE, SHOWN_AFTER = 4, 3


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the strip at the top of a page: `state` is done, current, late or next."""

    label: str
    state: str
    note: str = ""


def stages(process: Process, done: Collection[str], present: Iterable[WorkItem], now: datetime) -> list[Stage]:
    """The stages of a process, or its steps around the present one when the model names no stages.

    `done` are the ids of nodes that were completed, `present` the open items. Stages passed over are left out.
    """
    here = list(present)
    named = {node.id: node.extension.properties[STAGE] for node in process.nodes.values() if _stage_of(node)}
    late = {item.node_id for item in here if item.due_at is not None and item.due_at < now}
    open_nodes = {item.node_id for item in here}
    if not named:
        return _steps(process, done, here, late)
    order = list(dict.fromkeys(named.values()))
    passed = {named[node] for node in done if node in named}
    current = {named[node] for node in open_nodes if node in named}
    behind = {named[node] for node in late if node in named}
    furthest = max((order.index(label) for label in passed | current), default=-1)
    found = []
    for number, label in enumerate(order):
        if label in current:
            names = "、".join(dict.fromkeys(item.name for item in here if named.get(item.node_id) == label))
            found.append(Stage(label, "late" if label in behind else "current", names if names != label else ""))
        elif label in passed:
            found.append(Stage(label, "done"))
        elif number > furthest:
            found.append(Stage(label, "next"))
    return found


def stage_label(process: Process, node_id: str) -> str:
    """The stage a node belongs to, else the node's own name."""
    node = process.nodes.get(node_id)
    if node is None:
        return ""
    return node.extension.properties.get(STAGE) or node.name


def _stage_of(node: object) -> bool:
    return bool(node.extension.properties.get(STAGE))  # type: ignore[attr-defined]


def _steps(process: Process, done: Collection[str], here: list[WorkItem], late: set[str]) -> list[Stage]:
    open_nodes = {item.node_id for item in here}
    passed = [
        Stage(node.name, "done")
        for node in process.nodes.values()
        if node.kind == "userTask" and node.id in done and node.id not in open_nodes
    ]
    present = [
        Stage(process.nodes[node_id].name, "late" if node_id in late else "current")
        for node_id in dict.fromkeys(item.node_id for item in here)
        if node_id in process.nodes
    ]
    ahead = _ahead(process, open_nodes) if here else []
    return [*passed[-SHOWN_BEFORE:], *present, *(Stage(name, "next") for name in ahead)]


def _ahead(process: Process, start: set[str]) -> list[str]:
    """The user tasks that follow when every gateway takes its first way; a hint, not a promise."""
    found: list[str] = []
    seen = set(start)
    node = process.nodes.get(next(iter(start)))
    while node is not None and node.outgoing and len(found) < SHOWN_AFTER:
        node = process.nodes.get(process.flows[node.outgoing[0]].target)
        if node is None or node.id in seen:
            break
        seen.add(node.id)
        if node.kind == "userTask":
            found.append(node.name)
    return found
