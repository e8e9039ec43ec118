"""What people ask of an instance besides completing work. People are the caller's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from bihuan.engine.runtime.people.passes import Pass
    from bihuan.engine.runtime.state import State


class SendBack(Struct, frozen=True):
    """Return from the wait to a step passed before (退回). `straight`: once redone it comes straight back here.

    `into` are the passes of the sub-processes around the target when it was done, outermost first (`passes_around`).
    Straight back from the call `wait` is for the item `behind` of the process that was called (its number outside).
    """

    wait: int
    target: str
    straight: bool = False
    into: tuple[Pass, ...] = ()
    behind: int = 0


class AwaitCaller(Struct, frozen=True):
    """The item rests until a step of a calling process has been redone for it."""

    wait: int


class AnswerFromCaller(Struct, frozen=True):
    """The step of the calling process is redone, or need not be: the item rests no more."""

    wait: int


class CallOffRework(Struct, frozen=True):
    """Whoever sent a step back straight no longer needs it redone (撤回 of a 退回); `behind` as for `SendBack`."""

    wait: int
    behind: int = 0


class Jump(Struct, frozen=True):
    """An administrator moves the token of a wait or incident to any node; 0 moves the whole instance.

    `into` as for `SendBack`. `others_done`: branches that would be missing at a join behind the target count as done.
    """

    source: int
    target: str
    into: tuple[Pass, ...] = ()
    others_done: bool = False


class Restore(Struct, frozen=True):
    """Undo one step (撤回) or the end of the instance (唤醒): from `after`, the state it led to, to `before`, the state
    it began with. What moved elsewhere meanwhile stays as it is. `how` is recall or wake."""

    before: State
    after: State
    how: str = "recall"


class Reopen(Struct, frozen=True):
    """A called process that is over runs again from a step done before, for a caller who goes back into it. Its other
    branches stay done. `into` as for `SendBack`."""

    target: str
    into: tuple[Pass, ...] = ()


class Ask(Struct, frozen=True):
    """Somebody else shall see to the item too: before its holder, after, or in their stead (`delegate`)."""

    wait: int
    mode: str
    person: int
    asker: int


class Unask(Struct, frozen=True):
    """Somebody asked is no longer asked (减签)."""

    ask: int


class AddSigner(Struct, frozen=True):
    """One more person signs (会签加人): `item` joins the collection of the sign-off that the item `wait` is of.

    Where people sign in a row it comes at `place` (from 1) among those whose turn has not come; 0 is the next.
    """

    wait: int
    item: Any
    weight: int = 1
    place: int = 0


class RemoveSigner(Struct, frozen=True):
    """The person whose open item of a sign-off is `wait` no longer signs (会签减人).

    With `place`, where people sign in a row, the one at that place (from 1) whose turn has not come.
    """

    wait: int
    place: int = 0


class Suspend(Struct, frozen=True):
    """Stand still (挂起): no work is done, no timer goes off, until `Resume`."""


class Resume(Struct, frozen=True):
    """Go on (恢复). Timers that measure a span are later by the length of the pause."""


PeopleCommand: TypeAlias = (
    SendBack
    | AwaitCaller
    | AnswerFromCaller
    | CallOffRework
    | Jump
    | Restore
    | Reopen
    | Ask
    | Unask
    | AddSigner
    | RemoveSigner
    | Suspend
    | Resume
)
