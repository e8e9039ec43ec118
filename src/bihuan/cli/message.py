"""`bihuan message send`: tell the processes from outside that something has happened."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.engine.definition.iso8601 import BadTime, later, parse_duration
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.operations.messages import send_message
from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.processes.room import NoRoom


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `message` with its command. Exit codes: 0 somebody took it or it is kept, 1 nobody did, 2 asked wrongly, 3 no
    room to keep it."""
    family = subparsers.add_parser("message", help="从外面给流程发消息")
    send = family.add_subparsers(dest="message_command", required=True).add_parser(
        "send", help="交给在等它的流程；没有就开始由它发起的流程；再没有就保留"
    )
    send.add_argument("name", help="消息名")
    send.add_argument("--site", required=True, metavar="CODE", help="门店代码")
    send.add_argument("--key", default="", help="对应键，例如单据编号")
    send.add_argument("--variables", default="{}", metavar="JSON", help='带去的变量，如 {"金额": 1200}')
    send.add_argument("--keep", metavar="DURATION", help="没有人等时保留多久，如 P2D；不写就不保留")
    send.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    send.set_defaults(run=run_send)


def run_send(arguments: argparse.Namespace) -> int:
    """Send one message as the system."""
    site = Site.objects.filter(code=arguments.site, is_active=True).first()
    try:
        if site is None:
            raise BusinessError(f"没有门店“{arguments.site}”")
        sent = send_message(
            arguments.name,
            arguments.key,
            site_id=site.pk,
            actor=system_actor(site.pk),
            variables=_variables(arguments.variables),
            keep_for=_span(arguments.keep, site),
        )
    except BusinessError as refusal:
        print(refusal.message, file=sys.stderr)
        return 3 if isinstance(refusal, NoRoom) else 2
    if arguments.json:
        print(json.dumps({"reached": sent.reached, "kept": sent.kept}))
    else:
        print(f"送到 {sent.reached} 个流程" if sent.reached else "没有人在等，已保留" if sent.kept else "没有人在等")
    return 0 if sent.reached or sent.kept else 1


def _variables(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BusinessError(f"变量不是 JSON：{error}") from None
    if not isinstance(values, dict):
        raise BusinessError("变量须是一个 JSON 对象")
    return values


def _span(text: str | None, site: Site) -> timedelta | None:
    if text is None:
        return None
    now = clock.now()
    try:
        return later(now, parse_duration(text), ZoneInfo(site.timezone)) - now
    except BadTime as bad:
        raise BusinessError(str(bad)) from None
