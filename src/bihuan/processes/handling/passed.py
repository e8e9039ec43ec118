"""Where one may go back to: the steps done so far, those of a repeated sub-process once for each of its passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Max, Min

from bihuan.engine.definition import Node, Process
from bihuan.engine.runtime import Pass, State, is_special, passes_around, passes_in
from bihuan.engine.runtime.people.moving import PERSONAL
from bihuan.processes.handling.allowing import is_final
from bihuan.processes.history import instance_events
from bihuan.processes.models import WorkItem, labelled
from bihuan.processes.rows import Held

R = TypeVar("R")
RECALLED = "recalled"
MAX_PASSES = 200
MAX_STEPS = 1_000
MAX_NAME = 20


@dataclass(frozen=True, slots=True)
class Call:
    """On the way down to a step of a called process: the instance that was called, at which node, in which passes."""

    instance_id: int
    node_id: str
    into: tuple[Pass, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was done: where one may go back to. `last` is the newest item of it, `done_by_id` whose it was (who
    acted for them is in `done_by`), `into` the passes it is in.

    `of` names the passes (“泵”, “第 2 次”) where there are several, and `key` tells them apart.
    """

    node_id: str
    name: str
    last: int
    done_by_id: int
    done_by: str
    done_at: datetime
    above: int = 0
    """The calling instance that goes back to it, 0 for the item's own."""
    wait: int = 0
    """From where in that instance: the item, or the call that one is in."""
    way: tuple[Call, ...] = ()
    """The calls that lead down to it from that instance."""
    into: tuple[Pass, ...] = ()
    of: tuple[str, ...] = ()
    key: str = ""
    beside: bool = False
    """Of another of many that are still under way: who asks goes on with their own."""

    @property
    def label(self) -> str:
        """Its name, and for which of many it was done."""
        return labelled(self.name, self.of)


def passed_steps(
    instance_id: int, process: Process, present: Present | None = None, rows: Sequence[WorkItem] | None = None
) -> list[Passed]:
    """The steps done by people so far, newest last, without the present one and what lies before a final step.

    `rows` are the work done in it (`work_done`), where that has been read already.
    """
    if rows is None:
        rows = work_done({instance_id: process})[instance_id]
    passes = _passes(instance_id, process, rows)
    turns = turns_of(process, passes.values())
    steps: list[Passed] = []
    for row in rows:
        node = process.nodes.get(row.node_id)
        if node is None or node.kind not in PERSONAL:
            continue
        if is_final(node):
            steps.clear()
            continue
        into = passes.get(row.wait, ())
        if into and into[-1].node == row.node_id and (present is None or not present.is_open(into[-1])):
            # Many who did one step that is over do it all again.
            into = into[:-1]
        told = _told(process, into)
        if present is None or not present.is_at(row.node_id, told):
            key, of = naming_of(process, row.node_id, into, turns)
            beside = present is not None and any(present.is_beside(one) for one in told)
            step = Passed(row.node_id, row.name, row.pk, *_done(row), into=into, of=of, key=key, beside=beside)
            steps.append(step)
    return newest(steps, lambda step: (step.key, step.into))


def first_own_step(instance_id: int, process: Process, user_id: int | None) -> Passed | None:
    """The first of the steps somebody did, however often and whenever it was redone."""
    own = [step for step in passed_steps(instance_id, process) if step.done_by_id == user_id]
    done = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.DONE)
    first = dict(done.values("node_id").annotate(first=Min("id")).values_list("node_id", "first")) if own else {}
    return min(own, key=lambda step: (first[step.node_id], step.last), default=None)


def work_done(processes: Mapping[int, Process]) -> dict[int, list[WorkItem]]:
    """What people have done in these instances (id to process), in its order: of each step the newest item, of one done
    for several the newest ones."""
    done = WorkItem.unscoped.filter(
        instance_id__in=list(processes), status=WorkItem.Status.DONE, asked_as="", completed_by__isnull=False
    ).exclude(answer=RECALLED)
    newest = done.values("instance_id", "node_id").annotate(last=Max("id")).order_by("-last")
    numbers = set(newest.values_list("last", flat=True)[:MAX_STEPS])
    several = {
        (instance_id, node.id)
        for instance_id, process in processes.items()
        for node in process.nodes.values()
        if is_done_for_several(process, node)
    }
    if several:
        rows = done.filter(node_id__in={node_id for _, node_id in several}).order_by("-id")[:MAX_PASSES]
        numbers.update(row.pk for row in rows if (row.instance_id, row.node_id) in several)
    found: dict[int, list[WorkItem]] = {instance_id: [] for instance_id in processes}
    items = WorkItem.unscoped.filter(pk__in=numbers).select_related("completed_by", "assignee")
    for row in items.order_by("completed_at", "id"):
        found[row.instance_id].append(row)
    return found


def naming_of(
    process: Process, node_id: str, into: Iterable[Pass], turns: Mapping[int, int]
) -> tuple[str, tuple[str, ...]]:
    """What tells a node in these passes apart from itself in others: for a program, and for people."""
    told = _told(process, into)
    key = "@".join([node_id, *(str(one.number if one.whole else one.scope) for one in told)])
    return key, tuple(filter(None, (_name(one, turns) for one in told)))


def _told(process: Process, into: Iterable[Pass]) -> list[Pass]:
    return [one for one in into if _is_several(process, process.nodes[one.node])]


def _done(row: WorkItem) -> tuple[int, str, datetime]:
    """Whose it was, who did it and when."""
    who, at = row.completed_by, row.completed_at
    assert who is not None and at is not None, "it is done"
    whose = row.assignee or who
    name = who.name if who.pk == whose.pk else f"{who.name}（代{whose.name}）"
    return whose.pk, name, at


@dataclass(frozen=True, slots=True)
class Present:
    """Where somebody stands who looks back: the step, the passes around it, and what else is under way."""

    node_id: str
    around: frozenset[int]
    state: State

    def is_at(self, node_id: str, told: Iterable[Pass]) -> bool:
        """Whether this is the present step itself, and not that of another item."""
        return node_id == self.node_id and all(one.scope in self.around for one in told)

    def is_beside(self, one: Pass) -> bool:
        """Whether this is another pass than one's own of what is still under way."""
        return one.scope not in self.around and (self.is_open(one) or one.scope in self.state.scopes)

    def is_open(self, one: Pass) -> bool:
        """Whether the many of whom this is one are still under way."""
        return one.whole in self.state.scopes


def label_of(process: Process, state: State, wait: int, name: str, called_for: str = "") -> str:
    """What an open item is called, with which of many it is for (“测量（泵）”), and its process was called for."""
    held = state.waits.get(wait)
    own = names_around(process, state, held.token) if held is not None and held.token else []
    return labelled(name, [called_for, *own])


def names_around(process: Process, state: State, token: int) -> list[str]:
    """For which of many a token is, outermost first, as people call them."""
    around = passes_around(state, state.tokens[token])
    return [_name(one, {}) for one in around if one.whole and process.nodes[one.node].signoff is None]


def present_of(held: Held) -> Present:
    """Where the holder of an item stands."""
    state = held.instance.state
    wait = state.waits.get(held.wait)
    around = passes_around(state, state.tokens[wait.token]) if wait is not None and wait.token else ()
    return Present(held.node_id, frozenset(one.scope for one in around), state)


def step_named(steps: list[Passed], target: str) -> Passed | None:
    """The step of this key, label, node id or name; where only the step is named, one's own, and the newest."""
    exact = [step for step in steps if target in (step.key, step.label)]
    named = [step for step in steps if target in (step.node_id, step.name)]
    own = [step for step in named if not step.beside]
    return next(iter([*reversed(exact), *reversed(own), *reversed(named)]), None)


@dataclass(frozen=True, slots=True)
class Inside:
    """Passes of the repeated, ad-hoc and event sub-processes around a step, in which one may be put there (“泵”).

    `key` tells them apart; `of` is empty where there was only one.
    """

    into: tuple[Pass, ...]
    of: str
    key: str


def insides_of(instance_id: int, process: Process, state: State) -> dict[str, list[Inside]]:
    """By step inside sub-processes of several passes: the passes that something was done in, or is open in.

    Nothing, and no query, for a process that has none.
    """
    nodes = process.nodes
    steps = [one for one in nodes.values() if one.kind in PERSONAL and is_in_special(process, one)]
    ways = {one.id: _way_to(process, one) for one in steps}
    if not ways:
        return {}
    done = WorkItem.unscoped.filter(
        instance_id=instance_id, status=WorkItem.Status.DONE, asked_as="", node_id__in=_steps_beside(process, ways)
    )
    rows = list(done.exclude(answer=RECALLED).order_by("-id")[:MAX_PASSES])
    over = _passes(instance_id, process, rows)
    at = (state.tokens[wait.token] for wait in state.waits.values() if wait.kind == "item" and wait.token)
    chains = [*(passes_around(state, token) for token in at), *(over[row.wait] for row in rows if row.wait in over)]
    turns = turns_of(process, chains)
    return {node_id: _insides(process, way, chains, turns) for node_id, way in ways.items()}


def _insides(
    process: Process, way: Sequence[str], chains: Iterable[tuple[Pass, ...]], turns: Mapping[int, int]
) -> list[Inside]:
    """Of passes, the newest first, those that lead to a step, each once and as it was last."""
    last: dict[str, Any] = {}
    found: dict[tuple[int, ...], Inside] = {}
    needed = {node for node in way if is_special(process.nodes[node])}
    for chain in chains:
        into = tuple(one for one, node in zip(chain, way, strict=False) if one.node == node)
        several = [one for one in into if one.node in needed]
        same = all(last.setdefault(one.node, one.items) == one.items for one in several)
        if len(several) == len(needed) and same:
            key = tuple(one.scope if process.nodes[one.node].by_event else one.number for one in several)
            of = "、".join(filter(None, (_name(one, turns) for one in several)))
            found.setdefault(key, Inside(into, of, "-".join(map(str, key))))
    return [found[key] for key in sorted(found)]


def _way_to(process: Process, node: Node) -> list[str]:
    """The sub-processes around a node, outermost first."""
    way: list[str] = []
    while node.parent:
        node = process.nodes[node.parent]
        way.insert(0, node.id)
    return way


def _steps_beside(process: Process, ways: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps in the same sub-processes, and in those inside them."""
    around = {node for way in ways.values() for node in way if is_special(process.nodes[node])}
    return [one.id for one in process.nodes.values() if around.intersection(_way_to(process, one))]


def has_passed_final(instance_id: int, process: Process) -> bool:
    """Whether a step was done behind which nobody goes back."""
    final = [node.id for node in process.nodes.values() if is_final(node)]
    done = WorkItem.unscoped.filter(instance_id=instance_id, status=WorkItem.Status.DONE, node_id__in=final)
    return bool(final) and bool(done.exclude(answer=RECALLED).exists())


def _passes(instance_id: int, process: Process, rows: Iterable[WorkItem]) -> dict[int, tuple[Pass, ...]]:
    """The passes of those done in what has several, read from the history; nothing where none has."""
    nodes = process.nodes
    inside = {
        row.wait for row in rows if row.node_id in nodes and any(map(is_special, _in(process, nodes[row.node_id])))
    }
    return passes_in(instance_events(instance_id), inside) if inside else {}


def turns_of(process: Process, passes: Iterable[tuple[Pass, ...]]) -> dict[int, int]:
    """Of what an event may begin again and again: which time it was, by its scope; nothing where it came once."""
    scopes: dict[str, set[int]] = {}
    for one in (one for into in passes for one in into):
        if process.nodes[one.node].by_event:
            scopes.setdefault(one.node, set()).add(one.scope)
    several = [sorted(found) for found in scopes.values() if len(found) > 1]
    return {scope: turn for found in several for turn, scope in enumerate(found, start=1)}


def newest(rows: Sequence[R], place: Callable[[R], tuple[str, tuple[Pass, ...]]]) -> list[R]:
    """Of what has the same key in the same passes (its `place`) the newest, as far as the last time went through the
    same items."""
    last: dict[str, Any] = {}
    found: dict[str, R] = {}
    for row in reversed(rows):
        key, into = place(row)
        if all(last.setdefault(one.node, one.items) == one.items for one in into):
            found.setdefault(key, row)
    return list(found.values())[::-1]


def _in(process: Process, node: Node) -> Iterator[Node]:
    """A step that is itself done by many, and the sub-processes around it."""
    if node.loop is not None and not node.loop.standard and node.signoff is None:
        yield node
    while node.parent:
        node = process.nodes[node.parent]
        yield node


def is_in_special(process: Process, node: Node) -> bool:
    """Whether a sub-process of several passes is around the node."""
    return any(is_special(one) for one in _in(process, node) if one.id != node.id)


def is_done_for_several(process: Process, node: Node) -> bool:
    """Whether a step is done for each of many, or as often as an event comes, so that one may be at it for each."""
    return any(_is_several(process, one) for one in _in(process, node))


def _is_several(process: Process, node: Node) -> bool:
    """Whether several passes can be under way at once: one of many, or what an event begins beside the rest."""
    if node.by_event:
        return not any(process.nodes[trigger].interrupting for trigger in process.levels[node.id].triggers)
    return node.loop is not None and not node.loop.standard


def _name(one: Pass, turns: Mapping[int, int]) -> str:
    if not one.whole:
        again = f"第 {one.number} 轮" if one.number else ""
        return f"第 {turns[one.scope]} 次" if one.scope in turns else again
    item: Any = one.items[one.number - 1] if one.items is not None and one.number <= len(one.items) else None
    if isinstance(item, dict):
        item = item.get("name")
    return item[:MAX_NAME] if isinstance(item, str) and item else f"第 {one.number} 项"
