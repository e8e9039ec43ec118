"""The single calls behind the share answered within 10 seconds (AUTO-02), with the same sites and period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery

from bihuan.limits.models import Clock
from bihuan.operations.desk.answering import CALL, CALL_ANSWER
from bihuan.operations.pages.clock_query import ClockQuery, asked_sites, period
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.calls import ANSWERED, AnswerCounts, answer_counts, inbound_calls, seconds_to_answer
from bihuan.records.exporting import MAX_EXPORT_ROWS, export_xlsx
from bihuan.records.models import CallLog

PAGE_SIZE = 50
USUAL_DAYS = 30
HEADINGS = ("振铃时间", "门店", "结果", "客户", "振铃（秒）", "接听人", "单号")


@dataclass(frozen=True, slots=True)
class CallList:
    """One page of calls, each with the `clock_id` of its limit; `show` is one of `ANSWERED`, or "" for all of them."""

    query: ClockQuery
    show: str
    rows: list[CallLog]
    counts: AnswerCounts
    pages: int
    sites: list[Site]

    @property
    def total(self) -> int:
        """How many calls this view has on all its pages."""
        return self.counts.of(self.show)


def call_list(query: ClockQuery, show: str, *, actor: Actor) -> CallList:
    """A page of the inbound calls, the newest first. Needs `report.view`, like the share it explains. Three queries."""
    sites, asked, zone = _asked(query, actor)
    first, last, start, end = period(query, zone, usual_days=USUAL_DAYS)
    counts = answer_counts(asked, start, end)
    pages = max(1, -(-counts.of(show) // PAGE_SIZE))
    number = min(query.page, pages)
    rows = list(_calls(asked, start, end, show)[(number - 1) * PAGE_SIZE : number * PAGE_SIZE])
    return CallList(replace(query, page=number, since=first, until=last), show, rows, counts, pages, sites)


def export_calls(query: ClockQuery, show: str, *, actor: Actor) -> bytes:
    """Exactly the calls of this view as a workbook, without their numbers. Needs `case.export` besides."""
    _, asked, zone = _asked(query, actor)
    for site_id in asked:
        actor.require("case.export", site_id)
    _, _, start, end = period(query, zone, usual_days=USUAL_DAYS)
    rows = _calls(asked, start, end, show)[: MAX_EXPORT_ROWS + 1]
    return export_xlsx(HEADINGS, (_cells(call) for call in rows), title="来电", zone=zone)


def _asked(query: ClockQuery, actor: Actor) -> tuple[list[Site], list[int], ZoneInfo]:
    """The sites that may be chosen, the numbers of those asked about, and the zone of the days."""
    sites = list(Site.objects.filter(pk__in=actor.sites_allowing("report.view")).order_by("path"))
    zone = next((site.timezone for site in sites if site.pk == actor.site_id), "Asia/Shanghai")
    return sites, asked_sites(query, "report.view", actor=actor), ZoneInfo(zone)


def _calls(site_ids: list[int], start: datetime, end: datetime, show: str) -> QuerySet[CallLog]:
    calls = inbound_calls(site_ids, start, end)
    shown = calls.filter(ANSWERED[show]) if show else calls
    clocks = Clock.unscoped.filter(subject_kind=CALL, subject_id=OuterRef("pk"), key=CALL_ANSWER)
    rows = shown.annotate(clock_id=Subquery(clocks.values("pk")[:1]))
    return rows.select_related("site", "customer", "user", "case").order_by("-ringing_at", "-pk")


def _cells(call: CallLog) -> tuple[object, ...]:
    took = seconds_to_answer(call)
    return (
        call.ringing_at,
        call.site.name,
        call.get_outcome_display(),
        call.customer.name if call.customer else "",
        None if took is None else round(took, 1),
        call.user.name if call.user else "",
        call.case.number if call.case else "",
    )
