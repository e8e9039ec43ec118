"""What hangs on the wall: the workshop's cars and the hotline's calls, for everybody who passes.

Nothing here names a customer: plates have their middle covered, work is told by its step, staff by surname.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.limits.standing import URGENCY, Standing, standing
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, ClockSigns, open_work
from bihuan.operations.pages.progress import covered_plate
from bihuan.org.models import Site
from bihuan.processes.models import WorkItem
from bihuan.records.calls import AnswerCounts, answer_counts
from bihuan.records.models import CallLog, Case, CaseKind, CaseStatus

MAX_ROWS = 80
STALE_RINGING = timedelta(minutes=10)
HOTLINE_KINDS = (CaseKind.OUTREACH, CaseKind.APPOINTMENT, CaseKind.FOLLOW_UP, CaseKind.COMPLAINT)


@dataclass(frozen=True, slots=True)
class WallRow:
    """One line on the wall."""

    where: str
    what: str
    step: str
    who: str
    state: Standing
    due: datetime | None = None
    warn: datetime | None = None
    sign: ClockSign = NO_SIGN


@dataclass(frozen=True, slots=True)
class WorkshopBoard:
    """The cars in the house and how they stand. Done today are those whose repair ended since midnight."""

    rows: list[WallRow]
    in_house: int
    in_work: int
    late: int
    soon: int
    done_today: int
    version: str


@dataclass(frozen=True, slots=True)
class HotlineBoard:
    """Today's calls, what rings and is talked about now, and the telephone work with limits."""

    rows: list[WallRow]
    calls: AnswerCounts
    ringing: list[datetime]
    talking: int
    late: int
    soon: int
    version: str


def workshop_board(site: Site) -> WorkshopBoard:
    """The workshop's board of a site. Four queries."""
    now = clock.now()
    visits = Case.objects.at(site.pk).filter(kind=CaseKind.SERVICE_VISIT, arrived_at__isnull=False)
    in_house = visits.filter(status=CaseStatus.OPEN, released_at__isnull=True)
    cases = list(in_house.select_related("vehicle", "technician").order_by("arrived_at", "pk")[:MAX_ROWS])
    steps, signs = open_work(site.pk, [case.pk for case in cases])
    rows = [_workshop_row(case, steps.get(case.pk), signs, now) for case in cases]
    counts = Counter(row.state for row in rows)
    in_work = sum(case.work_started_at is not None and case.work_done_at is None for case in cases)
    done_today = visits.filter(work_done_at__gte=_midnight(site, now)).count()
    return WorkshopBoard(
        rows=_sorted(rows),
        in_house=len(cases),
        in_work=in_work,
        late=counts[Standing.LATE],
        soon=counts[Standing.SOON],
        done_today=done_today,
        version=_version(rows, in_work, done_today),
    )


def hotline_board(site: Site) -> HotlineBoard:
    """The hotline's board of a site. Five queries."""
    now = clock.now()
    calls = answer_counts([site.pk], _midnight(site, now), now + timedelta(days=1))
    live = CallLog.objects.at(site.pk).filter(
        Q(outcome="ringing", direction="in", ringing_at__gte=now - STALE_RINGING) | Q(outcome="answered"),
        ended_at__isnull=True, ringing_at__gte=now - timedelta(hours=12),
    )  # fmt: skip
    states = list(live.order_by("ringing_at").values_list("outcome", "ringing_at"))
    ringing = [at for outcome, at in states if outcome == "ringing"]
    open_cases = Case.objects.at(site.pk).filter(kind__in=HOTLINE_KINDS, status=CaseStatus.OPEN)
    cases = list(open_cases.order_by("opened_at", "pk")[: MAX_ROWS * 5])
    steps, signs = open_work(site.pk, [case.pk for case in cases])
    found = [_hotline_row(case, steps[case.pk], signs, now) for case in cases if case.pk in steps]
    rows = _sorted(row for row in found if row.due is not None or row.state == Standing.PAUSED)[:MAX_ROWS]
    counts = Counter(row.state for row in found)
    return HotlineBoard(
        rows=rows,
        calls=calls,
        ringing=ringing,
        talking=len(states) - len(ringing),
        late=counts[Standing.LATE],
        soon=counts[Standing.SOON],
        version=_version(rows, calls, states),
    )


def _workshop_row(case: Case, item: WorkItem | None, signs: ClockSigns, now: datetime) -> WallRow:
    assignee = item.assignee if item is not None else None
    row = WallRow(
        where=case.bay or "—",
        what=covered_plate(case.vehicle.plate if case.vehicle else case.title),
        step=item.name if item else "等待下一步",
        who=_called(assignee or case.technician, case),
        state=Standing.NONE,
    )
    return row if item is None else _with_limit(row, case, item, signs, now)


def _called(person: User | None, case: Case) -> str:
    """赵师傅, 李顾问: enough among colleagues, not a name."""
    if person is None:
        return ""
    word = {case.technician_id: "师傅", case.advisor_id: "顾问"}.get(person.pk, "同事")
    return f"{person.name[:1]}{word}"


def _hotline_row(case: Case, item: WorkItem, signs: ClockSigns, now: datetime) -> WallRow:
    row = WallRow(case.kind_label, case.number[-9:], item.name, _called(item.assignee, case), Standing.NONE)
    return _with_limit(row, case, item, signs, now)


def _with_limit(row: WallRow, case: Case, item: WorkItem, signs: ClockSigns, now: datetime) -> WallRow:
    sign = signs.of(item, case.pk)
    state = standing(item.due_at, item.warn_at, now, paused=bool(sign.paused))
    # Why it waits is nobody's business but the colleagues'.
    shown = replace(sign, paused="等待中" if sign.paused else "")
    return replace(row, state=state, due=item.due_at, warn=item.warn_at, sign=shown)


def _sorted(rows: Iterable[WallRow]) -> list[WallRow]:
    return sorted(rows, key=lambda row: (URGENCY.index(row.state), row.due.timestamp() if row.due else 0))


def _midnight(site: Site, now: datetime) -> datetime:
    zone = ZoneInfo(site.timezone)
    return datetime.combine(now.astimezone(zone).date(), time(), zone)


def _version(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
