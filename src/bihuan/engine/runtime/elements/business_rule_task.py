"""A decision: asks for a decision table by key, or for a service if the model names one."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token

DECISION_SERVICE = "decision"


class BusinessRuleTask(Activity):
    """businessRuleTask."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Ask for the decision; without a key, the node's name is the decision's."""
        if node.extension.service and not node.decision:
            request(run, node, token, node.extension.service)
        else:
            request(run, node, token, DECISION_SERVICE, node.decision or node.label)
