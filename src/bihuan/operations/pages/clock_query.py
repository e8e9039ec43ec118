"""Which clocks a list or report is about, as it stands in its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.limits.models import Clock
from bihuan.limits.report import NOBODY, By, Outcome, counting_as, held_by, over
from bihuan.operations.desk.answering import CALL
from bihuan.operations.surroundings import CASE, ITEM
from bihuan.org.actor import Actor
from bihuan.org.models import PositionHolder, Role, Site
from bihuan.processes.models import WorkItem
from bihuan.processes.version_limits import limits_in_force
from bihuan.records.models import Case, CaseStatus

MAX_DAYS = 400
EVERYWHERE = "all"
LATE, TODAY = "late", "today"
STATES: Mapping[str, str] = {
    LATE: "已超时",
    TODAY: "今天到期",
    Outcome.RUNNING: "进行中",
    Outcome.PAUSED: "暂停中",
    Outcome.MET: "按时",
    Outcome.MISSED: "超时",
    Outcome.CANCELLED: "撤销",
}
"""What a list may show. The first four are about open work, the others about how well limits were kept."""

WITHOUT_ROLE = {f"{NOBODY}{CASE}": "整张单据", f"{NOBODY}{CALL}": "来电", f"{NOBODY}{ITEM}": "未指定角色"}
"""What clocks that name no role are listed under."""

OPEN_STATES = (LATE, TODAY, Outcome.RUNNING.value, Outcome.PAUSED.value)


@dataclass(frozen=True, slots=True)
class ClockQuery:
    """Filters, grouping (`by`) and page. `site` is "" for the present one, "all", or a number; days are local."""

    state: str = LATE
    by: str = By.LIMIT
    site: str = ""
    key: str = ""
    role: str = ""
    person: int | None = None
    since: date | None = None
    until: date | None = None
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> ClockQuery:
        """The query of an address; what makes no sense is left out rather than refused."""
        state, by = str(params.get("state", LATE)), str(params.get("by", By.LIMIT))
        return cls(
            state=state if state in STATES else LATE,
            by=by if by in list(By) else By.LIMIT.value,
            site=EVERYWHERE if params.get("site") == EVERYWHERE else str(_number(params.get("site")) or ""),
            key=str(params.get("key", ""))[:64],
            role=str(params.get("role", ""))[:64],
            person=_number(params.get("person")),
            since=_day(params.get("since")),
            until=_day(params.get("until")),
            page=_number(params.get("page")) or 1,
        )

    def address(self, **changed: Any) -> str:
        """The address of this view with something changed; a change goes back to the first page."""
        other = replace(self, **{"page": 1, **changed})
        parts = {
            "state": other.state if other.state != LATE else "",
            "by": other.by if other.by != By.LIMIT else "",
            "site": other.site,
            "key": other.key,
            "role": other.role,
            "person": other.person,
            "since": other.since.isoformat() if other.since else "",
            "until": other.until.isoformat() if other.until else "",
            "page": other.page if other.page > 1 else "",
        }
        return urlencode({key: value for key, value in parts.items() if value})


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen in the filters, and the zone of the days."""

    sites: list[Site]
    limits: dict[str, str]
    roles: dict[str, str]
    people: dict[int, str]
    zone: ZoneInfo


def asked_sites(query: ClockQuery, action: str, *, actor: Actor) -> list[int]:
    """The sites the query is about: without one named, the present one and those below it.

    Raises NotAllowed unless the actor may do the action there.
    """
    if actor.site_id is None:
        raise BusinessError("请先选择门店")
    if query.site == EVERYWHERE:
        actor.require(action)
        return sorted(actor.sites_allowing(action))
    if query.site:
        actor.require(action, int(query.site))
        return [int(query.site)]
    actor.require(action)
    return sorted(actor.sites_in_view(action)) or [actor.site_id]


def choices_for(query: ClockQuery, action: str, *, actor: Actor) -> Choices:
    """Three queries: sites, roles, people with a post at the sites asked about; the limits are the rule book's."""
    sites = list(Site.objects.filter(pk__in=actor.sites_allowing(action)).order_by("path"))
    asked = asked_sites(query, action, actor=actor)
    held = PositionHolder.objects.filter(position__site_id__in=asked, until__isnull=True).values("user_id")
    people = User.objects.filter(Q(pk__in=held) | Q(pk=query.person or 0)).order_by("name", "pk")
    zone = next((site.timezone for site in sites if site.pk == actor.site_id), "Asia/Shanghai")
    return Choices(
        sites=sites,
        limits={key: limit.name for key, limit in limits_in_force().items()},
        roles={**dict(Role.objects.order_by("pk").values_list("key", "name")), **WITHOUT_ROLE},
        people=dict(people.values_list("pk", "name")),
        zone=ZoneInfo(zone),
    )


def filtered(rows: QuerySet[Clock], query: ClockQuery) -> QuerySet[Clock]:
    """Of these clocks those of the limit, role and person asked for; a person's are those they stopped."""
    if query.key:
        rows = rows.filter(key=query.key)
    if query.role:
        rows = rows.filter(held_by(query.role))
    return rows.filter(person_id=query.person) if query.person else rows


def open_clocks(query: ClockQuery, sites: list[int]) -> QuerySet[Clock]:
    """The clocks that have not stopped, under the same filters; here a person's are those whose work they hold."""
    rows = filtered(Clock.objects.at(sites).filter(stopped_at__isnull=True), replace(query, person=None))
    if not query.person:
        return rows
    items = WorkItem.objects.at(sites).filter(status=WorkItem.Status.OPEN, assignee_id=query.person)
    cases = Case.objects.at(sites).filter(status=CaseStatus.OPEN, technician_id=query.person)
    return rows.filter(
        Q(subject_kind=ITEM, subject_id__in=items.values("pk"))
        | Q(subject_kind=CASE, subject_id__in=cases.values("pk"))
    )


def in_state(state: str, zone: ZoneInfo, now: datetime) -> Q:
    """The condition for what a list shows; today ends at midnight of the zone."""
    if state == LATE:
        return over(now)
    if state == TODAY:
        tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
        return Q(stopped_at__isnull=True, due_at__gte=now, due_at__lt=tomorrow)
    return counting_as(Outcome(state), now)


def period(query: ClockQuery, zone: ZoneInfo, *, usual_days: int) -> tuple[date, date, datetime, datetime]:
    """First and last local day (both included) and the moments they begin and end; the last days unless told.

    Raises BusinessError for a period that ends before it begins or is longer than 400 days.
    """
    last = query.until or clock.now().astimezone(zone).date()
    first = query.since or last - timedelta(days=usual_days - 1)
    if not 0 <= (last - first).days <= MAX_DAYS:
        raise BusinessError(f"开始日期不能晚于结束日期，且最多 {MAX_DAYS} 天", "since")
    return first, last, datetime.combine(first, time(), zone), datetime.combine(last + timedelta(days=1), time(), zone)


def _number(text: Any) -> int | None:
    found = str(text or "")
    return int(found) if found.isdecimal() and len(found) < 12 and int(found) else None


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
