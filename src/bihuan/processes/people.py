"""What people do with work items besides completing them: take one, give it back, hand it on."""

from __future__ import annotations

from collections.abc import Iterable

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.org.access import load_actor
from bihuan.org.actor import Actor
from bihuan.org.people import is_staying
from bihuan.processes.handling.allowing import require_allowed
from bihuan.processes.holding import refuse_closed, require_holder
from bihuan.processes.models import Offer, WorkItem
from bihuan.processes.rows import Held, read_item, transactional

# Why an item is with whom it is with, by what was done; what is not here needs no words.
_WHY = {"item.transfer": "由{by}转办：{reason}", "item.stand_in": "{reason}"}


@transactional
def claim_item(item_id: int, *, actor: Actor) -> Held:
    """Take an item offered to one's role. Taking it again is fine; somebody else's is a Conflict with the name."""
    held = _open(item_id, actor)
    if held.assignee_id is not None and held.assignee_id == actor.user_id:
        return held
    if held.assignee_id is not None:
        name = User.objects.values_list("name", flat=True).get(pk=held.assignee_id)
        raise Conflict(f"“{held.name}”已由{name}领取")
    require_holder(held, actor)
    return reassign(held, actor.user_id, action="item.claim", actor=actor)


@transactional
def release_item(item_id: int, *, actor: Actor, check_holder: bool = True) -> Held:
    """Give an item back to its role."""
    held = _open(item_id, actor)
    if check_holder:
        require_holder(held, actor)
        require_allowed("release", held.instance.process, held.node)
    if held.assignee_id is None:
        return held
    if not held.role and not Offer.objects.filter(item_id=item_id).exists():
        raise BusinessError(f"“{held.name}”没有对应的角色，只能转交给别人")
    return reassign(held, None, action="item.release", actor=actor)


@transactional
def transfer_item(item_id: int, to_user_id: int, *, actor: Actor, reason: str = "", check_holder: bool = True) -> Held:
    """Hand an item to another person who works at its site."""
    held = _open(item_id, actor)
    if check_holder:
        require_holder(held, actor)
        require_allowed("transfer", held.instance.process, held.node)
    person = User.objects.filter(pk=to_user_id, is_active=True).first()
    if person is None:
        raise BusinessError("只能转交给在职人员")
    if held.assignee_id == person.pk:
        return held
    try:
        load_actor(person, held.instance.facts.site_id)
    except NotAllowed:
        raise BusinessError(f"{person.name}在这家门店没有岗位，不能转交") from None
    return reassign(held, person.pk, action="item.transfer", actor=actor, reason=reason)


def _open(item_id: int, actor: Actor) -> Held:
    held = read_item(item_id)
    if not held.is_open:
        refuse_closed(held, actor)
    return held


def reassign(held: Held, user_id: int | None, *, action: str, actor: Actor, reason: str = "") -> Held:
    """Whose item it is from now on, with the deed in the history; nobody's whose account is closed."""
    if user_id is not None and not is_staying(user_id):
        raise BusinessError("只能交给在职人员，此人的账号已经停用")
    why = _WHY.get(action, "").format(by=actor.name, reason=reason)
    WorkItem.unscoped.filter(pk=held.item_id).update(assignee_id=user_id, why=why[:300], unattended_since=None)
    facts = held.instance.facts
    record(
        actor_id=actor.user_id,
        action=action,
        chain=facts.chain,
        site_id=facts.site_id,
        data={
            "instance": facts.id,
            "item": held.item_id,
            "node": held.node_id,
            "name": held.name,
            **({"reason": reason} if reason else {}),
        },
        before={"assignee": held.assignee_id},
        after={"assignee": user_id},
    )
    held.assignee_id = user_id
    return held


@transactional
def assign_to_deputy(item_ids: Iterable[int], user_id: int, *, why: str, actor: Actor) -> int:
    """Give items nobody holds to somebody who stands in, with the reason; answers how many. Taken ones stay taken."""
    given = 0
    for item_id in item_ids:
        held = read_item(item_id)
        if held.is_open and held.assignee_id is None:
            reassign(held, user_id, action="item.stand_in", actor=actor, reason=why)
            given += 1
    return given
