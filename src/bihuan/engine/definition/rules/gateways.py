"""Rules about gateways."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.definition.rules.rule import Finding, Rule

_AWAITED = frozenset({"message", "signal", "timer"})


def exclusive_gateways_can_choose(process: Process) -> Iterator[Finding]:
    """Of several ways out, at most one may be without a condition: it is the way for everything else."""
    for node in process.nodes.values():
        if node.kind != "exclusiveGateway" or len(node.outgoing) < 2:
            continue
        open_ways = [flow for flow in node.outgoing if process.flows[flow].condition is None]
        if len(open_ways) > 1:
            for flow_id in open_ways:
                flow = process.flows[flow_id]
                if not flow.default:
                    target = process.nodes[flow.target].label
                    yield Finding(flow, f"排他网关「{node.label}」去「{target}」的流线没有条件", "missing-condition")


def event_gateways_lead_to_events(process: Process) -> Iterator[Finding]:
    """Each way out of an event-based gateway is an event that is waited for, and nothing else leads there."""
    for node in process.nodes.values():
        if node.kind != "eventBasedGateway":
            continue
        if len(node.outgoing) < 2:
            yield Finding(node, "事件网关至少要有两个出口", "event-gateway")
        for flow in node.outgoing:
            target = process.nodes[process.flows[flow].target]
            if not _awaited(target):
                yield Finding(
                    process.flows[flow], "事件网关后面只能接消息、信号、定时捕获事件或接收任务", "event-gateway"
                )
            elif len(target.incoming) > 1:
                yield Finding(target, "事件网关后面的事件不能再有别的入口", "event-gateway")


def _awaited(node: Node) -> bool:
    if node.kind == "receiveTask":
        return not node.boundary and node.loop is None
    return node.kind == "intermediateCatchEvent" and node.event is not None and node.event.kind in _AWAITED


RULES: tuple[Rule, ...] = (exclusive_gateways_can_choose, event_gateways_lead_to_events)
