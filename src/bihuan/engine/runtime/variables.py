"""Which variables are visible where, and where a new value goes.

A scope sees its own variables and those of the scopes around it. A value goes to the nearest scope that already has a
variable of that name, else to the process.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any, cast

from bihuan.engine.runtime.state import ROOT, Scope, State


def names_at(state: State, scope: int, context: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """A read-only view of every name an expression in this scope may use; `context` names come last."""
    layers: list[Any] = []
    while scope != ROOT:
        level = state.scopes[scope]
        if level.variables:
            layers.append(level.variables)
        if level.kind == "multi":
            layers.append(counters(level))
        scope = level.parent
    root = state.scopes[ROOT].variables
    layers.append(root)
    if context:
        layers.append(context)
    return ChainMap(*layers) if len(layers) > 1 else root


def with_names(extra: Mapping[str, Any], names: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same names with some on top."""
    return ChainMap(cast("dict[str, Any]", extra), cast("dict[str, Any]", names))


def counters(scope: Scope, finished: int = 0) -> dict[str, Any]:
    """What a completion condition may ask of a multi-instance: BPMN's names and Camunda's. `finished` are about to."""
    done = scope.done + finished
    active = scope.started - done
    return {
        "numberOfInstances": scope.total,
        "numberOfActiveInstances": active,
        "numberOfCompletedInstances": done,
        "numberOfTerminatedInstances": 0,
        "nrOfInstances": scope.total,
        "nrOfActiveInstances": active,
        "nrOfCompletedInstances": done,
    }


def destinations(state: State, scope: int, values: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The values sorted by the scope that receives them."""
    if scope == ROOT:
        return {ROOT: dict(values)}
    sorted_values: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        home = scope
        while home != ROOT and name not in state.scopes[home].variables:
            home = state.scopes[home].parent
        sorted_values.setdefault(home, {})[name] = value
    return sorted_values


def local_variables(state: State, scope: int) -> dict[str, Any]:
    """The variables that a repetition or input mapping has given to this place only."""
    found: dict[str, Any] = {}
    while scope != ROOT and state.scopes[scope].kind in ("local", "each"):
        level = state.scopes[scope]
        found = {**level.variables, **found}
        scope = level.parent
    return found


def visible_variables(state: State, scope: int) -> dict[str, Any]:
    """Every variable visible in a scope, inner ones hiding outer ones."""
    chain: list[dict[str, Any]] = []
    while scope != ROOT:
        chain.append(state.scopes[scope].variables)
        scope = state.scopes[scope].parent
    merged = dict(state.scopes[ROOT].variables)
    for level in reversed(chain):
        merged.update(level)
    return merged


def variables_at(state: State, wait: int) -> dict[str, Any]:
    """Every variable that the work of a wait may see: for forms, service handlers and decisions."""
    held = state.waits[wait]
    token = state.tokens.get(held.token)
    return visible_variables(state, token.data if token is not None else held.scope)
