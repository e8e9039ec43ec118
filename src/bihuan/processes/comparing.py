"""What a new version of a process does differently: nodes and flows added, taken away and changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import MigrationPlan, same_event, who_does
from bihuan.engine.runtime.migration.plan import difference, name_of, text_of


@dataclass(frozen=True, slots=True)
class Difference:
    """A node that only one of two versions has, or that is another in each.

    `node` is its id in the newer version, or where it was taken away in the older one; `was` that of a changed node in
    the older one. `what` says what is different about it.
    """

    node: str
    name: str
    was: str = ""
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differences:
    """Nodes by what people call them, and sequence flows by their ids."""

    added: tuple[Difference, ...]
    removed: tuple[Difference, ...]
    changed: tuple[Difference, ...]
    flows_added: tuple[str, ...]
    flows_removed: tuple[str, ...]

    @property
    def is_none(self) -> bool:
        return not (self.added or self.removed or self.changed)


def compare(plan: MigrationPlan) -> Differences:
    """What is different after the nodes were put together as the plan says."""
    old, new = plan.old, plan.new
    kept, ways = set(plan.nodes.values()), set(plan.flows.values())
    pairs = [(old.nodes[one], new.nodes[other]) for one, other in plan.nodes.items()]
    changed = [Difference(other.id, name_of(other), one.id, tuple(_what(plan, one, other))) for one, other in pairs]
    return Differences(
        added=tuple(Difference(node.id, name_of(node)) for node in new.nodes.values() if node.id not in kept),
        removed=tuple(Difference(node.id, name_of(node)) for node in old.nodes.values() if node.id not in plan.nodes),
        changed=tuple(one for one in changed if one.what),
        flows_added=tuple(flow for flow in new.flows if flow not in ways),
        flows_removed=tuple(flow for flow in old.flows if flow not in plan.flows),
    )


def compare_all(plans: Iterable[MigrationPlan]) -> Differences:
    """What is different in all the processes of a file."""
    found = [compare(plan) for plan in plans]
    return Differences(
        added=tuple(each for one in found for each in one.added),
        removed=tuple(each for one in found for each in one.removed),
        changed=tuple(each for one in found for each in one.changed),
        flows_added=tuple(each for one in found for each in one.flows_added),
        flows_removed=tuple(each for one in found for each in one.flows_removed),
    )


def _what(plan: MigrationPlan, old: Node, new: Node) -> Iterator[str]:
    if old.name != new.name:
        yield f"原名「{name_of(old)}」"
    if who_does(old) != who_does(new):
        yield "谁做"
    before, after = old.extension, new.extension
    for word, one, other in (
        ("表单", before.form, after.form),
        ("时限", before.limit, after.limit),
        ("话术", before.script, after.script),
        ("效果", before.effects, after.effects),
        ("按钮", before.button, after.button),
        ("服务", (before.service, old.decision), (after.service, new.decision)),
        ("抄送", _copies(old), _copies(new)),
    ):
        if one != other:
            yield word
    if not same_event(old, new):
        yield "等待的时间或消息"
    if difference(old, new):
        yield "办理方式"
    if _ways(plan.old, old, plan) != _ways(plan.new, new, None):
        yield "去向"


def _copies(node: Node) -> list[tuple[object, ...]]:
    return [
        (
            one.said,
            one.on,
            one.confirm,
            one.remind,
            one.every,
            one.times,
            one.escalate,
            one.escalate_to,
            text_of(one.when),
            one.note,
        )
        for one in node.copies
    ]


def _ways(process: Process, node: Node, plan: MigrationPlan | None) -> list[tuple[str, str]]:
    flows = [process.flows[flow] for flow in node.outgoing]
    found = ((plan.nodes.get(flow.target, "") if plan else flow.target, text_of(flow.condition)) for flow in flows)
    return sorted(found)
