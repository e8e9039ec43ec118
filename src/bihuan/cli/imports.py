"""`bihuan import`: bring a centre's own customers, vehicles, parts, jobs and staff in from a workbook."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bihuan.kernel.errors import BusinessError
from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.records.importing.guard import MAX_BYTES
from bihuan.records.importing.report import ImportReport
from bihuan.records.importing.run import import_workbook
from bihuan.records.importing.template import template_workbook


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `import`. Exit codes: 0 stored (on a dry run: storable), 1 problems, nothing stored, 2 asked wrongly."""
    command = subparsers.add_parser("import", help="从工作簿导入客户、车辆、配件、作业项目和员工")
    command.add_argument("file", nargs="?", type=Path, help="要导入的 .xlsx 或 .csv 文件")
    command.add_argument("--dry-run", action="store_true", help="只试导入：报告会发生什么，什么都不存")
    command.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    command.add_argument("--site", metavar="CODE", help="导入到哪个门店（只有一个门店时可以省略）")
    command.add_argument("--template", metavar="OUT", type=Path, help="不导入，写出一个空白模板工作簿")
    command.set_defaults(run=run_import)


def run_import(arguments: argparse.Namespace) -> int:
    """Import the file, or write the template."""
    if arguments.template is not None:
        arguments.template.write_bytes(template_workbook())
        print(f"模板已写到 {arguments.template}")
        return 0
    if arguments.file is None:
        return _misused("请给出要导入的文件，或用 --template 写出模板")
    try:
        site = _site(arguments.site)
        # One byte more than allowed is enough to be refused for its size.
        with arguments.file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as failure:
        return _misused(f"读不了文件 {arguments.file}：{failure.strerror}")
    except BusinessError as refusal:
        return _misused(refusal.message)
    watched = sys.stderr.isatty() and not arguments.json
    report = import_workbook(
        content,
        arguments.file.name,
        actor=system_actor(site.pk),
        site_id=site.pk,
        dry_run=arguments.dry_run,
        progress=_show_progress if watched else None,
    )
    if arguments.json:
        print(json.dumps(report.to_json(), ensure_ascii=False))
    else:
        _print_report(report)
    return 0 if report.ok else 1


def _site(code: str | None) -> Site:
    """The site of that code, or the only one that has no sites below it."""
    if code is not None:
        site = Site.objects.filter(code=code, is_active=True).first()
        if site is None:
            raise BusinessError(f"没有代码为 {code} 的门店")
        return site
    leaves = list(Site.objects.filter(is_active=True, children__isnull=True)[:20])
    if not leaves:
        raise BusinessError("还没有门店，请先建立门店")
    if len(leaves) > 1:
        raise BusinessError(f"有多个门店，请用 --site 指定：{'、'.join(site.code for site in leaves)}")
    return leaves[0]


def _print_report(report: ImportReport) -> None:
    for problem in report.problems:
        print(problem.in_words())
    more = report.problem_count - len(report.problems)
    if more > 0:
        print(f"……另有 {more} 个问题没有列出")
    for sheet in report.sheets:
        counts = f"新增 {sheet.created}，更新 {sheet.updated}，不变 {sheet.unchanged}"
        print(f"{sheet.sheet}：{sheet.rows} 行，{counts}")
    if not report.ok:
        print(f"发现 {report.problem_count} 个问题，什么都没有存")
    elif report.dry_run:
        print("试导入没有问题；去掉 --dry-run 即可正式导入")
    else:
        print("导入完成")


def _show_progress(done: int, total: int, label: str) -> None:
    print(f"\r{label} {done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def _misused(message: str) -> int:
    print(message, file=sys.stderr)
    return 2
