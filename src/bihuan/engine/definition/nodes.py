"""Pass 2: one reader per kind of flow node, giving the fields of its `Node` that the element itself holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lxml import etree

from bihuan.engine.definition.assignment import read_assignment
from bihuan.engine.definition.copying import read_copies
from bihuan.engine.definition.data import read_data
from bihuan.engine.definition.events import ALLOWED, read_event, read_reference
from bihuan.engine.definition.expressions import is_juel
from bihuan.engine.definition.extensions import read_extension, vendor
from bihuan.engine.definition.loops import read_loop
from bihuan.engine.definition.mappings import read_mappings
from bihuan.engine.definition.names import (
    ACTIVITIES,
    BIHUAN,
    BPMN,
    DROOLS,
    FLOW_NODES,
    GATEWAYS,
    IGNORED_IN_ACTIVITY,
    IGNORED_IN_PROCESS,
    NOT_YET,
    TASKS,
    ZEEBE,
    split,
)
from bihuan.engine.definition.reading import Reading, child, children, extension_elements, line_of, text_of
from bihuan.engine.definition.scripts import is_empty, read_script
from bihuan.engine.definition.signoff import read_signoff, signed_by_items
from bihuan.engine.definition.specs import AdHocSpec, Assignment
from bihuan.engine.feel import Expression

Fields = dict[str, Any]


def read_node(element: etree._Element, kind: str, reading: Reading) -> Fields:
    """What the element says about its node."""
    extension = read_extension(element)
    fields: Fields = {
        "name": " ".join(element.get("name", "").split()),
        "kind": kind,
        "line": line_of(element),
        "extension": extension,
        "documentation": text_of(child(element, BPMN, "documentation")),
        "default_flow": element.get("default", ""),
        "copies": read_copies(element, kind, reading),
    }
    if kind in ACTIVITIES:
        _read_activity(element, fields, reading)
    elif kind in GATEWAYS:
        _refuse_strangers(element, IGNORED_IN_PROCESS | {"incoming", "outgoing", "activationCondition"}, reading)
    _READERS.get(kind, _read_nothing)(element, fields, reading)
    return fields


def _read_nothing(_element: etree._Element, _fields: Fields, _reading: Reading) -> None:
    """Gateways and plain tasks say nothing of their own."""


def _refuse_strangers(element: etree._Element, allowed: frozenset[str], reading: Reading) -> None:
    for inner in element:
        namespace, local = split(inner.tag)
        if namespace == BPMN and local in allowed:
            continue
        reason = NOT_YET.get(local, "这里不认识这个元素") if namespace == BPMN else "这里不能有其他软件的元素"
        reading.refuse(inner, reason, "unknown-element")


def _read_activity(element: etree._Element, fields: Fields, reading: Reading) -> None:
    extension = fields["extension"]
    line = line_of(element)
    mappings = read_mappings(element, reading)
    data = read_data(element, reading)
    assignment = read_assignment(element, fields["kind"], reading)
    if assignment is None and fields["kind"] == "userTask" and _is_for_whoever_starts(element):
        assignment, extension = Assignment(source="starter"), replace(extension, assignee="")
    assignee = reading.expression(element, extension.assignee, line)
    fields.update(
        loop=read_loop(element, reading),
        inputs=mappings.inputs + data.inputs,
        outputs=mappings.outputs + data.outputs,
        needs=data.needs,
        produces=data.produces,
        pass_all_in=mappings.all_in and not data.inputs,
        pass_all_out=mappings.all_out and not data.outputs,
        assignee=assignment.expression if assignment is not None and assignment.expression else assignee,
        assignment=assignment,
        title=reading.expression(element, extension.title, line),
        result_variable=element.get(f"{{{BIHUAN}}}result", "")
        or vendor(element, "resultVariable", "resultVariableName"),
    )
    if extension.role.startswith("=") or is_juel(extension.role):
        fields["role"] = reading.expression(element, extension.role, line)
    for name, key in (("startQuantity", "start_quantity"), ("completionQuantity", "completion_quantity")):
        fields[key] = _quantity(element, name, reading)
    fields["for_compensation"] = element.get("isForCompensation") == "true"
    if fields["kind"] in ("userTask", "manualTask"):
        fields["signoff"] = read_signoff(element, extension, fields["loop"], reading)
        if fields["signoff"] is not None and fields["assignee"] is None and assignment is None:
            fields["loop"], fields["assignee"] = signed_by_items(fields["loop"])
    if fields["kind"] in TASKS | {"callActivity"}:
        _refuse_strangers(element, IGNORED_IN_ACTIVITY, reading)


def _is_for_whoever_starts(element: etree._Element) -> bool:
    """Whether other engines give it to whoever began: `$INITIATOR`, or the variable that a start event names for it."""
    assignee = vendor(element, "assignee")
    process = next(element.iterancestors(f"{{{BPMN}}}process"), None)
    if process is None or not is_juel(assignee):
        return assignee == "$INITIATOR"
    return assignee[2:-1].strip() in {vendor(start, "initiator") for start in process.iter(f"{{{BPMN}}}startEvent")}


MAX_QUANTITY = 100
"""Tokens that an activity may take or give at once."""


def _quantity(element: etree._Element, name: str, reading: Reading) -> int:
    text = element.get(name, "1").strip()
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_QUANTITY:
        return int(text)
    reading.refuse(element, f"{name}「{text[:20]}」应是 1 到 {MAX_QUANTITY} 的整数", "bad-quantity")
    return 1


def _read_start(element: etree._Element, fields: Fields, reading: Reading) -> None:
    parent = element.getparent()
    inside_event = parent is not None and parent.get("triggeredByEvent") == "true"
    fields["event"] = read_event(element, reading, "eventSubProcessStart" if inside_event else "startEvent")
    fields["interrupting"] = element.get("isInterrupting", "true") != "false"
    data = read_data(element, reading)
    fields["outputs"] = read_mappings(element, reading).outputs + data.outputs
    fields["produces"] = data.produces


def _read_other_event(element: etree._Element, fields: Fields, reading: Reading) -> None:
    kind = fields["kind"]
    assert kind in ALLOWED
    fields["event"] = read_event(element, reading, kind)
    mappings = read_mappings(element, reading)
    data = read_data(element, reading)
    fields["inputs"], fields["outputs"] = mappings.inputs + data.inputs, mappings.outputs + data.outputs
    fields["produces"] = data.produces


def _read_boundary(element: etree._Element, fields: Fields, reading: Reading) -> None:
    _read_other_event(element, fields, reading)
    fields["attached_to"] = element.get("attachedToRef", "").rpartition(":")[2]
    fields["interrupting"] = element.get("cancelActivity", "true") != "false"


def _read_message_task(element: etree._Element, fields: Fields, reading: Reading) -> None:
    fields["event"] = read_reference(element, element, "message", reading)
    fields["instantiate"] = fields["kind"] == "receiveTask" and element.get("instantiate") == "true"


def _read_decision(element: etree._Element, fields: Fields, reading: Reading) -> None:
    decision = element.get(f"{{{BIHUAN}}}decision", "") or vendor(element, "decisionRef")
    for called in extension_elements(element, ZEEBE, "calledDecision"):
        decision = called.get("decisionId") or decision
        fields["result_variable"] = called.get("resultVariable") or fields["result_variable"]
    for item in element.iterfind(".//{*}field[@name='decisionTableReferenceKey']"):
        decision = text_of(item) or item.get("stringValue") or decision
    fields["decision"] = decision.strip()


def _read_script(element: etree._Element, fields: Fields, reading: Reading) -> None:
    for script in extension_elements(element, ZEEBE, "script"):
        fields["script"] = reading.expression(element, script.get("expression"), line_of(script))
        fields["result_variable"] = script.get("resultVariable") or fields["result_variable"]
        return
    body = child(element, BPMN, "script")
    if fields["extension"].service:
        return
    language = element.get("scriptFormat", "") or element.get("scriptLanguage", "")
    if vendor(element, "resource"):
        reading.refuse(element, "脚本任务的脚本在外部文件里，请写在流程图里", "unsupported-script")
    elif not is_empty(text_of(body)):
        line = line_of(element if body is None else body)
        fields["script"], fields["script_steps"] = read_script(element, text_of(body), language, line, reading)


def _read_call(element: etree._Element, fields: Fields, reading: Reading) -> None:
    called = element.get("calledElement", "")
    for zeebe in extension_elements(element, ZEEBE, "calledElement"):
        called = zeebe.get("processId") or called
    called = called.strip()
    if called.rpartition(":")[2] in reading.identities:
        # A qualified name, whose prefix stands for this file's own namespace.
        called = called.rpartition(":")[2]
    if called.startswith("=") or is_juel(called):
        fields["called_expression"] = reading.expression(element, called)
    elif not called:
        reading.refuse(element, "调用活动没有说调用哪个流程", "call-without-process")
    fields["called"] = called


def _read_sub_process(element: etree._Element, fields: Fields, reading: Reading) -> None:
    fields["by_event"] = element.get("triggeredByEvent") == "true"
    fields["own_data"] = _own_data(element, reading)


def _own_data(element: etree._Element, reading: Reading) -> tuple[str, ...]:
    return tuple(reading.data_names[each.get("id", "")] for each in children(element, BPMN, "dataObject", "property"))


def _read_ad_hoc(element: etree._Element, fields: Fields, reading: Reading) -> None:
    fields["own_data"] = _own_data(element, reading)
    completion = child(element, BPMN, "completionCondition")
    begin, collection = fields["extension"].properties.get("begin", ""), None
    for zeebe in extension_elements(element, ZEEBE, "adHoc"):
        collection = zeebe.get("activeElementsCollection")
        if zeebe.get("outputCollection"):
            reading.refuse(element, "zeebe:adHoc 的 outputCollection 在这里不起作用", "foreign-setting", advice=True)
    chosen = collection or (begin if begin.startswith("=") else None)
    fields["ad_hoc"] = AdHocSpec(
        sequential=element.get("ordering", "Parallel").strip().lower() == "sequential",
        completion=None if completion is None else reading.condition(element, completion),
        cancels=element.get("cancelRemainingInstances", "true").strip() not in ("false", "0"),
        by_hand=begin == "by-hand",
        chosen=reading.expression(element, chosen),
    )


def _read_complex(element: etree._Element, fields: Fields, reading: Reading) -> None:
    activation = child(element, BPMN, "activationCondition")
    fields["activation"] = None if activation is None else reading.condition(element, activation)


def _read_event_gateway(element: etree._Element, fields: Fields, _reading: Reading) -> None:
    fields["instantiate"] = element.get("instantiate") == "true"
    fields["parallel"] = element.get("eventGatewayType", "Exclusive").strip().lower() == "parallel"


_READERS: dict[str, Callable[[etree._Element, Fields, Reading], None]] = {
    "startEvent": _read_start,
    "endEvent": _read_other_event,
    "intermediateCatchEvent": _read_other_event,
    "intermediateThrowEvent": _read_other_event,
    "boundaryEvent": _read_boundary,
    "sendTask": _read_message_task,
    "receiveTask": _read_message_task,
    "businessRuleTask": _read_decision,
    "scriptTask": _read_script,
    "callActivity": _read_call,
    "subProcess": _read_sub_process,
    "transaction": _read_sub_process,
    "adHocSubProcess": _read_ad_hoc,
    "complexGateway": _read_complex,
    "eventBasedGateway": _read_event_gateway,
}


def node_kind(element: etree._Element, reading: Reading) -> str | None:
    """The kind of a flow node, None for anything else; what is no part of a process is refused."""
    namespace, local = split(element.tag)
    if namespace != BPMN:
        reading.refuse(element, "这里不能有其他软件的元素", "unknown-element")
        return None
    if local in FLOW_NODES:
        # In jBPM a task with a name for its handler is a service.
        return "serviceTask" if local == "task" and element.get(f"{{{DROOLS}}}taskName") else local
    if local in NOT_YET:
        reading.refuse(element, NOT_YET[local], "unsupported-element")
    elif local not in IGNORED_IN_PROCESS and local != "sequenceFlow":
        reading.refuse(element, "BPMN 2.0 的流程里没有这个元素", "unknown-element")
    return None


def read_condition(flow: etree._Element, reading: Reading) -> Expression | None:
    """The condition of a sequence flow."""
    condition = child(flow, BPMN, "conditionExpression")
    return None if condition is None or not text_of(condition) else reading.condition(flow, condition)
