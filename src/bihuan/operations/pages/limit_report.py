"""How well limits were kept, by limit, role, person, site or period; every figure leads to its clocks.

Requirements AUTO-02, AUTO-20, AUTO-29. What counts as what is defined in `bihuan.limits.report`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bihuan.limits.report import By, Line, Outcome, Share, report, started_clocks
from bihuan.operations.pages.clock_query import (
    STATES,
    Choices,
    ClockQuery,
    asked_sites,
    choices_for,
    filtered,
    period,
)
from bihuan.org.actor import Actor
from bihuan.records.calls import AnswerCounts, answer_counts
from bihuan.records.exporting import export_xlsx

USUAL_DAYS = 30
GROUPINGS: dict[str, str] = {
    By.LIMIT: "时限", By.ROLE: "角色", By.PERSON: "人员", By.SITE: "门店", By.DAY: "日", By.WEEK: "周", By.MONTH: "月",
}  # fmt: skip
WEEKDAYS = "一二三四五六日"
OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line: its label, what its clocks count as, and what narrows the list to them (None when nothing can).

    `provisional` counts its open clocks whose due moment depends on unconfirmed holidays.
    """

    label: str
    share: Share
    narrowed: dict[str, Any] | None
    provisional: int

    def address(self, query: ClockQuery, state: str) -> str:
        """The address of the clocks behind a figure of this line; "" for a line no filter can name."""
        return "" if self.narrowed is None else query.address(state=state, **self.narrowed)


@dataclass(frozen=True, slots=True)
class LimitReport:
    """The report for a period of local days, both included. `calls` are those of the same sites and period."""

    query: ClockQuery
    first: date
    last: date
    lines: list[ReportLine]
    total: Share
    calls: AnswerCounts
    choices: Choices

    @property
    def provisional(self) -> int:
        """How many open clocks of the report depend on unconfirmed holidays."""
        return sum(line.provisional for line in self.lines)

    @property
    def period(self) -> ClockQuery:
        """The query with the period filled in, for links to the clocks."""
        return ClockQuery(
            by=self.query.by, site=self.query.site, key=self.query.key, role=self.query.role, person=self.query.person,
            since=self.first, until=self.last,
        )  # fmt: skip


def limit_report(query: ClockQuery, *, actor: Actor) -> LimitReport:
    """The report at the sites asked about. Six queries. Raises BusinessError for a period that makes no sense."""
    sites = asked_sites(query, "report.view", actor=actor)
    choices = choices_for(query, "report.view", actor=actor)
    first, last, start, end = period(query, choices.zone, usual_days=USUAL_DAYS)
    clocks = filtered(started_clocks(sites, start, end), query)
    by = By(query.by)
    lines = [_line(by, line, choices, first, last) for line in report(clocks, by, zone=choices.zone)]
    if by not in (By.DAY, By.WEEK, By.MONTH):
        # The worst first: that is what the report is read for.
        lines.sort(key=lambda line: (line.share.percent is None, line.share.percent or Decimal(0), line.label))
    total = sum((line.share for line in lines), Share())
    return LimitReport(query, first, last, lines, total, answer_counts(sites, start, end), choices)


def export_report(query: ClockQuery, *, actor: Actor) -> bytes:
    """Exactly this report as a workbook, its definition in the last row."""
    shown = limit_report(query, actor=actor)
    rows: list[tuple[Any, ...]] = [_cells(line.label, line.share) for line in shown.lines]
    rows += [_cells("合计", shown.total), (DEFINITION,)]
    headings = (GROUPINGS[query.by], *(STATES[outcome] for outcome in OUTCOMES), "及时率（%）")
    return export_xlsx(headings, rows, title=f"时限及时率 {shown.first} 至 {shown.last}", zone=shown.choices.zone)


DEFINITION = (
    "及时率 = 按时 ÷（按时 + 超时）。统计在此期间开始计时的每一次：按时是在时限内结束的；超时是晚于时限结束的，"
    "以及还没结束但已经过了时限的（包括暂停中的）；进行中和暂停中是还没到时限的，撤销是因取消或流程变化不用再做的，"
    "这三种不算进及时率。"
)


def _line(by: By, line: Line, choices: Choices, first: date, last: date) -> ReportLine:
    value, label, narrowed = line.value, line.name, None
    if by == By.LIMIT:
        narrowed = {"key": value}
    elif by == By.ROLE:
        keys = [key.strip() for key in str(value).split(",") if key.strip()]
        label = "、".join(choices.roles.get(key, key) for key in keys)
        narrowed = {"role": value}
    elif by == By.PERSON:
        label, narrowed = (line.name, {"person": value}) if value else ("还没有人办结", None)
    elif by == By.SITE:
        narrowed = {"site": str(value)}
    else:
        start = value.date() if hasattr(value, "date") else value
        begin, end = max(start, first), min(_last_day(by, start), last)
        label = f"{begin:%Y-%m}" if by == By.MONTH else f"{begin:%m-%d} 周{WEEKDAYS[begin.weekday()]}"
        label = f"{begin:%m-%d} 至 {end:%m-%d}" if by == By.WEEK else label
        narrowed = {"since": begin, "until": end}
    return ReportLine(label, line.share, narrowed, line.provisional)


def _last_day(by: By, begin: date) -> date:
    if by == By.MONTH:
        return (begin.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return begin + timedelta(days=6 if by == By.WEEK else 0)


def _cells(label: str, share: Share) -> tuple[Any, ...]:
    return (label, *(getattr(share, outcome) for outcome in OUTCOMES), share.percent)
