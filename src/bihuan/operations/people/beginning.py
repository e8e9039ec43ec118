"""开始一项活动: the activities of an open ad-hoc sub-process, and beginning one of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import Choice, OpenAdHoc, State, open_ad_hocs
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.operations.surroundings import CASE, surroundings
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.processes import engine_store
from bihuan.processes.holding import holds, roles_of
from bihuan.processes.models import Instance, WorkItem
from bihuan.records.access import access_case

CLOSED = "这里已经不能再开始活动了"


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity as a person sees it; `may`: whether they may begin it now, `who`: those whose it is to begin."""

    choice: Choice
    required: bool
    may: bool
    who: str

    @property
    def node(self) -> Node:
        return self.choice.node


@dataclass(frozen=True, slots=True)
class Activities:
    """An open ad-hoc sub-process: what may be begun, and when it is over, in words."""

    instance_id: int
    wait: int
    name: str
    rule: str
    busy: bool
    rows: list[Activity]

    @property
    def may(self) -> bool:
        return any(row.may for row in self.rows)


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun, and the item that the person who began it can go on with, if it is for them."""

    name: str
    item_id: int | None


def activities_of(instance: Instance, process: Process, actor: Actor) -> list[Activities]:
    """What may be begun in an instance of a case that the actor may see. No query where there is nothing."""
    if instance.status != Instance.Status.RUNNING:
        return []
    opens = open_ad_hocs(process, State.from_json(instance.state))
    if not opens:
        return []
    names, own = dict(Role.objects.values_list("key", "name")), _own_nodes(instance.pk, actor)
    found = []
    for one in opens:
        spec = one.node.ad_hoc
        needed = spec is not None and spec.completion is None
        rows = [
            Activity(
                choice,
                required=needed and not choice.begun,
                may=not one.busy and _may_begin(process, one.node, choice.node, instance.site_id, own, actor),
                who="、".join(names.get(role, role) for role in sorted(_roles(one.node, choice.node))) or "经办人",
            )
            for choice in one.choices
        ]
        found.append(Activities(instance.pk, one.wait, one.node.label, _rule(one.node), one.busy, rows))
    return found


@transaction.atomic
def begin_activity(
    case_id: int, instance_id: int, wait: int, activity: str, *, actor: Actor, begun: int | None = None
) -> Begun:
    """Begin an activity of an open ad-hoc sub-process of a case (开始一项活动).

    Whoever has its role, works in the same sub-process, or manages cases may. `begun` is how often it had been begun
    when the person looked: a second press, or a colleague who was faster, is told instead of beginning it twice.
    """
    access_case(case_id, actor=actor)
    held = engine_store.hold_instance(instance_id)
    if held.facts.subject_kind != CASE or held.facts.subject_id != case_id:
        raise Conflict(CLOSED)
    opens = next((one for one in open_ad_hocs(held.process, held.state) if one.wait == wait), None)
    choice = _choice(opens, activity)
    if opens is None or choice is None:
        raise Conflict(CLOSED)
    label, own = choice.node.label, _own_nodes(instance_id, actor)
    if not _may_begin(held.process, opens.node, choice.node, held.facts.site_id, own, actor):
        raise NotAllowed(f"“{label}”由办这项活动的岗位开始")
    if begun is not None and begun != choice.begun:
        raise Conflict(f"“{label}”刚刚有人开始过了，请看一下再决定")
    result = engine_store.begin_activity(instance_id, wait, activity, actor=actor, around=surroundings())
    opened = WorkItem.unscoped.filter(pk__in=[item.id for item in result.opened]).order_by("pk")
    return Begun(label, next((item.pk for item in opened if holds(item, actor)), None))


def _choice(opens: OpenAdHoc | None, activity: str) -> Choice | None:
    choices = opens.choices if opens is not None else ()
    return next((choice for choice in choices if choice.node.id == activity), None)


def _roles(around: Node, activity: Node) -> frozenset[str]:
    return roles_of(activity.extension.role) or roles_of(around.extension.role)


def _may_begin(process: Process, around: Node, activity: Node, site_id: int, own: set[str], actor: Actor) -> bool:
    if actor.can("case.manage", site_id) or not _roles(around, activity).isdisjoint(actor.offered_roles_at(site_id)):
        return True
    return any(around.id in _around(process, node_id) for node_id in own)


def _own_nodes(instance_id: int, actor: Actor) -> set[str]:
    """The steps of an instance that the actor has in hand."""
    if actor.user_id is None:
        return set()
    rows = WorkItem.unscoped.filter(instance_id=instance_id, assignee_id=actor.user_id, completed_at__isnull=True)
    return set(rows.values_list("node_id", flat=True))


def _around(process: Process, node_id: str) -> set[str]:
    """The sub-processes a node stands in."""
    found: set[str] = set()
    node = process.nodes.get(node_id)
    while node is not None and node.parent:
        found.add(node.parent)
        node = process.nodes[node.parent]
    return found


def _rule(node: Node) -> str:
    spec = node.ad_hoc
    if spec is None or spec.completion is None:
        over = "每项至少办一次，都办完就结束"
    else:
        over = "达到完成条件就结束，" + ("没办完的取消" if spec.cancels else "已开始的办完为止")
    return f"一次只办一项，{over}" if spec is not None and spec.sequential else over
