"""Items that rest until somebody else has acted: who they wait for, and going on when that is over."""

from __future__ import annotations

from bihuan.engine.runtime.commands import CommandRejected
from bihuan.engine.runtime.events import ItemClosed
from bihuan.engine.runtime.people import commands as c
from bihuan.engine.runtime.people.events import (
    AskDropped,
    CallerAwaited,
    CallerReturned,
    ItemParked,
    ItemResumed,
    ReworkOver,
)
from bihuan.engine.runtime.run import Run
from bihuan.engine.runtime.state import Asked, Rework, State

REWORKED = "已经请前面的环节重办，办完会直接回到这里"


def parked_by(state: State, wait: int) -> bool:
    """Whether the item waits for somebody asked before, a delegate, or a step that is being redone."""
    if awaits_rework(state, wait):
        return True
    return any(ask.wait == wait and ask.mode != "after" for ask in state.asks.values())


def awaits_rework(state: State, wait: int) -> bool:
    """Whether a step is being redone for the item, here or in a calling process."""
    return wait in state.awaiting or any(rework.wait == wait for rework in state.reworks.values())


def refuse_parked(state: State, wait: int) -> None:
    """Raise CommandRejected while others have to act first."""
    if (state.asks or state.reworks or state.awaiting) and parked_by(state, wait):
        raise CommandRejected("这一步要等别人先办完，现在还不能办")


def resume(run: Run, wait: int) -> None:
    """It is the holder's turn again unless the item waits for more."""
    if wait in run.state.waits and not parked_by(run.state, wait):
        run.emit(ItemResumed(wait))


def rework_over(run: Run, rework: Rework) -> None:
    """Who sent the step back goes on, here or in the process that was called."""
    if rework.behind:
        run.emit(ReworkOver(rework.behind))
    else:
        resume(run, rework.wait)


def await_caller(run: Run, command: c.AwaitCaller) -> None:
    """Rest until a step of a calling process has been redone."""
    held = run.state.waits.get(command.wait)
    if held is None or held.kind != "item":
        raise CommandRejected("这项工作已经办过或取消了")
    refuse_sending_back(run.state, held.id)
    if awaits_rework(run.state, held.id):
        raise CommandRejected(REWORKED)
    withdraw_asks(run, held.id)
    if not parked_by(run.state, held.id):
        run.emit(ItemParked(held.id))
    run.emit(CallerAwaited(held.id))


def answer_from_caller(run: Run, command: c.AnswerFromCaller) -> None:
    """The calling process has done what the item rested for."""
    if command.wait not in run.state.awaiting:
        raise CommandRejected("这一步没有在等上级流程重办")
    run.emit(CallerReturned(command.wait))
    resume(run, command.wait)


def refuse_sending_back(state: State, wait: int) -> None:
    """Raise CommandRejected for somebody who was asked about a step that another holds."""
    if any(ask.item == wait for ask in state.asks.values()):
        raise CommandRejected("您是被请来看这一步的，请选不同意并写明原因，由请您的人退回")


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
