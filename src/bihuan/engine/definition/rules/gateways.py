"""Rules about gateways."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.definition.rules.rule import Finding, Rule

_AWAITED = frozenset({"message", "signal", "timer", "conditional"})


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
                    process.flows[flow], "事件网关后面只能接消息、信号、定时、条件捕获事件或接收任务", "event-gateway"
                )
            elif len(target.incoming) > 1:
                yield Finding(target, "事件网关后面的事件不能再有别的入口", "event-gateway")


def _awaited(node: Node) -> bool:
    if node.kind == "receiveTask":
        return not node.boundary and node.loop is None
    if node.kind != "intermediateCatchEvent" or node.event is None or node.event.parallel:
        return False
    return all(part.kind in _AWAITED for part in node.event.all_parts)


def beginning_gateways_and_tasks_begin(process: Process) -> Iterator[Finding]:
    """What begins a process is not led to, and stands at the level of the process."""
    for node in process.nodes.values():
        if not node.instantiate:
            continue
        what = "接收任务" if node.kind == "receiveTask" else "事件网关"
        if node.parent:
            yield Finding(node, f"启动流程的{what}不能放在子流程里", "instantiate")
        elif node.incoming and node.kind != "receiveTask":
            yield Finding(node, f"启动流程的{what}前面不能有流线", "instantiate")
        if node.loop is not None:
            yield Finding(node, f"启动流程的{what}不能循环", "instantiate")


def only_beginning_gateways_need_all_events(process: Process) -> Iterator[Finding]:
    """An event-based gateway on the way waits for the first event."""
    for node in process.nodes.values():
        if node.kind == "eventBasedGateway" and node.parallel and not node.instantiate:
            yield Finding(node, "流程中间的事件网关只能等第一个事件，不能等所有事件", "event-gateway")


RULES: tuple[Rule, ...] = (
    exclusive_gateways_can_choose,
    event_gateways_lead_to_events,
    beginning_gateways_and_tasks_begin,
    only_beginning_gateways_need_all_events,
)
