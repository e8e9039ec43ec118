"""The end of a step that was redone on the side for somebody who waits."""

from __future__ import annotations

from bihuan.engine.runtime.cancelling import cancel_token
from bihuan.engine.runtime.events import NodeLeft
from bihuan.engine.runtime.people.events import Moved
from bihuan.engine.runtime.people.parking import resume
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Token
from bihuan.engine.runtime.waits import close_waits_of_token


def end_rework(run: Run, token: Token) -> None:
    """The step is redone: its token vanishes instead of going on, and what it was redone for is resumed."""
    state, rework = run.state, run.state.reworks[token.id]
    origin = state.waits[rework.wait]
    close_waits_of_token(run, token)
    run.emit(NodeLeft(token.node, token.id))
    run.emit(Moved(token.node, origin.node, "return"))
    if rework.top != token.id:
        cancel_token(run, state.tokens[rework.top])
    resume(run, rework.wait)
