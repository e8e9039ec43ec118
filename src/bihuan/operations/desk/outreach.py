"""Calling customers on our own account (主动邀约, AUTO-01): the list of who is due and the calls under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction

from bihuan.kernel.errors import Conflict, NotFound
from bihuan.operations.cases import start_case
from bihuan.operations.pages.clock_signs import NO_SIGN, ClockSign, signs_of_work
from bihuan.org.actor import Actor
from bihuan.processes.holding import holds
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.access import current_site, local_day
from bihuan.records.due import REASONS, DuePage, due_list
from bihuan.records.models import Case, CaseKind, CaseStatus, Customer, Vehicle

AHEAD = (14, 30, 60)
SIZE = 30


@dataclass(frozen=True)
class UnderWay:
    """An outreach begun and not ended; without an open item it waits for the agreed moment to call again."""

    case: Case
    item: WorkItem | None
    mine: bool
    sign: ClockSign


@dataclass(frozen=True)
class Outreach:
    """Who is due, and who is being called."""

    due: DuePage
    under_way: tuple[UnderWay, ...]
    reason: str
    ahead_days: int
    today: date


def outreach(*, actor: Actor, reason: str = "", ahead_days: int = AHEAD[0], page: int = 1) -> Outreach:
    """The due list of the present site, one reason or all, and the outreach under way there."""
    site = current_site(actor)
    actor.require("call.handle", site.pk)
    chosen = reason if reason in REASONS else ""
    ahead = ahead_days if ahead_days in AHEAD else AHEAD[0]
    due = due_list(actor=actor, site_id=site.pk, reason=chosen or None, ahead_days=ahead, page=page, size=SIZE)
    return Outreach(due, _under_way(site.pk, actor), chosen, ahead, local_day(site))


@transaction.atomic
def start_outreach(vehicle_id: int, *, actor: Actor, reason: str = "") -> Case:
    """Begin to call the owner of a car. Raises Conflict when a colleague has begun already."""
    site = current_site(actor)
    actor.require("call.handle", site.pk)
    vehicle = Vehicle.objects.filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound("没有这辆车")
    # Two clerks with the same list: the second waits here for the first and then sees the case.
    customer = Customer.objects.select_for_update().get(pk=vehicle.customer_id)
    there = Case.objects.at(site.pk).filter(kind=CaseKind.OUTREACH, status=CaseStatus.OPEN, customer=customer).first()
    if there is not None:
        raise Conflict(f"{customer.called}已经在邀约中：单据 {there.number}")
    return start_case(
        CaseKind.OUTREACH,
        actor=actor,
        site_id=site.pk,
        customer_id=customer.pk,
        vehicle_id=vehicle.pk,
        phone=customer.phone,
        title=f"{vehicle.plate} {REASONS.get(reason, '')}".strip(),
    )


def _under_way(site_id: int, actor: Actor) -> tuple[UnderWay, ...]:
    rows = Case.objects.at(site_id).filter(kind=CaseKind.OUTREACH, status=CaseStatus.OPEN)
    cases = list(rows.select_related("customer", "vehicle").order_by("opened_at")[:50])
    running = Instance.unscoped.filter(subject_kind="case", subject_id__in=[case.pk for case in cases])
    open_items = WorkItem.objects.at(site_id).filter(instance__in=running, status=WorkItem.Status.OPEN)
    items = {
        item.instance.subject_id: item for item in open_items.select_related("instance", "assignee").order_by("-pk")
    }
    signs = signs_of_work(items.values())
    found = []
    for case in cases:
        item = items.get(case.pk)
        sign = signs[item.pk] if item is not None else NO_SIGN
        found.append(UnderWay(case, item, item is not None and holds(item, actor), sign))
    return tuple(sorted(found, key=lambda one: (not one.mine, one.item is None, one.case.opened_at)))
