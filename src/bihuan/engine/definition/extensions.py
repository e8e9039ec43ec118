"""Reads what a rule book adds to an element: our own attributes, and those of other engines that mean the same.

Camunda 7, Flowable and Activiti are one family; Camunda 8 is `zeebe:`. Technical hints of those engines that change
nothing for the people doing the work (asynchronous continuation, retry counts, history lifetime, generated form fields)
are left out; see docs/engine.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.assignment import ATTRIBUTES
from bihuan.engine.definition.expressions import is_juel
from bihuan.engine.definition.names import BIHUAN, BPMN, CAMUNDA_LIKE, DROOLS, ZEEBE, split
from bihuan.engine.definition.reading import child, extension_elements, text_of
from bihuan.engine.definition.specs import Extension
from bihuan.engine.feel import feel_text

OWN = frozenset(
    [
        "role",
        "assignee",
        "form",
        "limit",
        "script",
        "effects",
        "service",
        "button",
        "prints",
        "knowledge",
        "title",
        "correlation",
        "codeVariable",
        "messageVariable",
        "collection",
        "item",
        "output",
        "result",
        "decision",
        "timeToLive",
        *ATTRIBUTES,
    ]
)

_OWNER = re.compile(r"(user|group)\((.*)\)")


def read_extension(element: etree._Element) -> Extension:
    """The extension of an element; `role` is still without the default of its lane."""
    own = {name: element.get(f"{{{BIHUAN}}}{name}", "").strip() for name in OWN}
    return Extension(
        role=own["role"] or _role(element),
        assignee=own["assignee"].removeprefix("=").strip() or _assignee(element),
        form=own["form"] or _form(element),
        limit=own["limit"],
        script=own["script"],
        effects=tuple(own["effects"].split()),
        service=own["service"] or _service(element),
        button=own["button"],
        prints=tuple(own["prints"].split()),
        knowledge=own["knowledge"],
        title=own["title"].removeprefix("=").strip(),
        time_to_live=own["timeToLive"],
        properties=_properties(element),
    )


def vendor(element: etree._Element, *names: str) -> str:
    """The first of these attributes in any namespace of the Camunda 7 family."""
    for name in names:
        for namespace in CAMUNDA_LIKE:
            value = element.get(f"{{{namespace}}}{name}")
            if value and value.strip():
                return value.strip()
    return ""


def _as_feel(text: str) -> str:
    """Plain text as a FEEL string; `=…` and `${…}` stay to be read as expressions."""
    if not text or is_juel(text):
        return text
    return text[1:].strip() if text.startswith("=") else feel_text(text)


def _role(element: etree._Element) -> str:
    for definition in extension_elements(element, ZEEBE, "assignmentDefinition"):
        groups = definition.get("candidateGroups", "").strip()
        if groups:
            return groups
    groups = vendor(element, "candidateGroups") or _task_input(element, "GroupId")
    return groups or ",".join(name for kind, name in _potential_owners(element) if kind == "group")


def _potential_owners(element: etree._Element) -> Iterator[tuple[str, str]]:
    """What Activiti and its kin write for the standard's owners: `user(li), group(advisor), technician`."""
    for owner in element.iterchildren(f"{{{BPMN}}}potentialOwner"):
        text = text_of(owner.find(f".//{{{BPMN}}}formalExpression"))
        for part in (text,) if is_juel(text) or text.startswith("=") else text.split(","):
            found = _OWNER.fullmatch(part.strip())
            yield ("group", part.strip()) if found is None else (found[1], found[2].strip())


def _assignee(element: etree._Element) -> str:
    for definition in extension_elements(element, ZEEBE, "assignmentDefinition"):
        assignee = definition.get("assignee", "").strip()
        if assignee:
            return _as_feel(assignee)
    assignee = vendor(element, "assignee")
    if assignee:
        return _as_feel(assignee)
    if not _role(element):
        users = vendor(element, "candidateUsers") or next(
            (each.get("candidateUsers", "") for each in extension_elements(element, ZEEBE, "assignmentDefinition")), ""
        )
        if users.strip():
            return _one_of(users.strip())
    actors = _task_input(element, "ActorId")
    if actors:
        return _one_of(actors) if "," in actors else _as_feel(actors)
    owners = [name for kind, name in _potential_owners(element) if kind == "user"]
    if owners and not _role(element):
        return _one_of(",".join(owners))
    performer = child(element, BPMN, "humanPerformer")
    text = "" if performer is None else text_of(performer.find(f".//{{{BPMN}}}formalExpression"))
    return _as_feel(text)


def _task_input(element: etree._Element, name: str) -> str:
    """What jBPM assigns to an input of a person's task of this name."""
    for declared in element.iterfind(f"{{{BPMN}}}ioSpecification/{{{BPMN}}}dataInput[@name='{name}']"):
        for association in element.iterchildren(f"{{{BPMN}}}dataInputAssociation"):
            if text_of(child(association, BPMN, "targetRef")) == declared.get("id"):
                return text_of(association.find(f"{{{BPMN}}}assignment/{{{BPMN}}}from"))
    return ""


def _one_of(users: str) -> str:
    """A list of users as FEEL: one of them does it."""
    if users.startswith("=") or is_juel(users):
        return _as_feel(users)
    return "[" + ", ".join(feel_text(user.strip()) for user in users.split(",") if user.strip()) + "]"


def _form(element: etree._Element) -> str:
    for definition in extension_elements(element, ZEEBE, "formDefinition"):
        form = definition.get("formId") or definition.get("externalReference") or definition.get("formKey")
        if form:
            return form.strip()
    return vendor(element, "formKey", "formRef")


def _service(element: etree._Element) -> str:
    for definition in extension_elements(element, ZEEBE, "taskDefinition"):
        kind = definition.get("type", "").strip()
        if kind:
            return kind.removeprefix("=").strip().strip('"')
    holders = [element, *element.iterchildren(f"{{{BPMN}}}messageEventDefinition")]
    for holder in holders:
        name = vendor(holder, "topic", "class", "delegateExpression", "expression")
        if not name and split(element.tag)[1] != "businessRuleTask":
            name = vendor(holder, "type").removeprefix("external")
        if name:
            return name[2:-1].strip() if name[:2] in ("${", "#{") and name.endswith("}") else name
    return element.get(f"{{{DROOLS}}}taskName", "")


def _properties(element: etree._Element) -> dict[str, str]:
    properties: dict[str, str] = {}
    for namespace in (*CAMUNDA_LIKE, ZEEBE):
        for item in extension_elements(element, namespace, "property"):
            properties[item.get("name") or item.get("id") or ""] = item.get("value", "")
    for item in extension_elements(element, ZEEBE, "header"):
        properties[item.get("key", "")] = item.get("value", "")
    for item in extension_elements(element, ZEEBE, "taskSchedule"):
        properties.update({name: item.get(name, "") for name in ("dueDate", "followUpDate") if item.get(name)})
    for item in extension_elements(element, ZEEBE, "priorityDefinition"):
        properties["priority"] = item.get("priority", "")
    for name in ("candidateUsers", "dueDate", "priority", "followUpDate"):
        value = vendor(element, name)
        if value:
            properties[name] = value
    for key, value in element.attrib.items():
        namespace, local = split(key)
        if namespace == BIHUAN and local not in OWN:
            properties[local] = str(value)
    properties.pop("", None)
    return properties
