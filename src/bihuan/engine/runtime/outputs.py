"""Where the results of a node go: through its output mappings, or straight to the variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import IoMapping
from bihuan.engine.runtime.events import ScopeClosed, ScopeOpened, VariablesSet
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.variables import destinations, names_at


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
        _put(values, mapping, run.evaluate(mapping.expression, token.scope, values))
    open_local(run, node, token, values)


def hand_out(run: Run, node: Node, token: Token, results: Mapping[str, Any], *, skipped: bool = False) -> bool:
    """Put the results where they belong. False if a mapping failed: then an incident holds the token, the results
    wait in its own variables, and a retry with no results maps them again."""
    if not results and not node.outputs and not token.local:
        return True
    if node.result_variable and results and not skipped:
        results = {node.result_variable: results["result"] if set(results) == {"result"} else dict(results)}
    if node.outputs and not skipped:
        results = _as_output(node, results)
        open_local(run, node, token, results)
        try:
            mapped = _mapped(run, node, token)
        except Trouble as trouble:
            run.incident(token, "output", trouble.reason)
            return False
        if node.kind == "callActivity" and node.pass_all_out:
            # On a retry the results of the called process are no longer at hand but in the token's own variables.
            mapped = {**(results or run.state.scopes[token.local].variables), **mapped}
        elif node.produces and node.kind != "callActivity":
            mapped = {name: value for name, value in results.items() if name not in node.produces} | mapped
    elif node.kind == "callActivity" and not node.pass_all_out and not skipped:
        mapped = {}
    else:
        mapped = dict(results)
    close_local(run, token)
    assign(run, token.scope, mapped)
    return True


def _mapped(run: Run, node: Node, token: Token) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    for mapping in node.outputs:
        value = run.evaluate(mapping.expression, token.local)
        if value is not None or not mapping.if_any:
            if mapping.path and mapping.target not in mapped:
                # The other entries that the variable has already stay.
                mapped[mapping.target] = names_at(run.state, token.scope).get(mapping.target)
            _put(mapped, mapping, value)
    return mapped


def _put(values: dict[str, Any], mapping: IoMapping, value: Any) -> None:
    """Put a value where a mapping says; a context on the way is copied, since others may hold it too."""
    *above, name = (mapping.target, *mapping.path)
    for step in above:
        held = values.get(step)
        values[step] = dict(held) if isinstance(held, Mapping) else {}
        values = values[step]
    values[name] = value


def _as_output(node: Node, results: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event with one data output receives is that output, whatever its sender calls it."""
    if len(node.produces) != 1 or node.kind not in _RECEIVERS or not results or node.produces[0] in results:
        return results
    values = list(results.values())
    return {**results, node.produces[0]: values[0] if len(values) == 1 else dict(results)}


_RECEIVERS = frozenset({"startEvent", "intermediateCatchEvent", "boundaryEvent", "receiveTask"})
