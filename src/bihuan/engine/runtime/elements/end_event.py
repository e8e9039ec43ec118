"""Where a way ends: quietly, throwing something, with an error, cancelling a transaction, or ending all around it."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.cancelling import cancel_token, empty_scope
from bihuan.engine.runtime.compensation import compensate
from bihuan.engine.runtime.copying import request_copies
from bihuan.engine.runtime.elements.throw_event import ThrowEvent, throw
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import end_scope, end_scope_if_empty
from bihuan.engine.runtime.outputs import close_local, map_inputs
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Token
from bihuan.engine.runtime.throwing import end_with_error, throw_error, trigger_boundary
from bihuan.engine.runtime.variables import local_variables


class EndEvent(ThrowEvent):
    """endEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """End this way."""
        if throw(run, node, token):
            self.thrown(run, node, token)

    def thrown(self, run: Run, node: Node, token: Token) -> None:
        """Everything has been thrown: end quietly, or as the event says."""
        assert node.event is not None
        failed, ended = node.event.part("error"), node.event.part("terminate")
        if node.copies and (failed is not None or ended is not None or node.event.part("cancel")):
            # These do not leave like the others.
            request_copies(run, node.copies, node.id, token.data, "complete")
        if failed is not None:
            _fail(run, node, token, failed.name)
        elif ended is not None:
            level = ROOT if ended.whole else token.scope
            empty_scope(run, token.scope, spare=token.id)
            close_local(run, token)
            run.emit(NodeLeft(node.id, token.id))
            end_scope(run, level, "terminated")
        elif node.event.part("cancel") is not None:
            empty_scope(run, token.scope, spare=token.id)
            if not compensate(run, node, token):
                _leave_transaction(run, token)
        else:
            self.finish(run, node, token, {})

    def compensated(self, run: Run, node: Node, token: Token) -> None:
        """Everything has been undone: a cancelled transaction is left by its cancel event."""
        if node.event is not None and node.event.part("cancel") is not None:
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
        if event.event is not None and event.event.part("cancel") is not None:
            trigger_boundary(run, event, host, {})
            return
    cancel_token(run, host)
    end_scope_if_empty(run, host.scope)
