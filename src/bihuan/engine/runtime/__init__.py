"""Running a process: `step` turns a command into events, `apply` turns events into state. No I/O, no clock.

Beside the events a reader expects there are `ScopeOpened`, `ScopeClosed` and `LoopAdvanced` (levels of variables and
repetitions), `ErrorThrown` and `EscalationThrown` (records of a throw). `FailService` and `FailCall` take an optional
BPMN error code; `SkipIncident` an optional flow; `EscalateCall` tells a caller of an escalation. docs/engine.md answers
the questions of meaning.
"""

from __future__ import annotations

from bihuan.engine.runtime.apply import apply
from bihuan.engine.runtime.commands import (
    CancelInstance,
    Command,
    CommandRejected,
    CompleteItem,
    DeliverMessage,
    DeliverSignal,
    EscalateCall,
    FailCall,
    FailService,
    FinishCall,
    FinishService,
    FireTimer,
    RetryIncident,
    SetVariables,
    SkipIncident,
    Start,
)
from bihuan.engine.runtime.events import (
    CallClosed,
    CallRequested,
    ErrorThrown,
    EscalationThrown,
    Event,
    FlowTaken,
    IncidentRaised,
    IncidentResolved,
    InstanceEnded,
    InstanceStarted,
    ItemClosed,
    ItemOpened,
    LoopAdvanced,
    MessageThrown,
    NodeEntered,
    NodeLeft,
    ScopeClosed,
    ScopeOpened,
    ServiceClosed,
    ServiceRequested,
    SignalThrown,
    Subscribed,
    TimerCleared,
    TimerSet,
    Unsubscribed,
    VariablesSet,
    event_from_json,
)
from bihuan.engine.runtime.run import MAX_AUTOMATIC, Trouble
from bihuan.engine.runtime.schedule import start_due
from bihuan.engine.runtime.state import State, new_state
from bihuan.engine.runtime.step import step
from bihuan.engine.runtime.values import UnfitValue, decode, encode, normalised
from bihuan.engine.runtime.variables import variables_at, visible_variables

__all__ = [
    "MAX_AUTOMATIC",
    "CallClosed",
    "CallRequested",
    "CancelInstance",
    "Command",
    "CommandRejected",
    "CompleteItem",
    "DeliverMessage",
    "DeliverSignal",
    "ErrorThrown",
    "EscalateCall",
    "EscalationThrown",
    "Event",
    "FailCall",
    "FailService",
    "FinishCall",
    "FinishService",
    "FireTimer",
    "FlowTaken",
    "IncidentRaised",
    "IncidentResolved",
    "InstanceEnded",
    "InstanceStarted",
    "ItemClosed",
    "ItemOpened",
    "LoopAdvanced",
    "MessageThrown",
    "NodeEntered",
    "NodeLeft",
    "RetryIncident",
    "ScopeClosed",
    "ScopeOpened",
    "ServiceClosed",
    "ServiceRequested",
    "SetVariables",
    "SignalThrown",
    "SkipIncident",
    "Start",
    "State",
    "Subscribed",
    "TimerCleared",
    "TimerSet",
    "Trouble",
    "UnfitValue",
    "Unsubscribed",
    "VariablesSet",
    "apply",
    "decode",
    "encode",
    "event_from_json",
    "new_state",
    "normalised",
    "start_due",
    "step",
    "variables_at",
    "visible_variables",
]
