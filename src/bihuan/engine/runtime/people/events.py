"""What has happened when people did more than complete work. Ids are as in `bihuan.engine.runtime.events`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import field

from bihuan.engine.runtime.events import Event, register


class Moved(Event, frozen=True):
    """Somebody moved the instance against its flows, from `node` to `target`: history only.

    `how`: send_back, straight, return (a step redone has come straight back), recall, wake or jump.
    """

    node: str
    target: str
    how: str


class ItemParked(Event, frozen=True):
    """An open item waits for what others do first; it cannot be completed meanwhile."""

    wait: int


class ItemResumed(Event, frozen=True):
    """A parked item is its holder's turn again."""

    wait: int


class ReworkBegun(Event, frozen=True):
    """`token` redoes a step for the item `wait`, and then vanishes. `top` is the outermost token made for that.

    Where `wait` is a call, it is for the item `behind` of the process that was called (its number outside).
    """

    token: int
    wait: int
    top: int
    behind: int = 0


class ReworkOver(Event, frozen=True):
    """A step that was redone for the item `behind` of a called process is done, or need not be: it rests no more."""

    behind: int


class CallerAwaited(Event, frozen=True):
    """The item `wait` rests until a step of a calling process has been redone for it."""

    wait: int


class CallerReturned(Event, frozen=True):
    """The item `wait` awaits no calling process any more: its step is redone, or need not be."""

    wait: int


class CallerForsaken(Event, frozen=True):
    """The item `wait` is gone although a step of a calling process is being redone for it, which need not be now."""

    wait: int


class PersonAsked(Event, frozen=True):
    """`person` was asked by `asker` to see to the item `wait`: before, after or delegate (`mode`)."""

    ask: int
    token: int
    wait: int
    mode: str
    person: int
    asker: int


class AskOpened(Event, frozen=True):
    """It is the turn of the person asked: `item` is the work item opened for them."""

    ask: int
    item: int


class AskDropped(Event, frozen=True):
    """Somebody asked whose turn had not come is no longer asked."""

    ask: int


class ResultsHeld(Event, frozen=True):
    """The holder has done the step; its results wait until those who sign after have agreed."""

    token: int
    values: Mapping[str, Any] = field(default_factory=dict)


class ResultsFreed(Event, frozen=True):
    """Held results are used, or given up because somebody who signs after refused."""

    token: int


class SignerAdded(Event, frozen=True):
    """A sign-off has one more to sign: `item` stands in its collection at place `index` (from 1)."""

    scope: int
    item: Any
    index: int


class LoopRecounted(Event, frozen=True):
    """The counts of a multi-instance scope are these: a repetition that was over, or begun, is so no more."""

    scope: int
    started: int
    done: int
    results: list[Any] | None = None


class ActivitiesCounted(Event, frozen=True):
    """The activities begun so far in the ad-hoc sub-process of this scope are these."""

    scope: int
    begun: list[str]


class InstanceSuspended(Event, frozen=True):
    """The instance stands still since `at`."""

    at: datetime


class InstanceResumed(Event, frozen=True):
    """The instance goes on, after it has stood still `since` then; what was kept for it comes to it next."""

    since: datetime | None = None


class MessageKept(Event, frozen=True):
    """A message or signal for the subscription `wait` came while the instance stood still."""

    wait: int
    values: Mapping[str, Any] = field(default_factory=dict)


class RecordDropped(Event, frozen=True):
    """A completed activity is open again: there is nothing to undo for it any more."""

    record: int


class RecordKept(Event, frozen=True):
    """An ended instance runs again: a completed activity can be undone as before, or is being undone by a token."""

    record: int
    node: str
    scope: int
    within: int = 0
    by: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)


class TimerMoved(Event, frozen=True):
    """A timer goes off at another moment than set."""

    wait: int
    due_at: datetime


class InstanceWoken(Event, frozen=True):
    """An ended instance runs again."""


register(
    Moved,
    ItemParked,
    ItemResumed,
    ReworkBegun,
    ReworkOver,
    CallerAwaited,
    CallerReturned,
    CallerForsaken,
    PersonAsked,
    AskOpened,
    AskDropped,
    ResultsHeld,
    ResultsFreed,
    SignerAdded,
    LoopRecounted,
    ActivitiesCounted,
    InstanceSuspended,
    InstanceResumed,
    MessageKept,
    RecordDropped,
    RecordKept,
    TimerMoved,
    InstanceWoken,
)
