"""Where a way ends: quietly, throwing something, with an error, cancelling a transaction, or ending all around it."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import cancel_token, empty_scope
from bihuan.engine.runtime.compensation import compensate
from bihuan.engine.runtime.elements.throw_event import ThrowEvent, throw
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import end_scope, end_scope_if_empty
from bihuan.engine.runtime.outputs import map_inputs
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.throwing import end_with_error, throw_error, trigger_boundary
from bihuan.engine.runtime.variables import local_variables


class EndEvent(ThrowEvent):
    """endEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """End this way."""
        assert node.event is not None
        kind = node.event.kind
        if kind == "none":
            self.finish(run, node, token, {})
        elif kind == "terminate":
            empty_scope(run, token.scope, spare=token.id)
            run.emit(NodeLeft(node.id, token.id))
            end_scope(run, token.scope, "terminated")
        elif kind == "cancel":
            empty_scope(run, token.scope, spare=token.id)
            if not compensate(run, node, token):
                _leave_transaction(run, token)
        elif throw(run, node, token):
            failed = next((part.name for part in node.event.all_parts if part.kind == "error"), None)
            if failed is None:
                self.finish(run, node, token, {})
            else:
                _fail(run, node, token, failed)

    def compensated(self, run: Run, node: Node, token: Token) -> None:
        """Everything has been undone: a cancelled transaction is left by its cancel event."""
        if node.event is not None and node.event.kind == "cancel":
            _leave_transaction(run, token)
        else:
            super().compensated(run, node, token)


def _fail(run: Run, node: Node, token: Token, code: str) -> None:
    map_inputs(run, node, token)
    payload = local_variables(run.state, token.local) if token.local else {}
    if not throw_error(run, token, code, node.name, payload):
        end_with_error(run, code)


def _leave_transaction(run: Run, token: Token) -> None:
    """Without a cancel event at its boundary, a cancelled transaction is where its way ends."""
    state = run.state
    host = state.tokens[state.scopes[token.scope].token]
    while state.scopes[host.scope].kind == "each":
        host = state.tokens[state.scopes[host.scope].token]
    for boundary in run.node(host).boundary:
        event = run.process.nodes[boundary]
        if event.event is not None and event.event.kind == "cancel":
            trigger_boundary(run, event, host, {})
            return
    cancel_token(run, host)
    end_scope_if_empty(run, host.scope)
