"""`bihuan pack check|layout|install`: rule books as folders of data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.org.access import system_actor
from bihuan.packs.checking import advice_on, check_pack
from bihuan.packs.install import install_pack
from bihuan.packs.layout import LayoutError, lay_out
from bihuan.packs.loading import PackError, PackProblem, pack_folder
from bihuan.packs.seeding import load_seed


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `pack` with its commands. Exit codes: 0 done, 1 the pack or file has problems, 2 not asked properly."""
    pack = subparsers.add_parser("pack", help="check, draw and install rule books")
    commands = pack.add_subparsers(dest="pack_command", required=True)
    check = commands.add_parser("check", help="print every problem of a pack with file, line, place and reason")
    check.add_argument("pack", help="folder of the pack, or the name of one that comes with the product")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=run_check)
    layout = commands.add_parser("layout", help="draw the swimlane diagram of BPMN files anew")
    layout.add_argument("files", nargs="+", type=Path, metavar="FILE")
    layout.add_argument("--output", type=Path, help="write here instead of into the file (one file only)")
    layout.set_defaults(run=run_layout)
    install = commands.add_parser("install", help="install or upgrade a pack; all of it or nothing")
    install.add_argument("pack", help="name or folder of the pack")
    install.add_argument("--overwrite", action="store_true", help="put the pack's texts in force over local changes")
    install.add_argument("--seed", action="store_true", help="also load its demo data (empty installation only)")
    install.add_argument("--json", action="store_true", help="print one JSON object")
    install.set_defaults(run=run_install)


def run_check(arguments: argparse.Namespace) -> int:
    """Check a pack and print what is wrong with it."""
    try:
        problems = check_pack(pack_folder(arguments.pack))
    except PackError as error:
        problems = list(error.problems)
    advice = advice_on(pack_folder(arguments.pack)) if not problems else []
    _print_problems(problems, as_json=arguments.json, advice=advice)
    return 1 if problems else 0


def run_layout(arguments: argparse.Namespace) -> int:
    """Redraw each file in place; a file that cannot be drawn is left as it is."""
    files: list[Path] = arguments.files
    if arguments.output is not None and len(files) > 1:
        print("--output 只能用于一个文件", file=sys.stderr)
        return 2
    failed = False
    for file in files:
        try:
            drawn = lay_out(file.read_bytes())
            (arguments.output or file).write_bytes(drawn)
        except (LayoutError, OSError) as error:
            print(f"{file}: {error}", file=sys.stderr)
            failed = True
        else:
            print(f"{arguments.output or file}: 已绘制")
    return 1 if failed else 0


def run_install(arguments: argparse.Namespace) -> int:
    """Install a pack and say what is new, renewed, and kept because it was changed locally."""
    try:
        folder = pack_folder(arguments.pack)
        report = install_pack(folder, actor=system_actor(), overwrite=arguments.overwrite)
        seeded = load_seed(folder, progress=_say).counts if arguments.seed else {}
    except PackError as error:
        _print_problems(list(error.problems), as_json=arguments.json)
        return 1
    except BusinessError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"ok": True, **asdict(report), "seeded": seeded}, ensure_ascii=False))
        return 0
    for told in advice_on(folder):
        print(f"提醒：{told}")
    print(f"新装 {len(report.new)} 项，更新 {len(report.renewed)} 项，不变 {len(report.unchanged)} 项")
    for name in report.kept:
        print(f"保留本地修改：{name}（要换成流程包的内容，请加 --overwrite）")
    return 0


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _print_problems(problems: list[PackProblem], *, as_json: bool, advice: Sequence[PackProblem] = ()) -> None:
    if as_json:
        found = {"problems": [asdict(item) for item in problems], "advice": [asdict(item) for item in advice]}
        print(json.dumps({"ok": not problems, **found}, ensure_ascii=False))
        return
    for problem in problems:
        print(problem)
    for told in advice:
        print(f"提醒：{told}")
    also = f"，{len(advice)} 个提醒" if advice else ""
    print(f"发现 {len(problems)} 个问题" if problems else f"没有问题{also}")
