"""The worker: fires timers and does background jobs, in a thread of `make run` or as `bihuan worker`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Event, Thread
from typing import TypeAlias

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from bihuan.kernel import clock
from bihuan.kernel.sql import on_database_time
from bihuan.processes.jobs import Handler, Prepared, Ran, next_due, run_due

log = logging.getLogger("bihuan.processes.worker")

POLL_SECONDS = 0.5
# What is due but held by somebody else at this moment is looked at again soon, without spinning.
SHORTEST_PAUSE_SECONDS = 0.01
AFTER_TROUBLE_SECONDS = 3.0

Tick: TypeAlias = Callable[[datetime], datetime | None]
"""Something to look after at every round: told the moment, does its own transactions, and answers the moment it next
wants to be called at; None when it can wait until the worker looks again anyway."""


class Worker:
    """Runs until `stop`. Any number of them may work on one database; whatever one leaves undone another takes up.

    Everything in it (timers, limits, notices) goes by the database server's clock, asked at each look at what is due.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler | Prepared],
        *,
        ticks: Sequence[Tick] = (),
        poll_seconds: float = POLL_SECONDS,
        batch: int = 20,
    ) -> None:
        if not 0 < poll_seconds <= 1:
            raise ValueError("timers are to fire within a second: poll at least that often")
        self.handlers = handlers
        self.ticks = tuple(ticks)
        self.poll_seconds = poll_seconds
        self.batch = batch
        self._wanted: list[datetime] = []
        self._stop = Event()

    def run(self) -> None:
        """Work until stopped. The job in hand is finished first; trouble with the database is waited out."""
        log.info("worker started")
        while not self._stop.is_set():
            try:
                close_old_connections()
                pause = 0.0 if self.round().taken else self._pause()
            except (DatabaseError, InterfaceError):
                log.exception("the database is in trouble; trying again in %s s", AFTER_TROUBLE_SECONDS)
                connection.close()
                pause = AFTER_TROUBLE_SECONDS
            if pause:
                self._stop.wait(pause)
        connection.close()
        log.info("worker stopped")

    def _pause(self) -> float:
        """Seconds until the next known moment; at most until we look again for what others have added.

        Counted by a steady clock, so that setting the machine's clock neither wakes nor holds us.
        """
        moments = [*self._wanted, *filter(None, [next_due(kinds=sorted(self.handlers))])]
        with on_database_time():
            seconds = min(((at - clock.now()).total_seconds() for at in moments), default=self.poll_seconds)
        return min(max(seconds, SHORTEST_PAUSE_SECONDS), self.poll_seconds)

    def round(self) -> Ran:
        """One look at what is due now: jobs first, then the ticks. A stop is noticed between two jobs."""
        ran = Ran()
        for _ in range(self.batch):
            # One at a time: a lease is never spent waiting for other jobs of the same worker.
            with on_database_time():
                once = run_due(limit=1, handlers=self.handlers)
            ran += once
            if not once.taken or self._stop.is_set():
                break
        self._wanted = []
        for tick in self.ticks:
            if not self._stop.is_set():
                self._look_after(tick)
        return ran

    def _look_after(self, tick: Tick) -> None:
        try:
            with on_database_time():
                wanted = tick(clock.now())
            if wanted is not None:
                self._wanted.append(wanted)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("tick %s failed", getattr(tick, "__name__", tick))

    def stop(self) -> None:
        """Ask to stop; may be called from a signal handler or another thread."""
        self._stop.set()

    def start_thread(self) -> Thread:
        """Work in a thread of this process, which ends with it."""
        thread = Thread(target=self.run, name="bihuan-worker", daemon=True)
        thread.start()
        return thread
