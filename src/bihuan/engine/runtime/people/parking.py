"""Items that rest until somebody else has acted: who they wait for, and going on when that is over."""

from __future__ import annotations

from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import ItemClosed
from bihuan.engine.runtime.people.events import AskDropped, ItemResumed
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Asked, State


def parked_by(state: State, wait: int) -> bool:
    """Whether the item waits for somebody asked before, a delegate, or a step that is being redone."""
    if any(rework.wait == wait for rework in state.reworks.values()):
        return True
    return any(ask.wait == wait and ask.mode != "after" for ask in state.asks.values())


def refuse_parked(state: State, wait: int) -> None:
    """Raise CommandRejected while others have to act first."""
    if (state.asks or state.reworks) and parked_by(state, wait):
        raise CommandRejected("这一步要等别人先办完，现在还不能办")


def resume(run: Run, wait: int) -> None:
    """It is the holder's turn again unless the item waits for more."""
    if wait in run.state.waits and not parked_by(run.state, wait):
        run.emit(ItemResumed(wait))


def asks_of(state: State, wait: int) -> list[Asked]:
    """Whom the holder of the item has asked, in the order of asking."""
    return [ask for ask in state.asks.values() if ask.wait == wait]


def withdraw_asks(run: Run, wait: int) -> None:
    """Nobody else is asked about the item any more; nor are those whom they have asked."""
    for ask in asks_of(run.state, wait):
        if ask.item:
            withdraw_asks(run, ask.item)
            run.emit(ItemClosed(ask.item, "cancelled"))
        else:
            run.emit(AskDropped(ask.id))
