"""`bihuan bench limits`: how fast working time is reckoned, and how soon a clock that runs out is told about.

Each part is a program of the repository (`python -m bench.<part>`) that prints one JSON object; this command starts it
where it belongs and prints what was found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bihuan.cli.bench_world import DATABASES, ROOT, database, folder, machine, repository_is_here

ARITHMETIC = "arithmetic"
FIRING = "firing"
OPERATIONS = {"add": "加", "measure": "量"}
SPANS = {"30_minutes": "30 分钟", "8_hours": "8 小时", "30_days": "30 天", "1_year": "1 年", "3_years": "3 年"}
OTHERS = {
    "day_by_day": "逐日循环", "day_by_day_by_wall": "不管时钟调整的循环", "businesstimedelta": "businesstimedelta",
}  # fmt: skip
DATABASE_NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `limits`. Exit codes: 0 measured, 1 a part could not be measured, 2 the repository is missing."""
    limits = commands.add_parser("limits", help="时限：工作时间运算有多快，大量时限同时计时时超时多久被处理")
    limits.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    limits.add_argument("--part", choices=(ARITHMETIC, FIRING), action="append", help="只测这一部分，可重复")
    limits.add_argument("--clocks", type=int, default=100_000, help="正在计时、还没有到点的时限（默认 100000）")
    limits.add_argument("--workers", type=int, default=3, help="后台进程数（默认 3）")
    limits.add_argument("--due", type=int, default=400, help="10 秒内先后到点的时限，量延迟（默认 400）")
    limits.add_argument("--burst", type=int, default=5_000, help="同一时刻到点的时限，量吞吐（默认 5000）")
    limits.add_argument("--database", choices=DATABASES, action="append", help="到点部分只测这个数据库，可重复")
    limits.set_defaults(run=run_limits)


def run_limits(arguments: argparse.Namespace) -> int:
    """Measure the parts one after the other and print the report."""
    if not repository_is_here():
        return 2
    parts = arguments.part or [ARITHMETIC, FIRING]
    report: dict[str, Any] = {"machine": machine()}
    if ARITHMETIC in parts and (ROOT / "bench" / "arithmetic.py").exists():
        print("正在测量工作时间运算 …", file=sys.stderr, flush=True)
        with folder() as environment:
            report[ARITHMETIC] = _run(ARITHMETIC, (), environment)
    if FIRING in parts:
        report[FIRING] = {name: _firing(name, arguments) for name in arguments.database or DATABASES}
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(report)))
    measured = [report.get(ARITHMETIC, {}), *report.get(FIRING, {}).values()]
    return 1 if any("unavailable" in found for found in measured) else 0


def _firing(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    print(f"正在测量时限到点（{DATABASE_NAMES[name]}，{arguments.clocks} 个时限）…", file=sys.stderr, flush=True)
    words = [f"--{word}={getattr(arguments, word)}" for word in ("clocks", "workers", "due", "burst")]
    try:
        with database(name) as environment:
            return _run(FIRING, words, environment)
    except (OSError, RuntimeError, subprocess.SubprocessError) as failure:
        return {"unavailable": str(failure)}


def _run(part: str, words: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"bench.{part}", *words]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        return {"unavailable": run.stderr.strip()[-2000:] or f"exit code {run.returncode}"}
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    about = report["machine"]
    yield f"{about['cpus']} 个处理器，{about['system']}，Python {about['python']}"
    if ARITHMETIC in report:
        yield ""
        yield from _told_arithmetic(report[ARITHMETIC])
    for name, found in report.get(FIRING, {}).items():
        yield ""
        yield from _told_firing(DATABASE_NAMES[name], found)


def _told_arithmetic(found: Mapping[str, Any]) -> Iterator[str]:
    """Adding and measuring over short and long stretches, beside the other ways."""
    if "unavailable" in found:
        yield f"工作时间运算：无法测量。{found['unavailable']}"
        return
    yield f"工作时间运算（{found['calendar']}），每次微秒，几种算法结果{'一致' if found['agree'] else '不一致'}："
    for operation, by_span in found["microseconds"].items():
        for span, times in by_span.items():
            others = "，".join(
                f"{label} {times[name]:,.1f}（{times[f'{name}_to_bihuan']:,.0f} 倍）" for name, label in OTHERS.items()
            )
            yield f"  {OPERATIONS[operation]} {SPANS[span]}：{times['bihuan']:.2f}，{others}"
    yield f"  一个日历第一次用（三年）：{found['first_use_milliseconds']:.1f} 毫秒"


def _told_firing(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if "unavailable" in found:
        yield f"{name}：无法测量。{found['unavailable']}"
        return
    lag, burst = found["lag"], found["burst"]
    yield f"{name}：{found['open_clocks']:,} 个时限正在计时，{found['workers']} 个后台进程"
    yield (
        f"  {lag['clocks']:,} 个在 {lag['over_seconds']:g} 秒内先后到点，从到点到处理完："
        f"中位 {lag['p50_seconds']:.3f} 秒，99% {lag['p99_seconds']:.3f} 秒，最长 {lag['max_seconds']:.3f} 秒"
    )
    yield (
        f"  {burst['clocks']:,} 个同时到点：每秒处理 {burst['per_second']:,} 个，"
        f"中位 {burst['p50_seconds']:.3f} 秒，最长 {burst['max_seconds']:.3f} 秒"
    )
    yield f"  多发的通知：{found['notices_too_many']}"
