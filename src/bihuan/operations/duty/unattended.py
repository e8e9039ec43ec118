"""Work that nobody can do now: found, given to stand-ins where there are some, told to whoever answers for the site.

A step is offered to the role of its lane, or to named people. That all of them are on leave, or none on duty, changes
with time and not with steps; so the worker looks every half minute, and a step pays nothing for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from bihuan.kernel import clock
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.surroundings import tell_nobody_is_there
from bihuan.org.access import system_actor
from bihuan.org.actor import Actor
from bihuan.org.duty.models import Delegation
from bihuan.org.duty.presence import away_at, on_duty_at
from bihuan.org.duty.staff import Staff
from bihuan.org.models import Role, Site
from bihuan.org.roles import holders_at
from bihuan.processes.models import Offer, WorkItem
from bihuan.processes.people import assign_to_deputy
from bihuan.processes.queries import places_with_work

MOST_AT_ONCE = 200
LOOKED_THROUGH = 1000
Place = tuple[int, str]


def unattended_items(actor: Actor) -> QuerySet[WorkItem]:
    """What nobody can do now at the actor's present site and those below it, longest first; for those who manage cases
    there."""
    actor.require("case.manage")
    rows: QuerySet[WorkItem] = WorkItem.objects.at(actor.sites_in_view("case.manage"))
    return rows.filter(status=WorkItem.Status.OPEN, unattended_since__isnull=False).order_by("unattended_since", "pk")


@transaction.atomic
def look_after_unattended() -> int:
    """See to open work offered to nobody who is there now; answers how much changed. Few queries when all is well."""
    return _look_after_roles() + _look_after_named()


def _look_after_roles() -> int:
    waiting = WorkItem.unscoped.filter(status=WorkItem.Status.OPEN, assignee__isnull=True).exclude(role="")
    places: set[Place] = places_with_work()
    if not places:
        return 0
    there = _who_is_there(places)
    attended = {place for place in places if there[place]}
    changed = _mark_attended(attended)
    for site_id, role in sorted(places - attended):
        # The most urgent only: of a heap that nobody works at, not all can be read every half minute.
        urgent = waiting.filter(site_id=site_id, role=role).order_by("sort_at", "pk").values("pk")[:LOOKED_THROUGH]
        items = list(WorkItem.unscoped.filter(pk__in=urgent, unattended_since__isnull=True)[:MOST_AT_ONCE])
        if items:
            staff = Staff(site_id, clock.now())
            keys = [part.strip() for part in role.split(",")]
            absent = [user for key in keys for user in staff.with_role(key)]
            names = "、".join(Role.objects.filter(key__in=keys).values_list("name", flat=True)) or role
            changed += _see_to(items, staff, absent, names)
    return changed


def _look_after_named() -> int:
    """Work offered to named people who have all gone on leave, or left, since."""
    now = clock.now()
    # With the sites said, the index of open work answers.
    offered = WorkItem.objects.at(Site.objects.values_list("pk", flat=True)).filter(
        Exists(Offer.objects.filter(item=OuterRef("pk"))),
        status=WorkItem.Status.OPEN, assignee__isnull=True, role="",
    )  # fmt: skip
    present = Offer.objects.filter(item=OuterRef("pk"), user__is_active=True).exclude(user_id__in=away_at(now))
    there = Exists(present)
    changed: int = offered.filter(there, unattended_since__isnull=False).update(unattended_since=None)
    alone = offered.filter(~there, unattended_since__isnull=True).select_related("instance").order_by("pk")
    groups: dict[tuple[int, tuple[int, ...]], list[WorkItem]] = defaultdict(list)
    for item in alone.prefetch_related("offers")[:MOST_AT_ONCE]:
        groups[item.site_id, tuple(sorted(offer.user_id for offer in item.offers.all()))].append(item)
    for (site_id, absent), items in groups.items():
        staff = Staff(site_id, now)
        names = "、".join(staff.name(user) for user in absent[:3]) + ("等人" if len(absent) > 3 else "")
        changed += _see_to(items, staff, absent, names)
    return changed


def _who_is_there(places: set[Place]) -> Mapping[Place, set[int]]:
    """Who could take the work of each place now; five queries for any number."""
    sites = {site for site, _ in places}
    keys = {key.strip() for _, roles in places for key in roles.split(",")}
    now = clock.now()
    holders = holders_at(sites, keys)
    away = away_at(now)
    by_duty = set(Role.objects.filter(key__in=keys, on_duty=True).values_list("key", flat=True))
    on_duty = on_duty_at(sites, now, by_duty) if by_duty else {}
    lent = Delegation.objects.filter(site_id__in=sites, starts_at__lte=now, ends_at__gt=now, process_key="")
    delegates = list(lent.values_list("site_id", "role_key", "principal_id", "delegate_id"))
    found: dict[Place, set[int]] = {}
    for site, roles in places:
        people: set[int] = set()
        for key in (part.strip() for part in roles.split(",")):
            held = holders.get((site, key), set())
            people |= held & on_duty[site, key] if (site, key) in on_duty else held
            people |= {to for at, role, by, to in delegates if at == site and role in ("", key) and by in held}
        found[site, roles] = people - away
    return found


def _mark_attended(places: set[Place]) -> int:
    marked = WorkItem.unscoped.filter(
        status=WorkItem.Status.OPEN, unattended_since__isnull=False, assignee__isnull=True
    ).values_list("pk", "site_id", "role")  # fmt: skip
    again = [pk for pk, site, role in marked if (site, role) in places]
    return WorkItem.unscoped.filter(pk__in=again).update(unattended_since=None) if again else 0


def _see_to(items: Sequence[WorkItem], staff: Staff, absent: Iterable[int], names: str) -> int:
    """Open work with nobody there to take it: stand-ins get it, else it is marked and the superior told."""
    role = items[0].role
    deputies = staff.deputies(absent, role, "")
    if deputies:
        deputy, principal = deputies[0]
        why = f"{staff.name(principal)}不在岗，由替补{staff.name(deputy)}办理"
        assign_to_deputy([item.pk for item in items], deputy, why=why, actor=system_actor(staff.site_id))
        about = About(NoticeKind.DUTY, site_id=staff.site_id)
        given = "、".join(dict.fromkeys(item.name for item in items[:5]))
        notify_people([deputy], f"替班待办：{given}", why, f"/tasks/{items[0].pk}" if len(items) == 1 else "/", about)
        return len(items)
    # Another worker may be looking too: whoever marks them tells.
    if not WorkItem.unscoped.filter(pk__in=[item.pk for item in items], unattended_since__isnull=True).update(
        unattended_since=clock.now()
    ):
        return 0
    what = items[0].name if len(items) == 1 else f"{items[0].name}等 {len(items)} 项"
    titles = "，".join(dict.fromkeys(item.title for item in items[:5] if item.title))
    body = f"{names}现在都不在岗。{titles}"
    tell_nobody_is_there(staff.site_id, what, body, [item.pk for item in items])
    return len(items)
