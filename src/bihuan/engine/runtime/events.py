"""What has happened in an instance. Applying these to the state before gives the state after; they are its history.

`token` 0 means "belongs to the scope, not to a token" (the triggers of event sub-processes). Wait, token, scope and
incident ids come from one counter of the instance, so none is ever used twice. Scope 0 is the process itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, field, to_builtins
from msgspec.structs import fields

from bihuan.engine.runtime.values import decode, encode

EVENT_TYPES: dict[str, type[Event]] = {}
_PLAIN = frozenset({str, int, bool, int | None})
_VALUES: dict[type[Event], list[str]] = {}
"""By event type: its fields with values of the process or moments, which `encode` spells."""


class Event(Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    """Ground of all events. Made a dozen at a step, hence no dataclass: those take ten times as long to make."""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary with the event's `type` and its fields; fields at their default are left out."""
        return events_to_json([self])[0]


def events_to_json(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What `to_json` says of each; many in one go are much faster."""
    saved: list[dict[str, Any]] = to_builtins(events, enc_hook=_spelt_later)
    for event, data in zip(events, saved, strict=True):
        for name in _VALUES.get(type(event), ()):
            if name in data:
                data[name] = encode(getattr(event, name))
    return saved


def _spelt_later(_value: Any) -> None:
    """Values of a process that JSON does not know."""


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The event that `to_json` described. Raises KeyError for an unknown type."""
    cls = EVENT_TYPES[data["type"]]
    return cls(**{key: decode(value) for key, value in data.items() if key != "type"})


class InstanceStarted(Event, frozen=True):
    """The instance begins; `node` is the start event if one was named."""

    node: str = ""


class InstanceEnded(Event, frozen=True):
    """The instance is over. `outcome`: completed, terminated, cancelled, withdrawn, or error with its `code`."""

    outcome: str
    reason: str = ""
    code: str = ""


class NodeEntered(Event, frozen=True):
    """A token has come to a node, by `flow` if it came by one. `loop` is the number of this repetition, from 1."""

    node: str
    token: int
    scope: int = 0
    flow: str = ""
    loop: int = 0


class NodeLeft(Event, frozen=True):
    """A token has gone from a node: its work is done, or it was `cancelled`."""

    node: str
    token: int
    cancelled: bool = False


class FlowTaken(Event, frozen=True):
    """A sequence flow was walked."""

    flow: str


class ScopeOpened(Event, frozen=True):
    """A scope for variables and tokens was opened by `token` at `node`.

    `kind`: sub (sub-process), local (input mappings), multi (all repetitions together), each (one repetition), undo
    (compensation of the activity that `record` remembers).
    """

    scope: int
    parent: int
    node: str
    token: int
    kind: str
    total: int = 0
    items: list[Any] | None = None
    gather: bool = False
    record: int = 0


class ScopeClosed(Event, frozen=True):
    """A scope and its variables are gone."""

    scope: int


class LoopAdvanced(Event, frozen=True):
    """The repetition `index` (from 1) of a multi-instance scope has ended with `result` for the output collection."""

    scope: int
    index: int
    result: Any = None


class VariablesSet(Event, frozen=True):
    """Variables of a scope got these values."""

    scope: int
    values: Mapping[str, Any]


class ItemOpened(Event, frozen=True):
    """A person has something to do. `assignee` is a user id or name computed by the model, or several of them of whom
    one does it; `variables` are the local ones of this item (element and number of a repetition, input mappings)."""

    wait: int
    node: str
    token: int
    name: str
    role: str = ""
    assignee: str | int | list[str | int] | None = None
    form: str = ""
    title: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    ask: int = 0
    """Set where people themselves said whose item it is: somebody asked, or who asked and has the step back."""


class ItemClosed(Event, frozen=True):
    """A work item is over: `outcome` completed or cancelled."""

    wait: int
    outcome: str


class TimerSet(Event, frozen=True):
    """A timer goes off at `due_at` (UTC); `left` is how often it repeats afterwards, None for ever."""

    wait: int
    node: str
    token: int
    due_at: datetime
    left: int | None = 0
    scope: int = 0
    part: int = 0


class TimerCleared(Event, frozen=True):
    """A timer is gone: `fired`, or no longer needed."""

    wait: int
    fired: bool = False


class Subscribed(Event, frozen=True):
    """A node waits for a message or signal (`kind`) of this name; messages also match by `correlation`."""

    wait: int
    node: str
    token: int
    kind: str
    name: str
    correlation: str = ""
    scope: int = 0
    part: int = 0


class Unsubscribed(Event, frozen=True):
    """A subscription is gone."""

    wait: int


class ServiceRequested(Event, frozen=True):
    """A program has something to do: the handler `service`, or the decision named by `decision`."""

    wait: int
    node: str
    token: int
    service: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    decision: str = ""


class ServiceClosed(Event, frozen=True):
    """A service request is over: `outcome` completed, failed or cancelled."""

    wait: int
    outcome: str = "completed"


class CallRequested(Event, frozen=True):
    """Another process is to be run with these variables."""

    wait: int
    node: str
    token: int
    called: str
    variables: Mapping[str, Any] = field(default_factory=dict)


class CallClosed(Event, frozen=True):
    """A call is over: `outcome` completed, failed or cancelled (then the called instance must be cancelled too)."""

    wait: int
    outcome: str = "completed"


class CopyRequested(Event, frozen=True):
    """People are to be told of a node ("": the process) by its rule of this number; history only.

    `people` are those its expression names, if it has one; `failure` says why it could not be worked out.
    """

    node: str
    rule: int
    people: str | int | list[str | int] | None = None
    failure: str = ""


class MessageThrown(Event, frozen=True):
    """A message goes out to whoever waits for it."""

    node: str
    name: str
    correlation: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


class SignalThrown(Event, frozen=True):
    """A signal goes out to everybody who waits for it."""

    node: str
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)


class ErrorThrown(Event, frozen=True):
    """A BPMN error was thrown at `node`; `caught_by` is the event that took it, "" if nobody did."""

    node: str
    code: str
    caught_by: str = ""
    reason: str = ""


class EscalationThrown(Event, frozen=True):
    """An escalation was thrown at `node`; `caught_by` is the event that took it, "" if nobody in this instance did."""

    node: str
    code: str
    caught_by: str = ""


class IncidentRaised(Event, frozen=True):
    """The instance cannot go on at `node`. `stage`: enter, work, output, leave, join or limit; `reason` is Chinese."""

    incident: int
    node: str
    reason: str
    token: int = 0
    stage: str = ""


class IncidentResolved(Event, frozen=True):
    """The incident is over: `how` retried, skipped or cancelled."""

    incident: int
    how: str = "retried"


def register(*types: type[Event]) -> None:
    """Make types of event known by name, so that they can be read back."""
    for cls in types:
        EVENT_TYPES[cls.__name__] = cls
        _VALUES[cls] = [of.name for of in fields(cls) if of.type not in _PLAIN]


register(
    InstanceStarted,
    InstanceEnded,
    NodeEntered,
    NodeLeft,
    FlowTaken,
    ScopeOpened,
    ScopeClosed,
    LoopAdvanced,
    VariablesSet,
    ItemOpened,
    ItemClosed,
    TimerSet,
    TimerCleared,
    Subscribed,
    Unsubscribed,
    ServiceRequested,
    ServiceClosed,
    CallRequested,
    CallClosed,
    CopyRequested,
    MessageThrown,
    SignalThrown,
    ErrorThrown,
    EscalationThrown,
    IncidentRaised,
    IncidentResolved,
)
