"""Reports of a site over a period: limits kept, calls answered, stamps and satisfaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.limits.report import Share, share_in_time
from bihuan.operations.rules import limit_definitions
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.calls import answer_report
from bihuan.records.models import Case, Feedback
from bihuan.records.models.feedback import Satisfaction


@dataclass(frozen=True, slots=True)
class Bar:
    """One value of a distribution; `percent` of the whole, None when there is nothing."""

    label: str
    count: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of one period, first and last day included."""

    first: date
    last: date
    limits: list[tuple[str, Share]]
    rang: int
    answered_in_time: int
    abandoned: int
    stamps: list[Bar]
    satisfaction: list[Bar]

    @property
    def call_percent(self) -> int | None:
        """Calls answered within 10 s over all that rang."""
        return round(100 * self.answered_in_time / self.rang) if self.rang else None


def report(params: Mapping[str, Any], *, actor: Actor) -> Report:
    """The report of the actor's site; without dates the last 30 days. One query per limit and five more."""
    actor.require("report.view")
    site_id = actor.site_id or 0
    zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))
    today = clock.now().astimezone(zone).date()
    last = _day(params.get("until")) or today
    first = _day(params.get("since")) or last - timedelta(days=29)
    if not 0 <= (last - first).days <= 400:
        raise BusinessError("请选择不超过 400 天的日期范围")
    since = datetime.combine(first, time(), tzinfo=zone)
    until = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    limits = [
        (limit.name, share_in_time(key, site_ids=[site_id], since=since, until=until))
        for key, limit in limit_definitions().items()
    ]
    calls = answer_report(first, last, actor=actor)
    stamped = Case.objects.at(site_id).filter(work_done_at__gte=since, work_done_at__lt=until).exclude(stamp="")
    stamps = dict(stamped.order_by().values_list("stamp").annotate(count=Count("pk")))
    answers = Feedback.objects.at(site_id).filter(at__gte=since, at__lt=until)
    levels = dict(answers.order_by().values_list("satisfaction").annotate(count=Count("pk")))
    return Report(
        first,
        last,
        limits,
        sum(row.rang for row in calls),
        sum(row.in_time for row in calls),
        sum(row.abandoned for row in calls),
        _bars({"蓝章（按时）": stamps.get("blue", 0), "红章（超时）": stamps.get("red", 0)}),
        _bars({level.label: levels.get(level.value, 0) for level in Satisfaction}),
    )


def _bars(counts: Mapping[str, int]) -> list[Bar]:
    whole = sum(counts.values())
    return [Bar(name, count, round(100 * count / whole) if whole else None) for name, count in counts.items()]


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
