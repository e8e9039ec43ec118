"""What has happened in an instance. Applying these to the state before gives the state after; they are its history.

`token` 0 means "belongs to the scope, not to a token" (the triggers of event sub-processes). Wait, token, scope and
incident ids come from one counter of the instance, so none is ever used twice. Scope 0 is the process itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from bihuan.engine.runtime.values import decode, encode

EVENT_TYPES: dict[str, type[Event]] = {}
_PLAIN = frozenset({str, int, bool})
_FIELDS: dict[type[Event], tuple[tuple[str, Any], ...]] = {}
"""By event type: its fields in order, each with the default that is left out when saving."""
_READ: dict[type[Event], Callable[[Event], tuple[Any, ...]]] = {}
"""By event type: what reads all its fields at once."""


@dataclass(frozen=True, slots=True)
class Event:
    """Ground of all events."""

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary with the event's `type` and its fields; fields at their default are left out."""
        cls = type(self)
        data: dict[str, Any] = {"type": cls.__name__}
        for (name, default), value in zip(_FIELDS[cls], _READ[cls](self), strict=True):
            if value is not default and value != default:
                data[name] = value if type(value) in _PLAIN else encode(value)
        return data


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The event that `to_json` described. Raises KeyError for an unknown type."""
    cls = EVENT_TYPES[data["type"]]
    return cls(**{key: decode(value) for key, value in data.items() if key != "type"})


@dataclass(frozen=True, slots=True)
class InstanceStarted(Event):
    """The instance begins; `node` is the start event if one was named."""

    node: str = ""


@dataclass(frozen=True, slots=True)
class InstanceEnded(Event):
    """The instance is over. `outcome`: completed, terminated, cancelled, withdrawn, or error with its `code`."""

    outcome: str
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class NodeEntered(Event):
    """A token has come to a node, by `flow` if it came by one. `loop` is the number of this repetition, from 1."""

    node: str
    token: int
    scope: int = 0
    flow: str = ""
    loop: int = 0


@dataclass(frozen=True, slots=True)
class NodeLeft(Event):
    """A token has gone from a node: its work is done, or it was `cancelled`."""

    node: str
    token: int
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class FlowTaken(Event):
    """A sequence flow was walked."""

    flow: str


@dataclass(frozen=True, slots=True)
class ScopeOpened(Event):
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


@dataclass(frozen=True, slots=True)
class ScopeClosed(Event):
    """A scope and its variables are gone."""

    scope: int


@dataclass(frozen=True, slots=True)
class LoopAdvanced(Event):
    """The repetition `index` (from 1) of a multi-instance scope has ended with `result` for the output collection."""

    scope: int
    index: int
    result: Any = None


@dataclass(frozen=True, slots=True)
class VariablesSet(Event):
    """Variables of a scope got these values."""

    scope: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemOpened(Event):
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


@dataclass(frozen=True, slots=True)
class ItemClosed(Event):
    """A work item is over: `outcome` completed or cancelled."""

    wait: int
    outcome: str


@dataclass(frozen=True, slots=True)
class TimerSet(Event):
    """A timer goes off at `due_at` (UTC); `left` is how often it repeats afterwards, None for ever."""

    wait: int
    node: str
    token: int
    due_at: datetime
    left: int | None = 0
    scope: int = 0
    part: int = 0


@dataclass(frozen=True, slots=True)
class TimerCleared(Event):
    """A timer is gone: `fired`, or no longer needed."""

    wait: int
    fired: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed(Event):
    """A node waits for a message or signal (`kind`) of this name; messages also match by `correlation`."""

    wait: int
    node: str
    token: int
    kind: str
    name: str
    correlation: str = ""
    scope: int = 0
    part: int = 0


@dataclass(frozen=True, slots=True)
class Unsubscribed(Event):
    """A subscription is gone."""

    wait: int


@dataclass(frozen=True, slots=True)
class ServiceRequested(Event):
    """A program has something to do: the handler `service`, or the decision named by `decision`."""

    wait: int
    node: str
    token: int
    service: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    decision: str = ""


@dataclass(frozen=True, slots=True)
class ServiceClosed(Event):
    """A service request is over: `outcome` completed, failed or cancelled."""

    wait: int
    outcome: str = "completed"


@dataclass(frozen=True, slots=True)
class CallRequested(Event):
    """Another process is to be run with these variables."""

    wait: int
    node: str
    token: int
    called: str
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallClosed(Event):
    """A call is over: `outcome` completed, failed or cancelled (then the called instance must be cancelled too)."""

    wait: int
    outcome: str = "completed"


@dataclass(frozen=True, slots=True)
class CopyRequested(Event):
    """People are to be told of a node ("": the process) by its rule of this number; history only.

    `people` are those its expression names, if it has one; `failure` says why it could not be worked out.
    """

    node: str
    rule: int
    people: str | int | list[str | int] | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class MessageThrown(Event):
    """A message goes out to whoever waits for it."""

    node: str
    name: str
    correlation: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignalThrown(Event):
    """A signal goes out to everybody who waits for it."""

    node: str
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ErrorThrown(Event):
    """A BPMN error was thrown at `node`; `caught_by` is the event that took it, "" if nobody did."""

    node: str
    code: str
    caught_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EscalationThrown(Event):
    """An escalation was thrown at `node`; `caught_by` is the event that took it, "" if nobody in this instance did."""

    node: str
    code: str
    caught_by: str = ""


@dataclass(frozen=True, slots=True)
class IncidentRaised(Event):
    """The instance cannot go on at `node`. `stage`: enter, work, output, leave, join or limit; `reason` is Chinese."""

    incident: int
    node: str
    reason: str
    token: int = 0
    stage: str = ""


@dataclass(frozen=True, slots=True)
class IncidentResolved(Event):
    """The incident is over: `how` retried, skipped or cancelled."""

    incident: int
    how: str = "retried"


def _default(of: Field[Any]) -> Any:
    if of.default is not MISSING:
        return of.default
    return of.default_factory() if of.default_factory is not MISSING else MISSING


def _reader(names: list[str]) -> Callable[[Event], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    # Of a single name `attrgetter` answers the value itself.
    return lambda event: tuple(getattr(event, name) for name in names)


def register(*types: type[Event]) -> None:
    """Make types of event known by name, so that they can be read back."""
    EVENT_TYPES.update((cls.__name__, cls) for cls in types)
    for cls in types:
        _FIELDS[cls] = tuple((of.name, _default(of)) for of in fields(cls))
        _READ[cls] = _reader([of.name for of in fields(cls)])


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
