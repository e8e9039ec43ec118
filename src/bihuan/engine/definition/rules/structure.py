"""Rules about how a process and its sub-processes begin, and that every part of them can be reached."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.model import Process
from bihuan.engine.definition.names import ACTIVITIES
from bihuan.engine.definition.reach import successors
from bihuan.engine.definition.rules.rule import Finding, Rule


def something_happens(process: Process) -> Iterator[Finding]:
    """An empty process, or one that nothing can start, is a mistake."""
    if not process.nodes:
        yield Finding(None, "流程里没有任何环节", "empty-process")
    elif not process.levels[""].starts and not process.levels[""].triggers:
        yield Finding(None, "流程没有开始的地方", "no-start")


def sub_processes_start_plainly(process: Process) -> Iterator[Finding]:
    """An embedded sub-process begins when a token comes to it, so its start event waits for nothing, and it is one."""
    for parent, level in process.levels.items():
        if not parent or process.nodes[parent].by_event or process.nodes[parent].ad_hoc is not None:
            continue
        node = process.nodes[parent]
        for trigger in level.triggers:
            yield Finding(process.nodes[trigger], "子流程的开始事件不能等消息、信号或时间", "sub-process-start")
        starts = [start for start in level.starts if process.nodes[start].kind == "startEvent"]
        if len(starts) > 1:
            yield Finding(node, "子流程只能有一个开始事件", "sub-process-start")
        if level.nodes and not level.starts and not level.triggers:
            yield Finding(node, "子流程没有开始的地方", "empty-sub-process")


def event_sub_processes_wait_for_one_event(process: Process) -> Iterator[Finding]:
    """An event sub-process is started by exactly one event and stands outside the flow."""
    for node in process.nodes.values():
        if not node.by_event:
            continue
        if node.incoming or node.outgoing or node.boundary:
            yield Finding(node, "事件子流程不能有流线或边界事件", "event-sub-process")
        level = process.levels[node.id]
        starts = [start for start in level.starts if process.nodes[start].kind == "startEvent"]
        if len(level.triggers) != 1 or starts:
            yield Finding(node, "事件子流程要有一个（且只有一个）有触发条件的开始事件", "event-sub-process")
        if node.loop is not None:
            yield Finding(node, "事件子流程不能循环", "event-sub-process")


def everything_can_be_reached(process: Process) -> Iterator[Finding]:
    """A node no way leads to will never be done; that is never what its author meant."""
    for level in process.levels.values():
        handlers = [member for member in level.nodes if process.nodes[member].for_compensation]
        gateways = [member for member in level.nodes if process.nodes[member].instantiate]
        pending = [*level.starts, *level.triggers, *level.listeners, *handlers, *gateways]
        seen: set[str] = set(pending)
        while pending:
            for follower in successors(process, process.nodes[pending.pop()]):
                if follower not in seen:
                    seen.add(follower)
                    pending.append(follower)
        if not pending and not (level.starts or level.triggers):
            continue
        for member in level.nodes:
            node = process.nodes[member]
            if member not in seen and not (node.kind == "boundaryEvent" and node.attached_to not in seen):
                yield Finding(node, f"从开始走不到「{node.label}」", "unreachable")


def ad_hoc_activities_begin_by_themselves(process: Process) -> Iterator[Finding]:
    """An ad-hoc sub-process holds activities in no fixed order: it has neither a start nor an end."""
    for node in process.nodes.values():
        around = process.nodes.get(node.parent)
        if around is not None and around.ad_hoc is not None and node.kind in ("startEvent", "endEvent"):
            yield Finding(node, "特别（ad-hoc）子流程里不能有开始事件和结束事件", "ad-hoc")
        if node.ad_hoc is not None:
            entries = [process.nodes[start] for start in process.levels[node.id].starts]
            if not any(entry.kind in ACTIVITIES for entry in entries):
                yield Finding(node, "特别（ad-hoc）子流程里没有可以做的活动", "ad-hoc")


RULES: tuple[Rule, ...] = (
    something_happens,
    sub_processes_start_plainly,
    event_sub_processes_wait_for_one_event,
    everything_can_be_reached,
    ad_hoc_activities_begin_by_themselves,
)
