"""离职交接: everything somebody holds, seen first and then handed to one or several successors in one transaction.

Also for somebody who goes on leave and leaves open work behind; then whoever plans duty may do it, for the work only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import site_people
from bihuan.org.duty.models import DayShift, Delegation, StandIn, Superior, WeeklyShift
from bihuan.org.duty.staff import Staff
from bihuan.org.models import Department, PositionHolder, Role, Site
from bihuan.org.people import deactivate_person
from bihuan.processes.models import WorkItem
from bihuan.processes.people import reassign, transfer_item
from bihuan.processes.rows import read_item
from bihuan.records import appointments, cases, custody
from bihuan.records.copies import hand_over_copies, to_confirm
from bihuan.records.models import Appointment, AppointmentStatus, Case, CaseStatus, Custody, HolderKind

SHOWN = 5
LIVE = (WorkItem.Status.OPEN, WorkItem.Status.WAITING)
PENDING = (AppointmentStatus.BOOKED, AppointmentStatus.CHANGED)
WORK_ONLY = "item:"
"""What the keys of open work begin with; their role follows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing somebody holds: how many, some of them by name, and who might take them over (id, name)."""

    key: str
    label: str
    count: int
    samples: tuple[str, ...]
    candidates: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that somebody holds at the present site."""

    person: User
    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)


def holdings_of(user_id: int, *, actor: Actor, work_only: bool = False) -> Holdings:
    """What somebody holds at the actor's present site. About a dozen queries, however much it is."""
    person, site_id = _person(user_id, actor, work_only), actor.site_id or 0
    found = _found(user_id, site_id, work_only)
    staff = Staff(site_id, clock.now())
    everybody = dict(site_people(site_id).exclude(pk=user_id).values_list("pk", "name"))
    roles = dict(Role.objects.values_list("key", "name"))
    parts = []
    for key, names in found.items():
        kind, _, role = key.partition(":")
        fitting = [user for user in staff.with_role(role or _ROLE_OF.get(kind, "")) if user in everybody]
        order = [*fitting, *(user for user in everybody if user not in fitting)]
        label = f"待办（{roles.get(role, role) or '指定人员'}）" if kind == "item" else _LABELS[kind]
        parts.append(Part(key, label, len(names), tuple(names[:SHOWN]), tuple((pk, everybody[pk]) for pk in order)))
    return Holdings(person, tuple(parts))


@transaction.atomic
def hand_over_everything(
    user_id: int, *, to: Mapping[str, int], reason: str, actor: Actor, leaving: bool = False, work_only: bool = False
) -> Holdings:
    """Hand what somebody holds at the present site to successors, by the keys of `holdings_of`; all or nothing.

    With `leaving` every part needs a successor, delegations from and to the person end, and the account is closed.
    Answers what was handed over. Raises BusinessError at the part that has no proper successor.
    """
    before = holdings_of(user_id, actor=actor, work_only=work_only)
    words, site_id = reason.strip(), actor.site_id or 0
    if not words:
        raise BusinessError("请填写交接原因", "reason")
    if len(words) > 200:
        raise BusinessError("交接原因最多 200 个字", "reason")
    for part in before.parts:
        if part.key not in to and leaving:
            raise BusinessError(f"请选择谁接手{part.label}", part.key)
        if part.key in to and to[part.key] not in {pk for pk, _ in part.candidates}:
            raise BusinessError(f"请选择本门店的在职人员接手{part.label}", part.key)
    # The hand-over as a whole is what was permitted; its parts are carried out under the actor's name.
    acting = replace(actor, is_system=True)
    handed = {part.key: to[part.key] for part in before.parts if part.key in to}
    for key, successor in handed.items():
        kind, _, role = key.partition(":")
        _HANDING[kind](_Handing(user_id, successor, site_id, words, acting, role))
    after = {key: {"to": to[key], "count": part.count} for part in before.parts if (key := part.key) in to}
    record(actor_id=actor.user_id, action="person.hand_over", chain=f"user:{user_id}", site_id=site_id,
           data={"reason": words, "parts": after})  # fmt: skip
    _tell(before, handed, site_id, actor)
    if leaving:
        deactivate_person(user_id, reason=words, actor=actor)
        _end_delegations(user_id)
        # From here on nobody can give the person anything; somebody may have done so since we looked.
        if _found(user_id, site_id, work_only=False):
            raise Conflict(f"刚刚又有工作交到{before.person.name}名下，请重新核对后再办理离职")
    return before


@dataclass(frozen=True, slots=True)
class _Handing:
    """One part on its way from one person to another."""

    of: int
    to: int
    site_id: int
    reason: str
    actor: Actor
    role: str

    def items(self) -> Iterable[WorkItem]:
        return WorkItem.unscoped.filter(
            site_id=self.site_id, assignee_id=self.of, status__in=LIVE, role=self.role
        ).order_by("pk")  # fmt: skip


def _person(user_id: int, actor: Actor, work_only: bool) -> User:
    actor.require("roster.manage" if work_only else "admin.people")
    here = PositionHolder.objects.filter(position__site_id=actor.site_id or 0).values("user_id")
    person = User.objects.filter(pk=user_id, pk__in=here).first()
    if person is None:
        raise NotFound("本门店没有这个人员")
    return person


def _found(user_id: int, site_id: int, work_only: bool) -> dict[str, list[str]]:
    """What there is, by key, each thing by name; kinds of which there is nothing are left out."""
    found: dict[str, list[str]] = {}
    items = WorkItem.unscoped.filter(site_id=site_id, assignee_id=user_id, status__in=LIVE)
    for role, name, title in items.order_by("role", "sort_at").values_list("role", "name", "title"):
        found.setdefault(WORK_ONLY + role, []).append(f"{name} {title}".strip())
    if not work_only:
        for key, rows in _LISTS.items():
            names = rows(user_id, site_id)
            if names:
                found[key] = names
    return found


def _open_cases(user_id: int, site_id: int, column: str) -> list[str]:
    rows = Case.objects.at(site_id).filter(status=CaseStatus.OPEN, **{column: user_id})
    return [str(number) for number in rows.order_by("pk").values_list("number", flat=True)]


def _custodies(user_id: int, site_id: int) -> list[str]:
    rows = Custody.objects.at(site_id).filter(holder_kind=HolderKind.USER, holder=str(user_id))
    return [f"{row.get_thing_display()} {row.case.number}" for row in rows.select_related("case").order_by("pk")]


def _copies(user_id: int, site_id: int) -> list[str]:
    # What is only read belongs to the person: of cases of other sites too.
    rows = to_confirm(user_id).order_by("pk")
    what = rows.values_list("step", Coalesce("case__number", "title"))
    return [f"{step} {called}".strip() for step, called in what]


def _bookings(user_id: int, site_id: int) -> list[str]:
    rows = Appointment.objects.at(site_id).filter(technician_id=user_id, status__in=PENDING)
    return [str(number) for number in rows.order_by("starts_at").values_list("number", flat=True)]


def _today() -> Q:
    return Q(until__isnull=True) | Q(until__gte=clock.now().date())


def _shifts(user_id: int, site_id: int) -> list[str]:
    weekly = WeeklyShift.objects.filter(_today(), user_id=user_id, site_id=site_id).select_related("role")
    single = DayShift.objects.filter(user_id=user_id, site_id=site_id, day__gte=clock.now().date(), off=False)
    return [
        *(f"{row.role.name} {row.get_weekday_display()} {row.starts:%H:%M}–{row.ends:%H:%M}" for row in weekly),
        *(f"{row.role.name} {row.day:%m月%d日} {row.starts:%H:%M}" for row in single.select_related("role")),
    ]


def _standing(user_id: int, site_id: int) -> list[str]:
    """Heads, superiors and stand-ins: where others look for this person by name."""
    heads = [
        *Site.objects.filter(pk=site_id, head_id=user_id).values_list("name", flat=True),
        *Department.objects.filter(site_id=site_id, head_id=user_id).values_list("name", flat=True),
    ]
    below = Superior.objects.filter(superior_id=user_id, user_id__in=site_people(site_id).values("pk"))
    posts = StandIn.objects.filter(user_id=user_id, position__site_id=site_id).select_related("position")
    return [
        *(f"{name}负责人" for name in heads),
        *(f"{row.user.name}的上级" for row in below.select_related("user")),
        *(f"{row.position.name}的替补" for row in posts),
    ]


def _hand_items(one: _Handing) -> None:
    for item_id in [item.pk for item in one.items()]:
        held = read_item(item_id)
        if held.is_open:
            transfer_item(item_id, one.to, actor=one.actor, reason=one.reason, check_holder=False)
        else:
            # Resting until others have acted, or while its process stands still: it comes back to the successor.
            reassign(held, one.to, action="item.transfer", actor=one.actor, reason=one.reason)


def _hand_cases(column: str) -> Callable[[_Handing], None]:
    def hand(one: _Handing) -> None:
        rows = Case.objects.at(one.site_id).filter(status=CaseStatus.OPEN, **{column: one.of})
        for case_id in rows.order_by("pk").values_list("pk", flat=True):
            cases.change_case(case_id, actor=one.actor, **{column: one.to})

    return hand


def _hand_custody(one: _Handing) -> None:
    receiver = custody.colleague(User.objects.get(pk=one.to))
    rows = Custody.objects.at(one.site_id).filter(holder_kind=HolderKind.USER, holder=str(one.of))
    for case_id, thing in rows.order_by("pk").values_list("case_id", "thing"):
        custody.hand_over(
            case_id, thing, actor=one.actor, to=receiver, signed_by=receiver.name, note=f"工作交接：{one.reason}"[:200]
        )


def _hand_copies(one: _Handing) -> None:
    hand_over_copies(one.of, one.to, actor=one.actor)


def _hand_bookings(one: _Handing) -> None:
    rows = Appointment.objects.at(one.site_id).filter(technician_id=one.of, status__in=PENDING)
    for booking_id in rows.order_by("pk").values_list("pk", flat=True):
        appointments.change_technician(booking_id, one.to, actor=one.actor)


def _hand_shifts(one: _Handing) -> None:
    today = clock.now().date()
    for row in WeeklyShift.objects.filter(_today(), user_id=one.of, site_id=one.site_id):
        # What took place stays under the old name; from today on the successor's stands beside it.
        if row.since < today:
            WeeklyShift.objects.create(
                site_id=row.site_id, role_id=row.role_id, user_id=one.to, weekday=row.weekday, starts=row.starts,
                ends=row.ends, since=today, until=row.until,
            )  # fmt: skip
            WeeklyShift.objects.filter(pk=row.pk).update(until=today - timedelta(days=1))
        else:
            WeeklyShift.objects.filter(pk=row.pk).update(user_id=one.to)
    theirs = DayShift.objects.filter(user_id=one.to, site_id=one.site_id, day__gte=today)
    taken = set(theirs.values_list("role_id", "day", "starts"))
    for shift in DayShift.objects.filter(user_id=one.of, site_id=one.site_id, day__gte=today):
        if (shift.role_id, shift.day, shift.starts) in taken:
            shift.delete()
        else:
            DayShift.objects.filter(pk=shift.pk).update(user_id=one.to)


def _hand_standing(one: _Handing) -> None:
    Site.objects.filter(pk=one.site_id, head_id=one.of).update(head_id=one.to)
    Department.objects.filter(site_id=one.site_id, head_id=one.of).update(head_id=one.to)
    below = Superior.objects.filter(superior_id=one.of, user_id__in=site_people(one.site_id).values("pk"))
    below.filter(user_id=one.to).delete()
    below.update(superior_id=one.to)
    there = StandIn.objects.filter(user_id=one.to, position__site_id=one.site_id).values("position_id")
    StandIn.objects.filter(user_id=one.of, position_id__in=there).delete()
    StandIn.objects.filter(user_id=one.of, position__site_id=one.site_id).update(user_id=one.to)


def _end_delegations(user_id: int) -> None:
    now = clock.now()
    rows = Delegation.objects.filter(Q(principal_id=user_id) | Q(delegate_id=user_id), ends_at__gt=now)
    rows.filter(starts_at__gt=now).delete()
    rows.update(ends_at=now)


def _tell(before: Holdings, handed: Mapping[str, int], site_id: int, actor: Actor) -> None:
    for successor in sorted(set(handed.values())):
        parts = [part for part in before.parts if handed.get(part.key) == successor]
        body = "，".join(f"{part.label} {part.count} 项" for part in parts)
        about = About(NoticeKind.PEOPLE, site_id=site_id)
        notify_people([successor], f"{actor.name}把{before.person.name}的工作交给了您", body, "/", about)


_LABELS = {
    "advisor": "在办单据（服务顾问）", "technician": "在办单据（维修技师）", "custody": "保管的物品",
    "booking": "待到店预约（指定技师）", "copies": "待确认已阅的抄送",
    "duty": "值班班次", "standing": "负责人、上级与替补",
}  # fmt: skip
_ROLE_OF = {"advisor": "advisor", "technician": "technician", "booking": "technician"}
_LISTS: Mapping[str, Callable[[int, int], list[str]]] = {
    "advisor": lambda user, site: _open_cases(user, site, "advisor_id"),
    "technician": lambda user, site: _open_cases(user, site, "technician_id"),
    "custody": _custodies, "booking": _bookings, "copies": _copies, "duty": _shifts, "standing": _standing,
}  # fmt: skip
_HANDING: Mapping[str, Callable[[_Handing], None]] = {
    "item": _hand_items, "advisor": _hand_cases("advisor_id"), "technician": _hand_cases("technician_id"),
    "custody": _hand_custody, "booking": _hand_bookings, "copies": _hand_copies,
    "duty": _hand_shifts, "standing": _hand_standing,
}  # fmt: skip
