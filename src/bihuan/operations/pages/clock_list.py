"""Lists of single clocks: what is late, what is due today, and what stands behind a figure of the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from bihuan.kernel import clock
from bihuan.kernel.paging import Part, counted, part_of
from bihuan.limits.calendars import provisional_words
from bihuan.limits.models import Clock
from bihuan.limits.reading import Figures, figures_of
from bihuan.limits.report import Outcome, outcome_of, started_clocks
from bihuan.operations.pages.clock_query import (
    LATE,
    OPEN_STATES,
    STATES,
    TODAY,
    Choices,
    ClockQuery,
    asked_sites,
    choices_for,
    filtered,
    in_state,
    open_clocks,
    period,
)
from bihuan.operations.pages.clock_signs import ClockSign
from bihuan.operations.surroundings import CASE, ITEM
from bihuan.org.actor import Actor
from bihuan.processes.models import WorkItem
from bihuan.records.exporting import MAX_EXPORT_ROWS, export_xlsx
from bihuan.records.models import Case

PAGE_SIZE = 50
EXPORT_BATCH = 500
USUAL_DAYS = 30
HEADINGS = (
    "时限", "门店", "单号", "车牌", "事项", "角色", "人员", "起算", "到期", "停止", "结果", "目标（秒）", "已用（秒）",
    "超出（秒）", "到期说明",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClockRow:
    """One clock with its figures and what it is about. `who` stopped it or holds its work now."""

    held: Clock
    figures: Figures
    item: WorkItem | None
    case: Case | None
    roles: str
    who: str
    outcome: Outcome

    @property
    def what(self) -> str:
        """The work in a few words."""
        return self.item.name if self.item else self.held.name

    @property
    def plate(self) -> str:
        if self.case is None:
            return ""
        return self.case.vehicle.plate if self.case.vehicle else self.case.title

    @property
    def sign(self) -> ClockSign:
        """What stands beside its countdown."""
        paused = (self.figures.paused_for or "暂停") if self.outcome == Outcome.PAUSED else ""
        return ClockSign(paused, self.held.unconfirmed_year, self.held.subject_kind == CASE)


@dataclass(frozen=True, slots=True)
class ClockList:
    """One page of the list; `counts` are of late and due today under the same filters."""

    query: ClockQuery
    rows: list[ClockRow]
    part: Part
    choices: Choices
    counts: dict[str, int]


def clock_list(query: ClockQuery, *, actor: Actor) -> ClockList:
    """A page of clocks, the most urgent first. Open work needs `case.view`, how it was kept `report.view`."""
    action, sites = _permitted(query, actor)
    choices = choices_for(query, action, actor=actor)
    now = clock.now()
    part = part_of(_whole(_matching(query, sites, choices.zone, now)), query.page)
    running = open_clocks(query, sites)
    counts = {state: counted(running.filter(in_state(state, choices.zone, now))) for state in (LATE, TODAY)}
    found = list(_rows(part.rows, choices.roles, now))
    return ClockList(replace(query, page=part.number), found, part, choices, counts)


def export_clocks(query: ClockQuery, *, actor: Actor) -> bytes:
    """Exactly the clocks of this view as a workbook. Needs `case.export` besides."""
    action, sites = _permitted(query, actor)
    for site_id in sites:
        actor.require("case.export", site_id)
    choices = choices_for(query, action, actor=actor)
    now = clock.now()
    keys = list(_matching(query, sites, choices.zone, now).values_list("pk", flat=True)[: MAX_EXPORT_ROWS + 1])
    parts = (keys[begin : begin + EXPORT_BATCH] for begin in range(0, len(keys), EXPORT_BATCH))
    cells = (_cells(row) for part in parts for row in _in_order(part, choices.roles, now))
    return export_xlsx(HEADINGS, cells, title=STATES[query.state], zone=choices.zone)


def _permitted(query: ClockQuery, actor: Actor) -> tuple[str, list[int]]:
    action = "case.view" if query.state in OPEN_STATES else "report.view"
    return action, asked_sites(query, action, actor=actor)


def _matching(query: ClockQuery, sites: list[int], zone: ZoneInfo, now: datetime) -> QuerySet[Clock]:
    """Open clocks whenever they started unless a period is asked for; decided ones of a period."""
    shown = in_state(query.state, zone, now)
    periodical = query.since is not None or query.until is not None
    if query.state in OPEN_STATES and not periodical:
        return open_clocks(query, sites).filter(shown).order_by("due_at", "pk")
    _, _, start, end = period(query, zone, usual_days=USUAL_DAYS)
    return filtered(started_clocks(sites, start, end).filter(shown), query).order_by("-started_at", "-pk")


def _in_order(keys: list[int], roles: dict[str, str], now: datetime) -> list[ClockRow]:
    places = {pk: place for place, pk in enumerate(keys)}
    held = list(_whole(Clock.unscoped.filter(pk__in=keys)))
    return sorted(_rows(held, roles, now), key=lambda row: places[row.held.pk])


def _whole(clocks: QuerySet[Clock]) -> QuerySet[Clock]:
    """With what a row tells of its clock."""
    return clocks.select_related("site", "person", "calendar_version").prefetch_related("pauses__by")


def _rows(held: list[Clock], roles: dict[str, str], now: datetime) -> Iterator[ClockRow]:
    """A few queries for any number of clocks."""
    items = (
        WorkItem.unscoped.select_related("instance", "assignee")
        .defer("instance__state")
        .in_bulk([one.subject_id for one in held if one.subject_kind == ITEM])
    )
    case_ids = {one.subject_id for one in held if one.subject_kind == CASE}
    case_ids.update(item.instance.subject_id for item in items.values() if item.instance.subject_kind == CASE)
    cases = Case.unscoped.select_related("vehicle", "technician").in_bulk(case_ids)
    for one in held:
        item = items.get(one.subject_id) if one.subject_kind == ITEM else None
        about = item.instance.subject_id if item is not None else one.subject_id if one.subject_kind == CASE else None
        case = cases.get(about or 0)
        holder = item.assignee if item is not None else case.technician if case is not None else None
        person = one.person if one.stopped_at else holder
        yield ClockRow(
            one,
            figures_of(one, now, list(one.pauses.all())),
            item,
            case,
            "、".join(roles.get(key, key) for key in one.role.split(",") if key),
            person.name if person else "",
            outcome_of(one, now),
        )


def _cells(row: ClockRow) -> tuple[object, ...]:
    held = row.held
    return (
        held.name,
        held.site.name,
        row.case.number if row.case else "",
        row.plate,
        row.what,
        row.roles,
        row.who,
        held.started_at,
        row.figures.due_at,
        held.stopped_at,
        STATES[row.outcome],
        round(held.target_seconds),
        round(row.figures.used_seconds),
        round(row.figures.over_seconds),
        "" if held.stopped_at else provisional_words(held.unconfirmed_year),
    )
