"""Names that occur in BPMN files: namespaces, and what each element means to this engine."""

from __future__ import annotations

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BIHUAN = "urn:bihuan:bpmn:1"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
FLOWABLE = "http://flowable.org/bpmn"
ACTIVITI = "http://activiti.org/bpmn"
DROOLS = "http://www.jboss.org/drools"
SPIFF = "http://spiffworkflow.org/bpmn/schema/1.0/core"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

CAMUNDA_LIKE = (CAMUNDA, FLOWABLE, ACTIVITI)
"""Engines of one family: the same attribute names in three namespaces."""

TASKS = frozenset(
    {
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "sendTask",
        "receiveTask",
        "businessRuleTask",
        "scriptTask",
    }
)
SUB_PROCESSES = frozenset({"subProcess", "transaction", "adHocSubProcess"})
"""Activities with an inside of their own."""
ACTIVITIES = TASKS | SUB_PROCESSES | {"callActivity"}
GATEWAYS = frozenset({"exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"})
EVENTS = frozenset({"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"})
FLOW_NODES = ACTIVITIES | GATEWAYS | EVENTS

NOT_YET = {
    "callChoreography": "暂不支持编排（choreography）",
    "choreographyTask": "暂不支持编排（choreography）",
    "subChoreography": "暂不支持编排（choreography）",
    "choreography": "暂不支持编排（choreography）",
    "globalChoreographyTask": "暂不支持编排（choreography）",
    "globalConversation": "暂不支持会话（conversation）",
}
"""Elements of BPMN that are known and refused, with the reason."""

IGNORED_IN_PROCESS = frozenset(
    {
        "documentation",
        "extensionElements",
        "laneSet",
        "dataObject",
        "dataObjectReference",
        "dataStoreReference",
        "textAnnotation",
        "group",
        "association",
        "ioSpecification",
        "ioBinding",
        "property",
        "auditing",
        "monitoring",
        "supports",
        "supportedInterfaceRef",
        "correlationSubscription",
        "resourceRole",
        "performer",
        "humanPerformer",
        "potentialOwner",
        "artifact",
        "categoryValueRef",
    }
)
"""Elements inside a process that carry no token: pictures, data and notes. They may stand in a model and do nothing."""

IGNORED_IN_ACTIVITY = IGNORED_IN_PROCESS | {
    "incoming",
    "outgoing",
    "dataInputAssociation",
    "dataOutputAssociation",
    "rendering",
    "script",
    "standardLoopCharacteristics",
    "multiInstanceLoopCharacteristics",
}

IGNORED_IN_EVENT = IGNORED_IN_PROCESS | {
    "incoming",
    "outgoing",
    "dataInput",
    "dataOutput",
    "inputSet",
    "outputSet",
    "dataInputAssociation",
    "dataOutputAssociation",
}

GLOBAL_TASKS = {
    "globalTask": "task",
    "globalUserTask": "userTask",
    "globalManualTask": "manualTask",
    "globalScriptTask": "scriptTask",
    "globalBusinessRuleTask": "businessRuleTask",
}
"""Tasks at the top of a file, for call activities, and what they are inside a process."""

DECLARATIONS = frozenset(GLOBAL_TASKS) | frozenset(
    {
        "documentation",
        "extensionElements",
        "process",
        "collaboration",
        "conversation",
        "message",
        "signal",
        "error",
        "escalation",
        "itemDefinition",
        "dataStore",
        "category",
        "resource",
        "interface",
        "endPoint",
        "import",
        "extension",
        "relationship",
        "correlationProperty",
        "partnerEntity",
        "partnerRole",
        "eventDefinition",
        "messageEventDefinition",
        "signalEventDefinition",
        "timerEventDefinition",
        "errorEventDefinition",
        "escalationEventDefinition",
        "linkEventDefinition",
        "terminateEventDefinition",
        "conditionalEventDefinition",
        "compensateEventDefinition",
        "cancelEventDefinition",
    }
)
"""What may stand at the top of a file."""


def split(name: object) -> tuple[str, str]:
    """Namespace and local name of an lxml tag or attribute."""
    tag = str(name)
    if tag[:1] == "{":
        namespace, _, local = tag[1:].partition("}")
        return namespace, local
    return "", tag


def bpmn(local: str) -> str:
    """The lxml tag of a BPMN element."""
    return f"{{{BPMN}}}{local}"
