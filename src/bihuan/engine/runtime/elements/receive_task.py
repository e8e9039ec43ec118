"""Waiting for a message as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.elements.event_gateway import take_event
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token, Wait
from bihuan.engine.runtime.waits import listen


class ReceiveTask(Activity):
    """receiveTask."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Wait for the message."""
        listen(run, [node], token.id, token.scope, token.data)

    def resume(self, run: Run, node: Node, token: Token, wait: Wait, variables: Mapping[str, Any]) -> None:
        """The message has come; the token may still stand at an event-based gateway."""
        self.finish(run, node, take_event(run, node, token), variables)
