"""How often limits were kept: what each clock counts as, and the shares. The one place where these are defined.

A clock counts in the period in which it started. It is **met** when it stopped in time, **missed** when it stopped late
or is past its moment and still open (running or paused). Those in time so far are **running** or **paused**; stopped
without a verdict, because the work fell away, is **cancelled**. Each clock is exactly one of the five. The share is met
over met and missed: what is undecided or fell away counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Concat, TruncDate, TruncMonth, TruncWeek

from bihuan.kernel import clock as time
from bihuan.limits.models import Clock


class Outcome(StrEnum):
    """What a clock counts as."""

    MET = "met"
    MISSED = "missed"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class By(StrEnum):
    """What the clocks of a report are grouped by."""

    LIMIT = "limit"
    ROLE = "role"
    PERSON = "person"
    SITE = "site"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


NOBODY = "@"
"""What clocks that name no role are grouped under, with the kind of their subject: `@case`, `@call`, `@item`."""

_COLUMNS = {
    By.LIMIT: ("key", "name"),
    By.ROLE: ("keeper",),
    By.PERSON: ("person_id", "person__name"),
    By.SITE: ("site_id",),
}
_KEEPER = Case(When(role="", then=Concat(Value(NOBODY), F("subject_kind"))), default=F("role"))
_PERIODS = {By.DAY: TruncDate, By.WEEK: TruncWeek, By.MONTH: TruncMonth}


@dataclass(frozen=True)
class Share:
    """Clocks by what they count as."""

    met: int = 0
    missed: int = 0
    running: int = 0
    paused: int = 0
    cancelled: int = 0

    @property
    def decided(self) -> int:
        return self.met + self.missed

    @property
    def started(self) -> int:
        return self.decided + self.running + self.paused + self.cancelled

    @property
    def percent(self) -> Decimal | None:
        """Share in time in per cent with one place; None when nothing is decided yet."""
        if not self.decided:
            return None
        return (Decimal(100 * self.met) / self.decided).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)

    def __add__(self, other: Share) -> Share:
        return Share(*(getattr(self, outcome) + getattr(other, outcome) for outcome in Outcome))


@dataclass(frozen=True)
class Line:
    """One line of a report: the value it is grouped by (a key, a number, a day), its name, what its clocks count as.

    Of the open ones `provisional` depend on a year whose holidays nobody has confirmed.
    """

    value: Any
    name: str
    share: Share
    provisional: int = 0


def over(now: datetime) -> Q:
    """The condition for open clocks past their moment. One that stands still has no moment, but may have been late."""
    # Each part asks about `due_at`, so that both are looks into its index.
    return Q(stopped_at__isnull=True) & (Q(due_at__lt=now) | Q(due_at__isnull=True, breached_at__isnull=False))


def counting_as(outcome: Outcome, now: datetime) -> Q:
    """The condition for clocks that count as this at a moment."""
    in_time = Q(stopped_at__isnull=True) & (Q(due_at__gte=now) | Q(due_at__isnull=True, breached_at__isnull=True))
    return {
        Outcome.MET: Q(met=True),
        Outcome.MISSED: Q(met=False) | over(now),
        Outcome.RUNNING: in_time & Q(paused_at__isnull=True),
        Outcome.PAUSED: in_time & Q(paused_at__isnull=False),
        Outcome.CANCELLED: Q(stopped_at__isnull=False, met__isnull=True),
    }[outcome]


def outcome_of(held: Clock, now: datetime) -> Outcome:
    """The same for a clock at hand."""
    if held.stopped_at is not None:
        return {True: Outcome.MET, False: Outcome.MISSED, None: Outcome.CANCELLED}[held.met]
    if held.breached_at is not None if held.due_at is None else held.due_at < now:
        return Outcome.MISSED
    return Outcome.PAUSED if held.paused_at is not None else Outcome.RUNNING


def held_by(role: str) -> Q:
    """The condition for clocks this role has to keep, alone or among others; or that name none, for `@case` …"""
    if role.startswith(NOBODY):
        return Q(role="", subject_kind=role.removeprefix(NOBODY))
    return Q(role=role) | Q(role__startswith=f"{role},") | Q(role__endswith=f",{role}") | Q(role__contains=f",{role},")


def started_clocks(site_ids: Iterable[int], since: datetime, until: datetime) -> QuerySet[Clock]:
    """The clocks of these sites started from `since` up to (not including) `until`: those a period is about."""
    return Clock.objects.at(site_ids).filter(started_at__gte=since, started_at__lt=until)


def report(clocks: QuerySet[Clock], by: By, *, zone: tzinfo | None = None, now: datetime | None = None) -> list[Line]:
    """The clocks grouped, in one query; periods are those of `zone`. A line for every value, in the order of values."""
    counts = _counts(now or time.now())
    counts["provisional"] = Count("pk", filter=Q(stopped_at__isnull=True, unconfirmed_year__isnull=False))
    if by in _PERIODS:
        rows: Any = clocks.annotate(period=_PERIODS[by]("started_at", tzinfo=zone)).values("period")
        columns: tuple[str, ...] = ("period",)
    else:
        columns = _COLUMNS[by]
        rows = (clocks.annotate(keeper=_KEEPER) if by == By.ROLE else clocks).values(*columns)
    found = rows.annotate(**counts).order_by(*columns).values_list(*columns, *counts)
    width = len(columns)
    lines = [Line(row[0], str(row[width - 1] or ""), Share(*row[width:-1]), row[-1]) for row in found]
    return _one_line_each(lines)


def share_of(clocks: QuerySet[Clock], *, now: datetime | None = None) -> Share:
    """All of these clocks together."""
    found = clocks.aggregate(**_counts(now or time.now()))
    return Share(*(found[f"{outcome}_count"] for outcome in Outcome))


def share_in_time(key: str, *, site_ids: Iterable[int], since: datetime, until: datetime) -> Share:
    """The share of a limit kept at these sites, over clocks started from `since` up to (not including) `until`."""
    return share_of(started_clocks(site_ids, since, until).filter(key=key))


def _counts(now: datetime) -> dict[str, Any]:
    # Not the columns' own names: `met` is one.
    return {f"{outcome}_count": Count("pk", filter=counting_as(outcome, now)) for outcome in Outcome}


def _one_line_each(lines: list[Line]) -> list[Line]:
    """A limit that was renamed meanwhile is still one limit; its newest name in the order of the text is shown."""
    merged: dict[Any, Line] = {}
    for line in lines:
        before = merged.get(line.value)
        if before is not None:
            line = Line(line.value, line.name, before.share + line.share, before.provisional + line.provisional)
        merged[line.value] = line
    return list(merged.values())
