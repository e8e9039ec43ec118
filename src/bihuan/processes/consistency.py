"""Whether what is stored fits together: each instance's state, its work items, timers, subscriptions, incidents,
called processes and its history all tell the same story.

Nothing here repairs. `bihuan audit verify --deep` prints what is found; the tests kill servers and databases and ask
here afterwards. Instances are read in batches, each in one snapshot, so it may run beside people at work.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from bihuan.audit.models import Entry
from bihuan.engine.runtime import State, apply, event_from_json, new_state, parked_by
from bihuan.kernel import clock
from bihuan.processes.auto_starts import LOOK, START
from bihuan.processes.compiled import compiled_process
from bihuan.processes.finishing import TIMER
from bihuan.processes.handling.called import rework_for
from bihuan.processes.history import STEP
from bihuan.processes.models import AutoStart, Incident, Instance, Job, Message, Subscription, WorkItem

BATCH = 200


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that cannot be so about an instance (0: none). `kind` is stable, for programs; `reason` for people."""

    instance: int
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"流程实例 {self.instance}：{self.reason}" if self.instance else self.reason

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Stored:
    """An instance with every row that belongs to it."""

    row: Instance
    items: list[WorkItem] = field(default_factory=list)
    timers: dict[int, Job] = field(default_factory=dict)
    subscriptions: dict[int, str] = field(default_factory=dict)
    messages_missed: list[str] = field(default_factory=list)
    incidents: set[int] = field(default_factory=set)
    called: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    steps: list[Mapping[str, Any]] = field(default_factory=list)


Finding = tuple[str, str]
"""Kind and reason."""
Taken = set[int]
"""Numbers of the kept messages that the instances looked at so far were given."""


def check_instances(
    instance_ids: Iterable[int] | None = None, *, counted: Callable[[int], object] = lambda _: None
) -> Iterator[Damage]:
    """Every damage of these instances, or of all; `counted` is told how many were read in each batch."""
    wanted = Instance.unscoped.all() if instance_ids is None else Instance.unscoped.filter(pk__in=list(instance_ids))
    last = 0
    taken = Taken()
    while True:
        with _snapshot():
            rows = list(
                wanted.filter(pk__gt=last).select_related("version").defer("version__xml").order_by("pk")[:BATCH]
            )
            gathered = _gather(rows)
            found = [Damage(one.row.pk, *finding) for one in gathered for finding in _findings(one, taken)]
        counted(len(rows))
        yield from found
        if len(rows) < BATCH:
            return
        last = rows[-1].pk


def check_auto_starts() -> Iterator[Damage]:
    """Whether each automatic start has the one job that will carry it out, and is one of the version in force."""
    jobs: dict[int, list[Job]] = defaultdict(list)
    with _snapshot():
        rows = list(AutoStart.objects.select_related("definition__current").order_by("pk"))
        for job in Job.objects.filter(kind__in=(START, LOOK)):
            jobs[job.payload.get("start", 0)].append(job)
    for row in rows:
        found, current = jobs.pop(row.pk, []), row.definition.current
        where = f"流程“{row.definition.name}”的自动发起（{row.pk}）"
        if len(found) > 1:
            yield Damage(0, "start-twice", f"{where}有 {len(found)} 个任务，会重复发起")
        if row.held_at is None and row.next_at is not None and row.job_id not in {job.pk for job in found}:
            yield Damage(0, "start-missing", f"{where}没有任务，到时不会发起")
        if row.held_at is None and (current is None or row.version_id != current.pk or current.stopped_at is not None):
            yield Damage(0, "start-version", f"{where}不是现行版本的")
    for extra in [job for left in jobs.values() for job in left]:
        yield Damage(0, "start-extra", f"自动发起的任务（{extra.pk}）没有登记，也没有版本")


@contextmanager
def _snapshot() -> Iterator[None]:
    """One moment of the database for all reads of a batch, unless the caller has one already."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _gather(rows: list[Instance]) -> list[Stored]:
    found = {row.pk: Stored(row) for row in rows}
    for item in WorkItem.unscoped.filter(instance_id__in=found).order_by("id"):
        found[item.instance_id].items.append(item)
    for job in Job.objects.filter(instance_id__in=found, kind=TIMER):
        found[job.instance_id or 0].timers[job.wait or 0] = job
    subscriptions = Subscription.unscoped.filter(instance_id__in=found).annotate(
        came=Exists(
            Message.unscoped.filter(
                ~Q(correlation="")
                | Q(sender__isnull=True, site=OuterRef("site"))
                | Q(sender__chain=OuterRef("instance__chain")),
                name=OuterRef("name"),
                correlation=OuterRef("correlation"),
                expires_at__gt=clock.now(),
            )
        )
    )
    for row in subscriptions:
        found[row.instance_id].subscriptions[row.wait] = row.kind
        if row.kind == "message" and row.came:
            found[row.instance_id].messages_missed.append(row.name)
    open_incidents = Incident.unscoped.filter(instance_id__in=found, resolved_at__isnull=True)
    for instance_id, number in open_incidents.values_list("instance_id", "number"):
        found[instance_id].incidents.add(number)
    children = Instance.unscoped.filter(parent_id__in=found, ended_at__isnull=True)
    for child, parent, wait in children.values_list("pk", "parent_id", "parent_wait"):
        found[parent].called[wait].append(child)
    chains = {row.chain for row in rows}
    for entry in Entry.objects.filter(chain__in=chains, action=STEP).order_by("chain", "seq").iterator(chunk_size=500):
        one = found.get(entry.data.get("instance"))
        if one is not None and one.row.chain == entry.chain:
            one.steps.append(entry.data)
    return list(found.values())


def _findings(one: Stored, taken: Taken) -> Iterator[Finding]:
    try:
        state = State.from_json(one.row.state)
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        yield "state-unreadable", f"状态无法读取（{type(fault).__name__}）"
        return
    yield from _outcome(one, state)
    yield from _structure(one, state)
    yield from _items(one, state)
    yield from _timers(one, state)
    yield from _other_waits(one, state)
    yield from _across_calls(one, state)
    yield from _messages(one, taken)
    yield from _history(one, state)


def _outcome(one: Stored, state: State) -> Iterator[Finding]:
    row = one.row
    told = {"new": "running"}.get(state.status, state.status) if state.status != "ended" else state.outcome
    if told != row.status:
        yield "status-differs", f"记录为“{row.get_status_display()}”，引擎状态为“{told}”"
    if (row.ended_at is None) != row.is_running:
        yield "end-differs", "结束时间与状况不符"
    if state.status == "ended" and (state.tokens or state.waits or state.incidents):
        yield "left-behind", "已结束，但还有未收尾的环节"
    if state.status == "running" and not (state.waits or state.incidents):
        yield "stuck", "进行中，但没有待办、定时器、消息或异常，不会再往下走"


def _structure(one: Stored, state: State) -> Iterator[Finding]:
    for token in state.tokens.values():
        if token.scope not in state.scopes or (token.local and token.local not in state.scopes):
            yield "scope-missing", f"环节“{token.node}”所在的层不存在"
    for scope in state.scopes.values():
        if scope.token and scope.token not in state.tokens:
            yield "token-missing", f"环节“{scope.node}”的内层还在，它自己却已不在"
    for wait in state.waits.values():
        if wait.token and wait.token not in state.tokens:
            yield "token-missing", f"环节“{wait.node}”在等待，但流程没有停在那里"
    for incident in state.incidents.values():
        if incident.token and incident.token not in state.tokens:
            yield "token-missing", f"环节“{incident.node}”有异常，但流程没有停在那里"
    if max([0, *state.tokens, *state.scopes, *state.waits, *state.incidents]) >= state.next_id:
        yield "number-reused", "内部编号会重复"
    try:
        nodes = compiled_process(one.row.version_id, one.row.version.sha256, one.row.process_id).nodes
    except KeyError:
        yield "process-missing", "版本中没有这个流程"
        return
    for name in sorted({token.node for token in state.tokens.values()} - set(nodes)):
        yield "node-unknown", f"停在版本中没有的环节“{name}”"


def _items(one: Stored, state: State) -> Iterator[Finding]:
    waiting = {wait.id: wait.node for wait in state.waits.values() if wait.kind == "item"}
    for item in one.items:
        if not item.is_over and waiting.pop(item.wait, None) != item.node_id:
            yield "item-extra", f"待办“{item.name}”（{item.pk}）没有流程在等它"
        elif not item.is_over and item.is_open != _is_somebodys_turn(state, item.wait):
            yield "item-turn-differs", f"待办“{item.name}”（{item.pk}）轮到谁办，与流程不符"
        if item.is_over != (item.completed_at is not None):
            yield "item-time-differs", f"待办“{item.name}”（{item.pk}）的完成时间与状况不符"
    for node in waiting.values():
        yield "item-missing", f"环节“{node}”在等人办理，但没有这项待办"


def _is_somebodys_turn(state: State, wait: int) -> bool:
    return state.status == "running" and not parked_by(state, wait)


def _timers(one: Stored, state: State) -> Iterator[Finding]:
    jobs = dict(one.timers)
    for wait in state.waits.values():
        if wait.kind != "timer":
            continue
        job = jobs.pop(wait.id, None)
        if job is None:
            yield "timer-missing", f"环节“{wait.node}”的定时器不见了，到点不会触发"
        elif _moved(job.due_at, wait.due_at):
            yield "timer-moved", f"环节“{wait.node}”的定时器时间被改动"
    for job in jobs.values():
        yield "timer-extra", f"定时器（{job.pk}）没有流程在等它"


def _moved(due_at: datetime, agreed: datetime | None) -> bool:
    """A timer given another life after it was given up is due then, later than agreed but never in the future."""
    return agreed is None or due_at < agreed or agreed < due_at > clock.now()


def _other_waits(one: Stored, state: State) -> Iterator[Finding]:
    waiting = {wait.id: wait.kind for wait in state.waits.values() if wait.kind in ("message", "signal")}
    for _ in waiting.items() - one.subscriptions.items():
        yield "subscription-missing", "流程在等消息，但收不到：等待的登记不见了"
    for _ in one.subscriptions.items() - waiting.items():
        yield "subscription-extra", "登记了等待的消息，但流程没有在等"
    for _ in set(state.incidents) - one.incidents:
        yield "incident-missing", "流程停下了，但没有异常记录"
    for _ in one.incidents - set(state.incidents):
        yield "incident-extra", "有未处理的异常记录，但流程没有停下"
    calls = {wait.id: wait.node for wait in state.waits.values() if wait.kind == "call"}
    for number, node in calls.items():
        if len(one.called.get(number, ())) != 1:
            yield "call-missing", f"环节“{node}”调用的流程不在进行，不会再返回"
    for number, children in one.called.items():
        if number not in calls:
            yield "call-extra", f"被调用的流程 {children[0]} 还在进行，上级流程却没有在等它"


def _across_calls(one: Stored, state: State) -> Iterator[Finding]:
    """What a calling process redoes for an item of a called one, that rests for it; each knows of the other."""
    for behind in [rework.behind for rework in state.reworks.values() if rework.behind]:
        if not WorkItem.unscoped.filter(pk=behind, status=WorkItem.Status.WAITING).exists():
            yield "rework-extra", f"在替子流程的待办（{behind}）重办，那项待办却没有在等"
    for item in one.items:
        if not item.is_over and item.wait in state.awaiting and rework_for(item) is None:
            yield "rework-missing", f"待办“{item.name}”（{item.pk}）在等上级流程重办，上级流程却没有在办"


def _messages(one: Stored, taken: Taken) -> Iterator[Finding]:
    """A message that had been kept is given once, and is then no longer there."""
    given = [number for step in one.steps for number in step.get("messages", ())]
    still_there = set(Message.unscoped.filter(pk__in=given).values_list("pk", flat=True)) if given else ()
    for number in given:
        if number in taken or number in still_there:
            yield "message-twice", f"消息 {number} 收到过，却又交出去或仍留着"
        taken.add(number)
    for name in one.messages_missed:
        yield "message-missed", f"在等消息“{name}”，它已经来了却没有交过来"


def _history(one: Stored, state: State) -> Iterator[Finding]:
    if len(one.steps) != one.row.lock_version:
        yield "steps-differ", f"走了 {one.row.lock_version} 步，记录里有 {len(one.steps)} 步"
    # A completion moves other instances too; their entries name no item.
    completed = Counter(step["item"] for step in one.steps if step.get("command") == "CompleteItem" and "item" in step)
    for item_id in sorted(item for item, times in completed.items() if times > 1):
        yield "item-twice", f"待办 {item_id} 被完成了不止一次"
    told, outcomes = new_state(), dict[int, str]()
    try:
        for step in one.steps:
            for data in step["events"]:
                apply(told, event_from_json(data))
                if data["type"] == "ItemClosed":
                    outcomes[data["wait"]] = data.get("outcome", "")
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        yield "history-unreadable", f"记录无法重演（{type(fault).__name__}）"
        return
    if told.to_json() != state.to_json():
        yield "history-differs", "按记录重演得到的状态与保存的不同"
    names = {"completed": WorkItem.Status.DONE, "cancelled": WorkItem.Status.CANCELLED}
    for item in one.items:
        if item.is_over and item.status != names.get(outcomes.get(item.wait, "")):
            yield "item-unproven", f"待办“{item.name}”（{item.pk}）已结束，记录里却不是这样"
