"""A FEEL expression computed on the way; its value becomes variables."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token


class ScriptTask(Activity):
    """scriptTask. A context without result variable becomes one variable per entry."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Compute the script, or ask for the service that stands in for it."""
        if node.script is None:
            request(run, node, token, node.extension.service)
            return
        value = run.evaluate(node.script, token.data)
        if node.result_variable:
            value = {"result": value}
        elif value is None:
            value = {}
        elif not isinstance(value, dict):
            raise Trouble(f"脚本「{node.script.text}」没有写结果变量，结果也不是对象")
        self.finish(run, node, token, value)
