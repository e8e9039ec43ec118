"""What may be done with the process of a case as a whole, and the form of each: 撤销, 拿回, 唤醒, 挂起, 终止, 跳转."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import CancelInstance, Command, Jump, Pass, State, passes_around
from bihuan.engine.runtime.people.moving import PERSONAL
from bihuan.kernel.errors import NotFound
from bihuan.operations.cases import main_instance
from bihuan.operations.pages.acting import Entry
from bihuan.operations.surroundings import load_case, surroundings
from bihuan.org.actor import Actor
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.allowing import allowed
from bihuan.processes.handling.passed import Inside, first_own_step, has_passed_final, insides_of
from bihuan.processes.handling.previewing import Preview, Previewer, previewer_of
from bihuan.processes.handling.returning import is_started_by
from bihuan.processes.models import Instance, WorkItem, labelled
from bihuan.records.access import access_case
from bihuan.records.models import Case

OTHERS_DONE = "|others-done"
"""What the key of a place ends with where the other branches count as done."""
MAX_INSIDES = 20
"""Of how many passes of a step one may choose; the newest are offered."""
ENTRIES: Mapping[str, Entry] = {
    one.key: one
    for one in (
        Entry("take_back", "拿回到我这里", "我发起的，从头再办；正在办的都取消", "arrow-back-up", danger=True),
        Entry("withdraw", "撤销", "我发起的不办了，流程和单据一起结束", "x", danger=True),
        Entry("wake", "唤醒", "结束了还要办，从停下的地方继续", "player-play"),
        Entry("suspend", "挂起", "整张单据先停下：所有流程的待办、定时和时限都停住", "player-pause"),
        Entry("resume", "恢复", "接着办，时限按停下的时间顺延", "player-play"),
        Entry("jump", "跳转", "管理员把流程放到另一个环节", "arrow-right", danger=True),
        Entry("terminate", "终止", "管理员结束整个流程和单据", "x", danger=True),
    )
}


@dataclass(frozen=True, slots=True)
class Place:
    """A step an administrator may jump to, and what that would do; `inside`: into which pass of what is repeated around
    it; `others_done`: only if the other branches count as done."""

    node: Node
    preview: Preview
    inside: Inside | None = None
    others_done: bool = False
    is_anew: bool = False
    """What is around it is opened anew, although passes of it are known."""
    skips: bool = False
    """The others of many, done or not, count as done."""

    @property
    def key(self) -> str:
        which = f"@{self.inside.key}" if self.inside is not None else ""
        return self.node.id + which + (OTHERS_DONE if self.others_done else "")

    @property
    def name(self) -> str:
        of = "重新开始" if self.is_anew else (self.inside.of or "接着上次") if self.inside is not None else ""
        return labelled(self.node.label, [of] if of else ())


@dataclass(frozen=True)
class CaseActPage:
    """The form of one entry."""

    case: Case
    entry: Entry
    preview: Preview | None = None
    places: list[Place] = field(default_factory=list)
    branches: list[tuple[int, str]] = field(default_factory=list)
    """The open items, by number and as they are called, each a branch of its own."""
    source: WorkItem | None = None


def case_entries(instance: Instance | None, actor: Actor, process: Process | None) -> list[Entry]:
    """What the actor may do with the process of a case; the record of what is final is asked for in its form."""
    if instance is None or process is None:
        return []
    may, started = allowed(process), is_started_by(instance, actor)
    operates = actor.can("process.operate", instance.site_id)
    keys: list[str] = []
    if instance.status == Instance.Status.RUNNING:
        keys += [key for key in ("take_back", "withdraw") if started and key in may]
        keys += ["suspend", "jump", "terminate"] if operates else []
    elif instance.status == Instance.Status.SUSPENDED:
        keys += ["resume", "terminate"] if operates else []
    elif (started or actor.can("case.manage", instance.site_id)) and "wake" in may:
        keys.append("wake")
    return [ENTRIES[key] for key in keys]


def case_act_page(case_id: int, key: str, *, actor: Actor, source: str = "") -> CaseActPage:
    """The form of an entry for a case. Raises NotFound for what may not be done now.

    A jump moves everything, or the branch of the open item whose number is `source`.
    """
    access_case(case_id, actor=actor)
    instance = main_instance(case_id)
    process = process_of_instance(instance) if instance is not None else None
    entry = next((one for one in case_entries(instance, actor, process) if one.key == key), None)
    if entry is None or instance is None or process is None:
        raise NotFound("这张单据现在不能这样办")
    case = load_case(case_id)
    ask = previewer_of(instance, surroundings())
    if key == "jump":
        branch = next((item for item in ask.items if str(item.pk) == source), None)
        insides = insides_of(instance.pk, process, ask.state)
        places = _places(process, ask, branch.wait if branch is not None else 0, insides)
        return CaseActPage(case, entry, places=places, branches=_branches(ask), source=branch)
    return CaseActPage(case, entry, _preview(key, instance, process, ask, actor))


def process_of_instance(instance: Instance) -> Process:
    """The published process an instance runs on."""
    return compiled_process(instance.version_id, instance.version.sha256, instance.process_id)


def _branches(ask: Previewer) -> list[tuple[int, str]]:
    named = zip(ask.items, ask.named(ask.items), strict=True)
    return [(item.pk, f"{one.name}（{one.assignee.name}）" if one.assignee else one.name) for item, one in named]


def _places(process: Process, ask: Previewer, source: int, insides: Mapping[str, Sequence[Inside]]) -> list[Place]:
    """Where one may jump to, into each pass that is known; first as it is, else with the branches that would be missing
    counted as done."""
    found: list[Place] = []
    within = _around(ask.state, source)
    for node in [node for node in process.nodes.values() if node.kind in PERSONAL]:
        known = insides.get(node.id, ())
        before = len(found)
        for inside in (*known[-MAX_INSIDES:], None):
            if inside is None and len(found) > before and node.parent in within:
                break  # From inside one stays in its pass: there is nothing to open anew.
            into = inside.into if inside is not None else ()
            for others_done in (False, True):
                preview = ask.of(Jump(source, node.id, into, others_done))
                if not preview.refusal:
                    is_anew = inside is None and bool(known)
                    found.append(Place(node, preview, inside, others_done, is_anew, _skips(process, into)))
                    break
    return found


def _around(state: State, source: int) -> frozenset[str]:
    """The sub-processes that are open around an item."""
    held = state.waits.get(source)
    return (
        frozenset(one.node for one in passes_around(state, state.tokens[held.token]))
        if held is not None
        else frozenset()
    )


def _skips(process: Process, into: Sequence[Pass]) -> bool:
    loops = [(process.nodes[one.node].loop, one.total) for one in into]
    return any(loop is not None and not loop.sequential and total > 1 for loop, total in loops)


def _preview(key: str, instance: Instance, process: Process, ask: Previewer, actor: Actor) -> Preview | None:
    command: Command | None = None
    if key == "take_back":
        first = first_own_step(instance.pk, process, actor.user_id)
        if first is None:
            return Preview(refusal="您还没有办过可以拿回的环节，或者已经办过不能回头的环节")
        command = Jump(0, first.node_id, first.into)
    elif key in ("withdraw", "terminate"):
        if key == "withdraw" and has_passed_final(instance.pk, process):
            return Preview(refusal="已经办过不能回头的环节，不能撤销")
        command = CancelInstance("")
    return ask.of(command) if command is not None else None
