"""Pass 3: the inside of a process, level by level: nodes, flows, lanes, and how they hang together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from bihuan.engine.definition.assignment import PERSON_STEPS
from bihuan.engine.definition.copying import read_copies
from bihuan.engine.definition.extensions import read_extension
from bihuan.engine.definition.model import Flow, Lane, Level, Node, Process
from bihuan.engine.definition.names import ACTIVITIES, BIHUAN, BPMN, SUB_PROCESSES
from bihuan.engine.definition.nodes import node_kind, read_condition, read_node
from bihuan.engine.definition.reach import reachability
from bihuan.engine.definition.reading import Reading, child, children, line_of, text_of
from bihuan.engine.definition.specs import Assignment, CopyRule, Extension

MAX_LEVELS = 20
MAX_NODES = 1_000
"""Flow nodes in one process: far above what a person can draw, and low enough for every check to be quick."""


@dataclass(slots=True)
class _Draft:
    """A process being put together."""

    reading: Reading
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    elements: dict[str, etree._Element] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0
    nameless: int = 0


def read_process(element: etree._Element, reading: Reading) -> Process:
    """One `process` element as a Process; problems go into `reading`."""
    draft = _Draft(reading)
    _read_level(element, "", draft, 0)
    _join_flows(draft)
    _attach_boundaries(draft)
    _attach_handlers(draft)
    _hand_down_lanes(draft)
    copies = _find_done_nodes(draft, element, read_copies(element, "process", reading))
    nodes = {identity: Node(**fields) for identity, fields in draft.nodes.items()}
    levels = {parent: _level(parent, members, nodes, draft.flows) for parent, members in draft.members.items()}
    process = Process(
        id=element.get("id", ""),
        name=element.get("name", "") or element.get("id", ""),
        line=line_of(element),
        nodes=nodes,
        flows=draft.flows,
        lanes=draft.lanes,
        levels=levels,
        executable=element.get("isExecutable", "true").strip() not in ("false", "0"),
        is_drawing=reading.drawing,
        version_tag=_version_tag(element),
        documentation=text_of(child(element, BPMN, "documentation")),
        extension=read_extension(element),
        copies=copies,
        links=_links(nodes),
    )
    return replace(
        process, reach=reachability(process), compensable=_compensable(nodes, levels), watches=_watches(nodes)
    )


def _version_tag(element: etree._Element) -> str:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}versionTag")), "")


def _identity(element: etree._Element, draft: _Draft) -> str:
    identity = element.get("id")
    if identity:
        return identity
    # Ids are optional in the standard; what has none gets one that stays the same for the same file.
    draft.nameless += 1
    return f"_line{line_of(element)}_{draft.nameless}"


def _read_level(element: etree._Element, parent: str, draft: _Draft, depth: int) -> None:
    members = draft.members.setdefault(parent, [])
    if depth > MAX_LEVELS:
        draft.reading.refuse(element, f"子流程嵌套太深，最多 {MAX_LEVELS} 层", "too-deep")
        return
    for inner in element:
        if inner.tag == f"{{{BPMN}}}sequenceFlow":
            _read_flow(inner, draft)
        elif inner.tag == f"{{{BPMN}}}laneSet":
            _read_lanes(inner, "", draft)
        elif not (parent and inner.tag in _INSIDE_SUB_PROCESS):
            kind = node_kind(inner, draft.reading)
            if kind is None:
                continue
            identity = _identity(inner, draft)
            draft.count += 1
            if draft.count > MAX_NODES:
                draft.reading.refuse(inner, f"流程太大，最多 {MAX_NODES} 个环节", "too-many-nodes")
                return
            members.append(identity)
            draft.elements[identity] = inner
            draft.nodes[identity] = read_node(inner, kind, draft.reading)
            draft.nodes[identity].update(id=identity, parent=parent)
            if kind in SUB_PROCESSES:
                _read_level(inner, identity, draft, depth + 1)


_INSIDE_SUB_PROCESS = frozenset(
    f"{{{BPMN}}}{local}"
    for local in (
        "incoming",
        "outgoing",
        "dataInputAssociation",
        "dataOutputAssociation",
        "multiInstanceLoopCharacteristics",
        "standardLoopCharacteristics",
        "completionCondition",
    )
)


def _read_flow(element: etree._Element, draft: _Draft) -> None:
    identity = _identity(element, draft)
    draft.elements[identity] = element
    draft.flows[identity] = Flow(
        identity,
        " ".join(element.get("name", "").split()),
        line_of(element),
        element.get("sourceRef", ""),
        element.get("targetRef", ""),
        read_condition(element, draft.reading),
    )


def _read_lanes(lane_set: etree._Element, parent: str, draft: _Draft) -> None:
    for element in children(lane_set, BPMN, "lane"):
        identity = _identity(element, draft)
        name = " ".join(element.get("name", "").split())
        role = element.get(f"{{{BIHUAN}}}role", "").strip() or name
        members = tuple(text_of(reference) for reference in children(element, BPMN, "flowNodeRef"))
        draft.elements[identity] = element
        draft.lanes[identity] = Lane(identity, name, role, line_of(element), members, parent)
        for nested in children(element, BPMN, "childLaneSet"):
            _read_lanes(nested, identity, draft)


def _join_flows(draft: _Draft) -> None:
    incoming: dict[str, list[str]] = {}
    outgoing: dict[str, list[str]] = {}
    for flow in list(draft.flows.values()):
        ends = [draft.nodes.get(end) for end in (flow.source, flow.target)]
        for end, name, word in zip(ends, (flow.source, flow.target), ("起点", "终点"), strict=True):
            if end is None:
                draft.reading.refuse(
                    draft.elements[flow.id], f"流线的{word}「{name}」不在这个流程里", "missing-reference"
                )
        source, target = ends
        if source is None or target is None:
            del draft.flows[flow.id]
            continue
        if source["parent"] != target["parent"]:
            draft.reading.refuse(draft.elements[flow.id], "流线不能穿过子流程的边界", "flow-crosses-border")
        outgoing.setdefault(flow.source, []).append(flow.id)
        incoming.setdefault(flow.target, []).append(flow.id)
        if source["default_flow"] == flow.id:
            draft.flows[flow.id] = replace(flow, default=True)
    for identity, fields in draft.nodes.items():
        fields["incoming"] = tuple(incoming.get(identity, ()))
        fields["outgoing"] = tuple(outgoing.get(identity, ()))
        if fields["default_flow"] and fields["default_flow"] not in fields["outgoing"]:
            draft.reading.refuse(draft.elements[identity], "默认流线不是从这里出去的", "bad-default")


def _attach_boundaries(draft: _Draft) -> None:
    attached: dict[str, list[str]] = {}
    for identity, fields in draft.nodes.items():
        if fields["kind"] != "boundaryEvent":
            continue
        host = draft.nodes.get(fields["attached_to"])
        if host is None or host["parent"] != fields["parent"]:
            draft.reading.refuse(
                draft.elements[identity],
                f"边界事件要贴在的任务「{fields['attached_to']}」不在这里",
                "missing-reference",
            )
            continue
        attached.setdefault(fields["attached_to"], []).append(identity)
    for host_id, events in attached.items():
        draft.nodes[host_id]["boundary"] = tuple(events)


def _attach_handlers(draft: _Draft) -> None:
    """A compensation boundary event is joined to what undoes its activity by an association, not by a flow."""
    for identity, fields in draft.nodes.items():
        if fields["kind"] != "boundaryEvent" or fields["event"].kind != "compensate":
            continue
        partners = [draft.nodes.get(partner) for partner in draft.reading.partners.get(identity, ())]
        handlers = [
            partner
            for partner in partners
            if partner is not None and partner["kind"] in ACTIVITIES and partner["parent"] == fields["parent"]
        ]
        host = draft.nodes.get(fields["attached_to"])
        if len(handlers) != 1:
            draft.reading.refuse(
                draft.elements[identity], "补偿边界事件要用关联线连到一个（且只有一个）补偿活动", "compensation"
            )
        elif host is not None:
            handlers[0]["for_compensation"] = True
            host["handler"] = handlers[0]["id"]


def _compensable(nodes: dict[str, Node], levels: dict[str, Level]) -> frozenset[str]:
    """Activities with a handler, and everything around them."""
    found: set[str] = set()
    for node in nodes.values():
        inside = levels.get(node.id)
        if not node.handler and (inside is None or not inside.undo or node.by_event):
            continue
        around = node.id
        while around and around not in found:
            found.add(around)
            around = nodes[around].parent
    return frozenset(found)


def _watches(nodes: dict[str, Node]) -> bool:
    events = [node.event for node in nodes.values() if node.event is not None]
    if any(node.needs for node in nodes.values()):
        return True
    return any(part.kind == "conditional" for event in events for part in event.all_parts)


def _hand_down_lanes(draft: _Draft) -> None:
    owner: dict[str, str] = {}
    for lane in draft.lanes.values():
        for member in lane.nodes:
            # A nested lane is read after the lane around it and wins.
            owner[member] = lane.id
            if member not in draft.nodes and member not in draft.reading.identities:
                draft.reading.refuse(
                    draft.elements[lane.id], f"泳道里的「{member}」不在这个流程里", "missing-reference"
                )
    for identity, fields in draft.nodes.items():
        lane_id = owner.get(identity, "")
        if not lane_id and fields["kind"] == "boundaryEvent":
            lane_id = owner.get(fields["attached_to"], "")
        if not lane_id and fields["parent"]:
            lane_id = draft.nodes[fields["parent"]].get("lane", "")
        fields["lane"] = lane_id
        extension: Extension = fields["extension"]
        if lane_id and not extension.role:
            fields["extension"] = replace(extension, role=draft.lanes[lane_id].role)


def _find_done_nodes(draft: _Draft, process: etree._Element, copies: tuple[CopyRule, ...]) -> tuple[CopyRule, ...]:
    """`who="done:…"` names a person's step by id or name, of this process or of another of the file, which may call it.
    Answers the copies of the process with their steps found."""
    steps = {identity: identity for identity, fields in draft.nodes.items() if fields["kind"] in PERSON_STEPS}
    known = {**_steps_beside(process), **{draft.nodes[identity]["name"]: identity for identity in steps}, **steps}

    def found(rule: Assignment, element: etree._Element, line: int | None = None) -> Assignment:
        if rule.source != "done" or not rule.argument:
            return rule
        if rule.argument not in known:
            reason = f"bihuan:who 里的「{rule.argument}」不是这个流程里的人工任务"
            draft.reading.refuse(element, reason, "bad-assignment", line)
            return rule
        return replace(rule, argument=known[rule.argument])

    def all_found(rules: tuple[CopyRule, ...], element: etree._Element) -> tuple[CopyRule, ...]:
        return tuple(replace(rule, who=found(rule.who, element, rule.line)) for rule in rules)

    for identity, fields in draft.nodes.items():
        if fields.get("assignment") is not None:
            fields["assignment"] = found(fields["assignment"], draft.elements[identity])
        if fields["copies"]:
            fields["copies"] = all_found(fields["copies"], draft.elements[identity])
    return all_found(copies, process)


def _steps_beside(process: etree._Element) -> dict[str, str]:
    """The ids of what people do in the other processes of the file, by id and name."""
    found: dict[str, str] = {}
    tag = f"{{{BPMN}}}process"
    for other in (*process.itersiblings(tag), *process.itersiblings(tag, preceding=True)):
        steps = list(other.iter(*(f"{{{BPMN}}}{kind}" for kind in PERSON_STEPS)))
        found.update({step.get("name", ""): step.get("id", "") for step in steps})
        found.update({step.get("id", ""): step.get("id", "") for step in steps})
    return found


def _level(parent: str, members: list[str], nodes: dict[str, Node], flows: dict[str, Flow]) -> Level:
    inside = [nodes[member] for member in members]
    starts = [node for node in inside if node.kind == "startEvent"]
    plain = [node.id for node in starts if node.event is not None and node.event.kind == "none"]
    triggers = [node.id for node in starts if node.id not in plain]
    instantiating = [node for node in inside if node.instantiate and not node.incoming and not parent]
    for node in instantiating:
        triggers += [node.id] if node.kind == "receiveTask" else [flows[flow].target for flow in node.outgoing]
    if not starts and not instantiating:
        plain = [node.id for node in inside if not node.incoming and not _waits_to_be_called(node)]
    listeners = [node.id for node in inside if node.by_event]
    return Level(tuple(plain), tuple(triggers), tuple(listeners), tuple(members), _undo(listeners, nodes))


def _undo(listeners: list[str], nodes: dict[str, Node]) -> str:
    starts = [node for node in nodes.values() if node.parent in listeners and node.kind == "startEvent"]
    return next((node.id for node in starts if node.event is not None and node.event.part("compensate")), "")


def _waits_to_be_called(node: Node) -> bool:
    if node.kind == "boundaryEvent" or node.by_event or node.for_compensation:
        return True
    return node.kind == "intermediateCatchEvent" and node.event is not None and node.event.kind == "link"


def _links(nodes: dict[str, Node]) -> dict[tuple[str, str], str]:
    return {
        (node.parent, node.event.name): node.id
        for node in nodes.values()
        if node.kind == "intermediateCatchEvent" and node.event is not None and node.event.kind == "link"
    }
