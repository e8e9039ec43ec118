"""What the store takes from the use cases above it, and what it tells them after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, field

from bihuan.engine.definition import Process
from bihuan.engine.runtime import Event, MessageThrown, SignalThrown
from bihuan.org.actor import Actor

NO_VALUES: Mapping[str, Any] = {}


class LimitSpec(NamedTuple):
    """A time limit of a step in seconds after the item was opened: when it is due, and when to remind (None: never)."""

    target_seconds: float
    warn_seconds: float | None = None


class InstanceFacts(Struct, frozen=True):
    """The unchanging facts of a running instance, for callers that look things up by them.

    `sha256` is the digest of the version it runs on, `version_id`. Another process waits for one that `is_called`.
    """

    id: int
    site_id: int
    version_id: int
    sha256: str
    process_id: str
    subject_kind: str
    subject_id: int | None
    chain: str
    title: str
    timezone: str
    is_called: bool = False


class ServiceCall(Struct, frozen=True):
    """A service task that wants its work done; `variables` of the process are a copy, `inputs` its own."""

    service: str
    node_id: str
    instance: InstanceFacts
    inputs: Mapping[str, Any]
    variables: Mapping[str, Any]
    actor: Actor
    now: datetime
    decision: str = ""


class ServiceError(Exception):
    """Raised by a service to throw the BPMN error `code`, which a boundary event may catch; otherwise an incident."""

    def __init__(self, code: str, reason: str = "", variables: Mapping[str, Any] = NO_VALUES) -> None:
        super().__init__(reason or code)
        self.code = code
        self.reason = reason or code
        self.variables = variables


class OpenedItem(Struct, frozen=True):
    """A work item that a step opened."""

    id: int
    wait: int
    node_id: str
    name: str
    title: str
    role: str
    assignee_id: int | None
    form_key: str
    limit_key: str
    opened_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    offered: tuple[int, ...] = ()
    unattended: bool = False


class Decided(Struct, frozen=True):
    """Who does a step: one person, or several of whom one takes it (`offered` by name, or everybody of the `role`).

    `why` is the sentence for people; `record` goes into the audit entry, so that a choice can be followed. Nobody can
    do an `unattended` one for now.
    """

    assignee_id: int | None
    offered: tuple[int, ...]
    role: str
    why: str
    record: Mapping[str, Any]
    unattended: bool = False


class ClosedItem(Struct, frozen=True):
    """A work item that a step closed: `outcome` completed or cancelled. `limit_key` is the limit it was under."""

    id: int
    wait: int
    outcome: str
    limit_key: str = ""


class RenewedItem(Struct, frozen=True):
    """An open work item that another version describes anew; `handed_on` if it is somebody else's now."""

    item: OpenedItem
    old_limit_key: str
    handed_on: bool


class Copied(Struct, frozen=True):
    """Whom the diagram wants told of a node ("": the process) that has opened or is done (`on`), and why them; nobody
    with the reason why not.

    They are to confirm that they have read it if it says `confirm`. Whoever has not is reminded at `reminders`, in
    their order, and told of to a role (`escalate_to`; empty: their superior) at `escalate_at` (None: never).
    """

    node_id: str
    name: str
    on: str
    people: tuple[int, ...]
    names: tuple[str, ...]
    why: str
    confirm: bool = False
    note: str = ""
    reminders: tuple[datetime, ...] = ()
    escalate_at: datetime | None = None
    escalate_to: str = ""


class StepResult(Struct, frozen=True):
    """What one transaction did to one instance.

    `ended` is empty while the instance runs, else its outcome. `others` are the results of further instances moved in
    the same transaction (called processes, receivers of messages); their observers have been called too. `repeated`
    marks the first result, given again to a repeated request.
    """

    instance: InstanceFacts
    actor_id: int | None
    at: datetime
    events: tuple[Event, ...] = ()
    opened: tuple[OpenedItem, ...] = ()
    closed: tuple[ClosedItem, ...] = ()
    incidents: tuple[int, ...] = ()
    ended: str = ""
    item_id: int | None = None
    others: tuple[StepResult, ...] = ()
    repeated: bool = False
    renewed: tuple[RenewedItem, ...] = ()
    copies: tuple[Copied, ...] = ()

    @property
    def instance_id(self) -> int:
        return self.instance.id

    @property
    def thrown(self) -> tuple[MessageThrown | SignalThrown, ...]:
        """The messages and signals that went out."""
        return tuple(event for event in self.events if isinstance(event, (MessageThrown, SignalThrown)))


Service: TypeAlias = Callable[[ServiceCall], Mapping[str, Any] | None]
Context: TypeAlias = Mapping[str, Any] | Callable[[InstanceFacts], Mapping[str, Any]]
Moments: TypeAlias = tuple[datetime | None, datetime | None]
LimitRule: TypeAlias = Callable[[str, InstanceFacts, datetime, Mapping[str, Any]], Moments]
"""From limit key, instance, opening moment and visible variables to (due, remind). ValueError: cannot be told."""
Limits: TypeAlias = Mapping[str, LimitSpec] | LimitRule
Observer: TypeAlias = Callable[[StepResult], None]


class Subject(NamedTuple):
    """What an instance is about: a record by kind and number, and how its work is called."""

    kind: str
    id: int
    title: str


class Begun(Struct, frozen=True):
    """A process that the clock, a condition, or a message from outside begins at a site: nobody has said about what."""

    key: str
    name: str
    process: Process
    site_id: int
    actor: Actor


class Surroundings(Struct, frozen=True):
    """Everything a step needs from outside, bundled: services by name, what expressions may read, limits, observer.

    `context` is what expressions see besides the variables; as a function it is asked when an expression first needs
    a name that is no variable, and again after a service has run. `observe` is called inside the transaction, once
    for each instance that moved, after its rows are written. `open_subject` opens the record that a process which
    nobody started is about; `site_facts` is what its start condition can see of the site.
    """

    services: Mapping[str, Service] = field(default_factory=dict)
    context: Context = field(default_factory=dict)
    limits: Limits = field(default_factory=dict)
    observe: Observer | None = None
    open_subject: Callable[[Begun], Subject | None] | None = None
    site_facts: Callable[[int], Mapping[str, Any]] | None = None
