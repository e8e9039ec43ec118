"""`bihuan scenario run FILE…`: play stories and say which line is broken."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection

from bihuan.accounts.models import User
from bihuan.cli.scratch import HERE
from bihuan.operations.scenarios.format import Scenario, ScenarioError, read_scenarios
from bihuan.operations.scenarios.player import ScenarioReport, StepReport, play
from bihuan.org.access import system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import PackError, pack_folder
from bihuan.packs.seeding import load_seed


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `scenario run`. Exit codes: 0 all as told, 1 an expectation is broken, 2 a file cannot be read."""
    scenario = subparsers.add_parser("scenario", help="play stories of people, times and outcomes")
    commands = scenario.add_subparsers(dest="scenario_command", required=True)
    run = commands.add_parser("run", help="play scenario files (docs/scenarios.md)")
    run.add_argument("files", nargs="+", type=Path, metavar="FILE")
    run.add_argument("--json", action="store_true", help="print one JSON object")
    run.add_argument("--verbose", action="store_true", help="print each step")
    run.add_argument(
        HERE,
        action="store_true",
        help="play against this installation's database (undone afterwards) instead of a fresh one",
    )
    run.set_defaults(run=run_scenarios)


def run_scenarios(arguments: argparse.Namespace) -> int:
    """Read every file first, then play; one broken scenario does not keep the others from being played."""
    scenarios: list[Scenario] = []
    unreadable: list[ScenarioError] = []
    for file in arguments.files:
        try:
            scenarios.extend(read_scenarios(file))
        except ScenarioError as error:
            unreadable.append(error)
    try:
        for pack in dict.fromkeys(scenario.pack for scenario in scenarios):
            _prepare(pack, fresh=not arguments.here)
    except PackError as error:
        print(error, file=sys.stderr)
        return 2
    show = _print_step if arguments.verbose and not arguments.json else None
    reports = []
    for scenario in scenarios:
        if show:
            print(f"— {scenario.name}")
        report = play(scenario, on_step=show)
        reports.append(report)
        if not arguments.json:
            _print_report(report)
    if arguments.json:
        print(json.dumps(_as_json(reports, unreadable), ensure_ascii=False))
    else:
        for problem in unreadable:
            print(f"✗ {problem}", file=sys.stderr)
        broken = sum(not report.ok for report in reports)
        print(
            f"{len(reports) - broken} 个场景通过，{broken} 个未通过"
            + (f"，{len(unreadable)} 个文件不能读" if unreadable else "")
        )
    if unreadable:
        return 2
    return 0 if all(report.ok for report in reports) else 1


def _prepare(pack: str, *, fresh: bool) -> None:
    if fresh and not _has_tables():
        call_command("migrate", verbosity=0, interactive=False)
    folder = pack_folder(pack)
    if fresh or not User.objects.exists():
        install_pack(folder, actor=system_actor())
        load_seed(folder)


def _has_tables() -> bool:
    return "processes_instance" in connection.introspection.table_names()


def _print_step(step: StepReport) -> None:
    mark = "✗" if step.problem else "·"
    refused = f"（被拒绝：{step.refused}）" if step.refused else ""
    print(f"  {mark} 第 {step.line} 行 {step.at:%m-%d %H:%M:%S} {step.label}{refused}")


def _print_report(report: ScenarioReport) -> None:
    if report.ok:
        print(f"✓ {report.scenario.name}（{len(report.steps)} 步）")
    else:
        print(f"✗ {report.scenario.name}\n  {report.place}: {report.problem}")


def _as_json(reports: list[ScenarioReport], unreadable: list[ScenarioError]) -> dict[str, Any]:
    return {
        "ok": not unreadable and all(report.ok for report in reports),
        "scenarios": [
            {
                "file": report.scenario.source,
                "name": report.scenario.name,
                "ok": report.ok,
                "line": report.problem_line or None,
                "problem": report.problem or None,
                "steps": [
                    {
                        "line": step.line,
                        "label": step.label,
                        "at": step.at.isoformat(),
                        "ok": not step.problem,
                        "problem": step.problem or None,
                        "refused": step.refused or None,
                    }
                    for step in report.steps
                ],
            }
            for report in reports
        ],
        "unreadable": [{"file": error.source, "line": error.line, "problem": error.reason} for error in unreadable],
    }
