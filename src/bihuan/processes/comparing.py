"""What a new version of a process does differently: nodes added, taken away and changed, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import MigrationPlan, same_event, who_does
from bihuan.engine.runtime.migration.plan import difference, name_of, text_of


@dataclass(frozen=True, slots=True)
class Changed:
    """A node that both versions have, and what is different about it."""

    name: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """Nodes by what people call them."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Changed, ...]

    @property
    def is_none(self) -> bool:
        return not (self.added or self.removed or self.changed)


def compare(plan: MigrationPlan) -> Differences:
    """What is different after the nodes were put together as the plan says."""
    kept = set(plan.nodes.values())
    pairs = [(plan.old.nodes[old], plan.new.nodes[new]) for old, new in plan.nodes.items()]
    changed = [Changed(name_of(new), tuple(_what(plan, old, new))) for old, new in pairs]
    return Differences(
        added=tuple(name_of(node) for node in plan.new.nodes.values() if node.id not in kept),
        removed=tuple(name_of(node) for node in plan.old.nodes.values() if node.id not in plan.nodes),
        changed=tuple(one for one in changed if one.what),
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
    ):
        if one != other:
            yield word
    if not same_event(old, new):
        yield "等待的时间或消息"
    if difference(old, new):
        yield "办理方式"
    if _ways(plan.old, old, plan) != _ways(plan.new, new, None):
        yield "去向"


def _ways(process: Process, node: Node, plan: MigrationPlan | None) -> list[tuple[str, str]]:
    flows = [process.flows[flow] for flow in node.outgoing]
    found = ((plan.nodes.get(flow.target, "") if plan else flow.target, text_of(flow.condition)) for flow in flows)
    return sorted(found)
