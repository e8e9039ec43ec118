"""What the person at the telephone sees while talking (AUTO-03): who it may be, what is due, what things cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Q

from bihuan.forms.texts import script_body
from bihuan.kernel.errors import NotFound
from bihuan.operations.facts import fill_script
from bihuan.org.actor import Actor
from bihuan.org.models import Role, Site
from bihuan.records.access import current_site, local_day
from bihuan.records.lookup import Hit, look_up
from bihuan.records.models import CallLog, Customer, JobType, Part, Stock, Vehicle
from bihuan.records.search_keys import plain

GREETING = "appointment"
SOON = timedelta(days=14)
NEAR_KM = 500
LIMIT = 8


@dataclass(frozen=True)
class Found:
    """A possible match; `due` says in words why maintenance is due, `overdue` that its day or mileage has passed."""

    hit: Hit
    due: str
    overdue: bool


@dataclass(frozen=True)
class Prices:
    """Parts with price (yuan) and what can be had now, jobs with hours and fee."""

    parts: tuple[tuple[Part, Decimal], ...]
    jobs: tuple[JobType, ...]
    typed: str


@dataclass(frozen=True)
class Talk:
    """A call with the greeting to say and whom the number belongs to."""

    call: CallLog
    greeting: str
    found: tuple[Found, ...]
    typed: str
    prices: Prices


def talk(call_id: int, *, actor: Actor, typed: str | None = None, wanted: str = "") -> Talk:
    """The call with what is known of the caller; without `typed` the caller's number is looked up."""
    rows = CallLog.objects.visible_to(actor).select_related("customer", "case", "user", "site")
    call = rows.filter(pk=call_id).first()
    if call is None:
        raise NotFound("没有这个通话")
    actor.require("call.handle", call.site_id)
    text = call.phone if typed is None else typed
    return Talk(call, greeting(call.site, actor=actor, customer=call.customer), find_caller(text, actor=actor), text,
                look_up_prices(wanted, actor=actor))  # fmt: skip


def greeting(site: Site, *, actor: Actor, customer: Customer | None = None) -> str:
    """The standard greeting of a call with the centre's and the speaker's names filled in."""
    roles = Role.objects.filter(key__in=actor.roles_at(site.pk)).order_by("pk").values_list("name", flat=True)
    words = {
        "门店": site.name,
        "门店电话": site.phone,
        "本人": actor.name,
        "岗位": roles[0] if roles else "",
        "称呼": customer.called if customer else "",
        "客户": customer.name if customer else "",
    }
    return fill_script(script_body(GREETING), words)


def find_caller(text: str, *, actor: Actor) -> tuple[Found, ...]:
    """Customers and cars for what was typed, the surest first, with what is due."""
    if not text.strip():
        return ()
    today = local_day(current_site(actor))
    return tuple(_found(hit, today) for hit in look_up(text, actor=actor, limit=LIMIT))


def look_up_prices(text: str, *, actor: Actor) -> Prices:
    """Parts and jobs by code, name or initials, with price and stock of the present site (AUTO-03)."""
    site = current_site(actor)
    actor.require("call.handle", site.pk)
    typed = plain(text)[:40]
    if not typed:
        return Prices((), (), "")
    matching = Q(code__istartswith=typed) | Q(name__contains=typed) | Q(initials__startswith=typed.lower())
    parts = list(Part.objects.filter(matching, active=True).order_by("code")[:LIMIT])
    there = {row.part_id: row.available for row in Stock.objects.at(site.pk).filter(part__in=parts)}
    jobs = JobType.objects.at(site.pk).filter(matching, active=True).order_by("code")[:LIMIT]
    return Prices(tuple((part, there.get(part.pk, Decimal(0))) for part in parts), tuple(jobs), typed)


def _found(hit: Hit, today: date) -> Found:
    due, overdue = maintenance_due(hit.vehicle, today) if hit.vehicle else ("", False)
    return Found(hit, due, overdue)


def maintenance_due(vehicle: Vehicle, today: date) -> tuple[str, bool]:
    """Why maintenance is due within two weeks or 500 km, in words ("" when it is not), and whether it is past."""
    on, at_km, read = vehicle.service_due_on or vehicle.next_service_on, vehicle.next_service_km, vehicle.mileage_km
    if on is not None and on < today:
        return f"保养已过期 {(today - on).days} 天", True
    if at_km is not None and read is not None and read >= at_km:
        return f"已超保养里程 {read - at_km:,} 公里", True
    if on is not None and on <= today + SOON:
        return "今天该保养" if on == today else f"{(on - today).days} 天后该保养", False
    if at_km is not None and read is not None and read >= at_km - NEAR_KM:
        return f"还有 {at_km - read:,} 公里该保养", False
    return "", False
