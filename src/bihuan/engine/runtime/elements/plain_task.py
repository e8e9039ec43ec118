"""A task without a type: nothing to wait for, the token passes."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


class PlainTask(Activity):
    """BPMN's abstract `task`."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Nothing to do."""
        self.finish(run, node, token, {})
