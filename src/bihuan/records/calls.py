"""Telephone calls as they happen, and the share that was answered in time (AUTO-02)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import current_site, note, optional_text
from bihuan.records.models import CallLog, Case, Contact, Customer
from bihuan.records.search_keys import digits

IN_TIME = timedelta(seconds=10)
ANSWERED: dict[str, Q] = {
    "in_time": Q(answered_at__lte=F("ringing_at") + IN_TIME),
    "slow": Q(answered_at__gt=F("ringing_at") + IN_TIME),
    "missed": Q(answered_at__isnull=True, outcome="abandoned"),
    "ringing": Q(answered_at__isnull=True) & ~Q(outcome="abandoned"),
}
"""How an inbound call was answered: each is exactly one of these."""

_COUNTS: dict[str, Any] = {
    "rang": Count("pk"),
    "answered": Count("pk", filter=Q(answered_at__isnull=False)),
    "in_time": Count("pk", filter=ANSWERED["in_time"]),
    "abandoned": Count("pk", filter=ANSWERED["missed"]),
}


@dataclass(frozen=True)
class AnswerRow:
    """Inbound calls of one person on one day: how many rang, were answered, answered within 10 s, were abandoned.

    Nobody answered an abandoned call, so it stands in the row without a person.
    """

    day: date
    user_id: int | None
    user_name: str
    rang: int
    answered: int
    in_time: int
    abandoned: int

    @property
    def share_in_time(self) -> float | None:
        """In-time answers over all calls that rang, 0 to 1; None without calls."""
        return self.in_time / self.rang if self.rang else None


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """Inbound calls that rang in a period. The share answered in time is over all that rang, answered or not."""

    rang: int = 0
    answered: int = 0
    in_time: int = 0
    abandoned: int = 0

    @property
    def percent(self) -> Decimal | None:
        """In per cent with one place; None when nothing rang."""
        if not self.rang:
            return None
        return (Decimal(100 * self.in_time) / self.rang).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)

    def of(self, how: str) -> int:
        """How many were answered like this, one of `ANSWERED`; all of them for ""."""
        return {
            "": self.rang,
            "in_time": self.in_time,
            "slow": self.answered - self.in_time,
            "missed": self.abandoned,
            "ringing": self.rang - self.answered - self.abandoned,
        }[how]


@transaction.atomic
def ring(
    *, actor: Actor, phone: str, site_id: int | None = None, direction: str = "in", external_id: str = "",
    at: datetime | None = None,
) -> CallLog:  # fmt: skip
    """The telephone rings (or we dial). A repeated event of the telephone system returns the same call."""
    site = current_site(actor, site_id)
    actor.require("call.handle", site.pk)
    if direction not in ("in", "out"):
        raise BusinessError("通话方向只能是呼入或呼出")
    number = digits(phone)[:20]
    known = external_id[:80]
    if known:
        same = CallLog.objects.at(site.pk).filter(external_id=known).first()
        if same is not None:
            return same
    call = CallLog.objects.create(
        site=site,
        direction=direction,
        phone=number,
        external_id=known,
        ringing_at=clock.whole_second(at or clock.now()),
        customer_id=_known_customer(number),
        user_id=actor.user_id if direction == "out" else None,
    )
    _note(actor, "call.ringing", call)
    return call


@transaction.atomic
def answer(call_id: int, *, actor: Actor, at: datetime | None = None) -> CallLog:
    """Somebody picks up; the second one to try is told who was first."""
    call = _lock(call_id, actor)
    if call.outcome != "ringing":
        if call.user_id == actor.user_id and call.answered_at:
            return call
        raise Conflict("这个电话已经被别的同事接起或已挂断")
    call.answered_at = max(clock.whole_second(at or clock.now()), call.ringing_at)
    call.outcome, call.user_id = "answered", actor.user_id
    call.save(update_fields=["answered_at", "outcome", "user"])
    _note(actor, "call.answered", call)
    return call


@transaction.atomic
def hang_up(call_id: int, *, actor: Actor, at: datetime | None = None) -> CallLog:
    """The call is over; one that nobody answered was abandoned."""
    call = _lock(call_id, actor)
    if call.ended_at is not None:
        return call
    call.ended_at = max(clock.whole_second(at or clock.now()), call.answered_at or call.ringing_at)
    call.outcome = "done" if call.answered_at else "abandoned"
    call.save(update_fields=["ended_at", "outcome"])
    _note(actor, f"call.{call.outcome}", call)
    return call


@transaction.atomic
def link_call(call_id: int, *, actor: Actor, customer_id: int | None = None, case_id: int | None = None) -> CallLog:
    """Say whom and what the call was about."""
    call = _lock(call_id, actor)
    if customer_id is not None and not Customer.objects.filter(pk=customer_id).exists():
        raise NotFound("没有这位客户")
    if case_id is not None and not Case.objects.at(call.site_id).filter(pk=case_id).exists():
        raise NotFound("本店没有这张单据")
    call.customer_id = customer_id or call.customer_id
    call.case_id = case_id or call.case_id
    call.save(update_fields=["customer", "case"])
    _note(actor, "call.linked", call)
    return call


def ringing_calls(*, actor: Actor, site_id: int | None = None) -> list[CallLog]:
    """Calls ringing now at a site, oldest first, for the screen to pop up; older than ten minutes are stale."""
    site = current_site(actor, site_id)
    actor.require("call.handle", site.pk)
    rows = CallLog.objects.at(site.pk).filter(outcome="ringing", direction="in")
    return list(
        rows.filter(ringing_at__gte=clock.now() - timedelta(minutes=10))
        .select_related("customer")
        .order_by("ringing_at")[:20]
    )


def answer_counts(site_ids: Iterable[int], start: datetime, end: datetime) -> AnswerCounts:
    """How inbound calls of these sites that rang from `start` up to (not including) `end` were answered; one query."""
    return AnswerCounts(**inbound_calls(site_ids, start, end).aggregate(**_COUNTS))


def inbound_calls(site_ids: Iterable[int], start: datetime, end: datetime) -> QuerySet[CallLog]:
    """The calls that the share answered in time is about."""
    return CallLog.objects.at(site_ids).filter(direction="in", ringing_at__gte=start, ringing_at__lt=end)


def answer_report(first: date, last: date, *, actor: Actor, site_id: int | None = None) -> list[AnswerRow]:
    """Inbound calls from `first` to `last` (local days, at most 400) by day and person, in one query."""
    site = current_site(actor, site_id)
    actor.require("report.view", site.pk)
    if not 0 <= (last - first).days <= 400:
        raise BusinessError("请选择不超过 400 天的日期范围")
    zone = ZoneInfo(site.timezone)
    start = datetime.combine(first, time(), tzinfo=zone)
    end = datetime.combine(last + timedelta(days=1), time(), tzinfo=zone)
    rows: Iterable[Any] = (
        CallLog.objects.at(site.pk)
        .filter(direction="in", ringing_at__gte=start, ringing_at__lt=end)
        .annotate(day=TruncDate("ringing_at", tzinfo=zone))
        .values("day", "user_id", "user__name")
        .annotate(**_COUNTS)
        .order_by("day", "user_id")
    )
    return [
        AnswerRow(
            row["day"],
            row["user_id"],
            row["user__name"] or "",
            row["rang"],
            row["answered"],
            row["in_time"],
            row["abandoned"],
        )
        for row in rows
    ]


def seconds_to_answer(call: CallLog) -> float | None:
    """How long it rang; None while or when unanswered."""
    return (call.answered_at - call.ringing_at).total_seconds() if call.answered_at else None


def _known_customer(number: str) -> int | None:
    if not number:
        return None
    owner = Customer.objects.filter(phone=number).values_list("pk", flat=True).first()
    return owner or Contact.objects.filter(phone=number).values_list("customer_id", flat=True).first()


def _lock(call_id: int, actor: Actor) -> CallLog:
    rows = CallLog.unscoped.all() if actor.is_system else CallLog.objects.visible_to(actor)
    call = rows.select_for_update().filter(pk=call_id).first()
    if call is None:
        raise NotFound("没有这个通话")
    actor.require("call.handle", call.site_id)
    return call


def _note(actor: Actor, action: str, call: CallLog) -> None:
    shown = {"phone": optional_text(call.phone, label="号码", field="phone", limit=20), "direction": call.direction}
    note(actor, action, f"call:{call.pk}", site_id=call.site_id, data={**shown, "customer": call.customer_id})
