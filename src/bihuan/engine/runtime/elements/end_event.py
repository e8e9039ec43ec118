"""Where a way ends: quietly, with a message, signal or escalation, with an error, or ending everything around it."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import empty_scope
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.elements.throw_event import throw
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import end_scope
from bihuan.engine.runtime.outputs import map_inputs
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.throwing import end_with_error, throw_error
from bihuan.engine.runtime.variables import local_variables


class EndEvent(Element):
    """endEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """End this way."""
        assert node.event is not None
        kind = node.event.kind
        if kind == "none":
            self.finish(run, node, token, {})
        elif kind == "error":
            self._fail(run, node, token)
        elif kind == "terminate":
            empty_scope(run, token.scope, spare=token.id)
            run.emit(NodeLeft(node.id, token.id))
            end_scope(run, token.scope, "terminated")
        elif throw(run, node, token):
            self.finish(run, node, token, {})

    def _fail(self, run: Run, node: Node, token: Token) -> None:
        assert node.event is not None
        code = node.event.name
        map_inputs(run, node, token)
        payload = local_variables(run.state, token.local) if token.local else {}
        if not throw_error(run, token, code, node.name, payload):
            end_with_error(run, code)
