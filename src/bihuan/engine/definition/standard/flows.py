"""Gateways and sequence flows (BPMN 2.0, 8.3.13, 10.3, 10.5 and 10.6)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.names import ACTIVITIES, BPMN, EVENTS, FLOW_NODES, GATEWAYS, SUB_PROCESSES
from bihuan.engine.definition.reading import child
from bihuan.engine.definition.standard.file import Breach, File, Rule, called, is_true, kind


def gateways_are_drawn_as_they_say(file: File) -> Iterator[Breach]:
    """`gatewayDirection` must fit the flows (8.3.9)."""
    for gateway in file.all(*GATEWAYS):
        direction = gateway.get("gatewayDirection", "Unspecified").strip()
        into, out = len(file.ins(gateway)), len(file.outs(gateway))
        if direction == "Converging" and out > 1:
            reason = f"网关「{called(gateway)}」标明是汇聚（Converging），只能有一个出口，画了 {out} 个"
        elif direction == "Diverging" and into > 1:
            reason = f"网关「{called(gateway)}」标明是分支（Diverging），只能有一个入口，画了 {into} 个"
        elif direction == "Mixed" and (into < 2 or out < 2):
            reason = f"网关「{called(gateway)}」标明是混合（Mixed），入口和出口都要有两个以上"
        else:
            continue
        yield Breach(gateway, reason, "gateway-direction")


def gateways_split_or_join(file: File) -> Iterator[Breach]:
    """A gateway has several ways in or several ways out (10.6)."""
    for gateway in file.all(*GATEWAYS):
        if len(file.ins(gateway)) < 2 and len(file.outs(gateway)) < 2:
            reason = f"网关「{called(gateway)}」没有多个入口，也没有多个出口，不起作用"
            yield Breach(gateway, reason, "gateway-without-choice", advice=True)


def listed_flows_are_the_flows(file: File) -> Iterator[Breach]:
    """What a node lists as `incoming` and `outgoing` are its sequence flows (8.3.7); listing none is open to it."""
    for node in file.all(*FLOW_NODES):
        for tag, flows, word in (("incoming", file.ins(node), "进入"), ("outgoing", file.outs(node), "离开")):
            listed = {name.rpartition(":")[2] for name in file.references(node, tag)}
            real = {flow.get("id", "") for flow in flows}
            for name in sorted(listed - real):
                if name:
                    reason = f"「{called(node)}」列出的 {tag}「{name}」不是{word}它的流线"
                    yield Breach(node, reason, "listed-flow")
            for flow in flows if file.inside(node, "incoming", "outgoing") else ():
                if flow.get("id", "") not in listed:
                    reason = f"「{called(node)}」没有在 {tag} 里列出{word}它的流线「{flow.get('id', '')}」"
                    yield Breach(node, reason, "unlisted-flow", advice=True)


def conditional_flows_have_company(file: File) -> Iterator[Breach]:
    """An activity with a conditional flow has another way out (8.3.13)."""
    for flow in file.all("sequenceFlow"):
        condition = child(flow, BPMN, "conditionExpression")
        source = file.get(flow.get("sourceRef"))
        if condition is None or source is None or kind(source) not in ACTIVITIES | EVENTS:
            continue
        if len(file.outs(source)) == 1:
            reason = f"「{called(source)}」唯一的出口不能带条件：条件不成立时无路可走"
            yield Breach(flow, reason, "lonely-condition")


def flows_are_immediate(file: File) -> Iterator[Breach]:
    """`isImmediate="false"` leaves open what happens in between, so it does not run (8.3.13)."""
    for flow in file.all("sequenceFlow"):
        if not is_true(flow, "isImmediate", "true"):
            yield Breach(flow, "可执行的流程里流线不能标 isImmediate=false", "not-immediate")


def beginnings_and_ends_come_together(file: File) -> Iterator[Breach]:
    """A level with a start event has an end event and the other way round (10.5.2, 10.5.3); many are drawn without."""
    for level in file.all("process", *SUB_PROCESSES):
        starts, ends = file.inside(level, "startEvent"), file.inside(level, "endEvent")
        where = "流程" if kind(level) == "process" else f"子流程「{called(level)}」"
        begins = any(is_true(each, "instantiate") for each in file.inside(level, "receiveTask", "eventBasedGateway"))
        if starts and not ends:
            yield Breach(starts[0], f"{where}有开始事件，也要有结束事件", "start-without-end", advice=True)
        if ends and not starts and not begins:
            yield Breach(ends[0], f"{where}有结束事件，也要有开始事件", "end-without-start", advice=True)


def ways_reach_an_end(file: File) -> Iterator[Breach]:
    """Where there are end events no way stops elsewhere (10.5.3); an intermediate event always leads on (10.5.4)."""
    for node in file.all(*FLOW_NODES):
        if file.outs(node) or kind(node) in ("endEvent", "boundaryEvent") or _stands_apart(file, node):
            continue
        level = node.getparent()
        ended = level is not None and file.inside(level, "endEvent")
        if ended or kind(node).startswith("intermediate"):
            reason = f"「{called(node)}」后面没有流线，路走到这里就结束；按标准应连到结束事件"
            yield Breach(node, reason, "dead-end", advice=True)


def _stands_apart(file: File, node: etree._Element) -> bool:
    if is_true(node, "triggeredByEvent") or is_true(node, "isForCompensation"):
        return True
    return kind(node) == "intermediateThrowEvent" and file.has_event(node, "link")


RULES: tuple[Rule, ...] = (
    gateways_are_drawn_as_they_say,
    gateways_split_or_join,
    listed_flows_are_the_flows,
    conditional_flows_have_company,
    flows_are_immediate,
    beginnings_and_ends_come_together,
    ways_reach_an_end,
)
