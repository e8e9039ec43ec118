"""Where the results of a node go: through its output mappings, or straight to the variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.events import ScopeClosed, ScopeOpened, VariablesSet
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import destinations


def assign(run: Run, scope: int, values: Mapping[str, Any]) -> None:
    """Set variables as seen from a scope; see `variables.destinations`."""
    if values:
        for home, part in destinations(run.state, scope, values).items():
            run.emit(VariablesSet(home, part))


def open_local(run: Run, node: Node, token: Token, values: Mapping[str, Any]) -> None:
    """Give a token variables of its own."""
    if not token.local:
        run.emit(ScopeOpened(run.new_id(), token.scope, node.id, token.id, "local"))
    if values:
        run.emit(VariablesSet(token.local, dict(values)))


def close_local(run: Run, token: Token) -> None:
    """Drop the variables a token had of its own."""
    if token.local:
        run.emit(ScopeClosed(token.local))


def map_inputs(run: Run, node: Node, token: Token) -> None:
    """Compute the input mappings into variables of the token's own. Raises Trouble; done already on a retry."""
    if token.local or not node.inputs:
        return
    values: dict[str, Any] = {}
    for mapping in node.inputs:
        values[mapping.target] = run.evaluate(mapping.expression, token.scope, values)
    open_local(run, node, token, values)


def hand_out(run: Run, node: Node, token: Token, results: Mapping[str, Any], *, skipped: bool = False) -> bool:
    """Put the results where they belong. False if a mapping failed: then an incident holds the token, the results
    wait in its own variables, and a retry with no results maps them again."""
    if node.result_variable and results and not skipped:
        results = {node.result_variable: results["result"] if set(results) == {"result"} else dict(results)}
    if node.outputs and not skipped:
        open_local(run, node, token, results)
        try:
            mapped = {mapping.target: run.evaluate(mapping.expression, token.local) for mapping in node.outputs}
        except Trouble as trouble:
            run.incident(token, "output", trouble.reason)
            return False
        if node.kind == "callActivity" and node.pass_all_out:
            # On a retry the results of the called process are no longer at hand but in the token's own variables.
            mapped = {**(results or run.state.scopes[token.local].variables), **mapped}
    elif node.kind == "callActivity" and not node.pass_all_out and not skipped:
        mapped = {}
    else:
        mapped = dict(results)
    close_local(run, token)
    assign(run, token.scope, mapped)
    return True
