"""Customers: registering and correcting them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from bihuan.audit.log import changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note, optional_text, require_anywhere, required_text
from bihuan.records.models import Contact, Customer, CustomerKind
from bihuan.records.phones import clean_phone

NO_CUSTOMER = "没有这位客户"
_FIELDS = ("name", "kind", "salutation", "phone", "mail", "address", "note", "advisor_id", "contact_not_before")


@transaction.atomic
def create_customer(
    *,
    actor: Actor,
    name: str,
    phone: str,
    kind: str = CustomerKind.PERSON,
    salutation: str = "",
    mail: str = "",
    address: str = "",
    note_text: str = "",
    advisor_id: int | None = None,
) -> Customer:
    """Register a customer. The phone must be reachable and not yet belong to somebody else."""
    require_anywhere(actor, "customer.manage")
    now = clock.now()
    values = clean_customer(
        {
            "name": name,
            "phone": phone,
            "kind": kind,
            "salutation": salutation,
            "mail": mail,
            "address": address,
            "note": note_text,
        }
    )
    _refuse_taken_phone(values["phone"], besides=None)
    try:
        with transaction.atomic():
            customer = Customer.objects.create(**values, advisor_id=advisor_id, created_at=now, updated_at=now)
    except IntegrityError:
        raise Conflict("这个电话刚刚被别的同事登记了，请重新查找", "phone") from None
    note(actor, "customer.created", chain(customer.pk), site_id=actor.site_id, after=snapshot(customer))
    return customer


@transaction.atomic
def change_customer(customer_id: int, *, actor: Actor, **values: Any) -> Customer:
    """Change the named fields (name, phone, kind, salutation, mail, address, note, advisor_id, contact_not_before)."""
    require_anywhere(actor, "customer.manage")
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise NotFound(NO_CUSTOMER)
    unknown = set(values) - set(_FIELDS)
    if unknown:
        raise BusinessError(f"客户没有这些栏目: {'、'.join(sorted(unknown))}")
    before = snapshot(customer)
    for field, value in {**values, **clean_customer(values)}.items():
        setattr(customer, field, value)
    if customer.kind == CustomerKind.COMPANY:
        # 先生 and 女士 are for the person who came, who is a contact.
        customer.salutation = ""
    customer.fill_keys()
    old, new = changes(before, snapshot(customer))
    if not new:
        return customer
    if "phone" in new:
        _refuse_taken_phone(customer.phone, besides=customer.pk)
    customer.updated_at = clock.now()
    columns = [*new, "updated_at", *(["pinyin", "initials", "phone_mirrored"] if {"name", "phone"} & set(new) else [])]
    try:
        with transaction.atomic():
            customer.save(update_fields=columns)
    except IntegrityError:
        raise Conflict("这个电话刚刚被别的同事登记了，请重新查找", "phone") from None
    note(actor, "customer.changed", chain(customer.pk), site_id=actor.site_id, before=old, after=new)
    return customer


@transaction.atomic
def add_contact(customer_id: int, *, actor: Actor, name: str, phone: str, relation: str = "") -> Contact:
    """Add a person to speak to; the same phone twice for one customer is refused."""
    require_anywhere(actor, "customer.manage")
    if not Customer.objects.filter(pk=customer_id).exists():
        raise NotFound(NO_CUSTOMER)
    number = clean_phone(phone)
    if Contact.objects.filter(customer_id=customer_id, phone=number).exists():
        raise BusinessError("这位客户已经有这个联系电话", "phone")
    contact = Contact.objects.create(
        customer_id=customer_id,
        name=required_text(name, label="姓名", field="name", limit=80),
        phone=number,
        relation=optional_text(relation, label="关系", field="relation", limit=40),
    )
    after = {"name": contact.name, "phone": contact.phone}
    note(actor, "customer.contact_added", chain(customer_id), site_id=actor.site_id, after=after)
    return contact


@transaction.atomic
def reveal_phone(customer_id: int, *, actor: Actor) -> str:
    """The whole phone number for a role that sees it masked; who looked is kept."""
    require_anywhere(actor, "phone.reveal")
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise NotFound(NO_CUSTOMER)
    note(actor, "customer.phone_revealed", chain(customer_id), site_id=actor.site_id)
    return customer.phone


@transaction.atomic
def postpone_contact(customer_id: int, *, actor: Actor, until: date | None) -> None:
    """Do not call this customer on our own account before the day (asked to be called later, or refused)."""
    require_anywhere(actor, "call.handle")
    if not Customer.objects.filter(pk=customer_id).update(contact_not_before=until):
        raise NotFound(NO_CUSTOMER)
    note(actor, "customer.contact_postponed", chain(customer_id), site_id=actor.site_id, after={"until": until})


def chain(customer_id: int) -> str:
    """The audit chain of a customer."""
    return f"customer:{customer_id}"


def mask_phone(phone: str) -> str:
    """As shown to roles that need not know it: 139****0001."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) > 7 else "****"


def mask_mail(mail: str) -> str:
    """As shown to roles that need not know it: t***@example.com."""
    name, _, host = mail.partition("@")
    return f"{name[:1]}***@{host}" if mail else ""


def clean_customer(values: dict[str, Any]) -> dict[str, Any]:
    """The given fields checked and normalised; used alike by the counter and the import."""
    clean: dict[str, Any] = {}
    if "name" in values:
        clean["name"] = required_text(values["name"], label="姓名", field="name", limit=80)
    if "phone" in values:
        clean["phone"] = clean_phone(str(values["phone"] or ""))
    if "kind" in values:
        clean["kind"] = values["kind"] or CustomerKind.PERSON
        if clean["kind"] not in CustomerKind.values:
            raise BusinessError("客户类别只能是个人或单位", "kind")
    if "salutation" in values:
        clean["salutation"] = values["salutation"] or ""
        if clean["salutation"] not in ("", "先生", "女士"):
            raise BusinessError("称谓只能是先生或女士", "salutation")
    if "mail" in values:
        clean["mail"] = _mail(values["mail"])
    if "address" in values:
        clean["address"] = optional_text(values["address"], label="地址", field="address", limit=200)
    if "note" in values:
        clean["note"] = optional_text(values["note"], label="备注", field="note", limit=2000)
    return clean


def _mail(value: Any) -> str:
    mail = optional_text(value, label="邮箱", field="mail", limit=160)
    try:
        if mail:
            validate_email(mail)
    except ValidationError:
        raise BusinessError("邮箱写法不对，例如 tang@example.com", "mail") from None
    return mail


def _refuse_taken_phone(phone: str, *, besides: int | None) -> None:
    other = Customer.objects.filter(phone=phone).exclude(pk=besides or 0).first()
    if other is not None:
        raise Conflict(f"这个电话已经登记在客户“{other.name}”名下", "phone")


def snapshot(customer: Customer) -> dict[str, Any]:
    """What the log keeps of a customer."""
    return {field: getattr(customer, field) for field in _FIELDS}
