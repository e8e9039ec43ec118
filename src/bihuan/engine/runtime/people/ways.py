"""Where a token can get to by itself, read off the diagram: which work is done again when one goes back, and which
joins would wait for ever.

A join is passed only when all its incoming flows are reached, so one branch of a fork does not reach what lies behind
the join of all; ways over boundary events and links count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bihuan.engine.definition.model import Node, Process
from bihuan.engine.runtime.state import Token

Fired: TypeAlias = Mapping[str, Collection[str]]
"""Complex gateways of a level that have gone on and wait for their late tokens: by node the flows that came."""
NOTHING: Fired = {}
JOINS = frozenset({"parallelGateway", "inclusiveGateway", "complexGateway"})


@dataclass(slots=True)
class Reach:
    """The nodes and sequence flows that can be come to."""

    nodes: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)

    def holds(self, process: Process, token: Token) -> bool:
        """Whether the token stands where it can be come to; at a join the flow it came by decides."""
        return token.flow in self.flows if is_join(process.nodes[token.node]) else token.node in self.nodes


def is_join(node: Node) -> bool:
    """Whether several tokens meet here."""
    return node.kind in JOINS and len(node.incoming) > 1


def reach(
    process: Process,
    nodes: Iterable[str] = (),
    tokens: Iterable[Token] = (),
    others: Iterable[Token] = (),
    placed: Iterable[tuple[str, str]] = (),
    fired: Fired = NOTHING,
) -> Reach:
    """What can be come to from these nodes and tokens together, with tokens `placed` at joins by their flow.

    An inclusive join does not wait for a flow that none of the `others` can still arrive on. A complex gateway that has
    `fired` is passed by the flows that made it go on, not by those that come late.
    """
    coming = loose_reach(process, others).flows if others else set()
    return _Walk(process, coming, strict=True, placed={flow for _, flow in placed}, fired=fired).run(nodes, tokens)


def loose_reach(
    process: Process, tokens: Iterable[Token], nodes: Iterable[str] = (), without: frozenset[str] = frozenset()
) -> Reach:
    """What can be come to if every join lets everybody pass, never by the flows left out."""
    return _Walk(process, set(), strict=False, without=without).run(nodes, tokens)


def leads_to(process: Process, start: str, node: str) -> bool:
    """Whether one comes from one node to another of its level without going round a loop."""
    found = process.nodes.get(start)
    return found is not None and node in loose_reach(process, (), [start], flows_back(process, found.parent)).nodes


def flows_back(process: Process, level: str) -> frozenset[str]:
    """The sequence flows of a level that lead back to where a token has been: those that close a loop."""
    inside = process.levels[level]
    back: set[str] = set()
    open_: set[str] = set()
    seen: set[str] = set()
    for start in (*inside.starts, *inside.triggers, *inside.nodes):
        todo: list[tuple[str, str]] = [(start, "")]
        while todo:
            node, flow = todo.pop()
            if flow == "leave":
                open_.discard(node)
                continue
            if node in seen:
                continue
            seen.add(node)
            open_.add(node)
            todo.append((node, "leave"))
            for way, target in _onward(process, node):
                if target in open_:
                    back.add(way)
                elif target not in seen:
                    todo.append((target, way))
    return frozenset(back)


def _onward(process: Process, node_id: str) -> list[tuple[str, str]]:
    node = process.nodes[node_id]
    flows = [(flow, process.flows[flow].target) for flow in node.outgoing]
    target = process.link_target(node)
    links = [("", target)] if target else []
    return [*flows, *(("", event) for event in node.boundary), *links]


def stand_ins(
    process: Process, entry: str, origin: str, beside: Iterable[Token], level: str, fired: Fired = NOTHING
) -> tuple[tuple[str, str], ...]:
    """Where tokens must wait at joins (join, flow) so that going back to `entry` leads to `origin` again.

    When a join has been passed already, its other branches are done and stay done: they are given back their place at
    it. With an empty `origin` every join behind the entry is served.
    """
    back, others = flows_back(process, level), list(beside)
    if origin and origin not in loose_reach(process, (), [entry], back).nodes:
        return ()
    placed: list[tuple[str, str]] = []
    while True:
        found = _Walk(process, set(), strict=True, placed={flow for _, flow in placed}, fired=fired).run([entry], ())
        blocked = _blocked(process, found, fired) if not origin or origin not in found.nodes else []
        join = next((each for each in blocked if _leads(process, each, origin, back)), None)
        coming = loose_reach(process, others, without=back).flows
        if join is None:
            return (*placed, *_counted_in(process, found, placed, coming, origin, back, fired))
        missing = [flow for flow in fired.get(join, process.nodes[join].incoming) if flow not in found.flows]
        if coming.intersection(missing):
            return ()
        placed += [(join, flow) for flow in missing]


def _counted_in(
    process: Process,
    found: Reach,
    placed: Iterable[tuple[str, str]],
    coming: set[str],
    origin: str,
    back: frozenset[str],
    fired: Fired,
) -> list[tuple[str, str]]:
    """Where a complex gateway on the way has had all its tokens, those of the other branches count again."""
    joins = [
        node
        for node in process.nodes.values()
        if node.activation is not None
        and node.id in found.nodes
        and node.id not in fired
        and _leads(process, node.id, origin, back)
    ]
    there = {flow for _, flow in placed} | found.flows | coming
    return [(join.id, flow) for join in joins for flow in join.incoming if flow not in there]


def _blocked(process: Process, found: Reach, fired: Fired = NOTHING) -> list[str]:
    """Parallel joins, and complex gateways that have fired, that are come to but not passed."""
    joins = (node for node in process.nodes.values() if node.kind == "parallelGateway" and len(node.incoming) > 1)
    come_to = {join.id: join.incoming for join in joins} | dict(fired)
    return [join for join, flows in come_to.items() if join not in found.nodes and found.flows.intersection(flows)]


def _leads(process: Process, join: str, origin: str, back: frozenset[str]) -> bool:
    return not origin or origin in loose_reach(process, (), [join], back).nodes


def starved(
    process: Process, tokens: Iterable[Token], nodes: Iterable[str] = (), fired: Collection[str] = ()
) -> set[str]:
    """Joins that some but not all of their branches can still come to; a complex gateway that has fired is none."""
    found = reach(process, nodes, tokens)
    counting = (node for node in process.nodes.values() if node.activation is not None and node.id not in fired)
    short = {node.id for node in counting if 0 < len(found.flows.intersection(node.incoming)) < len(node.incoming)}
    return short.union(_blocked(process, found))


class _Walk:
    def __init__(
        self,
        process: Process,
        coming: set[str],
        *,
        strict: bool,
        without: frozenset[str] = frozenset(),
        placed: Iterable[str] = (),
        fired: Fired = NOTHING,
    ) -> None:
        self.process = process
        self.coming = coming
        self.strict = strict
        self.without = without
        self.placed = frozenset(placed)
        self.fired = fired
        self.found = Reach()
        self.queue: list[str] = []

    def run(self, nodes: Iterable[str], tokens: Iterable[Token]) -> Reach:
        self.queue.extend(nodes)
        for token in tokens:
            node = self.process.nodes[token.node]
            if self.strict and is_join(node):
                self.found.flows.add(token.flow)
                self._arrive(node)
            else:
                self.queue.append(node.id)
        while self.queue:
            self._pass(self.queue.pop())
        return self.found

    def _pass(self, node_id: str) -> None:
        if node_id in self.found.nodes:
            return
        self.found.nodes.add(node_id)
        process, node = self.process, self.process.nodes[node_id]
        self.queue.extend(node.boundary)
        self.queue.extend(target for target in [process.link_target(node)] if target)
        for flow in node.outgoing:
            if flow in self.without:
                continue
            self.found.flows.add(flow)
            self._arrive(process.nodes[process.flows[flow].target])

    def _arrive(self, node: Node) -> None:
        if not self.strict or not is_join(node) or self._complete(node):
            self.queue.append(node.id)

    def _complete(self, join: Node) -> bool:
        missing = [flow for flow in join.incoming if flow not in self.found.flows and flow not in self.placed]
        if join.kind == "parallelGateway":
            return not missing
        if join.id in self.fired:
            came = self.fired[join.id]
            return not self.found.flows.isdisjoint(came) and not set(came).intersection(missing)
        return not any(flow in self.coming for flow in missing)
