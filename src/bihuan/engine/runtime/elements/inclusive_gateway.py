"""Goes on by every flow whose condition is true; waits for every token that can still arrive.

A join fires as BPMN 2.0 says (table 13.3): at least one incoming flow has a token, and no token elsewhere can reach an
empty incoming flow without passing the gateway, unless it can also reach one that has a token already. Whether that is
so is asked when nothing else can move in the step.
"""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.joins import arrived, merge
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


class InclusiveGateway(Element):
    """inclusiveGateway."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Split at once; a join waits until the step has come to rest."""
        if len(node.incoming) < 2:
            self.finish(run, node, token, {})


def release_joins(run: Run) -> bool:
    """Let the first inclusive join go on that waits for nobody any more. False if there is none."""
    tokens = run.state.tokens
    places = {(token.node, token.scope) for token in tokens.values() if token.node in run.process.reach}
    for place in sorted(places):
        node = run.process.nodes[place[0]]
        waiting = arrived(run, node, place[1])
        if waiting and not _somebody_comes(run, node, place[1], waiting):
            merge(run, node, waiting)
            return True
    return False


def _somebody_comes(run: Run, node: Node, scope: int, waiting: dict[str, Token]) -> bool:
    reach = run.process.reach[node.id]
    missing = [flow for flow in node.incoming if flow not in waiting]
    for token in run.state.tokens.values():
        if token.scope != scope or token.node == node.id:
            continue
        flows = reach.get(token.node)
        if flows and any(flow in flows for flow in missing) and not any(flow in flows for flow in waiting):
            return True
    return False
