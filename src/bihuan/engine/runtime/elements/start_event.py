"""Where a process or sub-process begins. What it waited for has come before the token appears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Wait
from bihuan.engine.runtime.throwing import trigger_listener
from bihuan.engine.runtime.waits import close, repeat_timer


class StartEvent(Element):
    """startEvent; those of event sub-processes listen while the scope around them runs."""

    def answer(self, run: Run, node: Node, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What an event sub-process listens for has come."""
        scope = wait.scope
        if wait.kind == "timer":
            close(run, wait, answered=True)
            if not node.interrupting:
                repeat_timer(run, node, wait, scope)
        trigger_listener(run, node, scope, variables)
