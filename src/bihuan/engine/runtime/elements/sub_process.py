"""A process inside an activity: over when its last token is gone."""

from __future__ import annotations

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.activity import Activity
from bihuan.engine.runtime.compensation import own_values, remember
from bihuan.engine.runtime.events import ScopeOpened, VariablesSet
from bihuan.engine.runtime.inside import listen_inside, start_inside
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token


def declare(run: Run, node: Node, scope: int) -> None:
    """Data objects and properties of a sub-process begin without a value and end with it."""
    if node.own_data:
        run.emit(VariablesSet(scope, dict.fromkeys(node.own_data)))


class SubProcess(Activity):
    """subProcess and transaction. Shares the variables around it; an event sub-process is triggered, never entered."""

    def work(self, run: Run, node: Node, token: Token) -> None:
        """Start inside."""
        scope = next(
            (held.id for held in run.state.scopes.values() if held.token == token.id and held.kind == "sub"), 0
        )
        if not scope:
            scope = run.new_id()
            run.emit(ScopeOpened(scope, token.data, node.id, token.id, "sub"))
            declare(run, node, scope)
        listen_inside(run, node.id, scope)
        start_inside(run, run.process.levels[node.id].starts, scope)

    def completed(self, run: Run, node: Node, token: Token, scope: int) -> None:
        """Remember what was done inside, should it have to be undone."""
        if node.id in run.process.compensable:
            values = own_values(run, node, token) | run.state.scopes[scope].variables
            remember(run, node, token, values, inner=scope)
