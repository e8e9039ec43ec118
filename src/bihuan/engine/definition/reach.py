"""For every inclusive or complex join: on which of its incoming flows a token standing elsewhere can still arrive.

Worked out once per definition. A way counts if it does not lead through the join itself; it may go over a boundary
event of an activity it passes, and over links.
"""

from __future__ import annotations

from collections.abc import Mapping

from bihuan.engine.definition.model import Node, Process


def successors(process: Process, node: Node) -> list[str]:
    """Nodes a token at this node may come to next, on the same level."""
    found = [process.flows[flow].target for flow in node.outgoing]
    found.extend(node.boundary)
    target = process.link_target(node)
    return [*found, target] if target else found


def reachability(process: Process) -> dict[str, Mapping[str, frozenset[str]]]:
    """By join, by node: the incoming flows of the join that can be reached from the node."""
    joins = [
        node
        for node in process.nodes.values()
        if node.kind in ("inclusiveGateway", "complexGateway") and len(node.incoming) > 1
    ]
    if not joins:
        return {}
    before: dict[str, list[str]] = {}
    for node in process.nodes.values():
        for target in successors(process, node):
            before.setdefault(target, []).append(node.id)
    return {join.id: _towards(process, join, before) for join in joins}


def _towards(process: Process, join: Node, before: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for flow in join.incoming:
        pending = [process.flows[flow].source]
        while pending:
            node = pending.pop()
            flows = found.setdefault(node, set())
            if node == join.id or flow in flows:
                continue
            flows.add(flow)
            pending.extend(before.get(node, ()))
    found.pop(join.id, None)
    return {node: frozenset(flows) for node, flows in found.items()}
