"""What stands beside a countdown: why it stands still, and whether its due moment is provisional."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from bihuan.limits.models import Clock, ClockPause
from bihuan.operations.clock_following import ITEM
from bihuan.processes.models import WorkItem


@dataclass(frozen=True, slots=True)
class ClockSign:
    """`paused` is the reason while the clock stands still; `provisional` the year whose holidays nobody confirmed;
    `of_case` says that the clock is the case's, shared by its items.
    """

    paused: str = ""
    provisional: int | None = None
    of_case: bool = False


def clock_sign(item: WorkItem) -> ClockSign:
    """The sign of an open item's clock, its own or the one of its case; one query, two while it stands still."""
    if not item.limit_key or not item.is_open:
        return ClockSign()
    instance = item.instance
    shared = Q(subject_kind=instance.subject_kind, subject_id=instance.subject_id, key=item.limit_key)
    rows = Clock.unscoped.filter(shared | Q(subject_kind=ITEM, subject_id=item.pk), stopped_at__isnull=True)
    held = rows.order_by("-pk").first()
    if held is None:
        return ClockSign()
    reason = ""
    if held.paused_at is not None:
        pause = ClockPause.unscoped.filter(clock=held, ended_at__isnull=True).order_by("started_at").first()
        reason = pause.reason if pause else "已暂停"
    return ClockSign(reason, held.unconfirmed_year, held.subject_kind != ITEM)
