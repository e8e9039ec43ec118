"""A program's work: asks for a service by name and waits until it is finished or has failed."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.events import ServiceRequested
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import local_variables


def request(run: Run, node: Node, token: Token, service: str, decision: str = "") -> None:
    """Ask for a service. Its inputs are the variables of this place only; see `variables_at` for all."""
    inputs = local_variables(run.state, token.data) if token.data else {}
    run.emit(ServiceRequested(run.new_id(), node.id, token.id, service, inputs, decision))


class ServiceTask(Activity):
    """serviceTask. Without a service name in the model, its own name is the service's."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Ask for the service."""
        request(run, node, token, node.extension.service or node.label)
