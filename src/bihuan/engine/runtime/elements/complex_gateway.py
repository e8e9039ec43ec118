"""Goes on when its activation condition is true, then takes up the tokens that come late before it begins anew.

BPMN 2.0, 13.4.5: waiting for start, the gateway asks its condition at each token; `activationCount` is the number of
incoming flows that brought one, and the id of a flow the number of its tokens. When it is true, the tokens that are
there go on as one. Waiting for reset, it waits for one token from each other flow as long as one can come; then those
go on by the flows whose conditions are true now (`waitingForStart` is false). A flow without one is for the start.
"""

from __future__ import annotations

from typing import Any

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.cancelling import drop_incidents
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.flows import end_scope_if_empty, every_open_way, walk
from bihuan.engine.runtime.inner_events import GatewayFired, GatewayReset
from bihuan.engine.runtime.joins import arrived, merge, somebody_comes
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token

_STARTING = {"waitingForStart": True}
_RESETTING = {"waitingForStart": False}


class ComplexGateway(Element):
    """complexGateway. Without a condition it joins like an inclusive gateway."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Go on if the condition is true with this token; one that comes late waits for the reset."""
        if node.activation is None:
            if len(node.incoming) < 2:
                self.finish(run, node, token, {})
        elif (token.scope, node.id) not in run.state.gateways:
            self._start(run, node, token.scope)

    def _start(self, run: Run, node: Node, scope: int) -> bool:
        waiting = arrived(run, node, scope)
        assert node.activation is not None
        if not waiting or not run.holds(node.activation, scope, _counts(run, node, scope, waiting)):
            return False
        if len(waiting) < len(node.incoming):
            run.emit(GatewayFired(node.id, scope, list(waiting)))
        merge(run, node, waiting)
        return True

    def choose(self, run: Run, node: Node, token: Token) -> list[Flow]:
        """The ways at the start, like those of an inclusive gateway."""
        return every_open_way(run, node, token, _STARTING)

    def release(self, run: Run, node: Node, scope: int) -> bool:
        """Without a condition, go on; waiting for reset, begin anew: if nobody else can come."""
        waiting = arrived(run, node, scope)
        fired = run.state.gateways.get((scope, node.id))
        if node.activation is None:
            if not waiting or somebody_comes(run, node, scope, waiting):
                return False
            merge(run, node, waiting)
            return True
        late = {flow: token for flow, token in waiting.items() if fired is not None and flow not in fired}
        if fired is None or somebody_comes(run, node, scope, [*fired, *late]):
            return False
        self._reset(run, node, scope, late)
        return True

    def _reset(self, run: Run, node: Node, scope: int, late: dict[str, Token]) -> None:
        for token in late.values():
            drop_incidents(run, token)
            run.emit(NodeLeft(node.id, token.id))
        run.emit(GatewayReset(node.id, scope))
        if late:
            walk(run, _late_ways(run, node, scope), scope)
        for token in list(arrived(run, node, scope).values())[:1]:
            run.queue.append(token.id)
        end_scope_if_empty(run, scope)


def _late_ways(run: Run, node: Node, scope: int) -> list[Flow]:
    """Nothing need be true at the reset, and nothing that cannot be told then is an incident."""
    chosen: list[Flow] = []
    for name in node.outgoing:
        flow = run.process.flows[name]
        try:
            if flow.condition is not None and run.holds(flow.condition, scope, _RESETTING):
                chosen.append(flow)
        except Trouble:
            continue
    return chosen


def _counts(run: Run, node: Node, scope: int, waiting: dict[str, Token]) -> dict[str, Any]:
    standing = [token for token in run.state.tokens.values() if token.node == node.id and token.scope == scope]
    counts = {flow: sum(token.flow == flow for token in standing) for flow in node.incoming}
    return {**counts, "activationCount": len(waiting), **_STARTING}
