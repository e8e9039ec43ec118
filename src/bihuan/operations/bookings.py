"""Changing and cancelling a booking together with the process that waits for the car (AUTO-05)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from bihuan.operations.effects.appointments import moments_of
from bihuan.operations.messages import tell_process
from bihuan.org.actor import Actor
from bihuan.records import appointments
from bihuan.records.models import Appointment


@transaction.atomic
def change_booking(appointment_id: int, *, actor: Actor, starts_at: datetime, **values: Any) -> Appointment:
    """Give a pending booking another time (and other values of `change_appointment`); its process waits anew.

    Raises Conflict naming the slot when it is full.
    """
    booked = appointments.change_appointment(appointment_id, actor=actor, starts_at=starts_at, **values)
    if booked.case_id is not None:
        tell_process("appointment_changed", booked.case_id, actor=actor, variables=moments_of(booked))
    return booked


@transaction.atomic
def cancel_booking(appointment_id: int, *, actor: Actor, reason: str) -> Appointment:
    """Take a pending booking off the board with a reason; its process ends."""
    booked = appointments.cancel_appointment(appointment_id, actor=actor, reason=reason)
    if booked.case_id is not None:
        tell_process("appointment_cancelled", booked.case_id, actor=actor)
    return booked
