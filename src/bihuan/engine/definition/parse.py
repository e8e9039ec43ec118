"""From a BPMN file to a `Model`: safe XML, declarations, nodes, levels, rules, each a pass of its own."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from lxml import etree

from bihuan.engine.definition.correlation import read_correlation
from bihuan.engine.definition.foreign import review_foreign
from bihuan.engine.definition.levels import read_process
from bihuan.engine.definition.model import Model, Process
from bihuan.engine.definition.names import BPMN, GLOBAL_TASKS, split
from bihuan.engine.definition.problems import DefinitionError, Problem
from bihuan.engine.definition.reading import GAPS, Reading, check_identities, children, line_of, read_declarations
from bihuan.engine.definition.rules import check_process
from bihuan.engine.definition.source import read_xml
from bihuan.engine.definition.standard import breaches
from bihuan.engine.definition.standard.file import process_of

_REFUSED = frozenset({"unsupported-element", "unknown-element"})
_FOLLOWING = frozenset({"unreachable", "missing-condition"})
"""What a process is told only when nothing else is wrong: a refused node or condition makes them come up by itself."""


def parse_bpmn(data: bytes | str, *, source: str = "", published: bool = False, drawings: bool = False) -> Model:
    """Read a BPMN 2.0 file. `source` is its name in messages.

    Processes marked `isExecutable="false"` beside others are drawings: they are neither checked nor part of the model.
    Where there are only such, they are read. With `drawings`, to try them out, what a process leaves open that does not
    say it is executable is advice.
    What was `published` once is not measured again by the rules of the standard, which may have grown since.
    Raises DefinitionError with every problem found.
    """
    root = read_xml(data, source)
    reading = Reading(source)
    if root.tag != f"{{{BPMN}}}definitions":
        raise DefinitionError([_wrong_root(root, source)])
    check_identities(root, reading)
    read_declarations(root, reading)
    read_correlation(root, reading)
    processes: dict[str, Process] = {}
    for element in _executable(root, reading):
        reading.drawing = drawings and element.get("isExecutable", "").strip() not in ("true", "1")
        process = read_process(element, reading)
        processes[process.id] = process
        if not published:
            review_foreign(element, reading)
        for problem in check_process(process, source):
            reading.problems.append(replace(problem, advice=reading.drawing and problem.code in GAPS))
        if reading.drawing:
            reason = "没有标明可执行（isExecutable=true），当作草图试走：没有写全的只作提醒"
            reading.refuse(element, reason, "drawing", advice=True)
    reading.drawing = False
    for element in children(root, BPMN, "message", "signal", "error", "escalation"):
        if not published:
            review_foreign(element, reading)
    for element in children(root, BPMN, *GLOBAL_TASKS):
        if _has_identity(element, reading):
            process = replace(read_process(_as_process(element), reading), line=line_of(element))
            processes.setdefault(process.id, process)
    if not published:
        _measure(root, reading, processes)
    problems = [problem for problem in reading.problems if not problem.advice]
    advice = tuple(_in_order([problem for problem in reading.problems if problem.advice]))
    if problems:
        raise DefinitionError(_in_order(_without_consequences(problems)), advice)
    pools, namespace = tuple(reading.participants), root.get("targetNamespace", "")
    return Model(source, processes, pools, namespace, advice, reading.data_types)


def check_bpmn(data: bytes | str, *, source: str = "") -> list[Problem]:
    """Every reason why `parse_bpmn` would refuse the file, in the order of the file; empty if it would not."""
    return [problem for problem in review_bpmn(data, source=source) if not problem.advice]


def review_bpmn(data: bytes | str, *, source: str = "", drawings: bool = False) -> list[Problem]:
    """Every reason to refuse the file and every advice, in the order of the file; `drawings` as in `parse_bpmn`."""
    try:
        return list(parse_bpmn(data, source=source, drawings=drawings).advice)
    except DefinitionError as error:
        return _in_order([*error.problems, *error.advice])
    except RecursionError:
        return [Problem(source, 0, "", "", "文件嵌套太深", "too-deep")]


def _measure(root: etree._Element, reading: Reading, processes: dict[str, Process]) -> None:
    """Note where the file breaks the standard, unless in a drawing that is left out."""
    for breach in breaches(root):
        process = process_of(breach.element)
        if process is None or process.get("id", "") in processes:
            reading.refuse(breach.element, breach.reason, breach.code, advice=breach.advice)


def _as_process(task: etree._Element) -> etree._Element:
    """A global task as the process it is to those who call it: nothing but that task."""
    process = etree.Element(f"{{{BPMN}}}process", id=task.get("id", ""), name=task.get("name", ""))
    inside = deepcopy(task)
    inside.tag = f"{{{BPMN}}}{GLOBAL_TASKS[split(task.tag)[1]]}"
    process.append(inside)
    return process


def _wrong_root(root: etree._Element, source: str) -> Problem:
    namespace, local = split(root.tag)
    reason = "这不是 BPMN 2.0 文件：最外层应是 BPMN 2.0 命名空间里的 definitions"
    if local == "definitions" and "BPMN" in namespace.upper():
        reason = f"命名空间「{namespace}」不是 BPMN 2.0 正式版的命名空间"
    return Problem(source, line_of(root), local, root.get("id", ""), reason, "not-bpmn")


def _executable(root: etree._Element, reading: Reading) -> list[etree._Element]:
    found = list(children(root, BPMN, "process"))
    marked = [element for element in found if element.get("isExecutable", "").strip() in ("true", "1")]
    if marked:
        return [element for element in marked if _has_identity(element, reading)]
    unmarked = [element for element in found if element.get("isExecutable") is None]
    if not found:
        reading.refuse(root, "文件里没有流程", "no-executable-process")
    # Most drawing tools write isExecutable="false" unasked: where nothing else is in the file, that is the process.
    return [element for element in unmarked or found if _has_identity(element, reading)]


def _has_identity(element: etree._Element, reading: Reading) -> bool:
    if element.get("id"):
        return True
    reading.refuse(element, "流程没有编号（id）", "missing-id")
    return False


def _without_consequences(problems: list[Problem]) -> list[Problem]:
    """The problems without those that only follow from others: flows to a refused element, and what they cut off."""
    refused = {problem.element_id for problem in problems if problem.code in _REFUSED}
    first_hand = [
        problem
        for problem in problems
        if problem.code != "missing-reference" or not any(f"「{identity}」" in problem.reason for identity in refused)
    ]
    if all(problem.code in _FOLLOWING for problem in first_hand):
        return first_hand
    return [problem for problem in first_hand if problem.code not in _FOLLOWING]


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
