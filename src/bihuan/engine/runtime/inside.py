"""Starting the inside of a process or sub-process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.events import FlowTaken, NodeEntered, NodeLeft
from bihuan.engine.runtime.flows import arrive, end_scope_if_empty, stand, walk
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Token
from bihuan.engine.runtime.waits import listen


def listen_inside(run: Run, parent: str, scope: int) -> None:
    """The event sub-processes of a level begin to listen. Raises Trouble."""
    level = run.process.levels[parent]
    if level.listeners:
        starts = [run.process.nodes[trigger] for each in level.listeners for trigger in _triggers(run, each)]
        listen(run, starts, 0, scope, scope)


def _triggers(run: Run, listener: str) -> tuple[str, ...]:
    return run.process.levels[listener].triggers


def start_inside(run: Run, starts: tuple[str, ...] | list[str], scope: int) -> None:
    """Tokens appear at these nodes."""
    for start in starts:
        arrive(run, start, scope)
    if not starts:
        end_scope_if_empty(run, scope)


def begin_by_event(run: Run, node: Node, part: int, variables: Mapping[str, Any]) -> None:
    """A process begins because an event has come: at its start event, receive task, or behind its event gateway.

    A gateway or start event that needs all of its events waits for the others from now on.
    """
    gateway = _gateway_before(run, node)
    token = stand(run, node.id, ROOT) if gateway is None else _behind(run, gateway, node)
    if node.event is not None and node.event.parallel:
        listen(run, [node], token.id, ROOT, ROOT, but=part)
    else:
        run.element(node).finish(run, node, token, variables)


def _gateway_before(run: Run, node: Node) -> Node | None:
    sources = [run.process.nodes[run.process.flows[flow].source] for flow in node.incoming]
    return next((source for source in sources if source.kind == "eventBasedGateway" and source.instantiate), None)


def _behind(run: Run, gateway: Node, node: Node) -> Token:
    token = stand(run, gateway.id, ROOT)
    flows = run.process.flows
    others = [flows[flow] for flow in gateway.outgoing if flows[flow].target != node.id]
    taken = next(flows[flow] for flow in gateway.outgoing if flows[flow].target == node.id)
    run.emit(NodeLeft(gateway.id, token.id))
    run.emit(FlowTaken(taken.id))
    moved = run.new_id()
    run.emit(NodeEntered(node.id, moved, ROOT, taken.id))
    if gateway.parallel:
        walk(run, others, ROOT)
    return run.state.tokens[moved]
