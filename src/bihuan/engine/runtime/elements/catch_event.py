"""An intermediate event that waits for a message, signal, time or condition, or where a link comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.elements.event_gateway import take_event
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token, Wait
from bihuan.engine.runtime.waits import close, close_waits_of_token, has_come, listen


class CatchEvent(Element):
    """intermediateCatchEvent."""

    def enter(self, run: Run, node: Node, token: Token) -> None:
        """Wait; a link is just the far end of its throw."""
        assert node.event is not None
        if node.event.kind == "link":
            self.finish(run, node, token, {})
            return
        before = len(run.events)
        listen(run, [node], token.id, token.scope, token.data)
        if len(run.events) == before:
            raise Trouble(f"「{node.label}」等的时间永远不会到")

    def answer(self, run: Run, node: Node, wait: Wait, variables: Mapping[str, Any]) -> None:
        """It has come, or one part of it; the token may still stand at an event-based gateway."""
        brought = has_come(run, node, wait, variables)
        if brought is None:
            return
        if wait.id in run.state.waits:
            close(run, wait, answered=True)
        token = take_event(run, node, run.state.tokens[wait.token])
        close_waits_of_token(run, token)
        self.finish(run, node, token, brought)
