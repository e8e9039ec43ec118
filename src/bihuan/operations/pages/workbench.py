"""The start page: what is there to do now, for whom, until when."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bihuan.kernel import clock
from bihuan.kernel.paging import counted
from bihuan.limits.standing import Standing, standing
from bihuan.notify.models import Notice
from bihuan.notify.notices import notices_of
from bihuan.operations.duty.unattended import unattended_items
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, signs_of
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.org.models import Role, Site
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import InboxItem, inbox
from bihuan.records.copies import unread_copies
from bihuan.records.models import Case, CaseKind, CaseStatus

LIMIT = 100
RECENT_HOURS = 12
RECENT = 8
CASES = 200
NOTICES = 5
GROUPS = (("late", "已超时"), ("soon", "即将超时"), ("today", "今天"), ("later", "之后"))


@dataclass(frozen=True, slots=True)
class Row:
    """One open item: `mine` when it is the person's or of somebody they act for, else it may be taken."""

    item: InboxItem
    case: Case | None
    role: str
    mine: bool
    sign: ClockSign = NO_SIGN
    site: str = ""
    """The site it is at, where that is not the present one."""

    @property
    def whom(self) -> str:
        """How the customer is addressed, else what the item is about."""
        if self.case is not None and self.case.customer is not None:
            return self.case.customer.called
        return ""

    @property
    def plate(self) -> str:
        """The car's plate; for a car not yet registered the one that was noted on arrival."""
        if self.case is None:
            return ""
        return self.case.vehicle.plate if self.case.vehicle else (self.case.title or self.item.title)


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    label: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Step:
    """Something done lately on one of the person's cases."""

    name: str
    who: str
    at: datetime
    case_id: int
    plate: str


@dataclass(frozen=True, slots=True)
class Workbench:
    """`version` changes when anything shown changes except the running time."""

    groups: list[Group]
    counts: dict[str, int]
    more: bool
    in_house: int
    notices: list[Notice] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    version: str = ""
    unattended: int = 0
    """How many open items at the site nobody could do now; for whoever manages cases."""
    copies: int = 0
    """How much was copied to the person, from whatever site, that they have not read."""


def workbench(*, actor: Actor) -> Workbench:
    """The open work of a person at their present site and those below it, grouped by urgency, and what just happened.
    Ten queries."""
    if actor.site_id is None:
        return Workbench([], {}, more=False, in_house=0, copies=unread_copies(actor.user_id or 0).count())
    sites = actor.sites_in_view()
    items = inbox(actor, sites=sites, limit=LIMIT + 1)
    shown = {item.site_id for item in items[:LIMIT]} | {actor.site_id}
    there = Site.objects.in_bulk(shown)
    zone = ZoneInfo(there[actor.site_id].timezone)
    rows = _rows(items[:LIMIT], actor, {pk: site.name for pk, site in there.items() if pk != actor.site_id})
    now = clock.now()
    found: dict[str, list[Row]] = {key: [] for key, _ in GROUPS}
    for row in rows:
        found[_urgency(row, now, zone)].append(row)
    groups = [Group(key, label, found[key]) for key, label in GROUPS if found[key]]
    counts = {key: len(found[key]) for key, _ in GROUPS}
    counts["mine"] = sum(row.mine for row in rows)
    counts["offered"] = len(rows) - counts["mine"]
    in_house = 0
    if actor.can("case.view"):
        cases = Case.objects.at(actor.sites_in_view("case.view"))
        visits = cases.filter(kind=CaseKind.SERVICE_VISIT, status=CaseStatus.OPEN)
        in_house = counted(visits.filter(arrived_at__isnull=False, released_at__isnull=True))
    notices = list(notices_of(actor=actor, unread_only=True)[:NOTICES])
    steps = _recent_steps(actor, now)
    alone = counted(unattended_items(actor)) if actor.can("case.manage") else 0
    copies = counted(unread_copies(actor.user_id or 0))
    version = _version(groups, (in_house, alone, copies), notices, steps)
    return Workbench(groups, counts, len(items) > LIMIT, in_house, notices, steps, version, alone, copies)


def _rows(items: list[InboxItem], actor: Actor, elsewhere: Mapping[int, str]) -> list[Row]:
    case_ids = {item.subject_id for item in items if item.subject_kind == CASE and item.subject_id is not None}
    cases = Case.objects.at({item.site_id for item in items}).select_related("customer", "vehicle").in_bulk(case_ids)
    roles = dict(Role.objects.values_list("key", "name"))
    principals = {one.user_id: one.name for one in actor.acting_for}
    limited = [item for item in items if item.limit_key]
    signs = signs_of({item.subject_id for item in limited if item.subject_id}, [item.id for item in limited])
    return [
        Row(
            item,
            cases.get(item.subject_id or 0),
            f"代{principals[item.assignee_id]}"
            if item.assignee_id in principals
            else "、".join(roles.get(key, key) for key in item.role.split(",") if key),
            item.assignee_id is not None,
            signs.of(item, item.subject_id),
            elsewhere.get(item.site_id, ""),
        )
        for item in items
    ]


def _urgency(row: Row, now: datetime, zone: ZoneInfo) -> str:
    """Work without a limit belongs to today: it is open now."""
    due = row.item.due_at
    stands = standing(due, row.item.warn_at, now, paused=bool(row.sign.paused))
    if stands in (Standing.LATE, Standing.SOON):
        return stands.value
    if due is None or stands == Standing.PAUSED:
        return "today"
    return "today" if due.astimezone(zone).date() <= now.astimezone(zone).date() else "later"


def _recent_steps(actor: Actor, now: datetime) -> list[Step]:
    """The newest steps others and I completed on the newest cases I answer for, else those I completed myself."""
    sites = actor.sites_in_view()
    present = Case.objects.at(sites).filter(status=CaseStatus.OPEN).order_by("-opened_at").values_list("pk", flat=True)
    mine = [*present.filter(advisor=actor.user_id)[:CASES], *present.filter(technician=actor.user_id)[:CASES]]
    done = WorkItem.objects.at(sites).filter(
        status=WorkItem.Status.DONE, completed_at__gte=now - timedelta(hours=RECENT_HOURS)
    )
    of_mine = done.filter(instance__subject_kind=CASE, instance__subject_id__in=mine)
    own = done.filter(completed_by_id=actor.user_id, instance__subject_kind=CASE)
    chosen = (of_mine.values_list("pk", flat=True).order_by("-completed_at")[:RECENT],
              own.values_list("pk", flat=True).order_by("-completed_at")[:RECENT])  # fmt: skip
    ids = {pk for part in chosen for pk in part}
    rows = WorkItem.unscoped.filter(pk__in=ids).select_related("completed_by", "instance").order_by("-completed_at")
    return [
        Step(
            row.name,
            row.completed_by.name if row.completed_by else "系统",
            row.completed_at,
            row.instance.subject_id,
            row.title,
        )
        for row in rows[:RECENT]
    ]


def _version(groups: Iterable[Group], numbers: tuple[int, ...], notices: list[Notice], steps: list[Step]) -> str:
    seen = [
        str([(group.key, [(row.item.id, row.mine, row.sign, row.whom, row.plate) for row in group.rows])])
        for group in groups
    ]
    seen += [
        str(numbers),
        str([one.pk for one in notices]),
        str([(one.name, one.at) for one in steps]),
    ]
    return hashlib.sha256("|".join(seen).encode()).hexdigest()[:16]
