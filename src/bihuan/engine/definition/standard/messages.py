"""Pools and message flows (BPMN 2.0, 9.3, 9.4 and 10.2)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.names import ACTIVITIES, EVENTS
from bihuan.engine.definition.standard.file import Breach, File, Rule, called, is_true, kind, process_of

_ENDS = ACTIVITIES | EVENTS | {"participant", "callConversation", "conversation", "subConversation"}


def message_flows_join_what_can_talk(file: File) -> Iterator[Breach]:
    """A message flow leads from a pool, an activity or an event to another, never to a note or a gateway (9.3)."""
    for flow in file.all("messageFlow"):
        for name, word in (("sourceRef", "起点"), ("targetRef", "终点")):
            end = file.get(flow.get(name))
            if end is None or kind(end) not in _ENDS:
                reason = f"消息流的{word}「{flow.get(name, '')}」不是泳池、活动或事件"
                yield Breach(flow, reason, "message-flow")


def message_flows_cross_pools(file: File) -> Iterator[Breach]:
    """Within a pool there are sequence flows; messages go from one pool to another (9.3)."""
    for flow in file.all("messageFlow"):
        ends = [file.get(flow.get(name)) for name in ("sourceRef", "targetRef")]
        pools = [_pool(file, end) for end in ends if end is not None]
        if len(pools) == 2 and pools[0] and pools[0] == pools[1]:
            yield Breach(flow, "消息流要连接两个不同的泳池", "message-flow")


def _pool(file: File, end: etree._Element) -> str:
    """The process of an end of a message flow, or the pool itself where it is a black box."""
    if kind(end) == "participant":
        process = file.get(end.get("processRef"))
        return end.get("id", "") if process is None else process.get("id", "")
    process = process_of(end)
    return "" if process is None else process.get("id", "")


_DIRECTIONS = {
    ("sourceRef", "startEvent"): "开始事件不能发出消息流",
    ("targetRef", "endEvent"): "结束事件不能接收消息流",
    ("sourceRef", "intermediateCatchEvent"): "捕获事件不能发出消息流",
    ("targetRef", "intermediateThrowEvent"): "抛出事件不能接收消息流",
    ("sourceRef", "boundaryEvent"): "边界事件不能发出消息流",
}
_TALKING = {("targetRef", "startEvent"), ("sourceRef", "endEvent"), ("targetRef", "intermediateCatchEvent")}


def events_send_or_receive(file: File) -> Iterator[Breach]:
    """Events that catch receive message flows, those that throw send them; both should be message events (10.5)."""
    for flow in file.all("messageFlow"):
        for name in ("sourceRef", "targetRef"):
            end = file.get(flow.get(name))
            if end is None:
                continue
            if (name, kind(end)) in _DIRECTIONS:
                yield Breach(end, f"「{called(end)}」：{_DIRECTIONS[name, kind(end)]}", "message-flow")
            elif (name, kind(end)) in _TALKING and not file.has_event(end, "message"):
                yield Breach(
                    end,
                    f"「{called(end)}」连着消息流，但不是消息事件，消息流不起作用",
                    "idle-message-flow",
                    advice=True,
                )


def pools_have_sensible_numbers(file: File) -> Iterator[Breach]:
    """At least none and at most one or more, and never fewer at most than at least (9.2.1)."""
    for bounds in file.all("participantMultiplicity"):
        low, high = (_number(bounds, name) for name in ("minimum", "maximum"))
        if low is not None and low < 0:
            yield Breach(bounds, "泳池的最少数量（minimum）不能是负数", "participant-number")
        if high is not None and (high < 1 or high < (low or 0)):
            yield Breach(bounds, "泳池的最多数量（maximum）至少是 1，也不能小于最少数量", "participant-number")


def _number(element: etree._Element, name: str) -> int | None:
    text = element.get(name, "").strip()
    return int(text) if text.lstrip("+-").isdecimal() and len(text) < 10 else None


def public_processes_do_not_run(file: File) -> Iterator[Breach]:
    """A public process shows what others may know of a private one; it is not executable (10.2)."""
    for process in file.all("process"):
        if process.get("processType", "").strip().lower() == "public" and is_true(process, "isExecutable"):
            yield Breach(process, "公开流程（processType=Public）只供查看，不能标为可执行", "public-process")


RULES: tuple[Rule, ...] = (
    message_flows_join_what_can_talk,
    message_flows_cross_pools,
    events_send_or_receive,
    pools_have_sensible_numbers,
    public_processes_do_not_run,
)
