"""What other engines add to a model and this one does not do: code is refused, settings are named as left out.

Decorations of drawing tools (colours, labels, templates, Signavio, Bizagi) say nothing about running.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.names import ACTIVITI, BPMN, CAMUNDA, DROOLS, FLOWABLE, SPIFF, ZEEBE, split
from bihuan.engine.definition.reading import Reading, child, line_of

_ENGINES = {
    CAMUNDA: "camunda",
    FLOWABLE: "flowable",
    ACTIVITI: "activiti",
    ZEEBE: "zeebe",
    DROOLS: "drools",
    SPIFF: "spiffworkflow",
}

_CODE = frozenset(
    """
    executionListener taskListener eventListener executionListeners taskListeners onEntry-script
    onExit-script preScript postScript
    """.split()  # noqa: SIM905 a list of words is read, not of quotes
)
"""Code that would run beside an element."""

_READ = frozenset(
    """
    assignee candidateGroups candidateUsers formKey formRef class delegateExpression expression
    topic type resultVariable resultVariableName collection elementVariable decisionRef versionTag
    resource initiator errorCodeVariable errorMessageVariable escalationCodeVariable dueDate
    followUpDate priority inputOutput in out property properties header taskHeaders ioMapping
    taskDefinition adHoc assignmentDefinition formDefinition calledElement calledDecision
    loopCharacteristics subscription script taskSchedule priorityDefinition taskName terminateAll
    """.split()  # noqa: SIM905 a list of words is read, not of quotes
)
"""What arrives, see docs/engine.md."""

_WITHOUT_EFFECT = frozenset(
    """
    async asyncBefore asyncAfter asyncLeave exclusive failedJobRetryTimeCycle jobPriority
    jobPriorityDefinition taskPriority retries historyTimeToLive isStartableInTasklist
    candidateStarterGroups candidateStarterUsers potentialStarter diagramRelationId
    formFieldValidation modelerTemplate modelerTemplateVersion modelerTemplateIcon userTask
    userTaskForm packageName version import global metaData documentation localScope
    activiti-idm-assignee activiti-idm-initiator initiator-can-complete inheritVariables
    inheritBusinessKey businessKey calledElementType completeAsync sameDeployment
    fallbackToDefaultTenant
    """.split()  # noqa: SIM905 a list of words is read, not of quotes
)
"""Technical settings that change nothing for the people doing the work."""


def review_foreign(part: etree._Element, reading: Reading) -> None:
    """Note what other engines would do at the elements of a process or declaration and this one does not."""
    for element in part.iter(f"{{{BPMN}}}*"):
        if element.tag == f"{{{BPMN}}}extensionElements":
            continue
        told: set[str] = set()
        for engine, local, line in _additions(element):
            name = f"{engine}:{local}"
            if name in told or local in _READ or local in _WITHOUT_EFFECT or name == "drools:scope":
                continue
            told.add(name)
            if local in _CODE:
                reading.refuse(element, f"不支持附带的代码（{name}），请改成一个服务任务", "listener", line)
            else:
                reading.refuse(element, f"其他引擎的设置 {name} 在这里不起作用", "foreign-setting", line, advice=True)


def _additions(element: etree._Element) -> Iterator[tuple[str, str, int]]:
    for key in element.attrib:
        namespace, local = split(key)
        if namespace in _ENGINES:
            yield _ENGINES[namespace], local, line_of(element)
    holder = child(element, BPMN, "extensionElements")
    for inner in () if holder is None else holder:
        namespace, local = split(inner.tag)
        if namespace not in _ENGINES or inner.get("name") == "decisionTableReferenceKey":
            continue
        yield _ENGINES[namespace], local, line_of(inner)
