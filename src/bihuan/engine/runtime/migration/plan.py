"""Which node of a new version takes the place of which node of the old one: asked of two definitions, no instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.definition.specs import EventSpec
from bihuan.engine.feel import Expression
from bihuan.engine.runtime.people.ways import is_join, loose_reach

KINDS = {
    "task": "任务",
    "userTask": "人工任务",
    "manualTask": "手工任务",
    "serviceTask": "服务任务",
    "sendTask": "发送任务",
    "receiveTask": "接收任务",
    "businessRuleTask": "规则任务",
    "scriptTask": "脚本任务",
    "subProcess": "子流程",
    "transaction": "事务",
    "adHocSubProcess": "随意子流程",
    "callActivity": "调用流程",
    "exclusiveGateway": "排他网关",
    "parallelGateway": "并行网关",
    "inclusiveGateway": "包容网关",
    "eventBasedGateway": "事件网关",
    "complexGateway": "复杂网关",
    "startEvent": "开始事件",
    "endEvent": "结束事件",
    "intermediateCatchEvent": "等待事件",
    "intermediateThrowEvent": "抛出事件",
    "boundaryEvent": "边界事件",
}
"""What people call the elements."""


def name_of(node: Node) -> str:
    """A node as people call it: its name, else what it is."""
    return node.name or KINDS[node.kind]


class MappingRefused(Exception):
    """A mapping names what is not there, or puts unlike nodes together. `reasons` are Chinese, one for each entry."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("；".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The way from one version to another.

    `nodes` gives each old node its place, `flows` each old sequence flow; what is missing has none. `refused` says of
    nodes whose place differs too much why what stands there cannot move.
    """

    old: Process
    new: Process
    nodes: Mapping[str, str]
    flows: Mapping[str, str]
    refused: Mapping[str, str]
    looked_at: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = field(default_factory=dict, repr=False)
    """What is in the way of tokens that stand together at these nodes, come by these flows: worked out once."""

    def renamed_nodes(self) -> dict[str, str]:
        """Old ids that mean something else from now on; "" for what the new version does not have."""
        return {name: self.nodes.get(name, "") for name in self.old.nodes if self.nodes.get(name) != name}

    def renamed_steps(self) -> dict[str, str]:
        """Ids and names by which rules outside of the diagram know a step, where they have changed."""
        pairs = [(self.old.nodes[old], self.new.nodes[new]) for old, new in self.nodes.items()]
        ids = {old.id: new.id for old, new in pairs if old.id != new.id}
        return ids | {old.label: new.label for old, new in pairs if old.label != new.label}

    def renamed_flows(self) -> dict[str, str]:
        """The same for sequence flows."""
        return {name: self.flows.get(name, "") for name in self.old.flows if self.flows.get(name) != name}


def plan_migration(old: Process, new: Process, mapping: Mapping[str, str] | None = None) -> MigrationPlan:
    """Nodes keep their id unless `mapping` (old id to new id, "" for nowhere) says otherwise. Raises MappingRefused."""
    chosen = dict(mapping or {})
    _check(old, new, chosen)
    nodes: dict[str, str] = {}
    refused: dict[str, str] = {}
    for node in old.nodes.values():
        target = new.nodes.get(chosen.get(node.id, node.id))
        if target is None:
            continue
        if _nature(node) == _nature(target):
            nodes[node.id] = target.id
        reason = difference(node, target)
        if reason:
            refused[node.id] = reason
    return MigrationPlan(old, new, nodes, _flows(old, new, nodes), refused)


def compatible_nodes(old: Process, new: Process, node_id: str) -> list[Node]:
    """The nodes of the new version that may take the place of an old one; those of the same name first."""
    node = old.nodes[node_id]
    fit = [target for target in new.nodes.values() if _nature(target) == _nature(node)]
    return sorted(fit, key=lambda target: target.label != node.label)


def _check(old: Process, new: Process, mapping: Mapping[str, str]) -> None:
    reasons: list[str] = []
    for source, target in mapping.items():
        if source not in old.nodes:
            reasons.append(f"原版本没有环节「{source}」")
        elif target and target not in new.nodes:
            reasons.append(f"新版本没有环节「{target}」")
        elif target and _nature(old.nodes[source]) != _nature(new.nodes[target]):
            reasons.append(_other_nature(old.nodes[source], new.nodes[target]))
    if reasons:
        raise MappingRefused(tuple(reasons))


def difference(old: Node, new: Node) -> str:
    """Why what stands at the old node cannot stand at the new one; "" if it can."""
    if _nature(old) != _nature(new):
        return _other_nature(old, new)
    if old.kind == "intermediateCatchEvent" and _event_kind(old) != _event_kind(new):
        return f"「{name_of(old)}」等的不再是同一类事件"
    if _repetition(old) != _repetition(new):
        return f"「{name_of(old)}」逐个、多人或循环办理的方式变了"
    if (old.called, text_of(old.called_expression)) != (new.called, text_of(new.called_expression)):
        return f"「{name_of(old)}」调用的流程换了"
    return ""


def _nature(node: Node) -> tuple[object, ...]:
    """What a node is; nothing can stand in for a node of another nature."""
    return node.kind, node.by_event, node.for_compensation


def _other_nature(old: Node, new: Node) -> str:
    if old.kind != new.kind:
        return f"「{name_of(old)}」是{KINDS[old.kind]}，「{name_of(new)}」是{KINDS[new.kind]}"
    return f"「{name_of(old)}」和「{name_of(new)}」一个由事件或补偿触发，一个不是"


def _event_kind(node: Node) -> str:
    return node.event.kind if node.event is not None else ""


def _repetition(node: Node) -> tuple[object, ...]:
    """What must not change while repetitions run; how many and until when was or will be asked anew."""
    loop, signoff = node.loop, node.signoff
    shape = None if loop is None else (loop.standard, loop.sequential, loop.item, loop.output)
    return shape, None if signoff is None else (signoff.rule, signoff.vote, text_of(signoff.weight))


def same_event(old: Node, new: Node) -> bool:
    """Whether both wait for the very same: the same moments, the same names and keys. Conditions are asked anew."""
    return _awaited(old.event) == _awaited(new.event)


def _awaited(event: EventSpec | None) -> tuple[object, ...]:
    if event is None:
        return ()
    return event.parallel, tuple(_part(part) for part in event.all_parts)


def _part(part: EventSpec) -> tuple[object, ...]:
    timer = None if part.timer is None else (part.timer.kind, part.timer.text)
    return part.kind, part.name, text_of(part.name_expression), text_of(part.correlation), timer


def text_of(expression: Expression | None) -> str:
    """An expression as it is written: two of the same text mean the same."""
    return expression.text if expression is not None else ""


def _flows(old: Process, new: Process, nodes: Mapping[str, str]) -> dict[str, str]:
    """A flow keeps its id where it joins the same nodes, else takes that of the one flow that does."""
    between: dict[tuple[str, str], list[str]] = {}
    for flow in new.flows.values():
        between.setdefault((flow.source, flow.target), []).append(flow.id)
    found: dict[str, str] = {}
    for flow in old.flows.values():
        ends = nodes.get(flow.source, ""), nodes.get(flow.target, "")
        same = between.get(ends, [])
        if flow.id in same:
            found[flow.id] = flow.id
        elif len(same) == 1:
            found[flow.id] = same[0]
    for node in old.nodes.values():
        if is_join(node) and node.id in nodes:
            _match_branches(old, new, node, nodes, found)
    return found


def _match_branches(old: Process, new: Process, join: Node, nodes: Mapping[str, str], found: dict[str, str]) -> None:
    """Branches into a join whose last step was added, taken out or replaced: the one way on decides, then the rest."""
    target = new.nodes[nodes[join.id]]

    def unmatched() -> tuple[list[str], list[str]]:
        taken = set(found.values())
        left = [flow for flow in join.incoming if flow not in found]
        return left, [flow for flow in target.incoming if flow not in taken]

    for flow in unmatched()[0]:
        source = nodes.get(old.flows[flow].source)
        ways = loose_reach(new, (), [source], frozenset(target.outgoing)).nodes if source else ()
        fit = [each for each in unmatched()[1] if new.flows[each].source in ways]
        if len(fit) == 1:
            found[flow] = fit[0]
    left, free = unmatched()
    if len(left) == len(free) == 1:
        found[left[0]] = free[0]
