"""The product's workers: one for what must be on time, one for what may take its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from bihuan.limits.due import next_moment, take_back_untimely
from bihuan.limits.steps import next_step_moment
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from bihuan.notify.retention import prune_notices
from bihuan.operations import imports, sweeps
from bihuan.operations.copies import pursuing_handlers
from bihuan.operations.customer_notices import tell_customers
from bihuan.operations.duty.unattended import look_after_unattended
from bihuan.operations.starting import start_work
from bihuan.operations.surroundings import surroundings
from bihuan.operations.timing.due_steps import CLOCK_STEP, carry_out_step, claim_due_steps
from bihuan.operations.timing.due_work import TELL_CLOCK, tell_again, tell_due_clocks
from bihuan.processes.auto_starts import follow_sites
from bihuan.processes.finishing import TIMER
from bihuan.processes.jobs import timer_handler
from bihuan.processes.retention import archive_finished, forget_unread
from bihuan.processes.sweeping import SWEEP
from bihuan.processes.worker import Worker

SENT_A_ROUND = 10
LOOK_EVERY = timedelta(seconds=30)
ARCHIVE_EVERY = timedelta(minutes=10)


def product_worker() -> Worker:
    """The worker for what must be on time: timers of processes, and limits."""
    return Worker(
        {
            TIMER: timer_handler(surroundings()),
            **start_work(surroundings()),
            TELL_CLOCK: tell_again,
            CLOCK_STEP: carry_out_step,
            **pursuing_handlers(),
        },
        ticks=(LimitWatch(),),
    )


def slow_worker() -> Worker:
    """A worker beside it for what may take its time: neither a slow mail server nor a large import or sweep holds up
    a timer."""
    return Worker(
        {imports.KIND: imports.HANDLER, SWEEP: sweeps.HANDLER},
        ticks=(send_notices, SiteWatch(), RetentionWatch()),
    )


def send_notices(now: datetime) -> datetime | None:
    """At every round: plan what is to be told, then send what is due. Answers `now` while there is more."""
    busy = tell_customers(now) or plan_notices(now) or send_due(limit=SENT_A_ROUND).taken
    return now if busy else None


class SiteWatch:
    """Every half minute: whether open work has somebody who could do it, and whether processes begin by themselves at
    the sites that have them now."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    def __call__(self, now: datetime) -> datetime | None:
        """Look, if it is time to; answers when to look again."""
        if self._next is None or now >= self._next or self._next - now > LOOK_EVERY:
            look_after_unattended()
            follow_sites()
            self._next = now + LOOK_EVERY
        return self._next


class RetentionWatch:
    """Every ten minutes: whether finished history and old notices may leave the tables, a bounded batch a round."""

    def __init__(self) -> None:
        self._next: datetime | None = None
        self._noticed: int | None = 0

    def __call__(self, now: datetime) -> datetime | None:
        """Take out a batch of each, if it is time to; answers when to look again, at once while there is more."""
        if self._next is None or now >= self._next or self._next - now > ARCHIVE_EVERY:
            forget_unread(now)
            archived = archive_finished(now)
            self._noticed = prune_notices(now, after=self._noticed or 0).upto
            self._next = now + ARCHIVE_EVERY if archived is None and self._noticed is None else now
        return self._next


class LimitWatch:
    """At every round of the worker: whose time is nearly up, whose is over, and when to look again."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def __call__(self, now: datetime) -> datetime | None:
        """Tell what is due. Answers the moment of the next clock, which is past while more are waiting."""
        # Set back, now or while no worker ran: what was told for moments that are still to come is told again then.
        if self._last is None or now < self._last:
            take_back_untimely(now)
        self._last = now
        tell_due_clocks()
        claim_due_steps()
        return min((at for at in (next_moment(), next_step_moment()) if at is not None), default=None)
