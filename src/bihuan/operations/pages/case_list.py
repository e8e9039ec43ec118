"""The list of cases with its filters, and the same rows for a workbook."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.paging import Part, part_of
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, ClockSigns, signs_of
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.processes.models import WorkItem
from bihuan.records.cases import kind_choices
from bihuan.records.exporting import MAX_EXPORT_ROWS, export_xlsx
from bihuan.records.lookup import prefix
from bihuan.records.models import Case, CaseStatus, Customer, Vehicle
from bihuan.records.search_keys import digits, mirrored, plain, plate_key

MATCHES = 300
LOOKED_THROUGH = 1000
ORDERS = {"opened": "opened_at", "number": "number", "promised": "agreed_done_at"}
HEADINGS = (
    "单号", "类型", "状态", "车牌", "车型", "客户", "服务顾问", "维修技师", "开单时间", "约定完工", "完工章",
    "关单时间", "门店",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """What the list shows: filters, order (`-opened`: newest first) and page, as they stand in the address."""

    kind: str = ""
    status: str = CaseStatus.OPEN
    advisor: int | None = None
    site: int | None = None
    since: date | None = None
    until: date | None = None
    search: str = ""
    order: str = "-opened"
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> CaseQuery:
        """The query of an address; what makes no sense is left out rather than refused."""
        status, order = params.get("status", CaseStatus.OPEN), params.get("order", "-opened")
        kind, page = str(params.get("kind", "")), str(params.get("page", "1"))
        return cls(
            kind=kind if kind.isidentifier() and len(kind) <= 60 else "",
            status=status if status in (*CaseStatus.values, "") else CaseStatus.OPEN,
            advisor=_number(params.get("advisor")),
            site=_number(params.get("site")),
            since=_day(params.get("since")),
            until=_day(params.get("until")),
            search=plain(str(params.get("q", "")))[:60],
            order=order if order.removeprefix("-") in ORDERS else "-opened",
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self, **changed: Any) -> str:
        """The address of this view with something changed; a change goes back to the first page."""
        other = replace(self, **{"page": 1, **changed})
        parts = {
            "kind": other.kind,
            "status": other.status if other.status != CaseStatus.OPEN else None,
            "advisor": other.advisor or "",
            "site": other.site or "",
            "since": other.since.isoformat() if other.since else "",
            "until": other.until.isoformat() if other.until else "",
            "q": other.search,
            "order": other.order if other.order != "-opened" else "",
            "page": other.page if other.page > 1 else "",
        }
        return urlencode({key: value for key, value in parts.items() if value or (key == "status" and value == "")})


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with what is open on it now."""

    case: Case
    steps: list[WorkItem]
    signs: ClockSigns

    @property
    def pressing(self) -> WorkItem | None:
        """The open step whose limit runs out first; one that stands still only when none runs."""
        limited = [item for item in self.steps if item.due_at is not None or self._sign(item).paused]
        urgency = {item.pk: (bool(self._sign(item).paused), item.due_at or item.sort_at, item.pk) for item in limited}
        return min(limited, key=lambda item: urgency[item.pk], default=None)

    @property
    def sign(self) -> ClockSign:
        """What stands beside that limit."""
        return self._sign(self.pressing) if self.pressing else NO_SIGN

    def _sign(self, item: WorkItem) -> ClockSign:
        return self.signs.of(item, self.case.pk)


@dataclass(frozen=True, slots=True)
class CaseList:
    """One page of the list; `sites` are those whose cases it can show, where they are several."""

    query: CaseQuery
    rows: list[CaseRow]
    part: Part
    cut: bool
    advisors: list[User]
    kinds: list[tuple[str, str]]
    sites: dict[int, str]

    @property
    def advisor_name(self) -> str:
        return next((user.name for user in self.advisors if user.pk == self.query.advisor), "")


def case_list(query: CaseQuery, *, actor: Actor) -> CaseList:
    """A page of the cases at the actor's site and those below it. Eleven queries at most, a few more to find words."""
    sites = actor.sites_in_view("case.view")
    matching, cut = _matching(query, actor, sites)
    part = part_of(matching, query.page)
    steps: dict[int, list[WorkItem]] = {case.pk: [] for case in part.rows}
    present = WorkItem.objects.at(sites).filter(
        status=WorkItem.Status.OPEN, instance__subject_kind=CASE, instance__subject_id__in=list(steps)
    )
    for item in present.select_related("instance", "assignee").order_by("sort_at", "pk"):
        steps[item.instance.subject_id].append(item)
    answering = Case.objects.at(sites).filter(advisor=OuterRef("pk"))
    advisors = list(User.objects.filter(Exists(answering)).order_by("name")[:200])
    signs = signs_of(list(steps), [item.pk for items in steps.values() for item in items])
    rows = [CaseRow(case, steps[case.pk], signs) for case in part.rows]
    below = Site.objects.filter(pk__in=sites if len(sites) > 1 else ()).order_by("path")
    names = dict(below.values_list("pk", "name"))
    return CaseList(replace(query, page=part.number), rows, part, cut, advisors, kind_choices(), names)


def export_cases(query: CaseQuery, *, actor: Actor) -> bytes:
    """Exactly the rows of this view as a workbook, as far as they may be exported. Needs `case.export`."""
    actor.require("case.export")
    zone = _zone(actor)
    sites = actor.sites_in_view("case.export") & actor.sites_in_view("case.view")
    rows = _matching(query, actor, sites)[0].select_related("site")[: MAX_EXPORT_ROWS + 1]
    cells = (
        (
            case.number,
            case.kind_label,
            case.get_status_display(),
            case.vehicle.plate if case.vehicle else "",
            case.vehicle.label if case.vehicle else "",
            case.customer.name if case.customer else "",
            case.advisor.name if case.advisor else "",
            case.technician.name if case.technician else "",
            case.opened_at,
            case.agreed_done_at,
            case.get_stamp_display() if case.stamp else "",
            case.closed_at,
            case.site.name,
        )
        for case in rows
    )
    return export_xlsx(HEADINGS, cells, title="业务单据", zone=zone)


def _matching(query: CaseQuery, actor: Actor, sites: frozenset[int]) -> tuple[QuerySet[Case], bool]:
    """The cases of the view in its order, and whether the words fit more than were looked at."""
    if actor.site_id is None:
        raise BusinessError("请先选择门店")
    actor.require("case.view")
    rows: QuerySet[Case] = Case.objects.at(sites & {query.site} if query.site else sites)
    if query.kind:
        rows = rows.filter(kind=query.kind)
    if query.status:
        rows = rows.filter(status=query.status)
    if query.advisor:
        rows = rows.filter(advisor_id=query.advisor)
    if query.since or query.until:
        rows = rows.filter(_between(query, _zone(actor)))
    cut = False
    if query.search:
        named = named_by(query.search, rows, sites)
        rows, cut = rows.filter(pk__in=named.cases), named.cut
    column = ORDERS[query.order.removeprefix("-")]
    down = "-" if query.order.startswith("-") else ""
    related = rows.select_related("customer", "vehicle", "advisor", "technician")
    return related.order_by(f"{down}{column}", f"{down}pk"), cut


def _number(value: Any) -> int | None:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 12 else None


def _between(query: CaseQuery, zone: ZoneInfo) -> Q:
    found = Q()
    if query.since:
        found &= Q(opened_at__gte=datetime.combine(query.since, time(), zone))
    if query.until:
        found &= Q(opened_at__lt=datetime.combine(query.until + timedelta(days=1), time(), zone))
    return found


@dataclass(frozen=True, slots=True)
class Named:
    """The numbers of the cases found by a text; `cut` says that more fit than were looked at."""

    cases: list[int]
    cut: bool


def named_by(text: str, rows: QuerySet[Case], site_ids: Collection[int]) -> Named:
    """Cases by number, plate, name, end of a telephone number, or what they are about, `rows` being those in question.

    Each by the start of an indexed key, at most MATCHES of each, among all of the sites, so that a million cases cost
    no more than a thousand. Where a text fits more than that, those of the newest `rows` come before all others.
    """
    everywhere = Case.objects.at(site_ids)
    number = text.upper()
    ways = [Case.unscoped.filter(prefix("number", number)), everywhere.filter(prefix("title", text))]
    if key := plate_key(text):
        cars = Vehicle.objects.filter(prefix("plate_key", key) | prefix("plate_mirrored", mirrored(key)))
        ways.append(everywhere.filter(vehicle_id__in=_numbers(cars)))
    people = prefix("name", text)
    if len(digits(text)) >= 4:
        people |= prefix("phone_mirrored", mirrored(digits(text)))
    ways.append(everywhere.filter(customer_id__in=_numbers(Customer.objects.filter(people))))
    found = [_numbers(way) for way in ways]
    if cut := any(len(some) >= MATCHES for some in found):
        newest = rows.order_by("-opened_at", "-pk").values_list("pk", "number", "title")[:LOOKED_THROUGH]
        found.append([pk for pk, own, title in newest if own.startswith(number) or title.startswith(text)])
    return Named([pk for some in found for pk in some], cut)


def _numbers(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:MATCHES])


def _zone(actor: Actor) -> ZoneInfo:
    return ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=actor.site_id or 0))


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
