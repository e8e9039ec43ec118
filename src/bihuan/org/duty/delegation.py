"""Letting somebody do one's work for a while, and taking it back (代理)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.access import load_actor
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import MANAGE, in_order, log, person_at, require_self_or_manager, short_text
from bihuan.org.duty.models import Delegation


@transaction.atomic
def delegate_work(
    *,
    to_user_id: int,
    starts_at: datetime,
    ends_at: datetime,
    actor: Actor,
    role_key: str = "",
    process_key: str = "",
    reason: str = "",
    principal_id: int | None = None,
) -> Delegation:
    """Let a colleague do one's work at the present site from a moment to a moment; whoever plans duty may for others.

    Refused: to oneself, to somebody of another site, a role one does not have, twice for the same work at a time, and
    where the work would come back in a circle.
    """
    site_id, who = actor.site_id or 0, principal_id if principal_id is not None else actor.user_id
    if who is None:
        raise BusinessError("请选择委托人", "principal")
    require_self_or_manager(who, site_id, actor)
    in_order(starts_at, ends_at)
    if ends_at <= clock.now():
        raise BusinessError("代理的结束时间已经过去", "ends")
    if to_user_id == who:
        raise BusinessError("不能委托给自己", "delegate")
    principal = person_at(site_id, who, field="principal", lock=True)
    delegate = person_at(site_id, to_user_id, field="delegate", lock=True)
    if role_key and role_key not in load_actor(principal).own_roles_at(site_id):
        raise BusinessError(f"{principal.name}在本店不担任这个角色", "role")
    made = Delegation(
        principal=principal, delegate=delegate, site_id=site_id, role_key=role_key, process_key=process_key.strip(),
        starts_at=starts_at, ends_at=ends_at, reason=short_text(reason, "reason"), made_by_id=actor.user_id,
    )  # fmt: skip
    there = list(_overlapping(made).select_related("principal", "delegate"))
    for other in there:
        if other.principal_id == who and other.role_key == role_key and other.process_key == made.process_key:
            raise Conflict(f"这段时间已由{other.delegate.name}代理{principal.name}", "starts")
    circle = _way_back(made, [other for other in there if _share_work(made, other)])
    if circle:
        raise BusinessError(f"会形成循环代理：{' → '.join([principal.name, delegate.name, *circle])}", "delegate")
    made.save(force_insert=True)
    log("delegation.start", actor, user_id=who, site_id=site_id, after=_shown(made))
    return made


@transaction.atomic
def end_delegation(delegation_id: int, *, actor: Actor) -> Delegation:
    """Take the work back as of now; one that has not begun never does."""
    held = Delegation.objects.select_for_update(of=("self",)).filter(pk=delegation_id).first()
    if held is None:
        raise NotFound("没有这个代理")
    if actor.user_id != held.delegate_id:
        require_self_or_manager(held.principal_id, held.site_id, actor)
    now = clock.now()
    if held.ends_at <= now:
        raise Conflict("这个代理已经结束")
    held.ends_at = max(now, held.starts_at) if held.starts_at <= now else held.starts_at
    held.save(update_fields=["ends_at"])
    log("delegation.end", actor, user_id=held.principal_id, site_id=held.site_id, after=_shown(held))
    return held


def delegations_of(user_id: int, *, actor: Actor) -> list[Delegation]:
    """Present and coming delegations somebody gives or takes: one's own, or of people one plans for."""
    if user_id != actor.user_id:
        actor.require(MANAGE)
    return list(_standing().filter(Q(principal_id=user_id) | Q(delegate_id=user_id)))


def delegations_at(site_id: int, *, actor: Actor) -> list[Delegation]:
    """Every present and coming delegation at a site."""
    actor.require(MANAGE, site_id)
    return list(_standing().filter(site_id=site_id)[:200])


def delegations_in_force(site_id: int, at: datetime) -> list[Delegation]:
    """Those that hold at a site at that moment, narrow ones before wide ones; one query."""
    rows = Delegation.objects.filter(site_id=site_id, starts_at__lte=at, ends_at__gt=at)
    return sorted(rows, key=lambda row: (not row.process_key, not row.role_key, row.pk))


def _standing() -> QuerySet[Delegation]:
    rows = Delegation.objects.filter(ends_at__gt=clock.now()).exclude(ends_at__lte=F("starts_at"))
    return rows.select_related("principal", "delegate", "site").order_by("starts_at", "pk")


def _overlapping(made: Delegation) -> QuerySet[Delegation]:
    return Delegation.objects.filter(
        site_id=made.site_id, starts_at__lt=made.ends_at, ends_at__gt=made.starts_at, delegate__is_active=True
    )


def _share_work(one: Delegation, other: Delegation) -> bool:
    """Whether some piece of work could be meant by both."""
    roles = not one.role_key or not other.role_key or one.role_key == other.role_key
    return roles and (not one.process_key or not other.process_key or one.process_key == other.process_key)


def _way_back(made: Delegation, others: Iterable[Delegation]) -> list[str]:
    """The names from the delegate on by which the work comes back to the principal; empty when it does not."""
    onward: dict[int, list[Delegation]] = {}
    for other in others:
        onward.setdefault(other.principal_id, []).append(other)
    ways: list[tuple[int, list[str]]] = [(made.delegate_id, [])]
    seen = {made.delegate_id}
    while ways:
        here, names = ways.pop()
        for other in onward.get(here, ()):
            if other.delegate_id == made.principal_id:
                return [*names, other.delegate.name]
            if other.delegate_id not in seen:
                seen.add(other.delegate_id)
                ways.append((other.delegate_id, [*names, other.delegate.name]))
    return []


def _shown(held: Delegation) -> dict[str, str | int]:
    return {
        "delegate": held.delegate_id, "role": held.role_key, "process": held.process_key,
        "starts_at": held.starts_at.isoformat(), "ends_at": held.ends_at.isoformat(),
    }  # fmt: skip
