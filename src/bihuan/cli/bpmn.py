"""`bihuan bpmn check` and `bihuan bpmn run`: models in files, without a database. See docs/cli.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bihuan.cli import rehearsals
from bihuan.cli.answer_files import load_answers, load_variables
from bihuan.engine.definition import DefinitionError, Model, Problem, Process, check_bpmn, parse_bpmn, review_bpmn
from bihuan.engine.dmn import DecisionModel, check_dmn, namespace_in, parse_dmn
from bihuan.engine.rehearsal import AnswerError, rehearse
from bihuan.kernel import clock

MAX_FILE_BYTES = 20_000_000
DRAWING = "没有标明可执行（isExecutable=true）的流程当作草图：没有写全的只提醒"


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `bpmn` with its two commands. Exit codes: 0 good, 1 the model is refused or stuck, 2 not asked properly."""
    bpmn = subparsers.add_parser("bpmn", help="检查和试运行 BPMN 流程图，检查 DMN 决策表")
    commands = bpmn.add_subparsers(dest="bpmn_command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="列出文件里的每个问题：文件、行、元素、原因")
    check.add_argument("files", nargs="+", metavar="FILE", help="BPMN 或 DMN 文件")
    check.add_argument("--strict", action="store_true", help="提醒也算问题")
    check.add_argument("--drawing", action="store_true", help=DRAWING)
    check.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    check.set_defaults(run=run_check)
    run = commands.add_parser("run", help="在内存里走一遍流程，用准备好的答案完成任务")
    run.add_argument("file", metavar="FILE", help="BPMN 文件")
    run.add_argument("--answers", metavar="FILE", help="答案（YAML 或 JSON），按节点编号或名称")
    run.add_argument("--process", metavar="ID", help="要运行的流程，默认是文件里的主流程")
    run.add_argument("--start", metavar="NODE", help="从哪个开始节点开始（编号）")
    run.add_argument("--drawing", action="store_true", help=DRAWING)
    run.add_argument("--auto", action="store_true", help="没有答案的事项也照流程走下去，不填变量")
    run.add_argument("--variables", metavar="JSON", help='开始时的变量，如 {"金额": 1200}')
    run.add_argument("--decisions", metavar="FILE", action="append", default=[], help="业务规则任务用的 DMN 文件")
    run.add_argument("--fire-timers", action="store_true", help="没有别的事可做时，让时间走到下一个定时器")
    run.add_argument("--now", metavar="TIME", help="开始的时刻，如 2026-11-24T09:00:00+08:00")
    run.add_argument("--timezone", metavar="ZONE", help="流程所在时区，如 Asia/Shanghai")
    run.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    run.set_defaults(run=run_run)


def run_check(arguments: argparse.Namespace) -> int:
    """Check every file and print every problem and every advice. With `--strict` advice counts as a problem."""
    beside = _beside(arguments.files)
    found = [
        (name, problem)
        for name in arguments.files
        for problem in problems_in(name, drawings=arguments.drawing, beside=beside)
    ]
    problems = [(name, problem) for name, problem in found if arguments.strict or not problem.advice]
    advice = [(name, problem) for name, problem in found if problem.advice and not arguments.strict]
    if arguments.json:
        bad = {name for name, _ in problems}
        report = {
            "ok": not problems,
            "files": [{"file": name, "ok": name not in bad} for name in arguments.files],
            "problems": [_problem_json(name, problem) for name, problem in problems],
            "advice": [_problem_json(name, problem) for name, problem in advice],
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print_problems(problems)
        _print_problems(advice, word="提醒：")
        count = len(arguments.files)
        told = f"，{len(advice)} 个提醒" if advice else ""
        print(f"{count} 个文件，发现 {len(problems)} 个问题{told}" if problems else f"{count} 个文件，没有问题{told}")
    return 1 if problems else 0


def problems_in(name: str, *, drawings: bool = False, beside: Mapping[str, bytes] | None = None) -> list[Problem]:
    """All problems and all advice of one file, whatever it holds; a decision file may import what is `beside` it."""
    try:
        data = _read(name)
    except (OSError, ValueError) as error:
        return [_unreadable(name, error)]
    return _problems_of(name, data, drawings, beside)


def _problems_of(name: str, data: bytes, drawings: bool, beside: Mapping[str, bytes] | None = None) -> list[Problem]:
    try:
        if _is_dmn(name, data):
            return check_dmn(data, source=name, beside=beside or {})
        return review_bpmn(data, source=name, drawings=drawings)
    except Exception as error:  # noqa: BLE001 a file of a stranger never ends in a traceback; the fault is told as one
        return [_file_problem(name, f"检查程序自己出错：{type(error).__name__}: {error}", "internal")]


def _beside(names: Sequence[str]) -> dict[str, bytes]:
    """Decision files that are given together, by namespace: they may import each other."""
    found: dict[str, bytes] = {}
    for name in names if len(names) > 1 else ():
        try:
            data = b"" if name == "-" else _read(name)
        except (OSError, ValueError):
            continue
        if data and _is_dmn(name, data):
            found[namespace_in(data)] = data
    found.pop("", None)
    return found


def run_run(arguments: argparse.Namespace) -> int:
    """Run one model and print where it went and what is left open."""
    try:
        now = _moment(arguments.now)
        answers = load_answers(arguments.answers)
        variables = load_variables(arguments.variables)
    except AnswerError as error:
        return _refuse_request(str(error), as_json=arguments.json)
    problems: list[tuple[str, Problem]] = []
    model = _load_model(arguments.file, problems, drawings=arguments.drawing)
    beside = _beside(arguments.decisions)
    decisions = [_load_decisions(name, problems, beside) for name in arguments.decisions]
    if model is None or problems:
        if arguments.json:
            found = [_problem_json(name, problem) for name, problem in problems]
            print(json.dumps({"ok": False, "state": "refused", "problems": found}, ensure_ascii=False))
        else:
            _print_problems(problems)
            print("流程图有问题，没有运行")
        return 1
    process = _choose(model, arguments.process)
    if process is None:
        known = "、".join(model.processes) or "（无）"
        return _refuse_request(f"文件里没有流程「{arguments.process}」，有：{known}", as_json=arguments.json)
    outcome = rehearse(
        model,
        process,
        now=now,
        answers=answers,
        variables=variables,
        context={"timezone": arguments.timezone} if arguments.timezone else None,
        decisions=tuple(decision for decision in decisions if decision is not None),
        fire_timers=arguments.fire_timers,
        start=arguments.start,
        auto=arguments.auto,
        pools=model.pools if arguments.process is None else (),
    )
    report = rehearsals.report_of(outcome, arguments.file)
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        rehearsals.print_report(report, outcome)
    return 0 if report["ok"] else 1


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    with Path(name).open("rb") as file:
        # One byte more than is allowed, so that the check can say "too large" without reading a disk full.
        return file.read(MAX_FILE_BYTES + 1)


def _is_dmn(name: str, data: bytes) -> bool:
    if name.lower().endswith(".dmn"):
        return True
    head = data[:3000].replace(b"\x00", b"")
    return b"/spec/DMN/" in head and b"/spec/BPMN/" not in head


def _file_problem(name: str, reason: str, code: str) -> Problem:
    return Problem(name, 0, "", "", reason, code)


def _unreadable(name: str, error: OSError | ValueError) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _file_problem(name, f"文件打不开：{reason}", "unreadable")


def _problem_json(name: str, problem: Problem) -> dict[str, Any]:
    data = problem.to_json()
    return {"file": name, **{key: data[key] for key in ("line", "element", "element_id", "reason", "code")}}


def _print_problems(problems: list[tuple[str, Problem]], word: str = "") -> None:
    for name, problem in problems:
        what = f"{problem.element} {problem.element_id}".strip()
        print(f"{name}:{problem.line}: {what + ': ' if what else ''}{word}{problem.reason}")


def _refuse_request(reason: str, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"ok": False, "state": "refused", "reason": reason}, ensure_ascii=False))
    print(reason, file=sys.stderr)
    return 2


def _load_model(name: str, problems: list[tuple[str, Problem]], *, drawings: bool) -> Model | None:
    try:
        data = _read(name)
    except (OSError, ValueError) as error:
        problems.append((name, _unreadable(name, error)))
        return None
    reviewed = check_bpmn(data, source=name) if _is_dmn(name, data) else _problems_of(name, data, drawings)
    found = [problem for problem in reviewed if not problem.advice]
    problems.extend((name, problem) for problem in found)
    return None if found else parse_bpmn(data, source=name, drawings=drawings)


def _load_decisions(
    name: str, problems: list[tuple[str, Problem]], beside: Mapping[str, bytes]
) -> DecisionModel | None:
    try:
        return parse_dmn(_read(name), source=name, beside=beside)
    except DefinitionError as error:
        problems.extend((name, problem) for problem in error.problems)
    except (OSError, ValueError) as error:
        problems.append((name, _unreadable(name, error)))
    return None


def _choose(model: Model, wanted: str | None) -> Process | None:
    return model.main if wanted is None else model.processes.get(wanted)


def _moment(text: str | None) -> datetime:
    if text is None:
        return clock.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AnswerError(f"时刻「{text}」应写成 2026-11-24T09:00:00+08:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
