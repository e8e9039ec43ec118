"""Asking others about an item, and who signs with whom: who is asked must be able to do it at its site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.engine.definition import Node
from bihuan.engine.runtime import AddSigner, Ask, ItemOpened, RemoveSigner, State, Unask
from bihuan.engine.runtime.people.signoff import REMOVED
from bihuan.engine.runtime.state import Scope
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.org.access import load_actor
from bihuan.org.actor import Actor
from bihuan.org.people import is_staying
from bihuan.processes.contract import Decided, StepResult, Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.finishing import finish
from bihuan.processes.handling.allowing import require_allowed
from bihuan.processes.holding import on_behalf
from bihuan.processes.models import WorkItem
from bihuan.processes.rows import Held, transactional

NEXT, LAST = "next", "last"
Turn: TypeAlias = str | int
"""Where one more signs in a row: `NEXT`, `LAST`, or before the person of this number."""
NEEDS = {"before": "add", "after": "add", "delegate": "delegate"}
_FIELD = re.compile(r"\s*(\w+)\s*\.\s*(\w+)\s*")


@transactional
def ask_person(
    held: Held, user_id: int, mode: str, *, actor: Actor, reason: str, around: Surroundings
) -> StepResult | None:
    """Ask a colleague about the item: before its holder, after, or in their stead. None if they are asked already."""
    require_allowed(NEEDS[mode], held.instance.process, held.node)
    person = colleague(held, user_id, actor)
    asks = held.instance.state.asks.values()
    if any(ask.wait == held.wait and ask.person == person.pk and ask.mode == mode for ask in asks):
        return None
    unit = begin(actor, clock.now(), around)
    # Who acts for the holder asks in the holder's name: a refusal gives the step back to the holder.
    asker = held.assignee_id or actor.user_id or 0
    unit.submit(held.instance, Ask(held.wait, mode, person.pk, asker))
    detail = {"item": held.item_id, "name": held.name, "mode": mode, "to": person.pk, "to_name": person.name,
        "reason": reason, **on_behalf(held, actor)}  # fmt: skip
    return finish(unit, held.instance, command="Ask", detail=detail)


@transactional
def add_signer(
    held: Held,
    user_id: int,
    *,
    weight: int,
    turn: Turn = NEXT,
    actor: Actor,
    reason: str,
    around: Surroundings,
) -> StepResult | None:
    """One more colleague signs with the others, where they sign in a row at this `turn`; None if they sign already."""
    require_allowed("add", held.instance.process, held.node)
    person = colleague(held, user_id, actor)
    siblings = WorkItem.unscoped.filter(instance_id=held.instance.id, node_id=held.node_id, completed_at__isnull=True)
    if siblings.filter(assignee_id=person.pk, asked_as="").exists():
        return None
    if any(one.pk == person.pk for _, one in signers_to_come(held.node, held.instance.state, held.wait)):
        raise Conflict(f"{person.name}已经在名单里，还没轮到")
    place, words = _place(held, turn)
    unit = begin(actor, clock.now(), around)
    unit.submit(held.instance, AddSigner(held.wait, _element(held, person, weight), weight, place))
    for event in held.instance.events:
        if isinstance(event, ItemOpened):
            why = f"{actor.name}加入会签"
            held.instance.decided[event.wait] = Decided(person.pk, (), event.role, why, {"rule": "add"})
    detail = {"item": held.item_id, "name": held.name, "mode": "with", "to": person.pk, "to_name": person.name,
        "turn": words, "reason": reason, **on_behalf(held, actor)}  # fmt: skip
    return finish(unit, held.instance, command="AddSigner", detail=detail)


def _place(held: Held, turn: Turn) -> tuple[int, str]:
    """The place in the row that a turn comes to (0: the next), and the turn in words; "" where all sign at once."""
    if not signs_in_a_row(held.node):
        return 0, ""
    if turn == NEXT:
        return 0, "排在下一个"
    row = row_of(held.instance.state, held.wait)
    if turn == LAST:
        return (row.total + 1 if row is not None else 0), "排在最后"
    found = next((one for one in signers_to_come(held.node, held.instance.state, held.wait) if one[1].pk == turn), None)
    if found is None:
        raise Conflict("要排在前面的那位已经轮到或不在名单里，请重新选排在哪里")
    return found[0], f"排在{found[1].name}之前"


def signs_in_a_row(node: Node) -> bool:
    """Whether people do the step one after the other."""
    return node.loop is not None and not node.loop.standard and node.loop.sequential


@transactional
def remove_person(held: Held, user_id: int, *, actor: Actor, reason: str, around: Surroundings) -> StepResult:
    """A colleague who was asked, or signs with the others, need not any more (减签)."""
    require_allowed("remove", held.instance.process, held.node)
    state = held.instance.state
    unit = begin(actor, clock.now(), around)
    ask = next((ask for ask in state.asks.values() if ask.wait == held.wait and ask.person == user_id), None)
    if ask is not None:
        unit.submit(held.instance, Unask(ask.id))
    else:
        siblings = WorkItem.unscoped.filter(
            instance_id=held.instance.id, node_id=held.node_id, completed_at__isnull=True, asked_as=""
        )
        row = siblings.filter(assignee_id=user_id).first()
        place = next(
            (place for place, person in signers_to_come(held.node, state, held.wait) if person.pk == user_id), 0
        )
        if row is None and not place:
            raise Conflict("这位同事不在这一步，或者已经办过")
        command = RemoveSigner(row.wait) if row is not None else RemoveSigner(held.wait, place)
        unit.submit(held.instance, command)
    name = User.objects.values_list("name", flat=True).filter(pk=user_id).first()
    detail = {"item": held.item_id, "name": held.name, "to": user_id, "to_name": name or "", "reason": reason,
        **on_behalf(held, actor)}  # fmt: skip
    return finish(unit, held.instance, command="RemoveAssignee", detail=detail)


def signers_to_come(node: Node, state: State, wait: int) -> list[tuple[int, User]]:
    """Who signs later in a sign-off in a row that the item `wait` is of, with their places in it."""
    multi = row_of(state, wait)
    if multi is None:
        return []
    names: dict[int, Any] = {
        place: _named(node, item)
        for place, item in enumerate(multi.items or (), start=1)
        if place > multi.started and place not in multi.variables.get(REMOVED, ())
    }
    known = [name for name in names.values() if name is not None]
    numbers = [int(name) for name in known if not isinstance(name, str)]
    people = User.objects.filter(Q(username__in=[name for name in known if isinstance(name, str)]) | Q(pk__in=numbers))
    found = {key: person for person in people for key in (person.username, person.pk)} if known else {}
    return [(place, found[name]) for place, name in names.items() if name in found]


def row_of(state: State, wait: int) -> Scope | None:
    """All repetitions of the step that the item `wait` is one of."""
    held = state.waits.get(wait)
    each = state.scopes[state.tokens[held.token].scope] if held is not None and held.token else None
    return state.scopes[each.parent] if each is not None and each.kind == "each" else None


def _named(node: Node, item: Any) -> str | int | None:
    """The user name or number that an element of a sign-off's collection stands for, as its model reads it."""
    field = _field(node)
    if field is not None and isinstance(item, Mapping):
        item = item.get(field)
    if isinstance(item, str):
        return item
    return int(item) if isinstance(item, int | Decimal) and not isinstance(item, bool) else None


def _field(node: Node) -> str | None:
    """Which field of an element its model takes for the person; None where the element itself is the person."""
    found = _FIELD.fullmatch(node.assignee.text) if node.assignee is not None else None
    return found.group(2) if found is not None and node.loop is not None and found.group(1) == node.loop.item else None


def colleague(held: Held, user_id: int, actor: Actor) -> User:
    """An active person with a post at the item's site, not oneself. Raises BusinessError."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None or not is_staying(person.pk):
        raise BusinessError("只能请在职人员", "to")
    if person.pk == actor.user_id:
        raise BusinessError("不用请自己", "to")
    try:
        load_actor(person, held.instance.facts.site_id)
    except NotAllowed:
        raise BusinessError(f"{person.name}在这家门店没有岗位", "to") from None
    return person


def _element(held: Held, person: User, weight: int) -> Any:
    """What the collection of the sign-off holds for a person: as its model reads the assignee from an element."""
    field = _field(held.node)
    if field is not None:
        return {field: person.username, "name": person.name, "weight": weight}
    return person.username
