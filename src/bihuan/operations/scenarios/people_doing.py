"""What people do in a scenario besides completing tasks: back, again, together, by others, not now, after all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.operations.people import asking, beginning, ending, going_back
from bihuan.operations.scenarios.doing import Doing, acting, complete, open_item
from bihuan.operations.scenarios.format import Step
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.asking import LAST, NEXT
from bihuan.processes.models import Instance, WorkItem

MODES = {**{key: key for key in asking.MODES}, **{label: key for key, label in asking.MODES.items()}}
WAYS = {"again": False, "straight": True, "重新走一遍": False, "直接回到我这里": True}


def _text(step: Step, key: str) -> str:
    return str(step.values.get(key) or "")


def _to(world: World, step: Step) -> int:
    return int(world.user(_text(step, "to")).pk)


def _holding(world: World, step: Step) -> tuple[WorkItem, Any]:
    item = open_item(world, step)
    return item, world.actor(step.actor, item)


def send_back(world: World, step: Step) -> None:
    """Return a task to a step passed before."""
    item, actor = _holding(world, step)
    way = _text(step, "way") or "again"
    if way not in WAYS:
        raise StepProblem(f"不认识的 way“{way}”；可用：{'、'.join(WAYS)}")
    going_back.send_back_work(item.pk, _text(step, "to"), actor=actor, reason=_text(step, "reason"), straight=WAYS[way])


def recall(world: World, step: Step) -> None:
    """Take back the task one has just completed, or the return one has just asked for."""
    if not step.task:
        raise StepProblem("缺少 task（任务名称）")
    actor = acting(world, step)
    case = world.case(step.case)
    rows = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk).order_by("-pk")
    named = [item for item in rows if step.task in (item.name, item.node_id)]
    mine = [item for item in named if actor.user_id in (item.completed_by_id, item.assignee_id) and _is_done(item)]
    lent = {actor.user_id, *(one.user_id for one in actor.acting_for)}
    rests = [item for item in named if item.status == WorkItem.Status.WAITING and item.assignee_id in lent]
    item = next(iter([*rests, *mine]), None) or open_item(world, step)
    going_back.recall_work(item.pk, actor=actor, reason=_text(step, "reason"))


def _is_done(item: WorkItem) -> bool:
    return bool(item.status == WorkItem.Status.DONE and item.answer != "recalled")


def take_back(world: World, step: Step) -> None:
    """Take back a task one has handed on; without a task, the whole process to one's first step."""
    actor = acting(world, step)
    if step.task:
        going_back.take_back_work(open_item(world, step).pk, actor=actor)
    else:
        going_back.take_back_case(world.case(step.case).pk, actor=actor, reason=_text(step, "reason"))


def delegate(world: World, step: Step) -> None:
    """Have a colleague do one's task, which then comes back."""
    item, actor = _holding(world, step)
    asking.delegate_work(item.pk, _to(world, step), actor=actor, reason=_text(step, "reason"))


def add_assignee(world: World, step: Step) -> None:
    """Have colleagues sign too: before, after, or with the others."""
    item, actor = _holding(world, step)
    mode = _text(step, "how") or "before"
    if mode not in MODES or MODES[mode] == "delegate":
        raise StepProblem(f"不认识的 how“{mode}”；可用：before、after、with")
    weight, before = int(step.values.get("weight", 1)), _text(step, "before")
    turn = int(world.user(before).pk) if before else LAST if step.values.get("last") is True else NEXT
    to = step.values.get("to")
    people = [int(world.user(str(name)).pk) for name in (to if isinstance(to, list) else [to])]
    reason = _text(step, "reason")
    asking.add_assignees(item.pk, people, MODES[mode], actor=actor, reason=reason, weight=weight, turn=turn)


def remove_assignee(world: World, step: Step) -> None:
    """A colleague need not sign any more."""
    item, actor = _holding(world, step)
    asking.remove_assignee(item.pk, _to(world, step), actor=actor, reason=_text(step, "reason"))


def urge(world: World, step: Step) -> None:
    """Remind those who have to do a task."""
    case = world.case(step.case)
    rows = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk, status="open")
    named = [item for item in rows.order_by("pk") if step.task in (item.name, item.node_id)]
    item = named[0] if named else open_item(world, step)
    asking.urge_work(item.pk, actor=acting(world, step), note=_text(step, "note"))


def withdraw(world: World, step: Step) -> None:
    """Whoever began the process withdraws it."""
    ending.withdraw_case(world.case(step.case).pk, actor=acting(world, step), reason=_text(step, "reason"))


def terminate(world: World, step: Step) -> None:
    """An administrator ends the process."""
    ending.terminate_case(world.case(step.case).pk, actor=acting(world, step), reason=_text(step, "reason"))


def wake(world: World, step: Step) -> None:
    """An ended process runs again where it stopped."""
    ending.wake_case(world.case(step.case).pk, actor=acting(world, step), reason=_text(step, "reason"))


def suspend(world: World, step: Step) -> None:
    """The process stands still."""
    ending.suspend_case(world.case(step.case).pk, actor=acting(world, step), reason=_text(step, "reason"))


def resume_case(world: World, step: Step) -> None:
    """The process goes on."""
    ending.resume_case(world.case(step.case).pk, actor=acting(world, step), reason=_text(step, "reason"))


def jump(world: World, step: Step) -> None:
    """An administrator puts the process, or the branch of a task, at another step."""
    item = open_item(world, step).pk if step.task else None
    going_back.jump_case(
        world.case(step.case).pk, _text(step, "to"), actor=acting(world, step), reason=_text(step, "reason"),
        item_id=item, others_done=step.values.get("others_done") is True,
    )  # fmt: skip


def begin_activity(world: World, step: Step) -> None:
    """Begin an activity of an ad-hoc sub-process that is open."""
    case, actor, named = world.case(step.case), acting(world, step), _text(step, "activity")
    found: list[str] = []
    for instance in Instance.unscoped.filter(subject_kind="case", subject_id=case.pk).select_related("version"):
        process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
        for opens in beginning.activities_of(instance, process, actor):
            for one in opens.rows:
                if named in (one.node.id, one.node.label):
                    beginning.begin_activity(case.pk, instance.pk, opens.wait, one.node.id, actor=actor)
                    return
                found.append(one.node.label)
    raise StepProblem(f"没有可以开始的活动“{named}”；现在可以开始：{'、'.join(found) or '没有'}")


PEOPLE_DOING: Mapping[str, Doing] = {
    "vote": complete,
    "send_back": send_back,
    "recall": recall,
    "take_back": take_back,
    "delegate": delegate,
    "add_assignee": add_assignee,
    "remove_assignee": remove_assignee,
    "urge": urge,
    "withdraw": withdraw,
    "terminate": terminate,
    "wake": wake,
    "suspend": suspend,
    "resume_case": resume_case,
    "jump": jump,
    "begin_activity": begin_activity,
}
