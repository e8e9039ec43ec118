"""What the duty screens show: one's own leave and delegations, the roster of a week, what a manager decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Count

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import MANAGE, site_people
from bihuan.org.duty.delegation import delegations_at, delegations_of
from bihuan.org.duty.leave import Span, leaves_at, leaves_of
from bihuan.org.duty.models import Delegation, Leave
from bihuan.org.duty.presence import on_duty_at
from bihuan.org.duty.roster import Shift
from bihuan.org.duty.shifts import WEEK, Week, monday_of, roles_with_duty, week_of
from bihuan.org.models import Role, Site
from bihuan.org.roles import people_with_role
from bihuan.processes.models import Definition, WorkItem

Named = tuple[int, str]


@dataclass(frozen=True, slots=True)
class LeaveRow:
    """A leave as a line: `when` in half days; what its person still holds, while that matters."""

    leave: Leave
    when: str
    open_items: int

    @property
    def is_over(self) -> bool:
        return self.leave.ends_at <= clock.now()

    @property
    def can_cancel(self) -> bool:
        return not self.is_over and self.leave.status in (Leave.Status.REQUESTED, Leave.Status.APPROVED)


@dataclass(frozen=True, slots=True)
class DelegationRow:
    """A delegation with the names of its role and process ("" for every one)."""

    held: Delegation
    role: str
    process: str

    @property
    def is_running(self) -> bool:
        return self.held.starts_at <= clock.now() < self.held.ends_at


@dataclass(frozen=True, slots=True)
class MyDuty:
    """One's own page: leave, what one gives and takes over, and what a form may choose from."""

    leaves: list[LeaveRow]
    given: list[DelegationRow]
    taken: list[DelegationRow]
    colleagues: list[Named]
    roles: list[Role]
    processes: list[tuple[str, str]]
    open_items: int
    today: date


def my_duty(*, actor: Actor) -> MyDuty:
    """The page of the signed-in person; a fixed number of queries."""
    site_id, user_id = _place(actor)
    zone = _zone(site_id)
    rows = delegations_of(user_id, actor=actor)
    roles = {role.key: role for role in Role.objects.order_by("pk")}
    processes = dict(Definition.objects.order_by("pk").values_list("current__process_id", "current__name"))
    shown = [_delegation(row, roles, processes) for row in rows]
    held = WorkItem.objects.at(site_id).filter(status=WorkItem.Status.OPEN, assignee_id=user_id).count()
    return MyDuty(
        leaves=[
            LeaveRow(one, str(Span.of(one.starts_at, one.ends_at, zone)), held)
            for one in leaves_of(user_id, actor=actor)
        ],
        given=[one for one in shown if one.held.principal_id == user_id],
        taken=[one for one in shown if one.held.delegate_id == user_id],
        colleagues=list(site_people(site_id).exclude(pk=user_id).values_list("pk", "name")),
        roles=[roles[key] for key in sorted(actor.own_roles_at(site_id)) if key in roles],
        processes=[(key, name) for key, name in processes.items() if key],
        open_items=held,
        today=clock.now().astimezone(zone).date(),
    )


@dataclass(frozen=True, slots=True)
class RosterPage:
    """The week of a role, with the roles to switch between and the people who can be put on duty."""

    week: Week
    roles: list[Role]
    people: list[Named]
    today: date
    now: datetime
    may_plan: bool

    @property
    def before(self) -> date:
        return self.week.days[0] - WEEK

    @property
    def after(self) -> date:
        return self.week.days[0] + WEEK

    def is_running(self, shift: Shift) -> bool:
        """Whether it takes place at this moment and its person is there."""
        return shift.covers(self.now) and shift.name not in self.week.away.get(shift.day, ())


def roster_page(role_key: str, day: date | None, *, actor: Actor) -> RosterPage | None:
    """The roster of a role in the week of a day; without a key of a role of one's own that has one, else of the first
    that has. None before any role."""
    site_id, _ = _place(actor)
    zone = _zone(site_id)
    may_plan = actor.can(MANAGE)
    roles = list(Role.objects.order_by("pk")) if may_plan else roles_with_duty(site_id)
    chosen = next((role for role in roles if role.key == role_key), None)
    if chosen is None:
        kept = roles_with_duty(site_id) if may_plan else roles
        own = actor.roles_at(site_id)
        chosen = next((role for role in kept if role.key in own), None) or next(iter(kept or roles), None)
    if chosen is None:
        return None
    now = clock.now()
    today = now.astimezone(zone).date()
    week = week_of(site_id, chosen.key, monday_of(day or today), actor=actor)
    people: list[Named] = []
    if may_plan:
        fitting = dict(people_with_role(chosen.key, site_id).values_list("pk", "name"))
        others = site_people(site_id).exclude(pk__in=fitting).values_list("pk", "name")
        people = [*fitting.items(), *others]
    return RosterPage(week, roles, people, today, now, may_plan)


def on_duty_now(*, actor: Actor) -> list[tuple[str, list[str]]]:
    """Who is on duty at the present site by role, names in order; roles without a roster are left out. Five queries."""
    if actor.site_id is None:
        return []
    there = {role: people for (_, role), people in on_duty_at([actor.site_id], clock.now()).items()}
    names = dict(
        User.objects.filter(pk__in={one for people in there.values() for one in people}).values_list("pk", "name")
    )
    roles = Role.objects.filter(key__in=there).order_by("pk").values_list("key", "name")
    return [(name, [names[one] for one in sorted(there[key])]) for key, name in roles]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What whoever plans duty decides: leave asked for, and who is away or acts for whom."""

    asked: list[LeaveRow]
    coming: list[LeaveRow]
    delegations: list[DelegationRow]
    people: list[Named]
    today: date


def decisions(*, actor: Actor) -> Decisions:
    """The page of whoever plans duty at the present site; a fixed number of queries."""
    site_id, user_id = _place(actor)
    zone = _zone(site_id)
    leaves = leaves_at(site_id, actor=actor)
    held = dict(
        WorkItem.objects.at(site_id)
        .filter(status=WorkItem.Status.OPEN, assignee_id__in={one.user_id for one in leaves})
        .values_list("assignee_id")
        .annotate(held=Count("pk"))
    )
    rows = [_leave(one, zone, held.get(one.user_id, 0)) for one in leaves]
    roles = {role.key: role for role in Role.objects.all()}
    processes = dict(Definition.objects.values_list("current__process_id", "current__name"))
    return Decisions(
        asked=[row for row in rows if row.leave.status == Leave.Status.REQUESTED],
        coming=[row for row in rows if row.leave.status == Leave.Status.APPROVED],
        delegations=[_delegation(one, roles, processes) for one in delegations_at(site_id, actor=actor)],
        people=list(site_people(site_id).exclude(pk=user_id).values_list("pk", "name")),
        today=clock.now().astimezone(zone).date(),
    )


def _leave(row: Leave, zone: ZoneInfo, open_items: int) -> LeaveRow:
    return LeaveRow(row, str(Span.of(row.starts_at, row.ends_at, zone)), open_items)


def _delegation(row: Delegation, roles: dict[str, Role], processes: dict[str, str]) -> DelegationRow:
    role = roles[row.role_key].name if row.role_key in roles else row.role_key
    return DelegationRow(row, role, processes.get(row.process_key) or row.process_key)


def _place(actor: Actor) -> tuple[int, int]:
    if actor.site_id is None or actor.user_id is None:
        raise BusinessError("您在任何门店都没有岗位，请联系系统管理员")
    return actor.site_id, actor.user_id


def _zone(site_id: int) -> ZoneInfo:
    return ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))
