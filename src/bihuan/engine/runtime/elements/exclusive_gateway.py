"""One way of several: the first condition that is true, in the order of the file, else the default."""

from __future__ import annotations

from bihuan.engine.definition.model import Flow, Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token


class ExclusiveGateway(Element):
    """exclusiveGateway. A single way without a condition serves as the default, wherever it stands in the file."""

    def choose(self, run: Run, node: Node, token: Token) -> list[Flow]:
        """The one flow to take."""
        untold: list[Flow] = []
        for flow_id in node.outgoing:
            flow = run.process.flows[flow_id]
            is_open = run.is_open(flow, token.data)
            if is_open:
                return [flow]
            if is_open is None:
                untold.append(flow)
        if len(untold) > 1 and run.choose_way is not None:
            return [run.choose_way(node, untold)]
        if untold:
            return [next((flow for flow in untold if flow.default), untold[0])]
        if not node.outgoing:
            return []
        reason = f"「{node.label}」没有一个出口的条件成立，也没有默认出口"
        raise Trouble(reason + run.unknown(node.outgoing, token.data))
