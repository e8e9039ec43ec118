"""加签, 减签, 委派 and 催办."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.operations.people.going_back import holding, require_own
from bihuan.operations.people.telling import holders_of, name_of, reason_of, tell, tell_closed
from bihuan.operations.picking import names_of
from bihuan.operations.surroundings import surroundings
from bihuan.operations.work import hold_work
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.handling import asking, returning
from bihuan.processes.handling.allowing import require_allowed
from bihuan.processes.holding import local_time
from bihuan.processes.models import WorkItem
from bihuan.records.access import optional_text

MODES = {"before": "前加签", "after": "后加签", "with": "会签加人", "delegate": "委派"}
URGE_EVERY = timedelta(minutes=30)
MAX_WEIGHT = 1000
MAX_ASKED = 20


@transaction.atomic
def delegate_work(item_id: int, to_user_id: int, *, actor: Actor, reason: str) -> str:
    """Have a colleague do one's step; it comes back for confirmation (委派). Answers the colleague's name."""
    return add_assignees(item_id, [to_user_id], "delegate", actor=actor, reason=reason)[0]


@transaction.atomic
def add_assignees(
    item_id: int,
    to_user_ids: Sequence[int],
    mode: str,
    *,
    actor: Actor,
    reason: str,
    weight: int = 1,
    turn: asking.Turn = asking.NEXT,
) -> list[str]:
    """Have colleagues sign too (加签): `before` oneself, `after`, or `with` the others of a sign-off, there where they
    sign in a row from this `turn` on, in the order given.

    They are told, by the work itself. Asking the same colleague again changes nothing. Answers their names.
    """
    words = reason_of(reason)
    people = list(dict.fromkeys(to_user_ids))
    if mode not in MODES:
        raise BusinessError(f"没有“{mode}”这种加签方式", "mode")
    if not 1 <= len(people) <= MAX_ASKED:
        raise BusinessError(f"请选择同事，一次最多 {MAX_ASKED} 人", "to")
    if mode == "delegate" and len(people) > 1:
        raise BusinessError("委派只能请一位同事代办", "to")
    if not 1 <= weight <= MAX_WEIGHT:
        raise BusinessError(f"权重应在 1 到 {MAX_WEIGHT} 之间", "weight")
    # Who is put next comes before whoever was put there a moment ago.
    for person in reversed(people) if mode == "with" and turn == asking.NEXT else people:
        held = hold_work(item_id, actor=actor)
        returning.require_live(held, actor)
        require_own(held, actor)
        held = holding(held, actor)
        if mode == "with":
            around = surroundings()
            asking.add_signer(held, person, weight=weight, turn=turn, actor=actor, reason=words, around=around)
        else:
            asking.ask_person(held, person, mode, actor=actor, reason=words, around=surroundings())
    names = names_of(people)
    return [names[person] for person in people]


@transaction.atomic
def remove_assignee(item_id: int, user_id: int, *, actor: Actor, reason: str) -> str:
    """A colleague who was asked, or signs with others, need not any more (减签). A manager may say so too."""
    words = reason_of(reason)
    held = hold_work(item_id, actor=actor)
    returning.require_live(held, actor)
    if not actor.can("case.manage", held.instance.facts.site_id):
        require_own(held, actor)
    result = asking.remove_person(held, user_id, actor=actor, reason=words, around=surroundings())
    tell_closed(result, f"{actor.name}减签：{words}", actor=actor)
    return name_of(user_id)


@transaction.atomic
def urge_work(item_id: int, *, actor: Actor, note: str = "") -> int:
    """Remind those who have to do a step (催办), once in half an hour. Answers how many were told."""
    words = optional_text(note, label="说明", field="note", limit=200)
    held = hold_work(item_id, actor=actor)
    facts, now = held.instance.facts, clock.now()
    if not held.is_open:
        raise Conflict(f"“{held.name}”现在不是待办，不用催")
    if not actor.is_system and held.assignee_id == actor.user_id:
        raise NotAllowed("这是您自己的待办")
    require_allowed("urge", held.instance.process, held.node)
    free = Q(urged_at__isnull=True) | Q(urged_at__lte=now - URGE_EVERY)
    if not WorkItem.unscoped.filter(free, pk=item_id).update(urged_at=now, urges=F("urges") + 1):
        last = WorkItem.unscoped.values_list("urged_at", flat=True).get(pk=item_id)
        again = local_time(last + URGE_EVERY, facts.site_id)
        raise Conflict(f"半小时内已经催过，{again} 以后可以再催")
    people = holders_of(WorkItem.unscoped.get(pk=item_id))
    _note(held, "item.urge", actor, reason=words, told=len(people))
    body = f"{facts.title}" + (f"，{words}" if words else "")
    tell(people, f"{actor.name}催办：{held.name}", body, f"/tasks/{item_id}", instance=facts, actor=actor)
    return len(people)


def _note(held: engine_store.Held, action: str, actor: Actor, **data: object) -> None:
    facts = held.instance.facts
    said = {key: value for key, value in data.items() if value not in ("", None)}
    record(
        actor_id=actor.user_id, action=action, chain=facts.chain, site_id=facts.site_id,
        data={"instance": facts.id, "item": held.item_id, "node": held.node_id, "name": held.name, **said},
    )  # fmt: skip
