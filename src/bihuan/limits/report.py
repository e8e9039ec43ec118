"""How often a limit was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Count, Q

from bihuan.limits.models import Clock


@dataclass(frozen=True)
class Share:
    """Clocks of one limit started in a period: kept, missed (also those still running past their target), undecided."""

    met: int
    missed: int
    running: int

    @property
    def decided(self) -> int:
        return self.met + self.missed

    @property
    def percent(self) -> Decimal | None:
        """Share in time in per cent with one place; None when nothing is decided yet."""
        if not self.decided:
            return None
        return (Decimal(100 * self.met) / self.decided).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def share_in_time(key: str, *, site_ids: Iterable[int], since: datetime, until: datetime) -> Share:
    """The share of a limit kept at these sites, over clocks started from `since` up to (not including) `until`."""
    missed = Q(met=False) | Q(met__isnull=True, breached_at__isnull=False)
    counts = (
        Clock.objects.at(site_ids)
        .filter(key=key, started_at__gte=since, started_at__lt=until)
        .aggregate(
            kept=Count("pk", filter=Q(met=True)),
            missed=Count("pk", filter=missed),
            open=Count("pk", filter=Q(stopped_at__isnull=True, breached_at__isnull=True)),
        )
    )
    return Share(met=counts["kept"], missed=counts["missed"], running=counts["open"])
