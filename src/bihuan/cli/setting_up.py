"""`bihuan setup`: an empty installation becomes a service centre of one's own, with its first administrator.

Staff, parts, jobs and customers come afterwards by `bihuan import` (docs/first-day.md).
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from datetime import time
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import transaction

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.worktime import DAY_NAMES
from bihuan.limits.holidays import open_first_years
from bihuan.org.access import system_actor
from bihuan.org.models import Role, Site
from bihuan.org.people import hire_person
from bihuan.org.positions import create_position
from bihuan.org.sites import create_site
from bihuan.packs.install import install_pack
from bihuan.packs.loading import PackError, pack_folder
from bihuan.records.catalogue import set_capacity

DEFAULT_PACK = "auto_service"
PASSWORD = "BIHUAN_ADMIN_PASSWORD"
ADMIN_POST = "系统管理员"
MANAGER_POST = "服务经理"
SLOT_MINUTES = 60


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `setup`. Exit codes: 0 set up, 1 refused and nothing stored, 2 asked wrongly."""
    command = subparsers.add_parser("setup", help="建立正式使用的门店和第一位管理员")
    command.add_argument("--site", required=True, metavar="CODE", help="门店代码，大写字母和数字，印在单号里，例如 YL")
    command.add_argument("--name", required=True, help="门店名称")
    command.add_argument("--timezone", default="Asia/Shanghai", help="时区，默认 Asia/Shanghai")
    command.add_argument("--phone", default="", help="门店电话")
    command.add_argument("--address", default="", help="门店地址")
    command.add_argument("--opens", type=_time_of_day, default=time(8, 30), help="每天几点开门，默认 08:30")
    command.add_argument("--closes", type=_time_of_day, default=time(17, 30), help="每天几点关门，默认 17:30")
    command.add_argument("--places", type=int, default=3, help="每小时可以预约几台车，默认 3")
    command.add_argument("--admin", required=True, metavar="USERNAME", help="第一位管理员的登录名")
    command.add_argument("--admin-name", required=True, metavar="NAME", help="第一位管理员的姓名")
    command.add_argument("--also-manager", action="store_true", help="这位管理员同时担任服务经理")
    command.add_argument("--pack", default=DEFAULT_PACK, help=f"流程包，默认 {DEFAULT_PACK}")
    command.set_defaults(run=run_setup)


def run_setup(arguments: argparse.Namespace) -> int:
    """Make the tables, then the centre and its administrator: all of it or nothing."""
    if arguments.opens >= arguments.closes:
        print("开门时间要早于关门时间", file=sys.stderr)
        return 2
    print("检查数据库…", flush=True)
    call_command("migrate", interactive=False, verbosity=0)
    if User.objects.exists() or Site.objects.exists():
        print("系统里已经有人员或门店，setup 只用于空的系统；人员请用 bihuan import 导入", file=sys.stderr)
        return 1
    try:
        password = _password(arguments.admin, arguments.admin_name)
        with transaction.atomic():
            site = _set_up(arguments, password)
    except PackError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except BusinessError as error:
        print(f"没有建立：{error.message}", file=sys.stderr)
        return 1
    print(f"{site.name}（{site.code}）已建立，管理员 {arguments.admin_name} 可以用 {arguments.admin} 登录。")
    print("下一步：bihuan import --template 资料.xlsx，填好后 bihuan import 资料.xlsx --dry-run")
    return 0


def _set_up(arguments: argparse.Namespace, password: str) -> Site:
    print("安装流程包…", flush=True)
    install_pack(pack_folder(arguments.pack), actor=system_actor())
    hours = [f"{arguments.opens:%H:%M}", f"{arguments.closes:%H:%M}"]
    site = create_site(
        code=arguments.site,
        name=arguments.name,
        timezone=arguments.timezone,
        phone=arguments.phone,
        address=arguments.address,
        hours={day: [hours] for day in DAY_NAMES},
        actor=system_actor(),
    )
    system = system_actor(site.pk)
    open_first_years(actor=system)
    _open_slots(arguments, site)
    posts = [(ADMIN_POST, "admin"), *([(MANAGER_POST, "site_manager")] if arguments.also_manager else [])]
    if not Role.objects.filter(key="admin").exists():
        raise BusinessError(
            f"流程包 {arguments.pack} 没有“{ADMIN_POST}”角色，不能单独用来建立门店；"
            "请先不写 --pack 建立，再用 bihuan pack install 装上它"
        )
    positions = [create_position(site_id=site.pk, name=name, roles=(role,), actor=system) for name, role in posts]
    hire_person(
        site_id=site.pk,
        username=arguments.admin.lower(),
        name=arguments.admin_name,
        password=password,
        position_ids=tuple(position.pk for position in positions),
        actor=system,
    )
    return site


def _open_slots(arguments: argparse.Namespace, site: Site) -> None:
    """One slot an hour, from opening as long as a whole hour is left before closing, every day of the week."""
    first = arguments.opens.hour * 60 + arguments.opens.minute
    last = arguments.closes.hour * 60 + arguments.closes.minute - SLOT_MINUTES
    for weekday in range(len(DAY_NAMES)):
        for minute in range(first, last + 1, SLOT_MINUTES):
            starts = time(*divmod(minute, 60))
            set_capacity(
                actor=system_actor(site.pk),
                site_id=site.pk,
                weekday=weekday,
                starts=starts,
                minutes=SLOT_MINUTES,
                capacity=arguments.places,
            )


def _password(username: str, name: str) -> str:
    """From the environment, or asked for twice; checked before anything is stored."""
    password = os.environ.get(PASSWORD) or ""
    if not password:
        if not sys.stdin.isatty():
            raise BusinessError(f"没有终端可以输入密码，请设环境变量 {PASSWORD}")
        password = getpass.getpass("管理员密码（至少 8 位，不显示）：")
        if getpass.getpass("再输一遍：") != password:
            raise BusinessError("两次输入的密码不一样")
    try:
        validate_password(password, User(username=username, name=name))
    except ValidationError as failure:
        raise BusinessError("；".join(failure.messages)) from None
    return password


def _time_of_day(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} 不是时刻，例如 08:30") from None
