"""What the worker asks every second: which clocks warn now, which have run out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Min, Q

from bihuan.kernel import clock as time
from bihuan.limits.models import STILL_TO_TELL, STILL_TO_WARN, Clock

BATCH = 200


class DueKind(StrEnum):
    WARN = "warn"
    BREACH = "breach"


@dataclass(frozen=True)
class DueClock:
    """A clock whose warning or breach is to be told now; it is never answered again for the same."""

    clock: Clock
    kind: DueKind


@transaction.atomic
def due_clocks(now: datetime | None = None, *, limit: int = BATCH) -> list[DueClock]:
    """Claim the clocks to be told about, breaches first, and mark them told in the caller's transaction.

    Any number of workers may ask at once: rows another one holds are skipped. A clock that is past its target is told
    as breached only, not warned about as well.
    """
    moment = now or time.now()
    breached = _claim(STILL_TO_TELL & Q(due_at__lt=moment), "due_at", limit)
    for held in breached:
        held.breach_told_at = moment
        held.breached_at = held.breached_at or held.due_at
        held.warned_at = held.warned_at or moment
        held.save(update_fields=["breach_told_at", "breached_at", "warned_at"])
    warned = _claim(STILL_TO_WARN & Q(warn_at__lte=moment), "warn_at", limit)
    for held in warned:
        held.warned_at = moment
        held.save(update_fields=["warned_at"])
    return [DueClock(held, DueKind.BREACH) for held in breached] + [DueClock(held, DueKind.WARN) for held in warned]


def next_moment() -> datetime | None:
    """When the next clock warns or runs out; None when nothing is waiting."""
    due = Clock.unscoped.filter(STILL_TO_TELL).aggregate(first=Min("due_at"))["first"]
    warn = Clock.unscoped.filter(STILL_TO_WARN).aggregate(first=Min("warn_at"))["first"]
    return min((moment for moment in (due, warn) if moment is not None), default=None)


def _claim(condition: Q, order: str, limit: int) -> list[Clock]:
    rows = Clock.unscoped.select_for_update(skip_locked=True).filter(condition).order_by(order)[:limit]
    return list(rows)
