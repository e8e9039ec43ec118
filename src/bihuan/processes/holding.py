"""Who may complete an item, and how to tell the others kindly."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn
from zoneinfo import ZoneInfo

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.org.actor import ActingFor, Actor
from bihuan.org.models import Role, Site
from bihuan.processes.models import Offer, WorkItem
from bihuan.processes.rows import Held


def roles_of(role: str) -> frozenset[str]:
    """The role keys an item is offered to."""
    return frozenset(part.strip() for part in role.split(",") if part.strip())


def holds(item: Held | WorkItem, actor: Actor) -> bool:
    """Whether the actor may complete it: open, and theirs, or nobody's and offered to them; or so for whom they act.

    Offered: to one of their roles there (where duty decides, while on duty), or to them among named people.
    """
    if not item.is_open:
        return False
    if actor.is_system:
        return True
    site_id = item.instance.facts.site_id if isinstance(item, Held) else item.site_id
    if item.assignee_id is not None and item.assignee_id == actor.user_id:
        return True
    if actor.acting_for and acted_for(item, actor) is not None:
        return True
    if item.assignee_id is not None:
        return False
    if item.role:
        return not roles_of(item.role).isdisjoint(actor.offered_roles_at(site_id))
    return is_offered(item.item_id if isinstance(item, Held) else item.pk, actor)


def is_offered(item_id: int, actor: Actor) -> bool:
    """Whether the item is offered to the actor among named people."""
    return actor.user_id is not None and Offer.objects.filter(item_id=item_id, user_id=actor.user_id).exists()


def acted_for(item: Held | WorkItem, actor: Actor) -> ActingFor | None:
    """The delegation by which the actor may do somebody else's item now."""
    if item.assignee_id is not None and item.assignee_id == actor.user_id:
        return None
    facts = item.instance.facts if isinstance(item, Held) else item.instance
    return actor.acts_for(item.assignee_id, facts.site_id, item.role, facts.process_id)


def belongs(item: Held | WorkItem, actor: Actor) -> bool:
    """Whether the item is the actor's own or that of somebody they act for, whether it can be done now or not."""
    if item.assignee_id is None:
        return False
    return item.assignee_id == actor.user_id or acted_for(item, actor) is not None


def on_behalf(item: Held, actor: Actor) -> dict[str, int]:
    """For the history: whose work it is if the actor does it for somebody else."""
    is_lent = item.assignee_id is not None and acted_for(item, actor) is not None
    return {"acts_for": item.assignee_id} if is_lent and item.assignee_id is not None else {}


def require_holder(item: Held, actor: Actor) -> None:
    """Refuse with NotAllowed, saying whose it is, unless the actor holds the open item."""
    if holds(item, actor):
        return
    if item.assignee_id is not None:
        raise NotAllowed(f"“{item.name}”已由{_name(item.assignee_id)}办理，需要时请其转交")
    names = Role.objects.filter(key__in=roles_of(item.role)).values_list("name", flat=True)
    raise NotAllowed(f"“{item.name}”由{'、'.join(names) or item.role or '指定人员'}办理")


def require_completable(item: Held, actor: Actor) -> None:
    """Refuse those who cannot complete the item: Conflict if it is closed, NotAllowed if it is not theirs."""
    if not item.is_open:
        refuse_closed(item, actor)
    require_holder(item, actor)


def refuse_closed(item: Held, actor: Actor) -> NoReturn:
    """Tell by Conflict who has done the item and when, or that it is no longer needed."""
    row = WorkItem.unscoped.select_related("completed_by").get(pk=item.item_id)
    if row.status == WorkItem.Status.WAITING:
        raise Conflict(waiting_words(item))
    when = local_time(row.completed_at or clock.now(), item.instance.facts.site_id)
    if row.status == WorkItem.Status.CANCELLED:
        raise Conflict(f"“{item.name}”在 {when} 已随流程变化取消，不必再办")
    if row.completed_by_id is not None and row.completed_by_id == actor.user_id:
        raise Conflict(f"您在 {when} 已经完成了“{item.name}”，不必再办")
    who = row.completed_by.name if row.completed_by else "系统"
    raise Conflict(f"“{item.name}”已由{who}在 {when} 完成，您填写的内容没有保存")


def waiting_words(item: Held) -> str:
    """Why an item that is not over cannot be done now."""
    if item.instance.state.status == "suspended":
        return f"流程已挂起，恢复后才能办理“{item.name}”"
    return f"“{item.name}”要等别人先办完，办完会回到您这里"


def local_time(at: datetime, site_id: int) -> str:
    """A moment as the people of the site say it: the time, with the day if it is not today."""
    zone = ZoneInfo(Site.objects.values_list("timezone", flat=True).get(pk=site_id))
    there, today = at.astimezone(zone), clock.now().astimezone(zone).date()
    return f"{there:%H:%M}" if there.date() == today else f"{there:%m月%d日 %H:%M}"


def _name(user_id: int) -> str:
    return User.objects.values_list("name", flat=True).get(pk=user_id)
