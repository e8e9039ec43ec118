"""Waits for one token on every incoming flow, then goes on by every outgoing flow."""

from __future__ import annotations

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.joins import arrived, merge
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


class ParallelGateway(Element):
    """parallelGateway. Of several tokens on one flow, the later ones wait for the next round."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Go on if this was the last one missing."""
        if len(node.incoming) < 2:
            self.finish(run, node, token, {})
            return
        tokens = arrived(run, node, token.scope)
        if len(tokens) >= len(node.incoming):
            merge(run, node, tokens)

    def choose(self, run: Run, node: Node, token: Token) -> list[Flow]:
        """Every way."""
        return [run.process.flows[flow] for flow in node.outgoing]
