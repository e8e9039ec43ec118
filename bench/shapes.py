"""Processes of other shapes, run through engine and store from start to end, each step durable before the next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from bench.world import World
from bihuan.processes import engine_store
from bihuan.processes.contract import StepResult

BRANCHES = 3
REPETITIONS = 50
LEVELS = 4
ROUNDS = 1000
AUTOMATIC = 40
TASKS = 10

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bihuan="urn:bihuan:bpmn:1" '
    'id="defs" targetNamespace="urn:bihuan:bench">'
)


def _process(key: str, nodes: list[str], flows: list[tuple[str, str, str]]) -> str:
    """A process of its nodes, and its flows as (from, to, condition)."""
    lines = [
        f'<sequenceFlow id="{key}_{number}" sourceRef="{source}" targetRef="{target}">'
        + (f"<conditionExpression>{condition}</conditionExpression>" if condition else "")
        + "</sequenceFlow>"
        for number, (source, target, condition) in enumerate(flows)
    ]
    return f'<process id="{key}" isExecutable="true">{"".join(nodes + lines)}</process>'


def _row(key: str, middle: list[tuple[str, str]]) -> str:
    """A process whose nodes follow each other: (id, element)."""
    ids = [f"{key}_start", *(node for node, _ in middle), f"{key}_end"]
    nodes = [f'<startEvent id="{ids[0]}"/>', *(element for _, element in middle), f'<endEvent id="{ids[-1]}"/>']
    return _process(key, nodes, [(source, target, "") for source, target in pairwise(ids)])


def _work(node: str, inside: str = "") -> str:
    return f'<userTask id="{node}" name="干活" bihuan:role="advisor">{inside}</userTask>'


def _linear() -> str:
    return _row("linear", [(f"work{number}", _work(f"work{number}")) for number in range(TASKS)])


def _branching() -> str:
    """A choice, then branches at once, then those branches that are wanted."""
    nodes = [
        '<startEvent id="start"/>',
        '<exclusiveGateway id="choice"/>',
        '<exclusiveGateway id="again"/>',
        '<parallelGateway id="fork"/>',
        '<parallelGateway id="join"/>',
        '<inclusiveGateway id="some"/>',
        '<inclusiveGateway id="both"/>',
        '<endEvent id="end"/>',
        _work("other"),
    ]
    flows = [("start", "choice", ""), ("choice", "other", "=kind = 0"), ("choice", "again", "")]
    flows += [("other", "again", ""), ("again", "fork", "")]
    for number in range(BRANCHES):
        nodes += [_work(f"and{number}"), _work(f"or{number}")]
        flows += [("fork", f"and{number}", ""), (f"and{number}", "join", "")]
        flows += [("some", f"or{number}", f"=kind &gt;= {number}"), (f"or{number}", "both", "")]
    flows += [("join", "some", ""), ("both", "end", "")]
    return _process("branching", nodes, flows)


def _multi_instance() -> str:
    each = (
        "<multiInstanceLoopCharacteristics><loopDataInputRef>people</loopDataInputRef>"
        '<inputDataItem id="person" name="person"/></multiInstanceLoopCharacteristics>'
    )
    return _row("multi_instance", [("sign", _work("sign", each))])


def _nested_calls() -> str:
    """Each level calls the one below and then has work of its own."""
    levels = []
    for level in range(LEVELS):
        key = "nested_calls" if level == 0 else f"level{level}"
        call = (f"call{level}", f'<callActivity id="call{level}" calledElement="level{level + 1}"/>')
        work = (f"work{level}", _work(f"work{level}"))
        levels.append(_row(key, [call, work] if level + 1 < LEVELS else [work]))
    return "".join(levels)


def _rework() -> str:
    nodes = ['<startEvent id="start"/>', _work("work"), '<exclusiveGateway id="good"/>',
             '<endEvent id="end"/>']  # fmt: skip
    flows = [
        ("start", "work", ""),
        ("work", "good", ""),
        ("good", "work", ""),
        ("good", "end", f"=turn &gt;= {ROUNDS}"),
    ]
    return _process("rework", nodes, flows)


def _automatic() -> str:
    """Nodes nobody waits at: tasks without a type, and expressions."""
    middle = []
    for number in range(AUTOMATIC // 2):
        middle.append((f"pass{number}", f'<task id="pass{number}"/>'))
        script = f'<scriptTask id="count{number}" bihuan:result="count"><script>=kind + {number}</script></scriptTask>'
        middle.append((f"count{number}", script))
    return _row("automatic", middle)


# Most processes by their keys; rework is told apart, since one instance of it lives for all its rounds.
SHAPES: dict[str, Callable[[], str]] = {
    "linear": _linear,
    "branching": _branching,
    "multi_instance": _multi_instance,
    "nested_calls": _nested_calls,
    "automatic": _automatic,
}


def measure_shapes(world: World, seconds: float) -> dict[str, Any]:
    """Steps a second of each shape (starting an instance is a step), and whether a thousand rounds slow one down."""
    return {**{key: _rate(world, key, seconds) for key in SHAPES}, "rework": _rework_rates(world)}


def _rate(world: World, key: str, seconds: float) -> dict[str, Any]:
    _publish(key, SHAPES[key]())
    for _ in _one(world, key, 0):
        pass  # Statements and the compiled model are ready now.
    began, steps, nodes, instances = time.perf_counter(), 0, 0, 0
    while time.perf_counter() - began < seconds or instances == 0:
        for result in _one(world, key, instances):
            steps += 1
            nodes += sum(type(event).__name__ == "NodeLeft" for event in _events(result))
        instances += 1
    spent = time.perf_counter() - began
    return {
        "steps_per_second": round(steps / spent, 1),
        "nodes_per_second": round(nodes / spent, 1),
        "instances": instances,
        "steps_per_instance": round(steps / instances, 1),
    }


def _rework_rates(world: World) -> dict[str, Any]:
    _publish("rework", _rework())
    began = [time.perf_counter()]
    for _ in _one(world, "rework", 0):
        began.append(time.perf_counter())
    tenth = ROUNDS // 10
    first, last = began[tenth + 1] - began[1], began[-2] - began[-2 - tenth]
    return {
        "steps_per_second": round((len(began) - 1) / (began[-1] - began[0]), 1),
        "rounds": ROUNDS,
        "first_tenth_steps_per_second": round(tenth / first, 1),
        "last_tenth_steps_per_second": round(tenth / last, 1),
    }


def _publish(key: str, processes: str) -> None:
    engine_store.publish(f"{_HEAD}{processes}</definitions>", key)


def _one(world: World, key: str, number: int) -> Iterator[StepResult]:
    """Run one instance to its end; yields the result of each step."""
    people = [world.actor.user_id] * REPETITIONS
    variables = {"kind": number % BRANCHES, "people": people if key == "multi_instance" else []}
    result = engine_store.start_instance(key, site_id=world.site.pk, actor=world.actor, variables=variables)
    waiting: deque[int] = deque()
    turn = 0
    while True:
        yield result
        waiting.extend(item.id for one in (result, *result.others) for item in one.opened)
        if not waiting:
            assert result.ended == "completed", f"{key}: {result}"
            return
        turn += 1
        result = engine_store.complete_item(waiting.popleft(), {"turn": turn}, actor=world.actor)


def _events(result: StepResult) -> Iterator[Any]:
    for one in (result, *result.others):
        yield from one.events
