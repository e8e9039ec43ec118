"""From a prepared answer to the command that gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bihuan.engine.definition import Node, Process
from bihuan.engine.rehearsal.answers import Answer
from bihuan.engine.runtime import (
    BeginActivity,
    Command,
    CompleteItem,
    DeliverMessage,
    DeliverSignal,
    FailCall,
    FailService,
    FinishCall,
    FinishService,
    FireTimer,
    SetVariables,
)
from bihuan.engine.runtime.state import Wait

BEGIN = "$begin"
"""In an answer for an ad-hoc sub-process: the activity to be begun."""


def reply(process: Process, wait: Wait, answer: Answer) -> Command:
    """The command that answers a wait of one of the `ANSWERED` kinds."""
    node = process.nodes[wait.node]
    if wait.kind == "adhoc":
        return BeginActivity(wait.id, _named(process, node, str(answer.variables.get(BEGIN, ""))))
    return _COMMANDS[wait.kind](wait.id, _for_result_variable(answer, node))


def _named(process: Process, around: Node, activity: str) -> str:
    """The activity of an ad-hoc sub-process that an answer names by id or name."""
    entries = [process.nodes[entry] for entry in process.levels[around.id].starts]
    return next((node.id for node in entries if activity in (node.id, node.name)), activity)


def _for_result_variable(answer: Answer, node: Node) -> Answer:
    """A node with a result variable takes one value: an answer that names just that variable gives the value itself."""
    if node.result_variable and set(answer.variables) == {node.result_variable}:
        return replace(answer, variables={"result": answer.variables[node.result_variable]})
    return answer


def _service(wait: int, answer: Answer) -> Command:
    if answer.fail or answer.error:
        return FailService(wait, answer.fail or answer.error, answer.error or None, answer.variables)
    return FinishService(wait, answer.variables)


def _call(wait: int, answer: Answer) -> Command:
    if answer.fail or answer.error:
        return FailCall(wait, answer.fail or answer.error, answer.error or None, answer.variables)
    return FinishCall(wait, answer.variables)


_COMMANDS: dict[str, Callable[[int, Answer], Command]] = {
    "condition": lambda wait, answer: SetVariables(answer.variables),
    "item": lambda wait, answer: CompleteItem(wait, answer.variables),
    "timer": lambda wait, answer: FireTimer(wait),
    "message": lambda wait, answer: DeliverMessage(wait, answer.variables),
    "signal": lambda wait, answer: DeliverSignal(wait, answer.variables),
    "service": _service,
    "call": _call,
}
ANSWERED = frozenset(_COMMANDS) | {"adhoc"}
"""Kinds of waits that an answer may be for."""
