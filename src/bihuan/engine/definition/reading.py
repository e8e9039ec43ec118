"""Pass 1: what the whole file declares (messages, signals, errors, escalations, pools), and the list of problems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from bihuan.engine.definition.expressions import (
    BadExpression,
    boxed,
    feel,
    foreign_condition,
    is_boxed,
    is_feel,
    is_foreign,
    is_juel,
)
from bihuan.engine.definition.model import Participant
from bihuan.engine.definition.names import BIHUAN, BPMN, DECLARATIONS, NOT_YET, XSI, ZEEBE, split
from bihuan.engine.definition.problems import Problem
from bihuan.engine.feel import Expression

MAX_PROBLEMS = 500
"""Problems told of one file; whoever has more will look again after mending these."""


GAPS = frozenset(
    {
        "bad-expression",
        "bad-loop",
        "bad-timer",
        "boundary-without-way",
        "call-without-process",
        "empty-process",
        "event-without-condition",
        "event-without-trigger",
        "missing-condition",
        "no-start",
        "throw-without-code",
        "timer-without-time",
        "unreachable",
        "unsupported-condition",
        "unsupported-script",
        "useless-condition",
    }
)
"""What may be left open in a drawing: it says nothing wrong, only not enough to run for real."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A message, signal, error or escalation of the file. `name` is what it is matched by (the code for the latter)."""

    id: str
    name: str
    name_expression: Expression | None = None
    correlation: Expression | None = None


@dataclass(slots=True)
class Reading:
    """One file being read: its problems so far and its declarations by kind and id."""

    source: str
    drawing: bool = False
    """A drawing is being read that may have gaps: they are advice, and something simple stands in for them."""
    problems: list[Problem] = field(default_factory=list)
    declared: dict[str, dict[str, Declared]] = field(default_factory=dict)
    participants: list[Participant] = field(default_factory=list)
    data_names: dict[str, str] = field(default_factory=dict)
    """Ids of data objects, properties, inputs and outputs, with the variable each stands for."""
    data_types: dict[str, str] = field(default_factory=dict)
    """By variable, what its data is declared to hold; see `Model.data_types`."""
    event_definitions: dict[str, etree._Element] = field(default_factory=dict)
    """Event definitions at the top of the file, for `eventDefinitionRef`."""
    identities: dict[str, int] = field(default_factory=dict)
    """Every id of the file and its line."""
    messages_between: dict[str, str] = field(default_factory=dict)
    """By id of a node at either end of a message flow: the name of the message, for nodes that do not name it."""
    links: dict[str, etree._Element] = field(default_factory=dict)
    """Link event definitions by id."""
    sent_keys: dict[str, Expression | None] = field(default_factory=dict)
    """By id of a message: the correlation key it is sent with."""
    awaited_keys: dict[tuple[str, str], Expression | None] = field(default_factory=dict)
    """By ids of a process and a message: the correlation key that the process waits for."""
    partners: dict[str, list[str]] = field(default_factory=dict)
    """By id, what it is joined to by an association, whichever way that is drawn."""

    def refuse(
        self, element: etree._Element, reason: str, code: str, line: int | None = None, *, advice: bool = False
    ) -> None:
        """Note a problem at an element; `advice` does not keep the file from running, nor does a gap in a drawing."""
        if len(self.problems) >= MAX_PROBLEMS:
            return
        advice = advice or (self.drawing and code in GAPS)
        where = line if line is not None else line_of(element)
        what = (split(element.tag)[1], element.get("id", ""))
        self.problems.append(Problem(self.source, where, *what, reason, code, advice))

    def refuse_expression(self, element: etree._Element, bad: BadExpression) -> None:
        """Note a text that is no expression."""
        self.refuse(element, bad.reason, "bad-expression", bad.line)

    def expression(self, element: etree._Element, text: str | None, line: int | None = None) -> Expression | None:
        """The FEEL expression of a text, None if there is none or it is bad (then a problem is noted)."""
        if text is None or not text.strip():
            return None
        try:
            return feel(text, line if line is not None else line_of(element))
        except BadExpression as bad:
            self.refuse_expression(element, bad)
            return None

    def condition(self, element: etree._Element, holder: etree._Element) -> Expression | None:
        """The condition written in `holder`, if its language can be read as FEEL; else a problem is noted."""
        if self.reads(holder):
            return self.expression(element, text_of(holder), line_of(holder))
        language = holder.get("language", "").strip()
        try:
            if is_foreign(language):
                return foreign_condition(text_of(holder), language, line_of(holder))
            if is_boxed(language):
                return boxed(text_of(holder), line_of(holder))
        except BadExpression as bad:
            self.refuse_expression(element, bad)
            return None
        reason = f"条件只能用 FEEL 或 ${{…}} 写，这里写的是「{language}」"
        self.refuse(element, reason, "unsupported-condition", line_of(holder))
        return None

    def reads(self, holder: etree._Element) -> bool:
        """Whether an expression is in a language that can be read as FEEL."""
        return is_feel(holder.get("language", "")) or holder.get(f"{{{XSI}}}type", "").endswith("tExpression")

    def data_name(self, reference: str) -> str:
        """The variable that a reference to data means."""
        return self.data_names.get(reference) or self.data_names.get(reference.rpartition(":")[2]) or reference

    def lookup(self, kind: str, reference: str) -> Declared | None:
        """What a reference such as `messageRef="tns:m1"` means."""
        known = self.declared.get(kind, {})
        return known.get(reference) or known.get(reference.rpartition(":")[2])


def line_of(element: etree._Element) -> int:
    """Where an element stands in its file, from 1."""
    return element.sourceline or 0


def children(element: etree._Element, namespace: str, *locals_: str) -> Iterator[etree._Element]:
    """Direct children with one of these names, in order."""
    for local in locals_:
        yield from element.iterchildren(f"{{{namespace}}}{local}")


def child(element: etree._Element, namespace: str, local: str) -> etree._Element | None:
    """The first direct child of this name."""
    return element.find(f"{{{namespace}}}{local}")


def extension_elements(element: etree._Element, namespace: str, local: str) -> list[etree._Element]:
    """Elements of a vendor inside `extensionElements`, at any depth."""
    holder = child(element, BPMN, "extensionElements")
    return [] if holder is None else list(holder.iter(f"{{{namespace}}}{local}"))


def text_of(element: etree._Element | None) -> str:
    """The text inside an element, trimmed."""
    return "" if element is None else "".join(element.itertext(with_tail=False)).strip()


def read_declarations(root: etree._Element, reading: Reading) -> None:
    """Fill the tables of a `Reading` and refuse what may not stand at the top of a file."""
    for element in root:
        namespace, local = split(element.tag)
        if namespace != BPMN:
            continue
        if local in NOT_YET:
            reading.refuse(element, NOT_YET[local], "unsupported-element")
        elif local not in DECLARATIONS:
            reading.refuse(element, "BPMN 2.0 里没有这个元素", "unknown-element")
        elif local in ("message", "signal", "error", "escalation"):
            _declare(element, local, reading)
        elif local.endswith("EventDefinition"):
            reading.event_definitions[element.get("id", "")] = element
    for association in root.iter(f"{{{BPMN}}}association"):
        source, target = association.get("sourceRef", ""), association.get("targetRef", "")
        reading.partners.setdefault(source, []).append(target)
        reading.partners.setdefault(target, []).append(source)
    reading.links = {each.get("id", ""): each for each in root.iter(f"{{{BPMN}}}linkEventDefinition")}
    _read_pools(root, reading)
    _read_message_flows(root, reading)
    _read_data_names(root, reading)


def _declare(element: etree._Element, kind: str, reading: Reading) -> None:
    name = element.get("name", "")
    if kind == "error":
        name = element.get("errorCode") or name
    elif kind == "escalation":
        name = element.get("escalationCode") or name
    key = element.get(f"{{{BIHUAN}}}correlation")
    for subscription in extension_elements(element, ZEEBE, "subscription"):
        key = subscription.get("correlationKey") or key
    computed = name.startswith("=") or is_juel(name)
    identity = element.get("id", "")
    reading.declared.setdefault(kind, {})[identity] = Declared(
        identity,
        name or identity,
        reading.expression(element, name) if computed else None,
        reading.expression(element, key),
    )


def _read_pools(root: etree._Element, reading: Reading) -> None:
    for collaboration in children(root, BPMN, "collaboration"):
        for pool in children(collaboration, BPMN, "participant"):
            process = pool.get("processRef", "")
            reading.participants.append(Participant(pool.get("id", ""), pool.get("name", ""), process))


def _read_message_flows(root: etree._Element, reading: Reading) -> None:
    """A message flow joins two nodes whatever they call the message: by its own reference, or one of theirs."""
    referring = {element.get("id", ""): _message_of(element) for element in root.iter(*_WITH_MESSAGES)}
    for flow in root.iter(f"{{{BPMN}}}messageFlow"):
        source, target = (flow.get(end, "").rpartition(":")[2] for end in ("sourceRef", "targetRef"))
        reference = flow.get("messageRef") or referring.get(source) or referring.get(target)
        declared = reading.lookup("message", reference) if reference else None
        between = source in referring and target in referring
        name = declared.name if declared is not None else (flow.get("name") or flow.get("id", "")) if between else ""
        for end in (source, target):
            if name and end in referring:
                reading.messages_between.setdefault(end, name)


_WITH_MESSAGES = tuple(
    f"{{{BPMN}}}{local}"
    for local in (
        "sendTask",
        "receiveTask",
        "startEvent",
        "endEvent",
        "boundaryEvent",
        "intermediateThrowEvent",
        "intermediateCatchEvent",
    )
)


def _message_of(element: etree._Element) -> str:
    definition = child(element, BPMN, "messageEventDefinition")
    return str(element.get("messageRef") or ("" if definition is None else definition.get("messageRef")) or "")


def _read_data_names(root: etree._Element, reading: Reading) -> None:
    """A data object is called by its name, else by that of a reference to it: modelling tools name only the latter."""
    names = reading.data_names
    called: dict[str, str] = {}
    references = list(root.iter(f"{{{BPMN}}}dataObjectReference"))
    for element in references:
        called.setdefault(element.get("dataObjectRef", ""), str(element.get("name", "")))
    for local in ("dataObject", "property", "dataInput", "dataOutput", "inputDataItem", "outputDataItem", "dataStore"):
        for element in root.iter(f"{{{BPMN}}}{local}"):
            identity = element.get("id", "")
            names[identity] = " ".join((element.get("name") or called.get(identity) or identity).split())
    _read_data_types(root, reading)
    for element in references:
        target = element.get("dataObjectRef", "")
        names[element.get("id", "")] = names.get(target) or " ".join((element.get("name") or target).split())
    for element in root.iter(f"{{{BPMN}}}dataStoreReference"):
        target = element.get("dataStoreRef", "").rpartition(":")[2]
        identity = element.get("id", "")
        names[identity] = names.get(target) or " ".join((element.get("name") or identity).split())
    _read_loop_data(root, reading)


def _read_data_types(root: etree._Element, reading: Reading) -> None:
    items = {each.get("id", ""): each for each in root.iter(f"{{{BPMN}}}itemDefinition")}
    for element in root.iter(
        *(f"{{{BPMN}}}{local}" for local in ("dataObject", "property", "dataInput", "dataOutput"))
    ):
        reference = element.get("itemSubjectRef", "")
        item = items.get(reference, items.get(reference.rpartition(":")[2]))
        declared = item.get("structureRef", "") if item is not None else reference
        is_list = any(each is not None and each.get("isCollection") == "true" for each in (element, item))
        kind = declared.rpartition(":")[2].rpartition(".")[2].lower()
        if kind or is_list:
            name = reading.data_names[element.get("id", "")]
            reading.data_types.setdefault(name, "list" if is_list else kind)


def _read_loop_data(root: etree._Element, reading: Reading) -> None:
    """A loop names an input or output of its activity as its collection: the data that flows there is meant."""
    ends = (f"{{{BPMN}}}loopDataInputRef", f"{{{BPMN}}}loopDataOutputRef")
    wanted = {text_of(each) for each in root.iter(*ends)}
    for local, inner, outer in (
        ("dataInputAssociation", "targetRef", "sourceRef"),
        ("dataOutputAssociation", "sourceRef", "targetRef"),
    ):
        for association in root.iter(f"{{{BPMN}}}{local}") if wanted else ():
            inside, outside = (text_of(child(association, BPMN, end)) for end in (inner, outer))
            if inside in wanted and outside:
                reading.data_names[inside] = reading.data_name(outside)


def check_identities(root: etree._Element, reading: Reading) -> None:
    """Refuse ids that two elements of the file share."""
    seen = reading.identities
    for element in root.iter(f"{{{BPMN}}}*"):
        identity = element.get("id")
        if identity is None:
            continue
        if identity in seen:
            reading.refuse(element, f"编号「{identity}」在第 {seen[identity]} 行已经用过", "duplicate-id")
        seen.setdefault(identity, line_of(element))
