"""`bihuan demo load`: an empty installation becomes a service centre in the middle of its day."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from django.conf import settings

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.limits.holidays import confirm_year, open_first_years
from bihuan.org.access import system_actor
from bihuan.packs.demo import tell_demo
from bihuan.packs.install import install_pack
from bihuan.packs.loading import PackError, pack_folder
from bihuan.packs.seeding import load_seed

DEFAULT_PACK = "auto_service"


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `demo load`. Exit codes: 0 loaded, 1 refused."""
    demo = subparsers.add_parser("demo", help="demo data for trying things out")
    commands = demo.add_subparsers(dest="demo_command", required=True)
    load = commands.add_parser("load", help="fill an empty installation (needs BIHUAN_DEMO=1)")
    load.add_argument("--pack", default=DEFAULT_PACK)
    load.set_defaults(run=run_load)


def run_load(arguments: argparse.Namespace) -> int:
    """Install the pack, load its people, cars and parts, and tell its stories; only with the demo switch on."""
    if not settings.BIHUAN_DEMO:
        print("演示数据只在演示模式下载入：请设置 BIHUAN_DEMO=1", file=sys.stderr)
        return 1
    if User.objects.exists():
        print("数据库里已经有人员，不再载入演示数据", file=sys.stderr)
        return 1
    begun = time.monotonic()
    try:
        folder = pack_folder(arguments.pack)
        _say("安装流程包…")
        install_pack(folder, actor=system_actor())
        load_seed(folder, progress=_say)
        this_year, _ = open_first_years(actor=system_actor())
        confirm_year(this_year, actor=system_actor())
        told = tell_demo(folder, progress=_say)
    except (PackError, BusinessError) as error:
        print(f"\n没有载入：{error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - begun
    counts = f"{told.visits} 次完工、{told.today} 台在店、{told.appointments} 个预约"
    print(f"\r演示数据已载入：{counts}，用时 {seconds:.0f} 秒")
    return 0


def _say(text: str) -> None:
    end = "\r" if sys.stdout.isatty() else "\n"
    print(f"  {text}".ljust(40), end=end, flush=True)
