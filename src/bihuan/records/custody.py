"""Taking a customer's things into care, handing them on, giving them back; the holder is always known (AUTO-25)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.org.duty.presence import keepers_of_desk
from bihuan.records.access import lock_case, note_on_case, optional_text, required_text
from bihuan.records.models import Case, Custody, CustodyMove, HolderKind, Signature, Thing


@dataclass(frozen=True)
class Holder:
    """Somebody or some desk that can hold a thing; `key` is the user id, the desk's name, or the customer id."""

    kind: str
    key: str
    name: str


def colleague(user: User) -> Holder:
    """A person of the house."""
    return Holder(HolderKind.USER, str(user.pk), user.name)


def desk(name: str) -> Holder:
    """A desk of the site, such as 值班室 or 前台; whoever is on duty there acts for it."""
    return Holder(HolderKind.DESK, required_text(name, label="保管处", field="holder", limit=40), name.strip())


def acting(actor: Actor) -> Holder:
    """The person acting now."""
    if actor.user_id is None:
        raise BusinessError("系统不能保管物品")
    return Holder(HolderKind.USER, str(actor.user_id), actor.name)


@transaction.atomic
def take_custody(
    case_id: int, thing: str, *, actor: Actor, holder: Holder | None = None, signed_by: str = "", note: str = ""
) -> Custody:
    """Take a thing from the customer. Refused while it is already in our care on this case."""
    case = lock_case(case_id, actor=actor)
    if thing not in Thing.values:
        raise BusinessError("没有这种保管物品", "thing")
    to = holder or acting(actor)
    giver = _customer_of(case)
    custody = Custody.unscoped.filter(case=case, thing=thing).first()
    if custody is not None and custody.holder_kind != HolderKind.CUSTOMER:
        raise BusinessError(f"{Thing(thing).label}已由{custody.holder_name}保管")
    if custody is None:
        custody = Custody(case=case, thing=thing)
    return _pass_on(custody, case, giver, to, actor, signed_by=signed_by or to.name, note=note)


@transaction.atomic
def hand_over(
    case_id: int,
    thing: str,
    *,
    actor: Actor,
    to: Holder,
    signed_by: str,
    signature: Signature | None = None,
    note: str = "",
) -> Custody:
    """Pass a thing on; only whoever holds it (or is on duty at the desk that does) can, and the receiver signs.

    An `actor` who is the system passes on whatever it is: the hand-over of somebody's work was permitted as a whole.
    """
    case = lock_case(case_id, actor=actor)
    custody = _in_care(case, thing)
    _require_holder(custody, case, actor)
    if to.kind == HolderKind.CUSTOMER:
        raise BusinessError("交还客户请用“归还”")
    if (custody.holder_kind, custody.holder) == (to.kind, to.key):
        raise BusinessError(f"{custody.get_thing_display()}已经在{to.name}处")
    name = required_text(signed_by, label="签收人", field="signed_by", limit=80)
    giver = Holder(custody.holder_kind, custody.holder, custody.holder_name)
    return _pass_on(custody, case, giver, to, actor, signed_by=name, signature=signature, note=note)


@transaction.atomic
def return_to_customer(
    case_id: int, thing: str, *, actor: Actor, signed_by: str = "", signature: Signature | None = None, note: str = ""
) -> Custody:
    """Give a thing back to the customer. The key goes back only through `release.release_key`."""
    if thing == Thing.KEY:
        raise BusinessError("车钥匙要凭出门证和结算单交还")
    return give_back(case_id, thing, actor=actor, signed_by=signed_by, signature=signature, note=note)


def give_back(
    case_id: int,
    thing: str,
    *,
    actor: Actor,
    signed_by: str = "",
    signature: Signature | None = None,
    note: str = "",
    action: str = "case.view",
    anyone: bool = False,
) -> Custody:
    """The return itself, in the transaction of the use case that decided it; `anyone` when the right was checked."""
    case = lock_case(case_id, actor=actor, action=action, open_only=False)
    custody = _in_care(case, thing)
    if not anyone:
        _require_holder(custody, case, actor)
    giver = Holder(custody.holder_kind, custody.holder, custody.holder_name)
    to = _customer_of(case)
    return _pass_on(custody, case, giver, to, actor, signed_by=signed_by or to.name, signature=signature, note=note)


def in_our_care(case_id: int) -> list[Custody]:
    """What of the customer's we still hold on a case."""
    return list(Custody.unscoped.filter(case_id=case_id).exclude(holder_kind=HolderKind.CUSTOMER).order_by("thing"))


def holder_at(case_id: int, thing: str, at: datetime) -> Holder | None:
    """Who held a thing of a case at a moment, by its hand-overs; None before it was taken."""
    moves = CustodyMove.unscoped.filter(custody__case_id=case_id, custody__thing=thing, at__lte=at)
    last = moves.order_by("-at", "-pk").first()
    return Holder(last.to_kind, last.to_holder, last.to_name) if last else None


def held_by(user_id: int, desks: tuple[str, ...] = (), *, actor: Actor) -> list[Custody]:
    """Everything a person holds, and what lies at the named desks, at the actor's sites."""
    mine = Q(holder_kind=HolderKind.USER, holder=str(user_id)) | Q(holder_kind=HolderKind.DESK, holder__in=desks)
    rows = Custody.objects.visible_to(actor).filter(mine)
    return list(rows.select_related("case", "case__vehicle", "case__customer").order_by("since")[:200])


def _customer_of(case: Case) -> Holder:
    if case.customer is None:
        return Holder(HolderKind.CUSTOMER, "0", "客户")
    return Holder(HolderKind.CUSTOMER, str(case.customer_id), case.customer.name)


def _in_care(case: Case, thing: str) -> Custody:
    custody = Custody.unscoped.select_for_update().filter(case=case, thing=thing).first()
    label = Thing(thing).label if thing in Thing.values else "物品"
    if custody is None:
        raise NotFound(f"这张单据没有保管{label}的记录")
    if custody.holder_kind == HolderKind.CUSTOMER:
        raise BusinessError(f"{label}已经归还客户")
    return custody


def _require_holder(custody: Custody, case: Case, actor: Actor) -> None:
    if actor.is_system:
        return
    if custody.holder_kind == HolderKind.DESK:
        keepers = keepers_of_desk(case.site_id, custody.holder, clock.now())
        if keepers is not None and actor.user_id not in keepers:
            names = "、".join(User.objects.filter(pk__in=keepers).order_by("pk").values_list("name", flat=True))
            raise BusinessError(
                f"{custody.get_thing_display()}存放在{custody.holder}，由当班的{names or '值班人员'}交接"
            )
    if custody.holder_kind == HolderKind.USER and custody.holder != str(actor.user_id):
        raise BusinessError(f"{custody.get_thing_display()}由{custody.holder_name}保管，只能由本人交接")


def _pass_on(
    custody: Custody,
    case: Case,
    giver: Holder,
    to: Holder,
    actor: Actor,
    *,
    signed_by: str,
    signature: Signature | None = None,
    note: str = "",
) -> Custody:
    now = clock.now()
    text = optional_text(note, label="备注", field="note", limit=200)
    custody.holder_kind, custody.holder, custody.holder_name = to.kind, to.key, to.name
    custody.since, custody.note = now, text
    custody.save()
    CustodyMove.objects.create(
        custody=custody,
        from_kind=giver.kind,
        from_holder=giver.key,
        from_name=giver.name,
        to_kind=to.kind,
        to_holder=to.key,
        to_name=to.name,
        signed_by=signed_by[:80],
        signature=signature,
        at=now,
        by_id=actor.user_id,
        note=text,
    )
    shown = {"thing": custody.thing, "from": giver.name, "to": to.name, "signed_by": signed_by}
    note_on_case(actor, "custody.moved", case, data=shown)
    return custody
