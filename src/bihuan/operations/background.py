"""The product's worker: timers of processes, and limits whose warning or breach moment has come."""

from __future__ import annotations

from datetime import datetime

from bihuan.operations.due_work import tell_due_clocks
from bihuan.operations.surroundings import surroundings
from bihuan.processes.finishing import TIMER
from bihuan.processes.jobs import timer_handler
from bihuan.processes.worker import Worker


def product_worker() -> Worker:
    """One worker with everything it may have to do; any number may run beside each other on one database."""
    return Worker({TIMER: timer_handler(surroundings())}, ticks=(limits_tick,))


def limits_tick(now: datetime) -> None:
    """Tells about limits; reads the clock itself, as a use case does."""
    tell_due_clocks()
