"""退回, 撤回, 拿回 and the administrator's jump."""

from __future__ import annotations

from django.db import transaction

from bihuan.audit.models import Entry
from bihuan.engine.runtime import awaits_rework
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.operations.cases import main_instance
from bihuan.operations.people.telling import MAX_REASON, case_url, reason_of, tell, tell_closed
from bihuan.operations.surroundings import surroundings
from bihuan.operations.work import hold_work
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.contract import StepResult
from bihuan.processes.handling import asking, returning
from bihuan.processes.handling.allowing import require_allowed
from bihuan.processes.handling.called import steps_back
from bihuan.processes.handling.passed import Inside, Passed, first_own_step, insides_of, step_named
from bihuan.processes.holding import belongs
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.people import reassign
from bihuan.processes.rows import Loaded
from bihuan.records.access import access_case, optional_text

NO_INSTANCE = "这张单据没有进行中的流程"


@transaction.atomic
def send_back_work(item_id: int, target: str, *, actor: Actor, reason: str, straight: bool = False) -> StepResult:
    """Return from one's own step to one passed before (退回): walk the way again, or straight back once redone.

    `target` is the step's key, node id or name. Whoever held work that is taken away, and whoever has it again, is
    told.
    """
    words = reason_of(reason)
    held = hold_work(item_id, actor=actor)
    returning.require_live(held, actor)
    require_own(held, actor)
    held = holding(held, actor)
    step = _step_named(held, target)
    result = returning.send_back(held, step.key, straight=straight, actor=actor, reason=words, around=surroundings())
    tell_closed(result, f"{actor.name}退回：{words}", actor=actor)
    for moved in (result, *result.others):
        for item in moved.opened:
            if item.node_id == step.node_id:
                who = [item.assignee_id, *item.offered]
                tell(who, f"退回给您：{step.label}", f"{item.title}，{actor.name}：{words}", f"/tasks/{item.id}",
                     instance=moved.instance, actor=actor)  # fmt: skip
    return result


def _step_named(held: engine_store.Held, target: str) -> Passed:
    steps = steps_back(held)
    found = step_named(steps, target)
    if found is None:
        there = "、".join(step.label for step in steps) or "没有可以退回的环节"
        raise BusinessError(f"不能退回到“{target}”；可以退回到：{there}", "target")
    return found


def require_own(held: engine_store.Held, actor: Actor) -> None:
    """Refuse those to whom the item does not belong; a resting one belongs to its holder too."""
    mine = belongs(held, actor)
    if not mine and not actor.is_system and held.is_open:
        engine_store.require_completable(held, actor)
    elif not mine and not actor.is_system:
        raise NotAllowed(f"“{held.name}”不是您办的")


def holding(held: engine_store.Held, actor: Actor) -> engine_store.Held:
    """The item as the actor's own: what one only might have taken is claimed by acting on it."""
    if held.assignee_id is not None or actor.user_id is None:
        return held
    engine_store.claim_item(held.item_id, actor=actor)
    return hold_work(held.item_id, actor=actor)


@transaction.atomic
def recall_work(item_id: int, *, actor: Actor, reason: str = "") -> StepResult:
    """Take back what one has just done while nobody has acted since (撤回): a completed step, or a straight 退回.

    Whoever had got the work is told that they need not do it.
    """
    held = hold_work(item_id, actor=actor)
    words = optional_text(reason, label="原因", field="reason", limit=MAX_REASON) or "撤回"
    if awaits_rework(held.instance.state, held.wait):
        require_own(held, actor)
        result = returning.call_off_return(held, actor=actor, reason=words, around=surroundings())
    else:
        result = returning.recall_item(item_id, actor=actor, reason=words, around=surroundings())
    tell_closed(result, f"{actor.name}撤回了“{held.name}”", actor=actor)
    return result


@transaction.atomic
def take_back_work(item_id: int, *, actor: Actor) -> None:
    """Take back work one has handed on (拿回): from a delegate or those asked, or from who it was transferred to."""
    held = hold_work(item_id, actor=actor)
    returning.require_live(held, actor)
    require_allowed("take_back", held.instance.process, held.node)
    asked = [ask for ask in held.instance.state.asks.values() if ask.wait == held.wait and ask.item]
    if belongs(held, actor):
        for ask in asked:
            present = hold_work(item_id, actor=actor)
            result = asking.remove_person(present, ask.person, actor=actor, reason="拿回", around=surroundings())
            tell_closed(result, f"{actor.name}拿回", actor=actor)
        return
    facts = held.instance.facts
    handed = Entry.objects.filter(chain=facts.chain, action="item.transfer").order_by("-seq")[:50]
    last = next((entry for entry in handed if entry.data.get("item") == item_id), None)
    whose = last.data["before"].get("assignee") if last is not None else None
    lent = whose is not None and actor.acts_for(whose, facts.site_id, held.role, facts.process_id) is not None
    if whose is None or not (lent or whose == actor.user_id):
        raise NotAllowed(f"“{held.name}”不是您转出去的，不能拿回")
    present_holder = held.assignee_id
    reassign(held, whose, action="item.take_back", actor=actor)
    tell([present_holder], f"不必再办：{held.name}", f"{facts.title}，{actor.name}拿回自己办", case_url(facts),
         instance=facts, actor=actor)  # fmt: skip


@transaction.atomic
def take_back_case(case_id: int, *, actor: Actor, reason: str) -> StepResult:
    """Whoever began the process takes it back to their own first step, from wherever it is (拿回)."""
    words = reason_of(reason)
    instance = running_instance(case_id, actor)
    if not returning.is_started_by(instance, actor):
        raise NotAllowed("只有发起人可以拿回")
    held = engine_store.hold_instance(instance.pk)
    require_allowed("take_back", held.process)
    first = first_own_step(instance.pk, held.process, actor.user_id)
    if first is None:
        raise Conflict("您还没有办过可以拿回的环节")
    result = returning.jump(
        instance.pk, 0, first.node_id, actor=actor, reason=words, around=surroundings(), give_to=first
    )
    tell_closed(result, f"发起人{actor.name}拿回：{words}", actor=actor)
    return result


@transaction.atomic
def jump_case(
    case_id: int, target: str, *, actor: Actor, reason: str, item_id: int | None = None, others_done: bool = False
) -> StepResult:
    """An administrator puts the process at another step (管理员跳转): all of it, or the branch of one open item.

    Needs `process.operate`. `target` is the step's node id or name, for a step in what is repeated with `@` and the
    pass behind it (“测量@泵”, `insides_of`). `others_done`: branches that would be missing at a join behind it count as
    done.
    """
    words = reason_of(reason)
    instance = running_instance(case_id, actor)
    actor.require("process.operate", instance.site_id)
    source = 0
    if item_id is not None:
        row = WorkItem.unscoped.filter(pk=item_id, instance__subject_id=case_id, completed_at__isnull=True).first()
        if row is None:
            raise Conflict("这项工作已经办过或取消了")
        source, instance = row.wait, Instance.unscoped.get(pk=row.instance_id)
    held = engine_store.hold_instance(instance.pk)
    name, _, which = target.partition("@")
    nodes = held.process.nodes
    node = nodes.get(name) or next((one for one in nodes.values() if one.name == name), None)
    if node is None:
        raise BusinessError(f"流程里没有环节“{name}”", "target")
    result = returning.jump(
        instance.pk, source, node.id, actor=actor, reason=words, around=surroundings(), others_done=others_done,
        inside=_inside(held, node.id, which) if which else None,
    )  # fmt: skip
    tell_closed(result, f"管理员{actor.name}跳转：{words}", actor=actor)
    return result


def _inside(held: Loaded, node_id: str, which: str) -> Inside:
    known = insides_of(held.id, held.process, held.state).get(node_id, [])
    found = next((one for one in known if which in (one.key, one.of)), None)
    if found is None:
        there = "、".join(one.of for one in known if one.of) or "没有办过的"
        raise BusinessError(f"没有“{which}”这一项可以跳转；有：{there}", "target")
    return found


def running_instance(case_id: int, actor: Actor) -> Instance:
    """The process that carries a case the actor may see, not ended."""
    access_case(case_id, actor=actor)
    found = main_instance(case_id)
    if found is None or found.ended_at is not None:
        raise Conflict(NO_INSTANCE)
    return found
