"""The product's worker: timers of processes, and limits that warn or run out."""

from __future__ import annotations

from datetime import datetime

from bihuan.operations.due_work import tell_due_clocks
from bihuan.operations.surroundings import surroundings
from bihuan.processes.finishing import TIMER
from bihuan.processes.jobs import timer_handler
from bihuan.processes.worker import Worker


def product_worker() -> Worker:
    """A worker that knows everything this product does in the background."""
    return Worker({TIMER: timer_handler(surroundings())}, ticks=(tell_limits,))


def tell_limits(now: datetime) -> None:
    """At every round of the worker: whose time is nearly up, whose is over."""
    tell_due_clocks()
