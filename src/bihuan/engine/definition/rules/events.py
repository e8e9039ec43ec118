"""Rules about events."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Process
from bihuan.engine.definition.names import ACTIVITIES
from bihuan.engine.definition.rules.rule import Finding, Rule


def boundary_events_lead_somewhere(process: Process) -> Iterator[Finding]:
    """A boundary event without a way out would swallow what it caught."""
    for node in process.nodes.values():
        if node.kind == "boundaryEvent" and not node.outgoing:
            yield Finding(node, "边界事件后面没有流线", "boundary-without-way")


def boundary_events_sit_on_activities(process: Process) -> Iterator[Finding]:
    """Gateways and events have no boundary."""
    for node in process.nodes.values():
        host = process.nodes.get(node.attached_to)
        if node.kind == "boundaryEvent" and host is not None and host.kind not in ACTIVITIES:
            yield Finding(node, "边界事件只能贴在任务、子流程或调用活动上", "bad-boundary")


def errors_interrupt(process: Process) -> Iterator[Finding]:
    """Who failed cannot go on: an error event that does not interrupt makes no sense."""
    for node in process.nodes.values():
        if node.event is not None and node.event.kind == "error" and not node.interrupting:
            yield Finding(node, "错误事件必须中断所在的任务", "error-not-interrupting")


def error_ends_have_a_code(process: Process) -> Iterator[Finding]:
    """A thrown error or escalation has a name, so that somebody can catch it."""
    for node in process.nodes.values():
        thrown = node.kind in ("endEvent", "intermediateThrowEvent") and node.event is not None
        if thrown and node.event is not None and node.event.kind in ("error", "escalation") and not node.event.name:
            yield Finding(node, "抛出的错误或升级没有代码", "throw-without-code")


def links_meet(process: Process) -> Iterator[Finding]:
    """Each thrown link has exactly one catching link of the same name on its level."""
    caught: dict[tuple[str, str], str] = {}
    for node in process.nodes.values():
        if node.event is None or node.event.kind != "link" or node.kind != "intermediateCatchEvent":
            continue
        key = (node.parent, node.event.name)
        if key in caught:
            yield Finding(node, f"链接「{node.event.name}」有两个接收处", "link")
        caught[key] = node.id
        if node.incoming:
            yield Finding(node, "链接接收事件前面不能有流线", "link")
    for node in process.nodes.values():
        if node.event is None or node.event.kind != "link" or node.kind == "intermediateCatchEvent":
            continue
        if (node.parent, node.event.name) not in caught:
            yield Finding(node, f"链接「{node.event.name}」没有接收处", "link")
        if node.outgoing:
            yield Finding(node, "链接抛出事件后面不能有流线", "link")


RULES: tuple[Rule, ...] = (
    boundary_events_lead_somewhere,
    boundary_events_sit_on_activities,
    errors_interrupt,
    error_ends_have_a_code,
    links_meet,
)
