"""`bihuan bench engine`: how many steps a second, against the raw floor of each database and against SpiffWorkflow.

Each database is measured by a process of its own (`python -m bench` of the repository); this command starts them,
works out the ratios and prints them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from bihuan.cli import bench_limits, bench_scale
from bihuan.cli.bench_world import DATABASES, ROOT, database, machine, repository_is_here

AGES = ("20", "200")
LABELS = {
    "use_case": "完成一项工作（整个用例）",
    "use_case_with_records": "同上，并写业务单",
    "store": "流程存取与引擎（含审计）",
    "floor": "四条裸语句加提交",
    "floor_one_trip": "同样四条，一次往返",
    "spiffworkflow": "SpiffWorkflow 存入同一数据库",
}
SHAPES = {
    "linear": "一个接一个的十项工作",
    "branching": "选择、并行和包容分支",
    "multi_instance": "五十人会签",
    "nested_calls": "四层调用",
    "automatic": "四十个自动节点",
    "rework": "同一实例返工一千轮",
}
PARTS = {"engine": "引擎", "database": "驱动与数据库", "hashing": "审计散列", "rest": "其余"}


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `bench engine`, `bench limits` and `bench scale`.

    Exit codes: 0 measured, 1 something could not be measured, 2 the repository is missing.
    """
    bench = subparsers.add_parser("bench", help="测量引擎每秒能走多少步、时限算得多快和到点多快被处理")
    commands = bench.add_subparsers(dest="bench_command", required=True)
    engine = commands.add_parser("engine", help="在 SQLite 和 PostgreSQL 上各测一遍，与裸语句和 SpiffWorkflow 对照")
    engine.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    engine.add_argument("--rounds", type=int, default=5, help="轮数，取中位数（默认 5）")
    engine.add_argument("--seconds", type=float, default=2.0, help="每种流程形状各测几秒（默认 2）")
    engine.add_argument("--quick", action="store_true", help="只粗测一遍：一轮，每种形状半秒，约半分钟")
    engine.add_argument("--database", choices=DATABASES, action="append", help="只测这个数据库，可重复")
    engine.set_defaults(run=run_engine)
    bench_limits.register(commands)
    bench_scale.register(commands)


def run_engine(arguments: argparse.Namespace) -> int:
    """Measure the databases one after the other and print the report."""
    if not repository_is_here():
        return 2
    report: dict[str, Any] = {"machine": machine(), "databases": {}}
    for name in arguments.database or DATABASES:
        print(f"正在测量 {name} …", file=sys.stderr, flush=True)
        report["databases"][name] = _measured(name, _options(arguments))
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(report)))
    return 1 if any("unavailable" in found for found in report["databases"].values()) else 0


def _options(arguments: argparse.Namespace) -> list[str]:
    if arguments.quick:
        return ["--rounds", "1", "--instances", "10", "--seconds", "0.5"]
    return ["--rounds", str(max(1, arguments.rounds)), "--seconds", str(max(0.1, arguments.seconds))]


def _measured(name: str, options: list[str]) -> dict[str, Any]:
    try:
        with database(name) as environment:
            command = [sys.executable, "-m", "bench", *options]
            run = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
            )
    except (OSError, RuntimeError, subprocess.SubprocessError) as failure:
        return {"unavailable": str(failure)}
    if run.returncode != 0:
        return {"unavailable": run.stderr.strip()[-2000:] or f"exit code {run.returncode}"}
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    found["ratios"] = ratios(found["steps_per_second"])
    return found


def ratios(rates: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """How the use case and the store compare with the floor and with the peer, by age."""
    found: dict[str, dict[str, float]] = {}
    for ours in ("use_case", "use_case_with_records", "store"):
        for other, label in (("floor", "floor"), ("floor_one_trip", "floor_one_trip"), ("spiffworkflow", "spiff")):
            if other in rates and ours in rates:
                found[f"{ours}_to_{label}"] = {
                    age: round(rates[ours][age] / rates[other][age], 3) for age in rates[ours] if rates[other][age]
                }
    return found


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    yield f"{machine['cpus']} 个处理器，{machine['system']}，Python {machine['python']}"
    for name, found in report["databases"].items():
        yield ""
        if "unavailable" in found:
            yield f"{name}：无法测量。{found['unavailable']}"
            continue
        yield (
            f"{found['database']} {found['version']}（{found['durable']}），每秒步数，"
            f"{found['rounds']} 轮 × {found['steps_per_round']} 步的中位数："
        )
        yield from _table(found)
        yield "  各种流程形状，从开始走到结束（存取与引擎，含审计）："
        yield from _shapes(found["shapes"])
        yield f"  引擎本身（不含数据库）：每秒 {found['engine_alone_steps_per_second']:,.0f} 步"
        for who, parts in found["where_the_time_goes"].items():
            shares = "，".join(f"{PARTS[part]} {parts.get(part, 0):.0f}%" for part in PARTS)
            yield f"  时间花在哪里（{LABELS[who]}，每步 {parts['microseconds_per_step']:,.0f} 微秒）：{shares}"


def _shapes(found: Mapping[str, Any]) -> Iterator[str]:
    for name, shape in found.items():
        rate = f"    每秒 {shape['steps_per_second']:>8,.0f} 步  {SHAPES[name]}"
        if name == "automatic":
            rate += f"（每秒 {shape['nodes_per_second']:,.0f} 个节点）"
        if name == "rework":
            first, last = shape["first_tenth_steps_per_second"], shape["last_tenth_steps_per_second"]
            rate += f"（前一百轮每秒 {first:,.0f} 步，最后一百轮 {last:,.0f} 步）"
        yield rate


def _table(found: Mapping[str, Any]) -> Iterator[str]:
    for name, by_age in found["steps_per_second"].items():
        rates = "，".join(f"第 {age} 步时 {by_age[age]:>8,.0f}" for age in AGES)
        yield f"  {rates}  {LABELS[name]}"
    for name, by_age in found["ratios"].items():
        who, _, other = name.partition("_to_")
        yield f"  {LABELS[who]} ÷ {other}：" + "，".join(f"第 {age} 步时 {by_age[age]:.2f}" for age in AGES)
    if "spiffworkflow" not in found["steps_per_second"]:
        yield "  没有安装 SpiffWorkflow，未对照"
