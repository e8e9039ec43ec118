"""Which clocks warn or run out now: found by index, claimed by one worker, told once.

A moment is told by marking the clock in the transaction that acts on it, so that neither happens without the other:
a worker killed in between leaves the clock as it was, and the next one takes it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet, Value
from django.db.models.functions import Coalesce

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

    @property
    def moment(self) -> datetime:
        """When it warned or ran out, however late somebody looked."""
        found = self.clock.due_at if self.kind == DueKind.BREACH else self.clock.warn_at
        assert found is not None
        return found


@transaction.atomic
def due_clocks(now: datetime | None = None, *, limit: int = BATCH) -> list[DueClock]:
    """Claim the clocks to be told about, in the order of their moments, and mark them told in the caller's transaction.

    Any number of workers may ask at once: rows another one holds are skipped (SQLite lets one in at a time). A clock
    that is past its target is told as breached only, not warned about as well.
    """
    moment = now or time.now()
    breached = _claim(STILL_TO_TELL & Q(due_at__lt=moment), "due_at", limit)
    _rows(breached).update(
        breach_told_at=moment,
        breached_at=Coalesce(F("breached_at"), F("due_at")),
        warned_at=Coalesce("warned_at", Value(moment)),
    )
    for held in breached:
        held.breach_told_at, held.breached_at = moment, held.breached_at or held.due_at
        held.warned_at = held.warned_at or moment
    warned = _claim(STILL_TO_WARN & Q(warn_at__lte=moment), "warn_at", limit)
    _rows(warned).update(warned_at=moment)
    for held in warned:
        held.warned_at = moment
    found = [DueClock(held, DueKind.BREACH) for held in breached] + [DueClock(held, DueKind.WARN) for held in warned]
    return sorted(found, key=lambda due: (due.moment, due.clock.pk))


def next_moment() -> datetime | None:
    """When the next clock warns or runs out; None when nothing is waiting. Two looks into an index, no lock."""
    due = Clock.unscoped.filter(STILL_TO_TELL).aggregate(first=Min("due_at"))["first"]
    warn = Clock.unscoped.filter(STILL_TO_WARN).aggregate(first=Min("warn_at"))["first"]
    return min((moment for moment in (due, warn) if moment is not None), default=None)


def take_back_untimely(now: datetime, *, tolerance: timedelta = timedelta(seconds=1)) -> int:
    """Forget what was told too early by a machine whose clock ran ahead and has been set right; answers how many.

    Such a mark lies in the future, and so does the moment it was made for: both will come again. A clock that has
    stopped is left alone: whether it was in time was decided by its own arithmetic.
    """
    ahead = now + tolerance
    running = Clock.unscoped.filter(stopped_at__isnull=True)
    told = running.filter(breach_told_at__gt=ahead, due_at__gt=now).update(breach_told_at=None, breached_at=None)
    return told + running.filter(warned_at__gt=ahead, warn_at__gt=now).update(warned_at=None)


def _claim(condition: Q, order: str, limit: int) -> list[Clock]:
    rows = Clock.unscoped.select_for_update(skip_locked=True).filter(condition).order_by(order, "pk")[:limit]
    return list(rows)


def _rows(held: list[Clock]) -> QuerySet[Clock]:
    return Clock.unscoped.filter(pk__in=[one.pk for one in held])
