"""A step that is redone on the side for somebody who waits: who redoes it, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable

from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.people.events import Moved
from bihuan.engine.runtime.people.parking import rework_over
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Rework, State, Token
from bihuan.engine.runtime.waits import close_waits_of_token


def redoing(state: State, reworks: Iterable[Rework] | None = None) -> set[int]:
    """Tokens that only redo a step (of these), with those of the sub-processes opened for that: they go nowhere by
    themselves."""
    found: set[int] = set()
    for rework in state.reworks.values() if reworks is None else reworks:
        token = state.tokens[rework.token]
        while token.id != rework.top:
            found.add(token.id)
            token = state.tokens[state.scopes[token.scope].token]
        found.add(token.id)
    return found


def redone_from(state: State, token: Token) -> Token:
    """Where what the token redoes stands in the level of those who walk; the token itself if it redoes nothing."""
    tops, found = {rework.top for rework in state.reworks.values()}, token
    while True:
        found = token if token.id in tops else found
        if token.scope == ROOT:
            return found
        token = state.tokens[state.scopes[token.scope].token]


def end_rework(run: Run, token: Token) -> None:
    """The step is redone: its token vanishes instead of going on, and what it was redone for is resumed."""
    state, rework = run.state, run.state.reworks[token.id]
    origin = state.waits[rework.wait]
    close_waits_of_token(run, token)
    run.emit(NodeLeft(token.node, token.id))
    run.emit(Moved(token.node, origin.node, "return"))
    if rework.top == token.id:
        run.hollow.append(token.scope)
    else:
        run.hollow.append(state.tokens[rework.top].scope)
        cancel_token(run, state.tokens[rework.top])
    rework_over(run, rework)
