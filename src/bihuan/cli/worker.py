"""`bihuan worker`: fires timers, does background jobs and sends notices until asked to stop (SIGTERM or Ctrl-C)."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from types import FrameType
from typing import Any

from bihuan.kernel import clock
from bihuan.operations.background import product_worker, send_notices, slow_worker
from bihuan.processes.worker import POLL_SECONDS

STOP_SECONDS = 20
"""How long a message in hand may take to be finished; sent again by another worker when it takes longer."""


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `worker`. Exit code 0 when stopped as asked; the job in hand is finished first."""
    parser = subparsers.add_parser("worker", help="执行到点的定时器和后台任务，发送通知")
    parser.add_argument("--once", action="store_true", help="只处理现在到点的任务，然后退出")
    parser.add_argument(
        "--poll", type=float, default=POLL_SECONDS, metavar="SECONDS", help="没有任务时隔多久再看一次，最长 1 秒"
    )
    parser.set_defaults(run=run_worker)


def run_worker(arguments: argparse.Namespace) -> int:
    """Work until stopped, or with `--once` until nothing is due."""
    worker, slow = product_worker(), slow_worker()
    if not 0 < arguments.poll <= 1:
        print("--poll 应大于 0，最长 1 秒：定时器要在一秒之内触发", file=sys.stderr)
        return 2
    worker.poll_seconds = arguments.poll
    if arguments.once:
        done = failed = 0
        while (ran := worker.round() + slow.round()).taken:
            done, failed = done + ran.done, failed + ran.failed
        while send_notices(clock.now()) is not None:
            pass
        print(f"完成 {done} 个任务，失败 {failed} 个")
        return 1 if failed else 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()
        slow.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print("后台进程已启动", flush=True)
    # What was loaded stays for good, and need not be looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    aside = slow.start_thread()
    worker.run()
    slow.stop()
    aside.join(STOP_SECONDS)
    print("后台进程已停止", flush=True)
    return 0
