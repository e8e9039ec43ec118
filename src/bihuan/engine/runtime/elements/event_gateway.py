"""Waits for the first of several events; the others are given up."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.events import FlowTaken, NodeEntered, NodeLeft
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.waits import close_waits_of_token, listen


class EventGateway(Element):
    """eventBasedGateway. The token stays here; each wait names the event it is for."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Listen for all of them."""
        process = run.process
        targets = [process.nodes[process.flows[flow].target] for flow in node.outgoing]
        listen(run, targets, token.id, token.scope, token.data)


def take_event(run: Run, node: Node, token: Token) -> Token:
    """The token at the event that has come: moved there if it stood at an event-based gateway."""
    if token.node == node.id:
        return token
    close_waits_of_token(run, token)
    flow = next(flow for flow in node.incoming if run.process.flows[flow].source == token.node)
    run.emit(NodeLeft(token.node, token.id))
    run.emit(FlowTaken(flow))
    moved = run.new_id()
    run.emit(NodeEntered(node.id, moved, token.scope, flow))
    return run.state.tokens[moved]
