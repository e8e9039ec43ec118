"""Joining two entries that turn out to be one person: shown beforehand, then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from bihuan.audit.log import changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note, require_anywhere
from bihuan.records.consents import consents_of, stop_messages
from bihuan.records.customers import NO_CUSTOMER, chain, snapshot
from bihuan.records.lookup import look_up
from bihuan.records.models import (
    Appointment,
    CallLog,
    Case,
    Consent,
    ConsentMedium,
    Contact,
    Custody,
    Customer,
    CustomerNotice,
    HolderKind,
    Vehicle,
    Voucher,
)

FILLED = {"mail": "邮箱", "address": "地址", "note": "备注", "salutation": "称谓", "advisor_id": "专属顾问"}
"""What the kept entry takes over where it has nothing itself."""


@dataclass(frozen=True, slots=True)
class JoinedConsent:
    """What both entries said about a medium, and what holds afterwards: a no of either, else a yes of either."""

    label: str
    keep: Consent | None
    drop: Consent | None

    @property
    def holds(self) -> Consent | None:
        said = [one for one in (self.keep, self.drop) if one is not None]
        return max(said, key=lambda one: (not one.is_given, one.at), default=None)


@dataclass(frozen=True, slots=True)
class Merging:
    """Two entries side by side: how much of the dropped one moves, what it fills in, what only the log keeps."""

    keep: Customer
    drop: Customer
    moved: dict[str, int]
    filled: list[str]
    lost: list[str]
    consents: list[JoinedConsent]


def merge_candidate(customer_id: int, *, actor: Actor) -> Customer:
    """The customer whose other entry is looked for. Raises NotFound."""
    require_anywhere(actor, "customer.manage")
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise NotFound(NO_CUSTOMER)
    return customer


def customers_like(text: str, *, besides: int, actor: Actor) -> list[Customer]:
    """Whoever may be the same person: found as at the counter, by name, initials, phone or plate."""
    require_anywhere(actor, "customer.manage")
    hits = look_up(text, actor=actor)
    return list({hit.customer.pk: hit.customer for hit in hits if hit.customer.pk != besides}.values())


def preview_merge(keep_id: int, drop_id: int, *, actor: Actor) -> Merging:
    """What joining the two would do; changes nothing."""
    require_anywhere(actor, "customer.manage")
    rows = Customer.objects.select_related("advisor").in_bulk([keep_id, drop_id])
    keep, drop = _both(rows, keep_id, drop_id)
    differing = {name: label for name, label in FILLED.items() if getattr(drop, name) and name not in _fillable(keep)}
    return Merging(
        keep=keep,
        drop=drop,
        moved={label: rows.count() for label, rows in _belongings(drop).items()},
        filled=[label for name, label in FILLED.items() if name in _fillable(keep) and getattr(drop, name)],
        lost=[label for name, label in differing.items() if getattr(drop, name) != getattr(keep, name)],
        consents=list(_joined_consents(keep_id, drop_id).values()),
    )


@transaction.atomic
def merge_customers(keep_id: int, drop_id: int, *, actor: Actor) -> Customer:
    """Join two entries of one person: all of the dropped one moves to the kept one, its phone becomes a contact.

    Where either said no to being written to by a medium, no holds. What both entries said stays in the log.
    """
    require_anywhere(actor, "customer.manage")
    rows = {c.pk: c for c in Customer.objects.select_for_update().filter(pk__in=[keep_id, drop_id]).order_by("pk")}
    keep, drop = _both(rows, keep_id, drop_id)
    before, gone = snapshot(keep), snapshot(drop)
    moved = {label: rows.update(customer=keep) for label, rows in _belongings(drop).items()}
    given_back = Custody.unscoped.filter(holder_kind=HolderKind.CUSTOMER, holder=str(drop.pk))
    given_back.update(holder=str(keep.pk), holder_name=keep.name)
    _join_contacts(keep, drop)
    said = _join_consents(keep, drop)
    for name in _fillable(keep):
        setattr(keep, name, getattr(drop, name))
    later = [day for day in (keep.contact_not_before, drop.contact_not_before) if day is not None]
    keep.contact_not_before, keep.updated_at = max(later, default=None), clock.now()
    keep.save(update_fields=[*FILLED, "contact_not_before", "updated_at"])
    note(actor, "customer.merged_away", chain(drop.pk), site_id=actor.site_id, data={"into": keep.pk}, before=gone)
    data = {"from": drop_id, "moved": moved, "gone": gone, "consents": said}
    old, new = changes(before, snapshot(keep))
    note(actor, "customer.merged", chain(keep.pk), site_id=actor.site_id, data=data, before=old, after=new)
    drop.delete()
    return keep


def _both(rows: Mapping[int, Customer], keep_id: int, drop_id: int) -> tuple[Customer, Customer]:
    if keep_id == drop_id:
        raise BusinessError("请选择两位不同的客户来合并")
    if len(rows) < 2:
        raise NotFound(NO_CUSTOMER)
    return rows[keep_id], rows[drop_id]


def _belongings(customer: Customer) -> dict[str, QuerySet[Any]]:
    managers = {
        "车辆": Vehicle.objects, "单据": Case.unscoped, "预约": Appointment.unscoped, "折扣券": Voucher.objects,
        "通话": CallLog.unscoped, "告知": CustomerNotice.unscoped,
    }  # fmt: skip
    return {label: manager.filter(customer=customer) for label, manager in managers.items()}


def _fillable(keep: Customer) -> list[str]:
    """What the kept entry lacks; a company is not addressed as a person."""
    return [name for name in FILLED if not getattr(keep, name) and (name != "salutation" or keep.kind == "person")]


def _join_contacts(keep: Customer, drop: Customer) -> None:
    known = set(Contact.objects.filter(customer=keep).values_list("phone", flat=True)) | {keep.phone}
    Contact.objects.filter(customer=drop, phone__in=known).delete()
    Contact.objects.filter(customer=drop).update(customer=keep)
    if drop.phone not in known:
        Contact.objects.get_or_create(customer=keep, phone=drop.phone, defaults={"name": drop.name, "relation": "合并"})


def _joined_consents(keep_id: int, drop_id: int) -> dict[str, JoinedConsent]:
    keep, drop = consents_of(keep_id), consents_of(drop_id)
    return {medium: JoinedConsent(label, keep.get(medium), drop.get(medium)) for medium, label in ConsentMedium.choices}


def _join_consents(keep: Customer, drop: Customer) -> dict[str, dict[str, bool | None]]:
    """Let what holds of both stand for the kept one; answers what each had said, for the log."""
    said: dict[str, dict[str, bool | None]] = {}
    for medium, joined in _joined_consents(keep.pk, drop.pk).items():
        holds = joined.holds
        if holds is None:
            continue
        if holds is joined.drop:
            Consent.objects.filter(customer=keep, medium=medium).delete()
            Consent.objects.filter(pk=holds.pk).update(customer=keep)
        if not holds.is_given:
            stop_messages([keep.pk], medium)
        each = {"kept": joined.keep, "gone": joined.drop, "holds": holds}
        said[medium] = {name: one.is_given if one is not None else None for name, one in each.items()}
    return said
