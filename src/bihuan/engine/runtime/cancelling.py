"""Taking tokens away before they are done, with everything that hangs on them."""

from __future__ import annotations

from bihuan.engine.runtime.events import IncidentResolved, InstanceEnded, NodeLeft, ScopeClosed
from bihuan.engine.runtime.people.parking import rework_over
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import ROOT, Token
from bihuan.engine.runtime.waits import close_waits_of_scope, close_waits_of_token


def cancel_token(run: Run, token: Token) -> None:
    """The token is gone, with its waits, its incidents and all that runs inside its activity."""
    clear_token(run, token)
    rework = run.state.reworks.get(token.id)
    run.emit(NodeLeft(token.node, token.id, cancelled=True))
    if rework is not None:
        top = run.state.tokens.get(rework.top, token)
        run.hollow.append(top.scope)
        rework_over(run, rework)


def clear_token(run: Run, token: Token) -> None:
    """End everything that hangs on a token but leave the token where it is."""
    state = run.state
    own = {wait.id for wait in state.waits.values() if wait.token == token.id} if state.reworks else set()
    redone_for_it = [rework.top for rework in state.reworks.values() if rework.wait in own]
    close_waits_of_token(run, token)
    _cancel_tops(run, redone_for_it)
    drop_incidents(run, token)
    for scope in [scope for scope in state.scopes.values() if scope.token == token.id and scope.id]:
        if scope.id in state.scopes:
            empty_scope(run, scope.id)
            run.emit(ScopeClosed(scope.id))


def call_off_reworks(run: Run, wait: int) -> None:
    """Nobody is left for whom a step is being redone: the call `wait` is over."""
    _cancel_tops(run, [rework.top for rework in run.state.reworks.values() if rework.wait == wait])


def _cancel_tops(run: Run, tops: list[int]) -> None:
    for top in tops:
        if top in run.state.tokens:
            cancel_token(run, run.state.tokens[top])


def drop_incidents(run: Run, token: Token) -> None:
    """What was wrong with a token no longer matters: it goes on or away."""
    for incident in [held for held in run.state.incidents.values() if held.token == token.id]:
        run.emit(IncidentResolved(incident.id, "cancelled"))


def end_instance(run: Run, outcome: str, reason: str = "", code: str = "") -> None:
    """Nothing runs any more; whatever is left is cleared away."""
    empty_scope(run, ROOT)
    for scope in [scope for scope in run.state.scopes.values() if scope.id]:
        run.emit(ScopeClosed(scope.id))
    for incident in list(run.state.incidents.values()):
        run.emit(IncidentResolved(incident.id, "cancelled"))
    run.emit(InstanceEnded(outcome, reason, code))


def empty_scope(run: Run, scope: int, *, spare: int = 0) -> None:
    """Cancel every token of a scope but one, and stop its event sub-processes listening."""
    for token in [token for token in run.state.tokens.values() if token.scope == scope and token.id != spare]:
        if token.id in run.state.tokens:
            cancel_token(run, token)
    close_waits_of_scope(run, scope)
