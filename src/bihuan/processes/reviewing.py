"""What the rules say of a process file: what `bihuan bpmn check` would tell of it, for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from bihuan.engine.definition import Model, Problem, parse_bpmn, review_bpmn
from bihuan.processes.models import Version


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at: which element, on which line of the file, and why."""

    label: str
    line: int
    reason: str


def remarks_on(version: Version) -> tuple[Remark, ...]:
    """Everything worth a look in the file of a version by today's rules, in its order. It runs all the same."""
    return _remarks(version.xml)


@lru_cache(maxsize=32)
def _remarks(xml: str) -> tuple[Remark, ...]:
    found = review_bpmn(xml)
    return as_remarks(found, parse_bpmn(xml, published=True)) if found else ()


def as_remarks(found: Iterable[Problem], model: Model | None = None) -> tuple[Remark, ...]:
    """Problems with the names that people know the elements by, as far as the file can be read."""
    names = _names(model) if model is not None else {}
    return tuple(Remark(names.get(one.element_id, one.element_id) or "文件", one.line, one.reason) for one in found)


def _names(model: Model) -> dict[str, str]:
    """What elements are called, by id: steps by their names, ways by the step they lead to."""
    names: dict[str, str] = {}
    for process in model.processes.values():
        names[process.id] = process.name
        names.update({node.id: node.label for node in process.nodes.values()})
        for flow in process.flows.values():
            names[flow.id] = flow.name or f"到“{process.nodes[flow.target].label}”的流线"
    return names
