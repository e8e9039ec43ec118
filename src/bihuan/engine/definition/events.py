"""Reads what an event waits for or throws."""

from __future__ import annotations

from lxml import etree

from bihuan.engine.definition.correlation import key_for
from bihuan.engine.definition.expressions import BadExpression, feel, is_juel
from bihuan.engine.definition.iso8601 import BadTime, looks_like_iso, parse_timer
from bihuan.engine.definition.names import BIHUAN, BPMN, CAMUNDA_LIKE, DROOLS, IGNORED_IN_EVENT, split
from bihuan.engine.definition.reading import Reading, child, children, line_of, text_of
from bihuan.engine.definition.specs import EventSpec, TimerSpec
from bihuan.engine.feel import Expression

PLAIN = EventSpec("none")
_SUFFIX = "EventDefinition"

ALLOWED: dict[str, frozenset[str]] = {
    "startEvent": frozenset({"none", "message", "signal", "timer", "conditional"}),
    "eventSubProcessStart": frozenset(
        {"message", "signal", "timer", "conditional", "error", "escalation", "compensate"}
    ),
    "intermediateCatchEvent": frozenset({"message", "signal", "timer", "conditional", "link"}),
    "intermediateThrowEvent": frozenset({"none", "message", "signal", "escalation", "link", "compensate"}),
    "endEvent": frozenset({"none", "message", "signal", "error", "escalation", "terminate", "compensate", "cancel"}),
    "boundaryEvent": frozenset(
        {"message", "signal", "timer", "conditional", "error", "escalation", "compensate", "cancel"}
    ),
}
"""Which kinds of event may stand where (BPMN 2.0, table 10.93); everything else the standard forbids."""

CHINESE = {
    "none": "空",
    "message": "消息",
    "signal": "信号",
    "timer": "定时",
    "error": "错误",
    "escalation": "升级",
    "terminate": "终止",
    "link": "链接",
    "conditional": "条件",
    "compensate": "补偿",
    "cancel": "取消",
}
_REFERENCES = {"message": "messageRef", "signal": "signalRef", "error": "errorRef", "escalation": "escalationRef"}


def is_event_definition(element: etree._Element) -> bool:
    """Whether the element says what an event waits for or throws."""
    namespace, local = split(element.tag)
    return namespace == BPMN and local.endswith(_SUFFIX)


def event_kind(definition: etree._Element) -> str:
    """`signal` for a signalEventDefinition, and so on."""
    return split(definition.tag)[1].removesuffix(_SUFFIX)


def read_event(element: etree._Element, reading: Reading, place: str) -> EventSpec:
    """The event definition inside an event element. `place` is a key of ALLOWED."""
    found: list[etree._Element] = []
    for inner in element:
        namespace, local = split(inner.tag)
        if is_event_definition(inner):
            found.append(inner)
        elif namespace == BPMN and local == "eventDefinitionRef":
            found.extend(_referenced(element, inner, reading))
        elif namespace != BPMN or local not in IGNORED_IN_EVENT:
            reading.refuse(inner, "事件里不能有这个元素", "unknown-element")
    if not found:
        if place in ("intermediateCatchEvent", "boundaryEvent"):
            reading.refuse(element, "这个事件没有说等什么（消息、信号或时间）", "event-without-trigger")
            return _told(element) if reading.drawing else PLAIN
        return PLAIN
    kinds = [event_kind(definition) for definition in found]
    for kind, definition in zip(kinds, found, strict=True):
        word = CHINESE.get(kind, kind)
        if kind not in ALLOWED[place]:
            reading.refuse(element, f"这里不能用{word}事件", "unsupported-event", line_of(definition))
            return PLAIN
    parallel = element.get("parallelMultiple") == "true"
    contradiction = _contradiction(place, kinds, parallel=parallel) if len(kinds) > 1 else ""
    if contradiction:
        reading.refuse(element, contradiction, "multiple-event")
        return PLAIN
    parts = tuple(
        _read_definition(element, definition, kind, reading) for kind, definition in zip(kinds, found, strict=True)
    )
    if len(parts) == 1:
        return parts[0]
    return EventSpec("multiple", parts=parts, parallel=parallel)


def _told(event: etree._Element) -> EventSpec:
    """What stands in for an event of a drawing that does not say what it waits for: it waits to be told."""
    return EventSpec("message", str(event.get("id") or event.get("name", "")))


_ENDINGS = ("terminate", "error", "cancel")


def _contradiction(place: str, kinds: list[str], *, parallel: bool) -> str:
    """Why these parts cannot be one multiple event (BPMN 2.0, 10.5.1 to 10.5.4), "" if they can."""
    if place == "intermediateCatchEvent" and "link" in kinds:
        return "链接接收事件是一段路的开头，不能同时等别的"
    if place == "boundaryEvent" and "compensate" in kinds:
        return "补偿边界事件在活动做完以后才起作用，后面没有流线，不能和别的触发条件合在一起"
    if parallel and not {"message", "signal", "timer", "conditional"}.issuperset(kinds):
        return "等所有触发条件的事件（parallelMultiple）只能等消息、信号、定时和条件"
    if sum(kinds.count(ending) for ending in _ENDINGS) > 1:
        return "结束事件只能有一种结束方式：终止、错误或取消"
    if kinds.count("link") > 1 or kinds.count("compensate") > 1:
        return "一个事件只能有一个链接、一个补偿"
    return ""


def _referenced(event: etree._Element, reference: etree._Element, reading: Reading) -> list[etree._Element]:
    target = text_of(reference).rpartition(":")[2]
    definition = reading.event_definitions.get(target)
    if definition is not None:
        return [definition]
    reading.refuse(event, f"找不到事件定义「{target}」", "missing-reference")
    return []


def _read_definition(event: etree._Element, definition: etree._Element, kind: str, reading: Reading) -> EventSpec:
    if kind == "timer":
        timer = _read_timer(event, definition, reading)
        return _told(event) if timer is None and reading.drawing else EventSpec("timer", timer=timer)
    if kind == "terminate":
        return EventSpec("terminate", whole=_ends_the_process(definition))
    if kind == "link":
        return EventSpec("link", _link_name(event, definition, reading))
    if kind == "conditional":
        condition = _read_condition(event, definition, reading)
        return _told(event) if condition is None and reading.drawing else EventSpec("conditional", condition=condition)
    if kind == "cancel":
        return EventSpec("cancel")
    if kind == "compensate":
        return _read_compensation(event, definition, reading)
    return read_reference(event, definition, kind, reading)


def _ends_the_process(definition: etree._Element) -> bool:
    """Whether it says so to Flowable (`terminateAll`) or jBPM (`scope`)."""
    flowable = [definition.get(f"{{{namespace}}}terminateAll") for namespace in CAMUNDA_LIKE]
    return "true" in flowable or definition.get(f"{{{DROOLS}}}scope") == "process"


def _link_name(event: etree._Element, definition: etree._Element, reading: Reading) -> str:
    """What a link is paired by: its name, or that of the link it gives as its target."""
    other = reading.links.get(text_of(child(definition, BPMN, "target")).rpartition(":")[2])
    around = None if other is None else other.getparent()
    if other is not None and around is not None:
        event, definition = around, other
    return str(definition.get("name") or event.get("name") or event.get("id", ""))


def _read_condition(event: etree._Element, definition: etree._Element, reading: Reading) -> Expression | None:
    condition = child(definition, BPMN, "condition")
    if condition is None or not text_of(condition):
        reading.refuse(event, "条件事件没有写条件", "event-without-condition", line_of(definition))
        return None
    return reading.condition(event, condition)


def _read_compensation(event: etree._Element, definition: etree._Element, reading: Reading) -> EventSpec:
    activity = definition.get("activityRef", "").rpartition(":")[2]
    if activity and activity not in reading.identities:
        reading.refuse(event, f"要补偿的活动「{activity}」不在文件里", "missing-reference", line_of(definition))
    waits = definition.get("waitForCompletion", "true").strip() not in ("false", "0")
    return EventSpec("compensate", activity=activity, waits=waits)


def read_reference(event: etree._Element, holder: etree._Element, kind: str, reading: Reading) -> EventSpec:
    """A reference to a declared message, signal, error or escalation, from an event definition or a task."""
    reference = holder.get(_REFERENCES[kind], "")
    correlation = reading.expression(event, _attribute(event, holder, "correlation"))
    code_variable, message_variable = "", ""
    for namespace in CAMUNDA_LIKE:
        code_variable = holder.get(f"{{{namespace}}}errorCodeVariable") or code_variable
        code_variable = holder.get(f"{{{namespace}}}escalationCodeVariable") or code_variable
        message_variable = holder.get(f"{{{namespace}}}errorMessageVariable") or message_variable
    code_variable = _attribute(event, holder, "codeVariable") or code_variable
    message_variable = _attribute(event, holder, "messageVariable") or message_variable
    if not reference:
        own_name = str(event.get("name") or event.get("id", "")) if kind in ("message", "signal") else ""
        if kind == "message":
            own_name = reading.messages_between.get(event.get("id", ""), own_name)
        return EventSpec(kind, own_name, None, correlation, None, None, code_variable, message_variable)
    declared = reading.lookup(kind, reference)
    if declared is None:
        if kind in ("error", "escalation"):
            # Older modelling tools write the code itself where the standard wants a reference.
            return EventSpec(kind, reference, None, None, None, None, code_variable, message_variable)
        reading.refuse(event, f"找不到{CHINESE[kind]}「{reference}」的定义", "missing-reference", line_of(holder))
        return EventSpec(kind, reference)
    return EventSpec(
        kind,
        declared.name,
        declared.name_expression,
        correlation or declared.correlation or (key_for(event, declared.id, reading) if kind == "message" else None),
        None,
        None,
        code_variable,
        message_variable,
    )


def _attribute(event: etree._Element, holder: etree._Element, name: str) -> str | None:
    key = f"{{{BIHUAN}}}{name}"
    return holder.get(key) or event.get(key)


def _read_timer(event: etree._Element, definition: etree._Element, reading: Reading) -> TimerSpec | None:
    found = list(children(definition, BPMN, "timeDate", "timeDuration", "timeCycle"))
    if len(found) != 1:
        reading.refuse(
            event, "定时事件要有一个（且只有一个）日期、时长或周期", "timer-without-time", line_of(definition)
        )
        return None
    text, line = text_of(found[0]), line_of(found[0])
    kind = split(found[0].tag)[1].removeprefix("time").lower()
    if not text:
        reading.refuse(event, "定时事件没有填时间", "timer-without-time", line)
        return None
    if text.startswith("=") or is_juel(text) or not (looks_like_iso(kind, text) or len(text.split()) >= 5):
        try:
            return TimerSpec(kind, text, None, feel(text, line))
        except BadExpression as bad:
            reading.refuse_expression(event, bad)
            return None
    try:
        return TimerSpec(kind, text, parse_timer(kind, text))
    except BadTime as bad_time:
        reading.refuse(event, str(bad_time), "bad-timer", line)
        return None
