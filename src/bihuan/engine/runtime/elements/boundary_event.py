"""An event at the edge of an activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Wait
from bihuan.engine.runtime.throwing import trigger_boundary
from bihuan.engine.runtime.waits import has_come


class BoundaryEvent(Element):
    """boundaryEvent. It listens as long as its activity runs; see `Activity`."""

    def answer(self, run: Run, node: Node, wait: Wait, variables: Mapping[str, Any]) -> None:
        """What it listens for has come. A message or signal that does not interrupt may come again."""
        host = run.state.tokens[wait.token]
        brought = has_come(run, node, wait, variables, stays=not node.interrupting)
        if brought is not None:
            trigger_boundary(run, node, host, brought)
