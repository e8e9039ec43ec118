"""Which event sets off what: the one table of reactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bihuan.engine.runtime import (
    CallClosed,
    CallerForsaken,
    CallRequested,
    CopyRequested,
    EscalationThrown,
    Event,
    InstanceEnded,
    ItemOpened,
    MessageThrown,
    ReworkOver,
    ServiceRequested,
    SignalThrown,
    Subscribed,
    Unsubscribed,
)
from bihuan.org.actor import Actor
from bihuan.processes.assigning.copying import find_copied
from bihuan.processes.assigning.deciding import decide
from bihuan.processes.contract import Surroundings
from bihuan.processes.families import (
    call_process,
    cancel_called,
    escalate_to_caller,
    forsake_caller,
    return_to_called,
    tell_caller,
)
from bihuan.processes.services import request_service
from bihuan.processes.subscriptions import subscribe, throw_message, throw_signal, unsubscribe
from bihuan.processes.unit import Reaction, Unit

REACTIONS: Mapping[type[Event], Reaction] = {
    ItemOpened: decide,
    ServiceRequested: request_service,
    CallRequested: call_process,
    CallClosed: cancel_called,
    ReworkOver: return_to_called,
    CallerForsaken: forsake_caller,
    CopyRequested: find_copied,
    InstanceEnded: tell_caller,
    EscalationThrown: escalate_to_caller,
    Subscribed: subscribe,
    Unsubscribed: unsubscribe,
    MessageThrown: throw_message,
    SignalThrown: throw_signal,
}


def begin(actor: Actor, now: datetime, around: Surroundings) -> Unit:
    """A fresh unit of work."""
    return Unit(actor, now, around, REACTIONS)
