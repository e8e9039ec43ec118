"""Asking for leave, entering and deciding it, by half days of the person's site (请假)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import MANAGE, in_order, log, person_at, require_self_or_manager, short_text
from bihuan.org.duty.models import Leave
from bihuan.org.models import Site

NOON = time(12)
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Span:
    """From a day (or its noon) to a day (or its noon), both included: 11月24日下午 至 11月26日上午."""

    first: date
    last: date
    from_noon: bool = False
    to_noon: bool = False

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when to when, UTC."""
        starts = datetime.combine(self.first, NOON if self.from_noon else time(0), tzinfo=zone)
        last = self.last if self.to_noon else self.last + timedelta(days=1)
        ends = datetime.combine(last, NOON if self.to_noon else time(0), tzinfo=zone)
        return starts.astimezone(UTC), ends.astimezone(UTC)

    @classmethod
    def of(cls, starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> Span:
        """The half days between two moments."""
        first, last = starts_at.astimezone(zone), ends_at.astimezone(zone)
        to_noon = last.time() == NOON
        day = last.date() if to_noon else last.date() - timedelta(days=1)
        return cls(first.date(), day, first.time() == NOON, to_noon)

    def __str__(self) -> str:
        half = "下午" if self.from_noon else ""
        if self.first == self.last:
            return f"{self.first:%m月%d日}{half or ('上午' if self.to_noon else '')}"
        return f"{self.first:%m月%d日}{half} 至 {self.last:%m月%d日}{'上午' if self.to_noon else ''}"


@transaction.atomic
def request_leave(
    span: Span, *, actor: Actor, kind: str = Leave.Kind.ANNUAL, reason: str = "", user_id: int | None = None
) -> Leave:
    """Ask for leave for oneself; whoever plans duty enters it for somebody, and then it is approved at once.

    Refused where it overlaps leave that is asked for or approved.
    """
    site_id, who = actor.site_id or 0, user_id if user_id is not None else actor.user_id
    if who is None:
        raise BusinessError("请选择人员", "user")
    own = who == actor.user_id
    require_self_or_manager(who, site_id, actor)
    if kind not in Leave.Kind.values:
        raise BusinessError("请选择请假类别", "kind")
    person = person_at(site_id, who, field="user", lock=True)
    zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))
    starts_at, ends_at = span.moments(zone)
    in_order(starts_at, ends_at)
    if ends_at - starts_at > LONGEST:
        raise BusinessError("一次请假最多一年", "ends")
    clash = _standing(who).filter(starts_at__lt=ends_at, ends_at__gt=starts_at).first()
    if clash is not None:
        raise Conflict(f"{person.name}在 {Span.of(clash.starts_at, clash.ends_at, zone)} 已有请假", "starts")
    made = Leave.objects.create(
        user=person, site_id=site_id, kind=kind, starts_at=starts_at, ends_at=ends_at,
        reason=short_text(reason, "reason"),
        status=Leave.Status.REQUESTED if own else Leave.Status.APPROVED,
        decided_by_id=None if own else actor.user_id, decided_at=None if own else clock.now(),
    )  # fmt: skip
    log("leave.request" if own else "leave.enter", actor, user_id=who, site_id=site_id, after=_shown(made))
    return made


@transaction.atomic
def decide_leave(leave_id: int, *, approve: bool, actor: Actor) -> Leave:
    """Approve or refuse a request; one's own is decided by somebody else."""
    leave = _leave(leave_id)
    actor.require(MANAGE, leave.site_id)
    if leave.user_id == actor.user_id:
        raise BusinessError("自己的请假由别人批准")
    if leave.status != Leave.Status.REQUESTED:
        raise Conflict(f"这次请假{leave.get_status_display()}")
    status = Leave.Status.APPROVED if approve else Leave.Status.REFUSED
    leave.status, leave.decided_by_id, leave.decided_at = status, actor.user_id, clock.now()
    leave.save(update_fields=["status", "decided_by", "decided_at"])
    log(f"leave.{'approve' if approve else 'refuse'}", actor, user_id=leave.user_id, site_id=leave.site_id,
        after=_shown(leave))  # fmt: skip
    return leave


@transaction.atomic
def cancel_leave(leave_id: int, *, actor: Actor) -> Leave:
    """Take leave back, or come back early: what is left of it from now on no longer counts."""
    leave = _leave(leave_id)
    require_self_or_manager(leave.user_id, leave.site_id, actor)
    now = clock.now()
    if leave.status not in (Leave.Status.REQUESTED, Leave.Status.APPROVED) or leave.ends_at <= now:
        raise Conflict("这次请假已经结束或已撤销")
    if leave.status == Leave.Status.APPROVED and leave.starts_at < now:
        leave.ends_at = now
    else:
        leave.status = Leave.Status.CANCELLED
    leave.save(update_fields=["status", "ends_at"])
    log("leave.cancel", actor, user_id=leave.user_id, site_id=leave.site_id, after=_shown(leave))
    return leave


def leaves_of(user_id: int, *, actor: Actor) -> list[Leave]:
    """Somebody's leave that is not over for a month, newest first: one's own, or of people one plans for."""
    if user_id != actor.user_id:
        actor.require(MANAGE)
    since = clock.now() - timedelta(days=31)
    rows = Leave.objects.filter(user_id=user_id, ends_at__gte=since).select_related("user", "decided_by")
    return list(rows.order_by("-starts_at")[:50])


def leaves_at(site_id: int, *, actor: Actor) -> list[Leave]:
    """What leave is asked for, running or coming at a site: requests first."""
    actor.require(MANAGE, site_id)
    rows = _standing().filter(site_id=site_id, ends_at__gt=clock.now()).select_related("user", "decided_by")
    return list(rows.order_by("-status", "starts_at", "pk")[:200])


def _standing(user_id: int | None = None) -> QuerySet[Leave]:
    rows = Leave.objects.filter(status__in=[Leave.Status.REQUESTED, Leave.Status.APPROVED])
    return rows if user_id is None else rows.filter(user_id=user_id)


def _leave(leave_id: int) -> Leave:
    leave = Leave.objects.select_for_update(of=("self",)).select_related("user", "site").filter(pk=leave_id).first()
    if leave is None:
        raise NotFound("没有这次请假")
    return leave


def _shown(leave: Leave) -> dict[str, str]:
    return {
        "kind": leave.kind, "status": leave.status, "starts_at": leave.starts_at.isoformat(),
        "ends_at": leave.ends_at.isoformat(),
    }  # fmt: skip
