"""What a rule is: a function that looks at a whole process and yields what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bihuan.engine.definition.model import Flow, Node, Process


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of a rule, at a node, a flow, or (None) the process."""

    where: Node | Flow | None
    reason: str
    code: str


Rule: TypeAlias = Callable[[Process], Iterator[Finding]]


def name_of(process: Process, node: str) -> str:
    """How to call a node in a message."""
    return process.nodes[node].label
