"""`bihuan bench scale`: what a step, an inbox, due timers and a search cost from ten thousand to a million instances.

Each size has a database of its own, made for it and thrown away; `python -m bench.scale` of the repository fills and
measures it. The sizes take turns, so that what else the machine does falls on all of them alike. What the database does
is counted as well: on a busy machine the times of a million rows suffer more, because they fit into its caches less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self

from bihuan.cli.bench_world import DATABASES, ROOT, database, machine, repository_is_here

SIZES = (10_000, 100_000, 1_000_000)
FLAT = 1.5
UNITS = {"sqlite": "虚拟机指令", "postgresql": "访问页数"}
LABELS = {
    "step": "完成一项工作（整个用例）",
    "inbox": "待办两页，每页 50 项",
    "due_timers": "触发一个到点的定时器",
    "search": "查找流程实例（各种条件平均）",
}


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `scale`. Exit codes: 0 measured, 1 a database could not be measured, 2 the repository is missing."""
    scale = commands.add_parser("scale", help="流程实例从一万到一百万，各种操作各要多久")
    scale.add_argument("--json", action="store_true", help="输出一个 JSON 对象")
    scale.add_argument(
        "--sizes", type=int, nargs="+", default=list(SIZES), metavar="N", help="流程实例数（默认一万、十万、一百万）"
    )
    scale.add_argument("--rounds", type=int, default=5, help="轮数，取中位数（默认 5）")
    scale.add_argument("--runs", type=int, default=40, help="每轮每项做几次（默认 40）")
    scale.add_argument("--database", choices=DATABASES, action="append", help="只测这个数据库，可重复")
    scale.set_defaults(run=run_scale)


def run_scale(arguments: argparse.Namespace) -> int:
    """Measure the databases one after the other and print the report."""
    if not repository_is_here():
        return 2
    sizes = sorted(set(arguments.sizes))
    if sizes[0] < 1000 or sizes[-1] > 10_000_000:
        print("--sizes 应在一千到一千万之间", file=sys.stderr)
        return 2
    report: dict[str, Any] = {"machine": machine(), "flat_up_to": FLAT, "databases": {}}
    for name in arguments.database or DATABASES:
        print(f"正在测量 {name}，流程实例到 {sizes[-1]:,} 个 …", file=sys.stderr, flush=True)
        report["databases"][name] = _measured(
            name, sizes, rounds=max(1, arguments.rounds), runs=max(10, arguments.runs)
        )
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(report)))
    return 1 if any("unavailable" in found for found in report["databases"].values()) else 0


def _measured(name: str, sizes: list[int], *, rounds: int, runs: int) -> dict[str, Any]:
    try:
        with ExitStack() as stack:
            towns = [stack.enter_context(Town(name, size, runs)) for size in sizes]
            costs = [[town.costs() for town in towns] for _ in range(rounds)]
    except (OSError, RuntimeError, subprocess.SubprocessError) as failure:
        return {"unavailable": str(failure)}
    times, work = (
        _by_size([[one[kind] for one in turn] for turn in costs], sizes) for kind in ("microseconds", "work")
    )
    first = towns[0].told
    return {
        **{key: first[key] for key in ("database", "version", "durable")},
        "sizes": sizes,
        "rounds": rounds,
        "runs": runs,
        "rows": {str(size): town.told["rows"] for size, town in zip(sizes, towns, strict=True)},
        "filling_seconds": {str(size): town.told["filling_seconds"] for size, town in zip(sizes, towns, strict=True)},
        "microseconds": {part: times[part] for part in LABELS},
        "ratios": {part: _ratio(times[part]) for part in LABELS},
        "flat": all(_ratio(times[part]) <= FLAT for part in LABELS),
        "parts": {part: {**times[part], "ratio": _ratio(times[part])} for part in times if part not in LABELS},
        "work": {
            "unit": {"sqlite": "instructions", "postgresql": "pages"}[first["database"]],
            **{part: {**work[part], "ratio": _ratio(work[part])} for part in work},
        },
    }


def _by_size(costs: list[list[Mapping[str, float]]], sizes: list[int]) -> dict[str, dict[str, float]]:
    """The medians of the rounds, by part and size."""
    return {
        part: {str(size): round(statistics.median(turn[n][part] for turn in costs), 1) for n, size in enumerate(sizes)}
        for part in costs[0][0]
    }


def _ratio(by_size: Mapping[str, float]) -> float:
    """How many times as much the largest size costs as the smallest."""
    first, *_, last = [*by_size.values(), *by_size.values()]
    return round(last / first, 2)


class Town:
    """An installation of one size: `python -m bench.scale` on a database of its own, measured when asked."""

    def __init__(self, database_name: str, size: int, runs: int) -> None:
        self.words = [sys.executable, "-m", "bench.scale", "--size", str(size), "--runs", str(runs)]
        self.database = database(database_name)
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        environment = {**os.environ, **self.database.__enter__()}
        self.process = subprocess.Popen(
            self.words, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.told = self._answer()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *trouble: object) -> None:
        # The end of its input is the sign to stop.
        self.process.communicate()
        self.database.__exit__(None, None, None)

    def costs(self) -> dict[str, dict[str, float]]:
        """One round: microseconds and work of the database by what was done."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("bench.scale ended before it was asked to; its reason stands above")
        found: dict[str, Any] = json.loads(line)
        return found


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    yield f"{machine['cpus']} 个处理器，{machine['system']}，Python {machine['python']}"
    for name, found in report["databases"].items():
        yield ""
        if "unavailable" in found:
            yield f"{name}：无法测量。{found['unavailable']}"
            continue
        filling = "，".join(f"{int(size):,} 个 {seconds:.0f} 秒" for size, seconds in found["filling_seconds"].items())
        yield f"{found['database']} {found['version']}（{found['durable']}），建立流程实例：{filling}"
        heading = "".join(f"{size:>12,}" for size in found["sizes"]) + "    倍数"
        yield f"  {heading}  微秒，中位数"
        for part, by_size in found["microseconds"].items():
            yield _line(LABELS[part], by_size, found["ratios"][part], found["sizes"])
        for part, by_size in found["parts"].items():
            yield _line(part, by_size, by_size["ratio"], found["sizes"])
        yield f"  {heading}  数据库的工作：{UNITS[found['database']]}"
        for part, by_size in found["work"].items():
            if part != "unit":
                yield _line(LABELS.get(part, part), by_size, by_size["ratio"], found["sizes"])


def _line(label: str, by_size: Mapping[str, float], ratio: float, sizes: list[int]) -> str:
    cells = "".join(f"{by_size[str(size)]:>12,.0f}" for size in sizes)
    return f"  {cells}  {ratio:>6.2f}  {label}"
