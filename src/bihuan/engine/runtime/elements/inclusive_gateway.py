"""Goes on by every flow whose condition is true; waits for every token that can still arrive.

A join fires as BPMN 2.0 says (table 13.3): at least one incoming flow has a token, and no token elsewhere can reach an
empty incoming flow without passing the gateway, unless it can also reach one that has a token already. Whether that is
so is asked when nothing else can move in the step.
"""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.joins import arrived, merge, somebody_comes
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


class InclusiveGateway(Element):
    """inclusiveGateway."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Split at once; a join waits until the step has come to rest."""
        if len(node.incoming) < 2:
            self.finish(run, node, token, {})

    def release(self, run: Run, node: Node, scope: int) -> bool:
        """Go on with the tokens that are there, if nobody else can come."""
        waiting = arrived(run, node, scope)
        if not waiting or somebody_comes(run, node, scope, waiting):
            return False
        merge(run, node, waiting)
        return True
