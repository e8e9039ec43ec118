"""The process that every contender runs: one task after another, round and round, choosing its way each time."""

from __future__ import annotations

_BPMN = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
             xmlns:bihuan="urn:bihuan:bpmn:1" id="defs" targetNamespace="urn:bihuan:bench">
  <process id="{key}" name="测速" isExecutable="true">
    <startEvent id="start"><outgoing>f1</outgoing></startEvent>
    <exclusiveGateway id="again">
      <incoming>f1</incoming><incoming>f4</incoming><outgoing>f2</outgoing>
    </exclusiveGateway>
    <userTask id="work" name="干活"{task}><incoming>f2</incoming><outgoing>f3</outgoing></userTask>
    <exclusiveGateway id="enough" default="f4">
      <incoming>f3</incoming><outgoing>f4</outgoing><outgoing>f5</outgoing>
    </exclusiveGateway>
    <endEvent id="end"><incoming>f5</incoming></endEvent>
    <sequenceFlow id="f1" sourceRef="start" targetRef="again"/>
    <sequenceFlow id="f2" sourceRef="again" targetRef="work"/>
    <sequenceFlow id="f3" sourceRef="work" targetRef="enough"/>
    <sequenceFlow id="f4" sourceRef="enough" targetRef="again"/>
    <sequenceFlow id="f5" sourceRef="enough" targetRef="end">
      <conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression>
    </sequenceFlow>
  </process>
</definitions>
"""
LAST_TURN = 1_000_000_000


def our_model(key: str, form: str = "bench_route") -> str:
    """The process in our dialect, with a form and a role on its task."""
    task = f' bihuan:role="advisor" bihuan:form="{form}" bihuan:button="下一步"'
    return _BPMN.format(key=key, task=task, condition=f"=turn &gt; {LAST_TURN}")


def peer_model(key: str) -> str:
    """The same process in SpiffWorkflow's dialect (conditions are Python)."""
    return _BPMN.format(key=key, task="", condition=f"turn &gt; {LAST_TURN}")


def waiting_model(key: str) -> str:
    """A person waits for something; a timer reminds somebody beside it."""
    return f"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:bihuan="urn:bihuan:bpmn:1" id="defs" targetNamespace="urn:bihuan:bench">
  <process id="{key}" name="等待" isExecutable="true">
    <startEvent id="start"/>
    <userTask id="hold" name="等待" bihuan:role="advisor"/>
    <boundaryEvent id="late" attachedToRef="hold" cancelActivity="false"><timerEventDefinition>
      <timeDuration>P30D</timeDuration></timerEventDefinition></boundaryEvent>
    <userTask id="remind" name="催办" bihuan:role="advisor"/>
    <endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="hold"/>
    <sequenceFlow id="f2" sourceRef="hold" targetRef="end"/>
    <sequenceFlow id="f3" sourceRef="late" targetRef="remind"/>
  </process>
</definitions>
"""


def form(key: str, *, records: bool) -> dict[str, object]:
    """A form of three fields for process variables; with `records` two of them go to a sheet of the case."""
    target = "sheet.bench" if records else "var"
    outcomes = [{"value": "ok", "label": "正常"}, {"value": "bad", "label": "异常"}]
    return {
        "schemaVersion": 18,
        "type": "default",
        "id": key,
        "title": "干活",
        "components": [
            {"type": "number", "key": "turn", "label": "次数", "properties": {"bind": "var.turn"}},
            {"type": "textfield", "key": "note", "label": "说明", "properties": {"bind": f"{target}.note"}},
            {
                "type": "select",
                "key": "outcome",
                "label": "结果",
                "values": outcomes,
                "properties": {"bind": f"{target}.outcome"},
            },
        ],
    }


def answers(turn: int) -> dict[str, object]:
    """What a person fills in at one step."""
    return {"turn": turn, "note": f"左前轮异响，第 {turn} 次路试后复查", "outcome": "ok"}
