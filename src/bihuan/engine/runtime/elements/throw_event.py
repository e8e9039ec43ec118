"""An intermediate event that sends a message or signal, escalates, or jumps to a link."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.elements.send_task import throw_message
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.events import NodeLeft, SignalThrown
from bihuan.engine.runtime.flows import arrive
from bihuan.engine.runtime.outputs import map_inputs
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.throwing import throw_escalation
from bihuan.engine.runtime.variables import local_variables
from bihuan.engine.runtime.waits import name_of


def throw(run: Run, node: Node, token: Token) -> bool:
    """Throw what the event throws. False if the token is gone or waits for a service. Raises Trouble."""
    assert node.event is not None
    kind = node.event.kind
    map_inputs(run, node, token)
    if kind == "message":
        if node.extension.service:
            request(run, node, token, node.extension.service)
            return False
        throw_message(run, node, token)
    elif kind == "signal":
        payload = local_variables(run.state, token.local) if token.local else {}
        run.emit(SignalThrown(node.id, name_of(run, node, token.data), payload))
    elif kind == "escalation":
        throw_escalation(run, token, node.event.name, local_variables(run.state, token.local) if token.local else {})
        return token.id in run.state.tokens
    return True


class ThrowEvent(Element):
    """intermediateThrowEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Throw and go on."""
        assert node.event is not None
        if node.event.kind == "link":
            target = run.process.links.get((node.parent, node.event.name))
            if target is None:
                raise Trouble(f"链接「{node.event.name}」没有接收处")
            run.emit(NodeLeft(node.id, token.id))
            arrive(run, target, token.scope)
        elif throw(run, node, token):
            self.finish(run, node, token, {})
