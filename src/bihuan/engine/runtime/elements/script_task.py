"""A script computed on the way; its value becomes variables."""

from __future__ import annotations

from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import ScriptStep
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.elements.service_task import request
from bihuan.engine.runtime.outputs import assign
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


class ScriptTask(Activity):
    """scriptTask: FEEL, or a small script of another language as the assignments it comes to.

    Without a result variable the entries of a context become variables; any other value is the only data output if
    there is one, else it is dropped: it has no name to go by. An empty script does nothing.
    """

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Compute the script, or ask for the service that stands in for it."""
        if node.script is not None:
            value = run.evaluate(node.script, token.data)
        elif node.script_steps:
            value = _assigned(run, node, token)
        elif node.extension.service:
            request(run, node, token, node.extension.service)
            return
        else:
            value = None
        if node.result_variable:
            self.finish(run, node, token, {"result": value})
        elif isinstance(value, dict):
            self.finish(run, node, token, value)
        else:
            self.finish(run, node, token, dict.fromkeys(node.produces, value) if len(node.produces) == 1 else {})


def _assigned(run: Run, node: Node, token: Token) -> Any:
    """What the steps of a script give: its variables, or its last value if the model names a variable for that."""
    guards = {step.guard for step in node.script_steps}
    values: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    last: Any = None
    for step in node.script_steps:
        if step.target in guards:
            values[step.target] = run.holds(step.expression, token.data, values)
        elif not step.guard or values[step.guard]:
            last = values[step.target] = _value(run, step, token, values)
            if step.kept:
                kept[step.target] = last
    if not node.result_variable:
        return kept
    assign(run, token.data, kept)
    return last


def _value(run: Run, step: ScriptStep, token: Token, values: dict[str, Any]) -> Any:
    """The value of one step. Raises Trouble rather than set a variable to what cannot be computed."""
    value = run.evaluate(step.expression, token.data, values)
    if value is None and step.kept:
        run.doubt(step.expression, token.data, values)
    return value
