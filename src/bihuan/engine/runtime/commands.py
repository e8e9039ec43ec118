"""What may be asked of a running instance. A command that makes no sense now is refused with `CommandRejected`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, field

from bihuan.engine.runtime.people.commands import PeopleCommand

if TYPE_CHECKING:
    from bihuan.engine.runtime.migration.plan import MigrationPlan


class CommandRejected(Exception):
    """The command does not fit the state of the instance; nothing has changed. `reason` is Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Start(Struct, frozen=True):
    """Begin a new instance. `start_node` names a start event; without it the plain start of the process is used."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    start_node: str | None = None
    part: int = 0
    """Which part of a multiple start event has come."""


class CompleteItem(Struct, frozen=True):
    """A person has done the work item `wait`."""

    wait: int
    variables: Mapping[str, Any] = field(default_factory=dict)


class FailItem(Struct, frozen=True):
    """The work item `wait` cannot be given to anybody: an incident, whose retry opens it anew."""

    wait: int
    reason: str


class FireTimer(Struct, frozen=True):
    """The moment of the timer `wait` has come. Whether it has is the caller's business: the engine only obeys."""

    wait: int


class DeliverMessage(Struct, frozen=True):
    """A message for the subscription `wait`; its payload becomes variables."""

    wait: int
    variables: Mapping[str, Any] = field(default_factory=dict)


class DeliverSignal(Struct, frozen=True):
    """A signal for the subscription `wait`."""

    wait: int
    variables: Mapping[str, Any] = field(default_factory=dict)


class FinishService(Struct, frozen=True):
    """The service asked for by `wait` has done its work."""

    wait: int
    variables: Mapping[str, Any] = field(default_factory=dict)


class FailService(Struct, frozen=True):
    """The service failed. With `error` it is a BPMN error that a boundary event may catch, else an incident."""

    wait: int
    reason: str
    error: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


class FinishCall(Struct, frozen=True):
    """The called process has ended; `variables` are its variables at the end."""

    wait: int
    variables: Mapping[str, Any] = field(default_factory=dict)


class FailCall(Struct, frozen=True):
    """The called process could not be run or ended with an error (`error` is its code)."""

    wait: int
    reason: str
    error: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


class EscalateCall(Struct, frozen=True):
    """The called process threw an escalation (its `EscalationThrown` event); it runs on if it is not interrupted."""

    wait: int
    code: str
    variables: Mapping[str, Any] = field(default_factory=dict)


class BeginActivity(Struct, frozen=True):
    """Somebody begins an activity of an ad-hoc sub-process; `wait` is its open `adhoc` wait."""

    wait: int
    activity: str


class RetryIncident(Struct, frozen=True):
    """Try again what raised the incident."""

    incident: int


class SkipIncident(Struct, frozen=True):
    """Go on as if the node had done its work with these variables; `flow` names the way on where one must be chosen."""

    incident: int
    variables: Mapping[str, Any] = field(default_factory=dict)
    flow: str | None = None


class CancelInstance(Struct, frozen=True):
    """Stop the whole instance; every wait is closed. `outcome` is cancelled, or withdrawn by who began it."""

    reason: str = ""
    outcome: str = "cancelled"


class SetVariables(Struct, frozen=True):
    """Change variables of a running instance, e.g. before a retry."""

    values: Mapping[str, Any]
    scope: int = 0


class Migrate(Struct, frozen=True):
    """Move to another version of the process: `step` is given the new one, the plan says how the old one fits it."""

    plan: MigrationPlan


Command: TypeAlias = (
    Start
    | CompleteItem
    | FailItem
    | FireTimer
    | DeliverMessage
    | DeliverSignal
    | FinishService
    | FailService
    | FinishCall
    | FailCall
    | EscalateCall
    | BeginActivity
    | RetryIncident
    | SkipIncident
    | CancelInstance
    | SetVariables
    | Migrate
    | PeopleCommand
)
