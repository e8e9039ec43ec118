"""Events and what they refer to (BPMN 2.0, 10.3.3, 10.5 and 10.6.6)."""

from __future__ import annotations

from collections.abc import Iterator

from bihuan.engine.definition.names import ACTIVITIES, BPMN, EVENTS
from bihuan.engine.definition.reading import child, text_of
from bihuan.engine.definition.standard.file import Breach, File, Rule, called, is_true, kind


def thrown_errors_have_codes(file: File) -> Iterator[Breach]:
    """Who catches an error or escalation goes by its code (10.5.5)."""
    for node in file.all("endEvent", "intermediateThrowEvent"):
        for definition in file.events(node):
            for name, word in (("error", "错误"), ("escalation", "升级")):
                declared = file.get(definition.get(f"{name}Ref"))
                if declared is not None and not declared.get(f"{name}Code", "").strip():
                    reason = f"抛出的{word}「{called(declared)}」没有代码（{name}Code）"
                    yield Breach(node, reason, "throw-without-code")


def links_point_at_each_other(file: File) -> Iterator[Breach]:
    """If a link says its other end, that is a link of the same level that says so too (10.5.5)."""
    for definition in file.all("linkEventDefinition"):
        node = definition.getparent()
        for reference in file.inside(definition, "target"):
            other = file.get(text_of(reference))
            around = None if other is None else other.getparent()
            if other is None or around is None or node is None or kind(other) != "linkEventDefinition":
                yield Breach(definition, f"链接的目标「{text_of(reference)}」不是一个链接事件", "link")
            elif around.getparent() is not node.getparent():
                yield Breach(definition, "链接的两头要在同一个流程或子流程里", "link")
            elif definition.get("id") not in file.references(other, "source"):
                yield Breach(definition, f"链接的目标「{text_of(reference)}」没有把它列为来源", "link")


def handlers_are_marked(file: File) -> Iterator[Breach]:
    """What undoes an activity is an activity marked `isForCompensation` (10.6.1)."""
    for association in file.all("association"):
        event, handler = file.get(association.get("sourceRef")), file.get(association.get("targetRef"))
        if event is None or handler is None or kind(event) != "boundaryEvent" or kind(handler) not in ACTIVITIES:
            continue
        if file.has_event(event, "compensate") and not is_true(handler, "isForCompensation"):
            yield Breach(handler, f"补偿活动「{called(handler)}」要标明 isForCompensation=true", "compensation")


def compensation_does_not_run_beside(file: File) -> Iterator[Breach]:
    """Undoing begins when its activity is over; there is nothing to leave running (10.5.4)."""
    for node in file.all("startEvent", "boundaryEvent"):
        attribute = "isInterrupting" if kind(node) == "startEvent" else "cancelActivity"
        if file.has_event(node, "compensate") and not is_true(node, attribute, "true"):
            yield Breach(node, f"补偿事件不能标 {attribute}=false", "compensation")


def what_undoes_stands_in_a_sub_process(file: File) -> Iterator[Breach]:
    """A compensation event sub-process undoes the sub-process around it; a process is not undone (10.5.2, 10.6.2)."""
    for node in file.all("startEvent"):
        listener = node.getparent()
        around = None if listener is None else listener.getparent()
        if file.has_event(node, "compensate") and around is not None and kind(around) == "process":
            reason = "补偿事件子流程直接放在流程里：流程本身不会被补偿，它不会运行"
            yield Breach(node, reason, "never-compensated", advice=True)


def called_processes_begin_plainly(file: File) -> Iterator[Breach]:
    """A called process has a start event that waits for nothing (10.5.2)."""
    for call in file.all("callActivity"):
        process = file.get(call.get("calledElement"))
        if process is None or kind(process) != "process":
            continue
        starts = file.inside(process, "startEvent")
        if starts and all(file.events(start) for start in starts):
            reason = f"调用的流程「{called(process)}」要有一个没有触发条件的开始事件"
            yield Breach(call, reason, "call-without-start")


def event_gateways_do_not_mix(file: File) -> Iterator[Breach]:
    """Behind an event-based gateway stand message events or receive tasks, not both (10.6.6)."""
    for gateway in file.all("eventBasedGateway"):
        targets = [file.get(flow.get("targetRef")) for flow in file.outs(gateway)]
        receives = any(target is not None and kind(target) == "receiveTask" for target in targets)
        if receives and any(target is not None and file.has_event(target, "message") for target in targets):
            yield Breach(gateway, "事件网关后面不能同时接消息事件和接收任务", "event-gateway")


def beginning_tasks_come_first(file: File) -> Iterator[Breach]:
    """A receive task that begins the process has nothing before it but a start event (10.3.3)."""
    for task in file.all("receiveTask"):
        if not is_true(task, "instantiate"):
            continue
        sources = [file.get(flow.get("sourceRef")) for flow in file.ins(task)]
        if any(source is None or kind(source) != "startEvent" for source in sources):
            yield Breach(task, f"启动流程的接收任务「{called(task)}」前面只能是开始事件", "instantiate")


def events_have_data_for_each_part(file: File) -> Iterator[Breach]:
    """An event with data has one data input or output for each of its definitions (10.5.1)."""
    for node in file.all(*EVENTS):
        data = file.inside(node, "dataInput", "dataOutput")
        parts = len(file.events(node))
        if data and len(data) != parts:
            reason = f"事件「{called(node)}」的每个事件定义要有一个数据，现在是 {parts} 个定义、{len(data)} 个数据"
            yield Breach(node, reason, "event-data")


def messages_are_named(file: File) -> Iterator[Breach]:
    """An executable message event says which message (10.5.5); without, it goes by its name or message flow."""
    for definition in file.all("messageEventDefinition"):
        node = definition.getparent()
        if node is not None and not definition.get("messageRef") and kind(node) in EVENTS:
            yield Breach(
                node,
                f"没有指明是哪个消息（messageRef），按名称「{called(node)}」或消息流配对",
                "unnamed-message",
                advice=True,
            )


def loops_are_of_one_kind(file: File) -> Iterator[Breach]:
    """An activity repeats by a standard loop or as multi-instance, not both (10.3.8)."""
    for loop in file.all("standardLoopCharacteristics"):
        activity = loop.getparent()
        if activity is not None and child(activity, BPMN, "multiInstanceLoopCharacteristics") is not None:
            yield Breach(activity, f"「{called(activity)}」不能既是循环又是多实例", "bad-loop")


RULES: tuple[Rule, ...] = (
    thrown_errors_have_codes,
    links_point_at_each_other,
    handlers_are_marked,
    compensation_does_not_run_beside,
    what_undoes_stands_in_a_sub_process,
    called_processes_begin_plainly,
    event_gateways_do_not_mix,
    beginning_tasks_come_first,
    events_have_data_for_each_part,
    messages_are_named,
    loops_are_of_one_kind,
)
