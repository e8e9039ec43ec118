"""What a process must satisfy beyond being readable. One function per rule, grouped by what it is about."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Flow, Node, Process
from bihuan.engine.definition.problems import Problem
from bihuan.engine.definition.rules import events, flows, gateways, structure

RULES = (*structure.RULES, *flows.RULES, *gateways.RULES, *events.RULES)


def check_process(process: Process, source: str) -> Iterator[Problem]:
    """Every breach of a rule in a process."""
    for rule in RULES:
        for finding in rule(process):
            where = finding.where
            if isinstance(where, Node):
                place = (where.line, where.kind, where.id)
            elif isinstance(where, Flow):
                place = (where.line, "sequenceFlow", where.id)
            else:
                place = (process.line, "process", process.id)
            yield Problem(source, *place, finding.reason, finding.code)
