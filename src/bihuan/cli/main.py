"""The `bihuan` command: finds the family that was asked for and sets up Django only if that family needs it.

To add a family write `cli/<name>.py` with `register(subparsers)`, which adds a parser whose sub-commands set
`run=function(arguments) -> exit code`, and add one line to FAMILIES.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from bihuan.cli.scratch import use_fresh_database


@dataclass(frozen=True, slots=True)
class Family:
    """A family of commands. `django` says whether its module needs the models, `scratch` whether it works on a fresh
    database unless told `--here`."""

    name: str
    module: str
    summary: str
    django: bool = True
    scratch: bool = False


FAMILIES = (
    Family("bpmn", "bihuan.cli.bpmn", "检查和试运行 BPMN 流程图，检查 DMN 决策表（不需要数据库）", django=False),
    Family("scenario", "bihuan.cli.scenario", "按剧本演练一个故事并逐步核对", scratch=True),
    Family("pack", "bihuan.cli.pack", "检查、绘制、安装流程包"),
    Family("import", "bihuan.cli.imports", "从工作簿导入客户、车辆、配件、工时项目和人员"),
    Family("audit", "bihuan.cli.audit", "核对或封存操作日志"),
    Family("archive", "bihuan.cli.archive", "按保存期限归档的流程历史：归档、列出、查看、恢复"),
    Family("process", "bihuan.cli.processes", "流程的版本：看进行中的、迁移、暂停、恢复"),
    Family("message", "bihuan.cli.message", "从外面给流程发消息"),
    Family("bench", "bihuan.cli.bench", "测量引擎和时限有多快"),
    Family("setup", "bihuan.cli.setting_up", "建立正式使用的门店和第一位管理员"),
    Family("demo", "bihuan.cli.demo", "建立演示数据"),
    Family("worker", "bihuan.cli.worker", "执行到点的定时器和后台任务"),
)
"""Everything `bihuan` can do; a family whose module is not installed is not offered."""

DEBUG = "BIHUAN_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 the answer is no, 2 asked wrongly, 70 a fault of the program."""
    _printable_output()
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((family for family in offered() if words[:1] == [family.name]), None)
    try:
        if chosen is not None and chosen.django:
            if chosen.scratch:
                use_fresh_database(words)
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bihuan.config.settings")
            importlib.import_module("django").setup()
        arguments = parser_for(chosen).parse_args(words)
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`bihuan … | head`): nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 the last net: a person at the command line is told, not shown a traceback
        if os.environ.get(DEBUG):
            traceback.print_exc()
        print(f"程序出错：{type(error).__name__}: {error}", file=sys.stderr)
        print(f"（设环境变量 {DEBUG}=1 再运行，可以看到详细位置）", file=sys.stderr)
        return 70


def offered() -> list[Family]:
    """The families whose modules are there."""
    return [family for family in FAMILIES if importlib.util.find_spec(family.module) is not None]


def parser_for(chosen: Family | None) -> argparse.ArgumentParser:
    """A parser that knows the chosen family in full and of the others only their names."""
    parser = argparse.ArgumentParser(prog="bihuan", description="闭环 Bihuan：让制度成为会跑的流程")
    subparsers = parser.add_subparsers(dest="family", metavar="COMMAND", required=True)
    for family in offered():
        if family is chosen:
            importlib.import_module(family.module).register(subparsers)
        else:
            subparsers.add_parser(family.name, help=family.summary)
    return parser


def _printable_output() -> None:
    """A terminal that cannot show a character gets an escape instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
