"""`bihuan archive`: finished history that left the tables: do it now, list it, look into it, put it back."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bihuan.audit.archiving import read_archive
from bihuan.audit.models import Archive
from bihuan.kernel.errors import BusinessError
from bihuan.notify.retention import prune_notices
from bihuan.org.access import system_actor
from bihuan.processes.retention import archive_finished, restore_archive


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `archive` with its commands. Exit codes: 0 done, 1 refused."""
    family = subparsers.add_parser("archive", help="按保存期限归档的流程历史：现在归档、列出、查看、恢复")
    commands = family.add_subparsers(dest="archive_command", required=True)
    now = commands.add_parser("run", help="把已过保存期限的流程现在归档，删除过期的通知（后台进程平时会做）")
    now.set_defaults(run=run_now)
    listing = commands.add_parser("list", help="列出所有档案")
    listing.set_defaults(run=run_list)
    show = commands.add_parser("show", help="逐行输出一个档案的内容（JSON）")
    show.add_argument("name")
    show.add_argument("--chain", help="只看一条链的记录，例如 case:12")
    show.set_defaults(run=run_show)
    restore = commands.add_parser("restore", help="把一个档案的内容放回系统")
    restore.add_argument("name")
    restore.set_defaults(run=run_restore)
    for command in (now, listing, restore):
        command.add_argument("--json", action="store_true", help="输出一个 JSON 对象")


def run_now(arguments: argparse.Namespace) -> int:
    """Archive batch by batch until nothing may go; then delete old notices."""
    made = []
    while (batch := archive_finished()) is not None:
        made.append(batch)
    notices, upto = 0, 0
    while (pruned := prune_notices(after=upto)).upto is not None:
        notices, upto = notices + pruned.notices, pruned.upto
    instances, entries = sum(one.instances for one in made), sum(one.entries for one in made)
    if arguments.json:
        done = {"instances": instances, "entries": entries, "notices": notices}
        print(json.dumps({"archives": [one.name for one in made], **done}))
    else:
        print(f"归档 {instances} 个流程实例、{entries} 条记录，{len(made)} 个档案；删除 {notices} 条过期通知")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """One line an archive."""
    rows = list(Archive.objects.order_by("pk").values("name", "sha256", "size", "entries", "chains", "made_at"))
    if arguments.json:
        print(json.dumps({"archives": [{**row, "made_at": row["made_at"].isoformat()} for row in rows]}))
    else:
        for row in rows:
            print(f"{row['name']}  {row['chains']} 条链  {row['entries']} 条记录  {row['size']:,} 字节")
        print(f"共 {len(rows)} 个档案")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """The lines of the file; with a chain only its entries."""
    try:
        for line in read_archive(arguments.name):
            if arguments.chain is None or line.get("chain") == arguments.chain:
                print(json.dumps(line, ensure_ascii=False))
    except BusinessError as refusal:
        print(refusal.message, file=sys.stderr)
        return 1
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    """Put it back."""
    try:
        count = restore_archive(arguments.name, actor=system_actor())
    except BusinessError as refusal:
        print(refusal.message, file=sys.stderr)
        return 1
    print(json.dumps({"instances": count}) if arguments.json else f"已恢复 {count} 个流程实例")
    return 0
