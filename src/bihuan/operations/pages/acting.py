"""The menu of a task beyond completing it, and the form of each entry: what it does is said before it is confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bihuan.accounts.models import User
from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import AwaitCaller, CallOffRework, Reopen, Restore, SendBack, State
from bihuan.engine.runtime.people.moving import PERSONAL
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.operations.people.asking import MODES
from bihuan.operations.surroundings import surroundings
from bihuan.operations.work import Work, load_work
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import site_people
from bihuan.org.duty.presence import away_at
from bihuan.org.roles import people_with_role
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.allowing import allowed, is_final
from bihuan.processes.handling.asking import LAST, NEXT, signers_to_come, signs_in_a_row
from bihuan.processes.handling.called import rework_for, steps_back
from bihuan.processes.handling.passed import RECALLED, Passed, is_done_for_several, label_of
from bihuan.processes.handling.previewing import Preview, Previewer, previewer_of, previewers_of
from bihuan.processes.history import states_around
from bihuan.processes.holding import belongs, holds, roles_of
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.rows import read_item, transactional

WAITING = WorkItem.Status.WAITING


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that may be done with a task: its name, a sentence, and whether it is dangerous."""

    key: str
    label: str
    note: str
    icon: str
    danger: bool = False


ENTRIES: Mapping[str, Entry] = {
    one.key: one
    for one in (
        Entry("transfer", "转办", "交给指定的同事，并写明原因", "send"),
        Entry("send_back", "退回", "让前面办过的步骤重办，写明原因", "arrow-back-up", danger=True),
        Entry("recall", "撤回", "刚办完的收回来，趁下一步还没人办", "arrow-back-up"),
        Entry("call_off", "不用重办了", "撤回刚才的退回，我接着办", "arrow-back-up"),
        Entry("take_back", "拿回", "转出去或请别人看的，收回来自己办", "user-check"),
        Entry("ask", "加签、委派", "请同事先看、后看或代办，办完回到您", "user-plus"),
        Entry("remove", "减签", "请来的同事不用再办", "minus"),
        Entry("cc", "抄送", "让同事知道，可请对方确认已阅", "mail"),
        Entry("urge", "催办", "提醒该办的人，半小时一次", "bell"),
    )
}


@dataclass(frozen=True, slots=True)
class Target:
    """A step to go back to, with what each way there would do."""

    step: Passed
    again: Preview
    straight: Preview


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody who signs or was asked, as they stand."""

    item: WorkItem
    name: str
    how: str
    state: str


@dataclass(frozen=True)
class ActPage:
    """The form of one entry. `name` is that of the step, with which of many it is for; `preview` is what it would do
    where there is nothing to choose."""

    work: Work
    name: str
    entry: Entry
    targets: list[Target] = field(default_factory=list)
    preview: Preview | None = None
    colleagues: list[tuple[int, str]] = field(default_factory=list)
    """Others who work at the site, with whether they are on leave, for those whose browser cannot search."""
    role: str = ""
    """Of whom only those with one of these roles are offered."""
    removable: list[tuple[int, str]] = field(default_factory=list)
    modes: list[tuple[str, str, str]] = field(default_factory=list)
    weighs: bool = False
    turns: list[tuple[str, str]] = field(default_factory=list)
    """Where in the row one more may sign."""


def entries_of(
    work: Work, actor: Actor, process: Process, done: Sequence[tuple[str, str, str]], *, may_complete: bool
) -> list[Entry]:
    """What the actor may do with the task now; `done` are the steps done so far (node, asked as, answer)."""
    item, may = work.item, allowed(process, work.node)
    mine = belongs(item, actor)
    managing = actor.can("case.manage", item.site_id)
    asked, rests = item.asked_as != "", item.status == WAITING
    keys: list[str] = []
    if item.status == WorkItem.Status.DONE:
        recallable = actor.user_id in (item.completed_by_id, item.assignee_id) and item.answer != RECALLED
        keys += ["recall"] if recallable and work.instance.is_running and not is_final(work.node) else []
    elif not item.is_over and (may_complete or (mine and rests)) and work.instance.status == "running":
        keys += _of_holder(item, process, work.node, done, rests=rests, asked=asked)
    if not item.is_over and work.instance.status == "running":
        keys += ["cc"]
        keys += ["urge"] if item.is_open and not may_complete else []
        handed = not mine and item.why.startswith(f"由{actor.name}转办") and not rests
        keys += ["take_back"] if handed else []
    needs = {"ask": {"add", "delegate"}, "call_off": {"recall", "send_back"}}
    keys = [key for key in keys if needs.get(key, {key}) & may]
    if item.is_open and (managing or (may_complete and "transfer" in may)):
        keys.insert(0, "transfer")
    return [ENTRIES[key] for key in keys]


def _of_holder(
    item: WorkItem, process: Process, node: Node, done: Iterable[tuple[str, str, str]], *, rests: bool, asked: bool
) -> list[str]:
    keys: list[str] = []
    if not asked and (item.instance.parent_id is not None or _may_go_back(process, node, done)):
        keys.append("send_back")
    keys.append("ask")
    if rests:
        keys += ["call_off", "take_back"]
    if rests or node.signoff is not None:
        keys.append("remove")
    return keys


def _may_go_back(process: Process, present: Node, done: Iterable[tuple[str, str, str]]) -> bool:
    passed: set[str] = set()
    for node_id, asked_as, answer in done:
        node = process.nodes.get(node_id)
        if node is None or asked_as or answer == RECALLED or node.kind not in PERSONAL:
            continue
        if is_final(node):
            passed.clear()
        else:
            passed.add(node_id)
    return bool(passed if is_done_for_several(process, present) else passed - {present.id})


@transactional
def act_page(item_id: int, key: str, *, actor: Actor) -> ActPage:
    """The form of an entry of a task's menu. Raises NotFound for what is not in it."""
    work = load_work(item_id, actor=actor)
    process = process_of(work)
    done = done_steps(work.instance.pk)
    offered = entries_of(work, actor, process, done, may_complete=holds(work.item, actor))
    entry = next((one for one in offered if one.key == key), None)
    if entry is None:
        raise NotFound("这一步现在不能这样办")
    name = label_of(
        process, State.from_json(work.instance.state), work.item.wait, work.item.name, work.instance.called_for
    )
    return ActPage(work, name, entry, **_BUILDERS[key](work, actor, process))


def process_of(work: Work) -> Process:
    """The published process a task belongs to."""
    version = work.instance.version
    return compiled_process(version.pk, version.sha256, work.instance.process_id)


def done_steps(instance_id: int) -> list[tuple[str, str, str]]:
    """The steps of an instance that are done, in their order: node, asked as, answer."""
    rows = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.DONE)
    return list(rows.order_by("completed_at", "id").values_list("node_id", "asked_as", "answer"))


def _send_back(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    steps = steps_back(read_item(work.item.pk))
    wanted = {
        work.instance.pk,
        *(step.above for step in steps),
        *(call.instance_id for step in steps for call in step.way),
    }
    rows = Instance.unscoped.filter(pk__in=wanted).select_related("version").defer("version__xml")
    asks = previewers_of(list(rows), surroundings())
    found = []
    for one in reversed(steps):
        again, straight = (_returning(work, one, asks, straight=way) for way in (False, True))
        found.append(Target(one, again, straight))
    return {"targets": [one for one in found if not (one.again.refusal and one.straight.refusal)]}


def _returning(work: Work, step: Passed, asks: Mapping[int, Previewer], *, straight: bool) -> Preview:
    """What going back to a step does in the instance that goes back, unless the item cannot rest for that, or a process
    on the way cannot be woken."""
    behind = work.item.pk if straight and step.above else 0
    resting = asks[work.instance.pk].of(AwaitCaller(work.item.wait)) if behind else Preview()
    if resting.refusal:
        return resting
    onward = [*((call.node_id, call.into) for call in step.way), (step.node_id, step.into)]
    for call, (target, into) in zip(step.way, onward[1:], strict=True):
        woken = asks[call.instance_id].of(Reopen(target, into))
        if woken.refusal:
            return woken
    node, into = onward[0]
    told = asks[step.above or work.instance.pk].of(SendBack(step.wait, node, straight, into, behind))
    return replace(told, cancelled=(*resting.cancelled, *told.cancelled))


def _recall(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    try:
        before, after, _ = states_around(work.instance.pk, work.item.pk)
    except Conflict as refusal:
        return {"preview": Preview(refusal=refusal.message)}
    return {"preview": previewer_of(work.instance, surroundings()).of(Restore(before, after))}


def _call_off(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    found = rework_for(work.item)
    if found is None:
        return {"preview": Preview(refusal="前面的步骤没有在重办，不用撤回")}
    instance, rework = found
    ask = previewer_of(instance, surroundings())
    return {"preview": ask.of(CallOffRework(rework.wait, rework.behind))}


def _ask(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    may = allowed(process, work.node)
    modes: list[tuple[str, str, str]] = []
    if "add" in may:
        modes.append(("before", MODES["before"], "对方先看、给意见，之后回到您这里，由您决定"))
    if "add" in may and not work.item.asked_as:
        modes.append(("after", MODES["after"], "您办完后对方再看；同意才往下走，不同意就退给您"))
    if "add" in may and work.node.loop is not None and not work.item.asked_as:
        modes.append(("with", MODES["with"], "和大家一起签，票一样算数"))
    if "delegate" in may and not work.item.asked_as:
        modes.append(("delegate", MODES["delegate"], "对方替您办，办完由您确认"))
    weighs = work.node.signoff is not None and work.node.signoff.weight is not None
    turns = _turns(work) if any(mode == "with" for mode, _, _ in modes) and signs_in_a_row(work.node) else []
    others = [user for user in site_people(work.item.site_id) if user.pk != actor.user_id]
    return {"modes": modes, "weighs": weighs, "turns": turns, "colleagues": _with_leave(others)}


def _turns(work: Work) -> list[tuple[str, str]]:
    to_come = signers_to_come(work.node, State.from_json(work.instance.state), work.item.wait)
    before = [(str(person.pk), f"排在{person.name}之前") for _, person in to_come]
    return [(NEXT, "排在下一个"), *before[1:], (LAST, "排在最后")] if before else []


def _transfer(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    """Among those who have one of the step's roles; among everybody of the site where nobody is there who has."""
    item, able = work.item, dict[int, User]()
    for role in sorted(roles_of(item.role)) if item.unattended_since is None else ():
        able.update({user.pk: user for user in people_with_role(role, item.site_id)})
    people = list(able.values()) or list(site_people(item.site_id))
    others = [user for user in people if user.pk not in (actor.user_id, item.assignee_id)]
    return {"colleagues": _with_leave(others), "role": item.role if able else ""}


def _with_leave(people: list[User]) -> list[tuple[int, str]]:
    away = away_at(clock.now(), [user.pk for user in people])
    return [(user.pk, f"{user.name}（请假中）" if user.pk in away else user.name) for user in people]


def _remove(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    state = State.from_json(work.instance.state)
    asked = [ask.person for ask in state.asks.values() if ask.wait == work.item.wait]
    names = dict(User.objects.filter(pk__in=asked).values_list("pk", "name"))
    rows = WorkItem.unscoped.filter(
        instance_id=work.instance.pk, node_id=work.node.id, completed_at__isnull=True, asked_as="",
        assignee_id__isnull=False,
    )  # fmt: skip
    if work.node.loop is not None:
        names.update(rows.exclude(pk=work.item.pk).values_list("assignee_id", "assignee__name"))
        for _, person in signers_to_come(work.node, state, work.item.wait):
            names.setdefault(person.pk, f"{person.name}（还没轮到）")
    return {"removable": sorted(names.items(), key=lambda one: one[1])}


def _nothing(work: Work, actor: Actor, process: Process) -> dict[str, Any]:
    return {}


_BUILDERS = {
    "transfer": _transfer,
    "send_back": _send_back,
    "recall": _recall,
    "call_off": _call_off,
    "take_back": _nothing,
    "ask": _ask,
    "remove": _remove,
    "cc": _nothing,
    "urge": _nothing,
}
_ASKED = {"before": "前加签", "after": "后加签", "delegate": "委派"}
SIGNERS_SHOWN = 30


def signers_of(work: Work, done: Sequence[tuple[str, str, str]]) -> list[Signer]:
    """Everybody who signs the step of a task or was asked about it, as far as it is about this round of it."""
    alone = work.node.signoff is None and not work.item.asked_as and work.item.status != WAITING
    answered = any(node == work.node.id and asked_as for node, asked_as, _ in done)
    if alone and not answered and not State.from_json(work.instance.state).asks:
        return []
    rows = WorkItem.unscoped.filter(instance_id=work.instance.pk, node_id=work.node.id).exclude(status="cancelled")
    found = [
        Signer(row, _who(row), _how(row), _stands(row))
        for row in rows.select_related("assignee", "completed_by", "asked_by").order_by("-id")[:SIGNERS_SHOWN]
        if row.answer != RECALLED
    ]
    return found[::-1] if len(found) > 1 else []


def _who(row: WorkItem) -> str:
    person = row.completed_by or row.assignee
    return person.name if person is not None else "待领取"


def _how(row: WorkItem) -> str:
    if not row.asked_as:
        return "会签" if row.answer else "办理人"
    return f"{row.asked_by.name if row.asked_by else '同事'}{_ASKED.get(row.asked_as, '')}"


def _stands(row: WorkItem) -> str:
    if row.status == WorkItem.Status.DONE:
        return {"agree": "同意", "refuse": "不同意"}.get(row.answer, "已办")
    return "等别人先办" if row.status == WAITING else "待办"
