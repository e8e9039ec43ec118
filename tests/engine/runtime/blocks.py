"""Generated block-structured processes: every split has its join, so what must happen is known beforehand.

A shape is written as model text, and says how much work it needs. Gateways decide by variables that
are part of the case, loops by the answers of the task before them, so that both engines can be driven alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st


@dataclass
class Case:
    """A model under construction: its text, the variables its gateways read, and the answers its loops need."""

    lines: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    inside: dict[str, list[str]] = field(default_factory=dict)
    """By boundary event that may be set off: the tasks of the activity it stands at."""
    repeated: set[str] = field(default_factory=set)
    """Those of them that may happen again and again."""
    beside: list[str] = field(default_factory=list)
    """The tasks that follow on events that do not interrupt."""
    items: set[str] = field(default_factory=set)
    """Tasks done for each item of a collection."""
    tasks: int = 0
    nodes: int = 0

    def new(self, prefix: str) -> str:
        self.nodes += 1
        return f"{prefix}{self.nodes}"

    def tasks_since(self, line: int) -> list[str]:
        """The user tasks written since there were so many lines."""
        return [text.split()[1] for text in self.lines[line:] if text.startswith("user ")]

    @property
    def last_task(self) -> str:
        """The user task that was written last."""
        return next(line.split()[1] for line in reversed(self.lines) if line.startswith("user "))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def answers(self, node: str, visit: int) -> dict[str, Any]:
        """What is answered at the given visit (from 1) of a task: what its loop needs, and a variable of its own."""
        if node in self.items:
            return {f"o_{node}": f"{node} {visit}"}
        own = {} if node.startswith("n") else {f"v_{node}": node}
        return {**own, f"again_{node}": visit % self.rounds[node] != 0} if node in self.rounds else own


Shape = tuple[str, Any]


def shapes(
    depth: int = 3, *, peer: bool = False, joins: bool = True, many: bool = True, looped: bool = False
) -> st.SearchStrategy[Shape]:
    """Trees of blocks: ("task", None), ("seq", [...]), ("xor", (choice, [...])), ("catch", (throws, inside, after)).

    For a `peer`, what SpiffWorkflow can do as well: activities with a timer or message at their edge that goes off when
    the test says so, ("edge", (event, interrupts, inside, after)), and tasks for each item of a list that collect a
    list, ("each", (count, sequential)); but no joins and lists in loops, and nothing for several items (`many`) after a
    boundary event. docs/engine.md says where it differs.
    """
    task = st.just(("task", None))
    if depth == 0:
        return task
    inner = shapes(depth - 1, peer=peer, joins=joins, many=many, looped=looped)
    repeated = shapes(depth - 1, peer=True, joins=False, many=many, looped=True) if peer else inner
    after = shapes(depth - 1, peer=True, joins=joins, many=False, looped=looped) if peer else inner
    several = st.lists(inner, min_size=2, max_size=3)
    items = st.tuples(st.integers(0, 3), st.booleans())
    choices = [
        task,
        st.tuples(st.just("seq"), several),
        st.tuples(st.just("xor"), st.tuples(st.integers(0, 2), several)),
        st.tuples(st.just("sub"), inner),
        st.tuples(st.just("catch"), st.tuples(st.booleans(), inner, after)),
        st.tuples(st.just("loop"), st.tuples(st.integers(1, 3), repeated)),
    ]
    if many:
        choices.append(st.tuples(st.just("multi"), items))
    if joins:
        choices.append(st.tuples(st.just("and"), several))
        choices.append(st.tuples(st.just("or"), st.tuples(st.lists(st.booleans(), min_size=3, max_size=3), several)))
    if peer and not looped:
        event = st.sampled_from(["timer", "message"])
        choices.append(st.tuples(st.just("edge"), st.tuples(event, st.booleans(), inner, after)))
        choices += [st.tuples(st.just("each"), items)] if many else []
    return st.one_of(choices)


def case_of(shape: Shape) -> Case:
    """The whole process of a shape."""
    case = Case()
    case.lines += ["start begin", "end finish"]
    first, last = _write(shape, case)
    case.lines += [f"begin -> {first}", f"{last} -> finish"]
    return case


def _write(shape: Shape, case: Case) -> tuple[str, str]:
    kind, detail = shape
    return _WRITERS[kind](detail, case)


def _task(_detail: Any, case: Case) -> tuple[str, str]:
    node = case.new("t")
    case.tasks += 1
    case.lines.append(f"user {node}")
    return node, node


def _seq(parts: list[Shape], case: Case) -> tuple[str, str]:
    ends = [_write(part, case) for part in parts]
    for (_, before), (after, _) in pairwise(ends):
        case.lines.append(f"{before} -> {after}")
    return ends[0][0], ends[-1][1]


def _xor(detail: tuple[int, list[Shape]], case: Case) -> tuple[str, str]:
    choice, parts = detail
    split, merge = case.new("x"), case.new("m")
    case.lines += [f"xor {split}", f"xor {merge}"]
    case.variables[f"c_{split}"] = choice
    for index, part in enumerate(parts):
        first, last = _write(part, case)
        condition = "else" if index == len(parts) - 1 else f"c_{split} < {index + 1}"
        case.lines += [f"{split} -> {first} : {condition}", f"{last} -> {merge}"]
    return split, merge


def _and(parts: list[Shape], case: Case) -> tuple[str, str]:
    split, join = case.new("f"), case.new("j")
    case.lines += [f"and {split}", f"and {join}"]
    for part in parts:
        first, last = _write(part, case)
        case.lines += [f"{split} -> {first}", f"{last} -> {join}"]
    return split, join


def _or(detail: tuple[list[bool], list[Shape]], case: Case) -> tuple[str, str]:
    flags, parts = detail
    split, join = case.new("o"), case.new("k")
    case.lines += [f"or {split}", f"or {join}"]
    for index, part in enumerate(parts):
        first, last = _write(part, case)
        condition = "else" if index == len(parts) - 1 else f"b_{split}_{index}"
        if condition != "else":
            case.variables[condition] = flags[index]
        case.lines += [f"{split} -> {first} : {condition}", f"{last} -> {join}"]
    return split, join


def _sub(inner: Shape, case: Case) -> tuple[str, str]:
    node, start, end = case.new("s"), case.new("in"), case.new("out")
    case.lines += [f"sub {node} {{", f"start {start}", f"end {end}"]
    first, last = _write(inner, case)
    case.lines += [f"{start} -> {first}", f"{last} -> {end}", "}"]
    return node, node


def _catch(detail: tuple[bool, Shape, Shape], case: Case) -> tuple[str, str]:
    """A sub-process that may end in an error, and what is done about it before all goes on."""
    throws, inside, after = detail
    node, start, end, bad, merge = (case.new(prefix) for prefix in ("s", "in", "out", "bad", "m"))
    case.variables[f"e_{node}"] = throws
    case.lines += [f"sub {node} {{", f"start {start}", f"end {end}", f"end {bad} error=E{node}", f"xor {node}ask"]
    first, last = _write(inside, case)
    case.lines += [f"{start} -> {first}", f"{last} -> {node}ask", f"{node}ask -> {bad} : e_{node}"]
    case.lines += [f"{node}ask -> {end} : else", "}", f"boundary {node}late on={node} error=E{node}", f"xor {merge}"]
    first, last = _write(after, case)
    case.lines += [f"{node} -> {merge}", f"{node}late -> {first}", f"{last} -> {merge}"]
    return node, merge


def _edge(detail: tuple[str, bool, Shape, Shape], case: Case) -> tuple[str, str]:
    """A task or sub-process with an event at its edge; what follows on it joins the way or ends by itself."""
    event, interrupts, inside, after = detail
    already = len(case.lines)
    node = _task(None, case)[0] if inside[0] == "task" else _sub(inside, case)[0]
    boundary, merge = case.new("b"), case.new("m")
    waits = f"message={boundary}" if event == "message" else """after='"PT1H"'"""
    case.inside[boundary] = case.tasks_since(already)
    if event == "message" and not interrupts:
        case.repeated.add(boundary)
    case.lines += [f"boundary {boundary} on={node} {waits} {'' if interrupts else 'nonint'}", f"xor {merge}"]
    already = len(case.lines)
    first, last = _write(after, case)
    case.lines += [f"{boundary} -> {first}", f"{node} -> {merge}"]
    if interrupts:
        case.lines.append(f"{last} -> {merge}")
    else:
        case.beside += case.tasks_since(already)
        case.lines += [f"end {merge}beside", f"{last} -> {merge}beside"]
    return node, merge


def _each(detail: tuple[int, bool], case: Case) -> tuple[str, str]:
    """A task for each item of a list, its results gathered in another; written as the standard writes it."""
    count, sequential = detail
    node = case.new("n")
    case.items.add(node)
    case.variables[f"c_{node}"] = [f"{node}{index}" for index in range(count)]
    case.lines.append(
        f"user {node}\n| <multiInstanceLoopCharacteristics isSequential='{str(sequential).lower()}'>"
        f"<loopDataInputRef>c_{node}</loopDataInputRef><loopDataOutputRef>v_{node}</loopDataOutputRef>"
        f"<inputDataItem id='i_{node}'/><outputDataItem id='o_{node}'/></multiInstanceLoopCharacteristics>"
    )
    return node, node


def _loop(detail: tuple[int, Shape], case: Case) -> tuple[str, str]:
    rounds, inner = detail
    merge, again = case.new("m"), case.new("x")
    first, last = _write(inner, case)
    ask = case.new("q")
    case.rounds[ask] = rounds
    case.tasks += 1
    case.lines += [f"user {ask}", f"xor {merge}", f"xor {again}", f"throw {again}after"]
    case.lines += [f"{merge} -> {first}", f"{last} -> {ask} -> {again}"]
    case.lines += [f"{again} -> {merge} : again_{ask}", f"{again} -> {again}after : else"]
    return merge, f"{again}after"


def _multi(detail: tuple[int, bool], case: Case) -> tuple[str, str]:
    times, sequential = detail
    node = case.new("n")
    case.tasks += 1
    case.lines.append(f"user {node} times={times} {'sequential' if sequential else ''}")
    return node, node


_WRITERS = {
    "task": _task,
    "seq": _seq,
    "xor": _xor,
    "and": _and,
    "or": _or,
    "sub": _sub,
    "catch": _catch,
    "loop": _loop,
    "multi": _multi,
    "edge": _edge,
    "each": _each,
}


def expected(shape: Shape) -> int:
    """How many work items a shape needs from beginning to end."""
    kind, detail = shape
    if kind == "task":
        return 1
    if kind in ("seq", "and"):
        return sum(expected(part) for part in detail)
    if kind == "xor":
        choice, parts = detail
        return expected(parts[min(choice, len(parts) - 1)])
    if kind == "or":
        flags, parts = detail
        chosen = [part for part, flag in zip(parts[:-1], flags, strict=False) if flag] or [parts[-1]]
        return sum(expected(part) for part in chosen)
    if kind == "sub":
        return expected(detail)
    if kind == "catch":
        throws, inside, after = detail
        return expected(inside) + (expected(after) if throws else 0)
    if kind == "loop":
        rounds, inner = detail
        return int(rounds) * (expected(inner) + 1)
    return int(detail[0])
