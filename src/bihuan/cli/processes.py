"""`bihuan process`: what runs on which version; moving it to another one, holding it, letting it go on."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.operations.pages.version_pages import VersionRow, change_version, versions_page
from bihuan.operations.sweeps import ask_migration, find_migration, run_sweep
from bihuan.org.access import system_actor
from bihuan.processes.migrating import Migration, preview_migration
from bihuan.processes.models import Sweep, SweepRow
from bihuan.processes.sweeping import counts_of


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `process` with its commands. Exit codes: 0 done for all, 1 not for some, 2 asked wrongly."""
    family = subparsers.add_parser("process", help="流程的版本：看进行中的、迁移、暂停、恢复")
    commands = family.add_subparsers(dest="process_command", required=True)
    _command(commands, "versions", "每个版本有多少进行中的", run_versions)
    migrate = _command(commands, "migrate", "把进行中的迁移到另一个版本", run_migrate)
    migrate.add_argument("--from", dest="sources", type=int, action="append", metavar="N", help="原版本，可以多次")
    migrate.add_argument("--to", type=int, metavar="N", help="目标版本；不写就是现行版本")
    migrate.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="环节对应，可以多次")
    migrate.add_argument("--preview", action="store_true", help="只看会怎样，什么都不改")
    migrate.add_argument("--reason", default="", help="原因，写进记录")
    for name, words in (("hold", "停用一个版本，并暂停它进行中的"), ("resume", "恢复随版本暂停的")):
        command = _command(commands, name, words, run_hold if name == "hold" else run_resume)
        command.add_argument("--version", type=int, required=True, metavar="N", help="版本")
        command.add_argument("--reason", default="", help="原因，写进记录")


def _command(commands: Any, name: str, words: str, run: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=words)
    command.add_argument("key", help="流程代号，例如 service_visit")
    command.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    command.set_defaults(run=lambda arguments: _refusing(run, arguments))
    return command


def _refusing(run: Any, arguments: argparse.Namespace) -> int:
    try:
        return int(run(arguments))
    except BusinessError as refusal:
        print(refusal.message, file=sys.stderr)
        return 2


def run_versions(arguments: argparse.Namespace) -> int:
    """What runs on each version."""
    shown = versions_page(arguments.key, actor=system_actor())
    rows = [
        {
            "number": row.version.number,
            "current": row.version.pk == shown.definition.current_id,
            "stopped": row.version.stopped_at is not None,
            "running": row.running,
            "suspended": row.suspended,
            "held": row.held,
        }
        for row in shown.rows
    ]
    if arguments.json:
        print(json.dumps({"process": arguments.key, "versions": rows}, ensure_ascii=False))
        return 0
    for row in rows:
        marks = "，现行" * bool(row["current"]) + "，已停用" * bool(row["stopped"])
        held = f"（随停用暂停 {row['held']}）" if row["held"] else ""
        print(f"第 {row['number']} 版{marks}：进行中 {row['running']}，挂起 {row['suspended']}{held}")
    return 0


def run_migrate(arguments: argparse.Namespace) -> int:
    """Move what runs, or say what would happen."""
    migration = _migration(arguments)
    if arguments.preview:
        return _preview(migration, as_json=arguments.json)
    return _carry_out(ask_migration(migration, reason=arguments.reason, actor=system_actor()), as_json=arguments.json)


def run_hold(arguments: argparse.Namespace) -> int:
    """Stop a version with what runs on it."""
    return _change(arguments, "hold")


def run_resume(arguments: argparse.Namespace) -> int:
    """Let go on what was held with a version."""
    return _change(arguments, "resume")


def _migration(arguments: argparse.Namespace) -> Migration:
    shown = versions_page(arguments.key, actor=system_actor())
    current = shown.definition.current
    target = arguments.to or (current.number if current is not None else 0)
    live = [row.version.number for row in shown.rows if row.live and row.version.number != target]
    wrong = [text for text in arguments.map if "=" not in text]
    if wrong:
        raise BusinessError(f"--map 应写成 原环节=新环节：{wrong[0]}")
    if not (arguments.sources or live):
        raise BusinessError("其他版本上没有进行中的流程")
    mapping = dict(text.split("=", 1) for text in arguments.map)
    return find_migration(arguments.key, arguments.sources or live, target, mapping)


def _preview(migration: Migration, *, as_json: bool) -> int:
    shown = preview_migration(migration)
    blocked = [
        {"instance": one.instance_id, "version": one.version, "title": one.title, "reasons": list(one.reasons)}
        for one in shown.blocked
    ]
    if as_json:
        told = {"movable": shown.movable, "blocked": blocked, "unseen": shown.unseen}
        print(json.dumps(told, ensure_ascii=False))
    else:
        unseen = f"，还有 {shown.unseen} 件没有看" if shown.unseen else ""
        print(f"可以迁移 {shown.movable} 件，不能迁移 {len(blocked)} 件{unseen}")
        for one in shown.blocked:
            print(f"  #{one.instance_id} {one.title}：{'；'.join(one.reasons)}")
    return 1 if blocked else 0


def _change(arguments: argparse.Namespace, how: str) -> int:
    rows: list[VersionRow] = versions_page(arguments.key, actor=system_actor()).rows
    version = next((row.version for row in rows if row.version.number == arguments.version), None)
    if version is None:
        raise BusinessError(f"没有第 {arguments.version} 版")
    sweep = change_version(version.pk, how=how, reason=arguments.reason, actor=system_actor())
    if sweep is None:
        print(json.dumps({"done": 0, "refused": []}) if arguments.json else "已停用，没有进行中的流程要暂停")
        return 0
    return _carry_out(sweep, as_json=arguments.json)


def _carry_out(sweep: Sweep, *, as_json: bool) -> int:
    """Here and now; a worker that takes the job as well finds it done."""
    while run_sweep(sweep.pk):
        pass
    counts = counts_of(sweep)
    refused = list(
        sweep.rows.filter(outcome=SweepRow.Outcome.REFUSED).order_by("pk").values_list("instance_id", "reason")
    )
    if as_json:
        listed = [{"instance": instance, "reason": reason} for instance, reason in refused]
        print(json.dumps({"done": counts.done, "refused": listed}, ensure_ascii=False))
    else:
        print(f"{sweep.get_kind_display()}：完成 {counts.done} 件，没有处理 {counts.refused} 件")
        for instance, reason in refused:
            print(f"  #{instance}：{reason}")
    return 1 if refused else 0
