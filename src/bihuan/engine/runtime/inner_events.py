"""What has happened at elements that wait for, count or remember something inside the instance itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import field

from bihuan.engine.runtime.events import Event, register


class WaitOpened(Event, frozen=True):
    """A node waits for something inside the instance. `kind`: condition (data must become so), data (an input must have
    a value before the activity begins) or adhoc (somebody may begin an activity of an ad-hoc sub-process)."""

    wait: int
    kind: str
    node: str
    token: int
    scope: int = 0
    part: int = 0


class WaitClosed(Event, frozen=True):
    """Such a wait is over."""

    wait: int


class ConditionSeen(Event, frozen=True):
    """The condition of a wait that stays open has become true, or false again."""

    wait: int
    holds: bool


class ActivityBegun(Event, frozen=True):
    """An activity of an ad-hoc sub-process was begun, by itself or by somebody."""

    scope: int
    node: str


class GatewayFired(Event, frozen=True):
    """A complex gateway went on with the tokens of these flows and now waits for the others."""

    node: str
    scope: int
    flows: list[str]


class GatewayReset(Event, frozen=True):
    """A complex gateway has had all its tokens and begins anew."""

    node: str
    scope: int


class Completed(Event, frozen=True):
    """An activity that can be undone was completed in `scope`, with these `values` of its own.

    What was completed in its own scope `inner` belongs to it from now on.
    """

    record: int
    node: str
    scope: int
    values: Mapping[str, Any] = field(default_factory=dict)
    inner: int = 0


class CompensationThrown(Event, frozen=True):
    """A token at `node` begins to undo what these records remember, the latest first; `activity` if one was named."""

    node: str
    token: int
    records: list[int]
    activity: str = ""


class Compensated(Event, frozen=True):
    """What a record remembered has been undone."""

    record: int


register(
    WaitOpened,
    WaitClosed,
    ConditionSeen,
    ActivityBegun,
    GatewayFired,
    GatewayReset,
    Completed,
    CompensationThrown,
    Compensated,
)
