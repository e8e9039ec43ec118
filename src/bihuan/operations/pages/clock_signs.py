"""What stands beside a countdown: why it stands still, whether its due moment is provisional; one look for a list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from django.db.models import OuterRef, Q, Subquery

from bihuan.limits.models import Clock, ClockPause
from bihuan.operations.surroundings import CASE, ITEM
from bihuan.processes.models import WorkItem


class Limited(Protocol):
    """An open item with its limit."""

    @property
    def id(self) -> int: ...

    @property
    def limit_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ClockSign:
    """`paused` is the reason while the clock stands still; `provisional` the year whose holidays nobody confirmed;
    `of_case` says that the clock is the case's, shared by its items.
    """

    paused: str = ""
    provisional: int | None = None
    of_case: bool = False


NO_SIGN = ClockSign()


@dataclass(frozen=True, slots=True)
class ClockSigns:
    """The signs of running clocks by kind of subject, its number and the key of the limit."""

    signs: dict[tuple[str, int, str], ClockSign]

    def of(self, item: Limited, case_id: int | None) -> ClockSign:
        """The sign of the item's clock, its own or the one of its case that it shares."""
        own = self.signs.get((ITEM, item.id, item.limit_key))
        return own or self.signs.get((CASE, case_id or 0, item.limit_key), NO_SIGN)


def signs_of(case_ids: Collection[int], item_ids: Collection[int]) -> ClockSigns:
    """The signs of what runs on these cases and items, in one query."""
    rows = Clock.unscoped.filter(
        Q(subject_kind=CASE, subject_id__in=case_ids) | Q(subject_kind=ITEM, subject_id__in=item_ids),
        stopped_at__isnull=True,
    )
    lasting = ClockPause.unscoped.filter(clock=OuterRef("pk"), ended_at__isnull=True).order_by("started_at", "pk")
    found = rows.values_list(
        "subject_kind", "subject_id", "key", "paused_at", Subquery(lasting.values("reason")[:1]), "unconfirmed_year"
    )
    return ClockSigns(
        {
            (kind, subject, key): ClockSign((reason or "暂停") if paused_at else "", year, kind == CASE)
            for kind, subject, key, paused_at, reason, year in found
        }
    )


def signs_of_work(items: Collection[WorkItem]) -> dict[int, ClockSign]:
    """The sign of each of these open items, their instances loaded, by its number; one query, none without limits."""
    limited = [item for item in items if item.limit_key and item.is_open]
    cases = {item.pk: item.instance.subject_id for item in limited if item.instance.subject_kind == CASE}
    signs = signs_of({case for case in cases.values() if case}, [item.pk for item in limited]) if limited else None
    return {
        item.pk: signs.of(item, cases.get(item.pk)) if signs is not None and item in limited else NO_SIGN
        for item in items
    }


def open_work(site_id: int, case_ids: Collection[int]) -> tuple[dict[int, WorkItem], ClockSigns]:
    """The most pressing open item of each case, and the signs of their limits."""
    items = WorkItem.objects.at(site_id).filter(
        status=WorkItem.Status.OPEN, instance__subject_kind=CASE, instance__subject_id__in=case_ids
    )
    steps: dict[int, WorkItem] = {}
    for item in items.select_related("instance", "assignee").order_by("sort_at", "pk"):
        steps.setdefault(item.instance.subject_id, item)
    return steps, signs_of(case_ids, [item.pk for item in steps.values()])
