"""How a limit stands at a moment: the traffic light of every list, board and wall."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

SOON = timedelta(minutes=10)
"""How long before its moment a limit without a warning of its own counts as soon; countdown.js says the same."""


class Standing(StrEnum):
    """In the order in which people want to see them."""

    LATE = "late"
    SOON = "soon"
    IN_TIME = "ok"
    PAUSED = "paused"
    NONE = "none"


URGENCY: tuple[Standing, ...] = tuple(Standing)


def standing(due: datetime | None, warn: datetime | None, now: datetime, *, paused: bool = False) -> Standing:
    """Late after the due moment, soon from the warning on, paused while it stands still, none without a limit."""
    if paused:
        return Standing.PAUSED
    if due is None:
        return Standing.NONE
    if due < now:
        return Standing.LATE
    return Standing.SOON if now >= (due - SOON if warn is None else warn) else Standing.IN_TIME
