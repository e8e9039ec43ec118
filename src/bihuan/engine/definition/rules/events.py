"""Rules about events."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.iso8601 import BadTime, parse_duration
from bihuan.engine.definition.model import Process
from bihuan.engine.definition.names import ACTIVITIES
from bihuan.engine.definition.rules.rule import Finding, Rule

LONGEST_LIFE_DAYS = 3_660


def boundary_events_lead_somewhere(process: Process) -> Iterator[Finding]:
    """A boundary event without a way out would swallow what it caught."""
    for node in process.nodes.values():
        undoes = node.event is not None and node.event.kind == "compensate"
        if node.kind == "boundaryEvent" and not node.outgoing and not undoes:
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
        kinds = {part.kind for part in node.event.all_parts} if node.event is not None else set()
        if "error" in kinds and not node.interrupting:
            yield Finding(node, "错误事件必须中断所在的任务", "error-not-interrupting")
        if "cancel" in kinds and not node.interrupting:
            yield Finding(node, "取消事件必须中断所在的事务", "cancel-not-interrupting")


def error_ends_have_a_code(process: Process) -> Iterator[Finding]:
    """A thrown error or escalation has a name, so that somebody can catch it."""
    for node in process.nodes.values():
        thrown = node.kind in ("endEvent", "intermediateThrowEvent") and node.event is not None
        parts = node.event.all_parts if thrown and node.event is not None else ()
        if any(part.kind in ("error", "escalation") and not part.name for part in parts):
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
        link = node.event.part("link") if node.event is not None else None
        if link is None or node.kind == "intermediateCatchEvent":
            continue
        if (node.parent, link.name) not in caught:
            yield Finding(node, f"链接「{link.name}」没有接收处", "link")
        if node.outgoing:
            yield Finding(node, "链接抛出事件后面不能有流线", "link")


def cancelling_belongs_to_transactions(process: Process) -> Iterator[Finding]:
    """Only a transaction can be cancelled: from its own inside, and caught at its boundary, once."""
    for node in process.nodes.values():
        if node.event is None or node.event.part("cancel") is None:
            continue
        around = process.nodes.get(node.attached_to if node.kind == "boundaryEvent" else node.parent)
        if around is None or around.kind != "transaction":
            where = "边界取消事件只能贴在事务上" if node.kind == "boundaryEvent" else "取消结束事件只能直接放在事务里"
            yield Finding(node, where, "cancel-outside-transaction")
    for node in process.nodes.values():
        cancels = [each for each in node.boundary if _has_part(process, each, "cancel")]
        for extra in cancels[1:]:
            yield Finding(process.nodes[extra], f"事务「{node.label}」只能有一个取消边界事件", "cancel-twice")


def _has_part(process: Process, node: str, kind: str) -> bool:
    event = process.nodes[node].event
    return event is not None and event.part(kind) is not None


def _kind(process: Process, node: str) -> str:
    event = process.nodes[node].event
    return "" if event is None else event.kind


def compensation_stands_apart(process: Process) -> Iterator[Finding]:
    """What undoes an activity is begun by compensation alone, and nothing flows out of its boundary event."""
    for node in process.nodes.values():
        if node.for_compensation and (node.incoming or node.outgoing):
            yield Finding(node, f"补偿活动「{node.label}」不能有流线", "compensation")
        if node.kind == "boundaryEvent" and _kind(process, node.id) == "compensate" and node.outgoing:
            yield Finding(node, "补偿边界事件后面不能有流线，要用关联线连到补偿活动", "compensation")
        undone = [event for event in node.boundary if _kind(process, event) == "compensate"]
        for extra in undone[1:]:
            yield Finding(process.nodes[extra], f"「{node.label}」只能有一个补偿边界事件", "compensation")
        if undone and node.for_compensation:
            yield Finding(node, f"补偿活动「{node.label}」自己不能再补偿", "compensation")


def compensation_events_name_activities(process: Process) -> Iterator[Finding]:
    """What is to be compensated is an activity of this process."""
    for node in process.nodes.values():
        undo = node.event.part("compensate") if node.event is not None else None
        if undo is None or not undo.activity:
            continue
        target = process.nodes.get(undo.activity)
        if target is None or target.kind not in ACTIVITIES:
            yield Finding(node, f"要补偿的「{undo.activity}」不是这个流程里的活动", "missing-reference")


def messages_live_for_a_span(process: Process) -> Iterator[Finding]:
    """How long a message that nobody waits for is kept (`bihuan:timeToLive`) is a duration; PT0S: not at all."""
    for node in process.nodes.values():
        said = node.extension.time_to_live
        if not said:
            continue
        try:
            span = parse_duration(said)
        except BadTime as bad:
            yield Finding(node, f"timeToLive：{bad}", "bad-time-to-live")
            continue
        days = span.months * 30 + span.days + span.seconds.days
        if not 0 <= days <= LONGEST_LIFE_DAYS:
            yield Finding(node, "timeToLive：消息的保留时间要在零到十年之间", "bad-time-to-live")


RULES: tuple[Rule, ...] = (
    boundary_events_lead_somewhere,
    boundary_events_sit_on_activities,
    errors_interrupt,
    error_ends_have_a_code,
    links_meet,
    cancelling_belongs_to_transactions,
    compensation_stands_apart,
    compensation_events_name_activities,
    messages_live_for_a_span,
)
