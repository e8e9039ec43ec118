"""The list of calls of a day, the share answered in time, and what rings now (AUTO-02)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from bihuan.kernel import clock
from bihuan.kernel.paging import Part, part_of
from bihuan.org.actor import Actor
from bihuan.records.access import current_site, local_day
from bihuan.records.calls import ANSWERED, IN_TIME, ringing_calls
from bihuan.records.models import CallLog

SIZE = 30
FORGOTTEN_AFTER = timedelta(hours=4)
SHOWS = {"": "全部", "in": "呼入", "out": "呼出", "slow": "超 10 秒", "missed": "未接通", "mine": "我的"}


@dataclass(frozen=True)
class CallQuery:
    """Which calls of which day; the address of the page holds it."""

    day: date | None = None
    show: str = ""
    page: int = 1

    @classmethod
    def of(cls, raw: Mapping[str, str]) -> CallQuery:
        """From the address; what makes no sense is as if it were not there."""
        try:
            day = date.fromisoformat(raw.get("day", ""))
        except ValueError:
            day = None
        if day is not None and not 2000 <= day.year <= 2100:
            day = None
        number = raw.get("page", "1")
        page = int(number) if number.isdecimal() and len(number) < 6 else 1
        show = raw.get("show", "")
        return cls(day, show if show in SHOWS else "", max(page, 1))

    def address(self, **changed: str | int) -> str:
        """The address of this view with something changed; the first page unless one is named."""
        values: dict[str, str | int] = {"day": self.day.isoformat() if self.day else "", "show": self.show}
        values.update(changed)
        return urlencode({key: value for key, value in values.items() if value})


@dataclass(frozen=True)
class Answered:
    """Inbound calls of a day that no longer ring: how many, answered, answered within 10 seconds, abandoned."""

    rang: int
    answered: int
    in_time: int
    abandoned: int

    @property
    def percent(self) -> int | None:
        """Answered in time, in whole per cent rounded down; None without calls."""
        return self.in_time * 100 // self.rang if self.rang else None


@dataclass(frozen=True)
class Ringing:
    """What rings at the site and what I have on the line; `version` changes when either does."""

    calls: tuple[CallLog, ...]
    talking: tuple[CallLog, ...]
    version: str


@dataclass(frozen=True)
class CallDesk:
    """The page: a day's calls, page by page, with its figures."""

    query: CallQuery
    day: date
    today: date
    answered: Answered
    part: Part
    ringing: Ringing


def call_desk(query: CallQuery, *, actor: Actor) -> CallDesk:
    """Calls of the present site on a day, the newest first."""
    site = current_site(actor)
    actor.require("call.handle", site.pk)
    today = local_day(site)
    day = query.day or today
    start = datetime.combine(day, time(), tzinfo=ZoneInfo(site.timezone))
    of_day = CallLog.objects.at(site.pk).filter(ringing_at__gte=start, ringing_at__lt=start + timedelta(days=1))
    rows = _shown(of_day, query.show, actor).select_related("customer", "user", "case")
    part = part_of(rows.order_by("-ringing_at", "-pk"), query.page, size=SIZE)
    return CallDesk(query, day, today, _answered(of_day), part, ringing_now(actor=actor))


def ringing_now(*, actor: Actor) -> Ringing:
    """What rings at the present site, and the calls the actor has answered and not yet ended."""
    site = current_site(actor)
    calls = tuple(ringing_calls(actor=actor, site_id=site.pk))
    mine = CallLog.objects.at(site.pk).filter(outcome="answered", ended_at__isnull=True, user_id=actor.user_id or 0)
    recent = mine.filter(answered_at__gte=clock.now() - FORGOTTEN_AFTER)
    talking = tuple(recent.select_related("customer", "case").order_by("-answered_at")[:5])
    seen = [(call.pk, call.outcome, call.customer_id, call.case_id) for call in (*calls, *talking)]
    return Ringing(calls, talking, hashlib.sha256(str(seen).encode()).hexdigest()[:12])


def call_in_hand(case_id: int, *, actor: Actor) -> CallLog | None:
    """The call about this case on which the actor still is: where they go back to when its steps are done."""
    rows = CallLog.objects.visible_to(actor).filter(case_id=case_id, user=actor.user_id, outcome="answered")
    found: CallLog | None = rows.filter(answered_at__gte=clock.now() - FORGOTTEN_AFTER).order_by("-pk").first()
    return found


def answer_by(call: CallLog) -> datetime:
    """Until when a ringing call is answered in time."""
    return call.ringing_at + IN_TIME


def _shown(rows: QuerySet[CallLog], show: str, actor: Actor) -> QuerySet[CallLog]:
    tests = {
        "in": Q(direction="in"),
        "out": Q(direction="out"),
        "slow": Q(direction="in") & ANSWERED["slow"],
        "missed": Q(direction="in") & ANSWERED["missed"],
        "mine": Q(user_id=actor.user_id or 0),
    }
    return rows.filter(tests[show]) if show in tests else rows


def _answered(rows: QuerySet[CallLog]) -> Answered:
    found = (
        rows.filter(direction="in")
        .exclude(outcome="ringing")
        .aggregate(
            rang=Count("pk"),
            answered=Count("pk", filter=Q(answered_at__isnull=False)),
            in_time=Count("pk", filter=ANSWERED["in_time"]),
            abandoned=Count("pk", filter=ANSWERED["missed"]),
        )
    )
    return Answered(found["rang"], found["answered"], found["in_time"], found["abandoned"])
