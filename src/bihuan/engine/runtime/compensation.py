"""Compensation: remembering what was completed, and undoing it in reverse order.

When an activity that can be undone is completed, a record of it is kept with the level it stands in; the records of a
sub-process's inside go with it into its own record. They live as long as that level runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.runtime.events import ScopeOpened, VariablesSet
from bihuan.engine.runtime.flows import arrive
from bihuan.engine.runtime.inner_events import CompensationThrown, Completed
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Record, Scope, Token
from bihuan.engine.runtime.throwing import begin_listener
from bihuan.engine.runtime.variables import local_variables


def own_values(run: Run, node: Node, token: Token) -> dict[str, Any]:
    """The data of its own that an activity has now, as what undoes it will find them."""
    return local_variables(run.state, token.data) if node.id in run.process.compensable else {}


def remember(run: Run, node: Node, token: Token, values: dict[str, Any], *, inner: int = 0) -> None:
    """An activity has been completed; `inner` is the scope of its inside."""
    if node.id not in run.process.compensable:
        return
    scope = run.state.scopes[token.scope]
    while scope.kind in ("each", "multi"):
        scope = run.state.scopes[scope.parent]
    run.emit(Completed(run.new_id(), node.id, scope.id, values, inner))


def compensate(run: Run, node: Node, token: Token, activity: str = "") -> bool:
    """Begin to undo `activity`, or everything completed around the token. False if there is nothing to undo."""
    records = [leaf for record in _meant(run, token, activity) for leaf in _undoable(run, record)]
    if not records:
        return False
    identities = sorted((record.id for record in records), reverse=True)
    run.emit(CompensationThrown(node.id, token.id, identities, activity))
    return undo_next(run, token)


def undo_next(run: Run, token: Token) -> bool:
    """Begin to undo the latest of what is left for a token. False if nothing is left."""
    left = [record for record in run.state.records.values() if record.by == token.id]
    if not left:
        return False
    record = max(left, key=lambda held: held.id)
    node = run.process.nodes[record.node]
    scope = run.new_id()
    run.emit(ScopeOpened(scope, record.scope, token.node, token.id, "undo", record=record.id))
    values = _values(run, record)
    if values:
        run.emit(VariablesSet(scope, values))
    if node.handler:
        arrive(run, node.handler, scope)
    else:
        begin_listener(run, run.process.nodes[run.process.levels[node.id].undo], scope, {})
    return True


def _meant(run: Run, token: Token, activity: str) -> list[Record]:
    """The records of the activity in the nearest level that has some; without a name, all of the token's level.

    What an event sub-process compensates is the level it serves.
    """
    found: list[Record] = []
    for level in _levels(run, token):
        here = _records_of(run, level)
        if activity:
            found = [record for record in here if record.node == activity]
            if found:
                break
        else:
            found.extend(here)
            if level.kind != "sub" or not run.process.nodes[level.node].by_event:
                break
    return found


def _levels(run: Run, token: Token) -> Iterator[Scope]:
    scope = run.state.scopes[token.scope]
    while True:
        if scope.kind in ("process", "sub", "undo"):
            yield scope
        if scope.kind == "process":
            return
        scope = run.state.scopes[scope.parent]


def _records_of(run: Run, level: Scope) -> list[Record]:
    records = [record for record in run.state.records.values() if not record.by]
    if level.kind == "undo":
        return [record for record in records if record.within == level.record]
    return [
        record
        for record in records
        if record.scope == level.id and not record.within and record.id < _unfinished(run, level, record.node)
    ]


def _unfinished(run: Run, level: Scope, node: str) -> float:
    """Where a multi-instance activity began that is still running: what it has done so far is not completed."""
    multis = [scope.id for scope in run.state.scopes.values() if scope.kind == "multi" and scope.node == node]
    return min((multi for multi in multis if run.state.scopes[multi].parent == level.id), default=math.inf)


def _undoable(run: Run, record: Record) -> Iterator[Record]:
    """The record itself if something undoes its activity; else, as the standard's default, what is inside it."""
    node = run.process.nodes[record.node]
    inside = run.process.levels.get(node.id)
    if node.handler or (inside is not None and inside.undo):
        yield record
        return
    for inner in [held for held in run.state.records.values() if held.within == record.id]:
        yield from _undoable(run, inner)


def _values(run: Run, record: Record) -> dict[str, Any]:
    values: dict[str, Any] = {}
    around: Record | None = record
    while around is not None:
        values = {**around.values, **values}
        around = run.state.records.get(around.within)
    return values
