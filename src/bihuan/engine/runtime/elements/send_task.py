"""Sending a message and going on; or asking a service to send it."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import EventSpec
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.events import MessageThrown
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import local_variables
from bihuan.engine.runtime.waits import key_of, name_of


def throw_message(run: Run, node: Node, token: Token, spec: EventSpec | None = None) -> None:
    """The message goes out with the input mappings as its payload. Raises Trouble."""
    spec = spec or node.event
    assert spec is not None
    name = name_of(run, node, token.data, spec)
    key = key_of(run, spec.correlation, token.data)
    run.emit(MessageThrown(node.id, name, key, local_variables(run.state, token.local) if token.local else {}))


class SendTask(Activity):
    """sendTask."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Send."""
        if node.extension.service:
            request(run, node, token, node.extension.service)
            return
        throw_message(run, node, token)
        self.finish(run, node, token, {})
