"""Finding records for pickers: bounded lists, only what the site and the role may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed, NotFound
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import site_people
from bihuan.org.duty.presence import away_at
from bihuan.org.models import PositionHolder
from bihuan.org.roles import people_with_role
from bihuan.processes.holding import roles_of
from bihuan.records.lookup import look_up
from bihuan.records.models import JobType, Part, Stock
from bihuan.records.search_keys import plain
from bihuan.web.http import actor_of, signed_in_json
from bihuan.web.wording import amount, masked_phone, plate, trim

LIMIT = 12
MAX_ROLES = 8
Result = dict[str, Any]
Finder = Callable[[str, Actor, str], list[Result]]


@require_GET
@signed_in_json
def search(request: HttpRequest, kind: str) -> JsonResponse:
    """At most twelve matches of a kind: `{"results": [{"id", "code", "label", "note", …}]}`, money as text in yuan."""
    finder = FINDERS.get(kind)
    if finder is None:
        raise NotFound("没有这种查找")
    actor = actor_of(request)
    if actor.site_id is None:
        raise NotAllowed("您还没有岗位，请联系系统管理员")
    # Work of a site below is done from above: what is looked for belongs to the site of the work.
    site = request.GET.get("site", "")
    if site.isascii() and site.isdecimal() and len(site) < 18:
        actor = actor.at(int(site))
    typed = plain(request.GET.get("q", ""))[:60]
    results = finder(typed, actor, request.GET.get("role", "")[:60]) if typed else []
    return JsonResponse({"results": results}, json_dumps_params={"ensure_ascii": False})


def _customers(typed: str, actor: Actor, role: str) -> list[Result]:
    found: dict[int, Result] = {}
    for hit in look_up(typed, actor=actor):
        cars = "、".join(plate(car.vehicle.plate) for car in [hit] if car.vehicle)
        row = found.setdefault(
            hit.customer.pk,
            {"id": hit.customer.pk, "code": "", "label": hit.customer.name, "note": masked_phone(hit.customer.phone)},
        )
        row["note"] += f" · {cars}" if cars else ""
    return list(found.values())[:LIMIT]


def _vehicles(typed: str, actor: Actor, role: str) -> list[Result]:
    return [
        {
            "id": hit.vehicle.pk,
            "code": plate(hit.vehicle.plate),
            "label": hit.vehicle.label,
            "note": f"{hit.customer.name} {masked_phone(hit.customer.phone)}",
            "customer_id": hit.customer.pk,
        }
        for hit in look_up(typed, actor=actor)
        if hit.vehicle is not None
    ]


def _parts(typed: str, actor: Actor, role: str) -> list[Result]:
    matching = Q(code__istartswith=typed) | Q(name__contains=typed) | Q(initials__startswith=typed.lower())
    parts = list(Part.objects.filter(matching, active=True).order_by("code")[:LIMIT])
    stocks = {stock.part_id: stock for stock in Stock.objects.at(actor.site_id or 0).filter(part__in=parts)}
    results = []
    for part in parts:
        stock = stocks.get(part.pk)
        there = f"可用 {trim(stock.available)} {part.unit}" if stock and stock.available > 0 else "没有库存"
        shelf = f"货位 {stock.shelf}，" if stock and stock.shelf else ""
        results.append(
            {
                "id": part.pk,
                "code": part.code,
                "label": part.name,
                "note": f"{shelf}{there}，{amount(part.price_yuan)} 元/{part.unit}",
                "price_yuan": str(part.price_yuan),
                "unit": part.unit,
                "available": str(stock.available) if stock else "0",
            }
        )
    return results


def _jobs(typed: str, actor: Actor, role: str) -> list[Result]:
    matching = Q(code__istartswith=typed) | Q(name__contains=typed) | Q(initials__startswith=typed.lower())
    jobs = JobType.objects.at(actor.site_id or 0).filter(matching, active=True).order_by("code")[:LIMIT]
    return [
        {
            "id": job.pk,
            "code": job.code,
            "label": job.name,
            "note": f"{trim(job.hours)} 工时，{amount(job.labour_fee_yuan)} 元",
            "hours": str(job.hours),
            "labour_fee_yuan": str(job.labour_fee_yuan),
        }
        for job in jobs
    ]


def _people(typed: str, actor: Actor, role: str) -> list[Result]:
    """Who works at the site, with one of the roles if there are any."""
    site_id = actor.site_id or 0
    people = site_people(site_id)
    if role:
        able = Q(pk__in=[])
        for key in sorted(roles_of(role))[:MAX_ROLES]:
            able |= Q(pk__in=people_with_role(key, site_id).values("pk"))
        people = people.filter(able)
    return _named(people, typed, site_id)


def _colleagues(typed: str, actor: Actor, role: str) -> list[Result]:
    """Everybody of the organisation, the people of the site first."""
    return _named(User.objects.filter(is_active=True), typed, actor.site_id or 0)


def _named(people: QuerySet[User], typed: str, site_id: int) -> list[Result]:
    """By name, pinyin (initials too), user name or post; the note says the posts, elsewhere with their site, and who
    is on leave."""
    held = PositionHolder.objects.filter(until__isnull=True)
    posted = held.filter(position__name__contains=typed).values("user_id")
    named = Q(name__contains=typed) | Q(pinyin__contains=typed.lower()) | Q(username=typed)
    elsewhere = ~Exists(held.filter(user=OuterRef("pk"), position__site_id=site_id))
    found = list(people.filter(named | Q(pk__in=posted)).order_by(elsewhere, "name")[:LIMIT])
    away = away_at(clock.now(), [user.pk for user in found])
    posts: dict[int, list[str]] = {}
    rows = held.filter(user__in=found).order_by("pk").select_related("position", "position__site")
    for row in rows:
        where = "" if row.position.site_id == site_id else f"{row.position.site.name} "
        posts.setdefault(row.user_id, []).append(where + row.position.name)
    notes = {user.pk: ["请假中"] * (user.pk in away) + ["、".join(posts.get(user.pk, ()))] for user in found}
    return [{"id": user.pk, "code": "", "label": user.name, "note": " · ".join(notes[user.pk])} for user in found]


FINDERS: Mapping[str, Finder] = {
    "customer": _customers,
    "vehicle": _vehicles,
    "part": _parts,
    "job": _jobs,
    "person": _people,
    "colleague": _colleagues,
}
