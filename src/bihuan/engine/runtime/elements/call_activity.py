"""Another process as one step: asks for it to be run and waits for its end."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.feel import to_text
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.events import CallRequested
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import local_variables, visible_variables


class CallActivity(Activity):
    """callActivity. Without mappings every variable goes in and every variable of the called process comes out."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Ask for the call."""
        called = node.called
        if node.called_expression is not None:
            value = run.evaluate(node.called_expression, token.data)
            if value is None or value == "":
                raise Trouble(f"「{node.label}」要调用的流程「{node.called_expression.text}」没有值")
            called = to_text(value)
        visible = visible_variables if node.pass_all_in else local_variables
        run.emit(CallRequested(run.new_id(), node.id, token.id, called, visible(run.state, token.data)))
