"""Rules about sequence flows: where they may begin and end, and where conditions belong."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Process
from bihuan.engine.definition.rules.rule import Finding, Rule


def nothing_flows_into_a_start_or_boundary_event(process: Process) -> Iterator[Finding]:
    """Such events begin a way; no flow leads to them."""
    for node in process.nodes.values():
        if node.incoming and node.kind in ("startEvent", "boundaryEvent"):
            yield Finding(node, "流线不能进入开始事件或边界事件", "flow-into-start")


def nothing_flows_out_of_an_end_event(process: Process) -> Iterator[Finding]:
    """An end is the end."""
    for node in process.nodes.values():
        if node.outgoing and node.kind == "endEvent":
            yield Finding(node, "结束事件后面不能再有流线", "flow-out-of-end")


def default_flows_have_no_condition(process: Process) -> Iterator[Finding]:
    """The default is taken when nothing else is; a condition on it would contradict that."""
    for flow in process.flows.values():
        if flow.default and flow.condition is not None:
            yield Finding(flow, "默认流线不能带条件", "condition-on-default")


def conditions_stand_only_where_they_are_asked(process: Process) -> Iterator[Finding]:
    """A condition after a parallel or event-based gateway would be ignored."""
    for flow in process.flows.values():
        kind = process.nodes[flow.source].kind
        if flow.condition is not None and kind in ("parallelGateway", "eventBasedGateway"):
            yield Finding(flow, "并行网关和事件网关的出口不能带条件", "useless-condition")


def defaults_belong_to_choices(process: Process) -> Iterator[Finding]:
    """Only activities, exclusive and inclusive gateways have a default."""
    for node in process.nodes.values():
        if node.default_flow and node.kind in ("parallelGateway", "eventBasedGateway"):
            yield Finding(node, "并行网关和事件网关没有默认流线", "bad-default")


RULES: tuple[Rule, ...] = (
    nothing_flows_into_a_start_or_boundary_event,
    nothing_flows_out_of_an_end_event,
    default_flows_have_no_condition,
    conditions_stand_only_where_they_are_asked,
    defaults_belong_to_choices,
)
