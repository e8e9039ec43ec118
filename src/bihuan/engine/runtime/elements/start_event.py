"""Where a process or sub-process begins. What it waited for has come before the token appears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Wait
from bihuan.engine.runtime.throwing import trigger_listener
from bihuan.engine.runtime.waits import has_come


class StartEvent(Element):
    """startEvent; those of event sub-processes listen while the scope around them runs."""

    def answer(self, run: Run, node: Node, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What an event sub-process listens for has come, or the rest of what begins a process."""
        token = run.state.tokens.get(wait.token)
        brought = has_come(run, node, wait, variables, stays=token is None and not node.interrupting)
        if brought is None:
            return
        if token is None:
            trigger_listener(run, node, wait.scope, brought)
        else:
            self.finish(run, node, token, brought)
