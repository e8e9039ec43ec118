"""What today's rules say of a published version: what `bihuan bpmn check` would tell of its file, for people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bihuan.engine.definition import Model, parse_bpmn, review_bpmn
from bihuan.processes.models import Version


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at: which element, on which line of the file, and why."""

    label: str
    line: int
    reason: str


def remarks_on(version: Version) -> tuple[Remark, ...]:
    """Everything worth a look in the file of a version, in its order. It runs all the same."""
    return _remarks(version.xml)


@lru_cache(maxsize=32)
def _remarks(xml: str) -> tuple[Remark, ...]:
    found = review_bpmn(xml)
    if not found:
        return ()
    names = _names(parse_bpmn(xml, published=True))
    return tuple(Remark(names.get(one.element_id, one.element_id), one.line, one.reason) for one in found)


def _names(model: Model) -> dict[str, str]:
    """What elements are called, by id: steps by their names, ways by the step they lead to."""
    names: dict[str, str] = {}
    for process in model.processes.values():
        names[process.id] = process.name
        names.update({node.id: node.label for node in process.nodes.values()})
        for flow in process.flows.values():
            names[flow.id] = flow.name or f"到“{process.nodes[flow.target].label}”的流线"
    return names
