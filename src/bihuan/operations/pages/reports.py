"""How well the promises were kept: limits, calls, stamps, follow-ups, satisfaction.

Requirements AUTO-02, AUTO-20, AUTO-29, AUTO-30.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.limits.report import By, Share, report, started_clocks
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.processes.version_limits import limits_in_force
from bihuan.records.calls import AnswerCounts, answer_counts
from bihuan.records.models import Case, CaseKind, Feedback
from bihuan.records.models.feedback import Satisfaction

USUAL_DAYS = 30
MAX_DAYS = 400


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit in the period, its target in words, and how its clocks ended."""

    key: str
    name: str
    target: str
    share: Share
    provisional: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, count, and share of the whole in per cent."""

    label: str
    count: int
    percent: Decimal
    tone: str = "info"


@dataclass(frozen=True, slots=True)
class Reports:
    """Everything on the page for one site and period (local days, both included)."""

    first: date
    last: date
    limits: list[LimitRow]
    calls: AnswerCounts
    stamps: list[Bar]
    satisfaction: list[Bar]
    answers: int
    visits: int


def reports_page(first: date | None, last: date | None, *, actor: Actor) -> Reports:
    """The reports of the actor's site, the last 30 days unless told otherwise. Five queries.

    Raises BusinessError for a period that ends before it begins or is longer than 400 days.
    """
    actor.require("report.view")
    site = Site.objects.get(pk=actor.site_id or 0)
    zone = ZoneInfo(site.timezone)
    until = last or clock.now().astimezone(zone).date()
    since = first or until - timedelta(days=USUAL_DAYS - 1)
    if not 0 <= (until - since).days <= MAX_DAYS:
        raise BusinessError(f"开始日期不能晚于结束日期，且最多 {MAX_DAYS} 天", "since")
    start = datetime.combine(since, time(), zone)
    end = datetime.combine(until + timedelta(days=1), time(), zone)
    calls = answer_counts([site.pk], start, end)
    visits = Case.objects.at(site.pk).filter(kind=CaseKind.SERVICE_VISIT, opened_at__gte=start, opened_at__lt=end)
    stamps = visits.aggregate(
        all=Count("pk"), blue=Count("pk", filter=Q(stamp="blue")), red=Count("pk", filter=Q(stamp="red"))
    )
    stamped = stamps["blue"] + stamps["red"]
    levels = dict(
        Feedback.objects.at(site.pk)
        .filter(at__gte=start, at__lt=end)
        .values_list("satisfaction")
        .annotate(count=Count("pk"))
    )
    answers = sum(levels.values())
    return Reports(
        first=since,
        last=until,
        limits=_limits(site.pk, start, end),
        calls=calls,
        stamps=[
            Bar("蓝章（按约定工时完工）", stamps["blue"], share(stamps["blue"], stamped) or Decimal(0), "info"),
            Bar("红章（超出约定工时）", stamps["red"], share(stamps["red"], stamped) or Decimal(0), "bad"),
        ],
        satisfaction=[
            Bar(label, levels.get(value, 0), share(levels.get(value, 0), answers) or Decimal(0), _tone(value))
            for value, label in Satisfaction.choices
        ],
        answers=answers,
        visits=stamps["all"],
    )


def share(part: int, whole: int) -> Decimal | None:
    """Part of whole in per cent with one place; None of nothing."""
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _tone(level: int) -> str:
    return "ok" if level >= Satisfaction.SATISFIED else "warn" if level == Satisfaction.NEUTRAL else "bad"


def _limits(site_id: int, start: datetime, end: datetime) -> list[LimitRow]:
    """The limits of the rule book that occurred, in its order."""
    lines = {line.value: line for line in report(started_clocks([site_id], start, end), By.LIMIT)}
    return [
        LimitRow(key, limit.name, target_in_words(limit.target), lines[key].share, lines[key].provisional)
        for key, limit in limits_in_force().items()
        if key in lines
    ]


def target_in_words(target: str) -> str:
    """A target of limits.toml as people say it: 1m → 1 分, 3d → 3 天; an expression names its source."""
    if target.startswith("="):
        return "按约定"
    units = {"d": " 天", "h": " 小时", "m": " 分", "s": " 秒"}
    return "".join(units.get(letter, letter) for letter in target)
