"""Timers and background work: one table, taken by any number of workers, each job's effect exactly once.

A worker takes due jobs in a short transaction (their lease and the attempt are counted at once, so that work which
kills its worker is not tried for ever) and then does each in one transaction that also removes it. If the worker dies
in between, nothing of the effect is stored and the job is free again when its lease runs out. Effects outside the
database (mail, webhooks) are at least once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db import transaction

from bihuan.engine.runtime import FireTimer
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict, NotFound
from bihuan.kernel.sql import execute, moment, on_postgres, query, stored_moment
from bihuan.org.access import system_actor
from bihuan.processes.contract import Surroundings
from bihuan.processes.driving import begin
from bihuan.processes.finishing import TIMER, finish
from bihuan.processes.models import NEVER, Job
from bihuan.processes.rhythm import hold_back
from bihuan.processes.rows import hold_instance

log = logging.getLogger("bihuan.processes.jobs")

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TakenJob:
    """A job in the hands of a worker; `attempts` counts this one and proves that it is still ours."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    due_at: datetime
    attempts: int
    site_id: int | None
    instance_id: int | None
    wait: int | None


Handler: TypeAlias = Callable[[TakenJob], None]
"""Does the work of a job inside the transaction that removes it. Raising leaves nothing behind but another attempt."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A handler in two halves: `prepare` reads and computes before the transaction, and answers what writes in it.

    For long work that would otherwise keep everybody else from writing on SQLite.
    """

    prepare: Callable[[TakenJob], Handler]


@dataclass(frozen=True, slots=True)
class Ran:
    """What `run_due` did: jobs done, jobs that failed (to be tried again, or dead), jobs that were no longer there."""

    done: int = 0
    failed: int = 0
    gone: int = 0

    @property
    def taken(self) -> int:
        return self.done + self.failed + self.gone

    def __add__(self, other: Ran) -> Ran:
        return Ran(self.done + other.done, self.failed + other.failed, self.gone + other.gone)


def enqueue(
    kind: str,
    payload: Mapping[str, Any] | None = None,
    *,
    due_at: datetime | None = None,
    site_id: int | None = None,
    instance_id: int | None = None,
) -> int:
    """Have something done in the background once the surrounding transaction is saved, at `due_at` or at once.

    What belongs to an instance stands still while that is suspended, and goes from the tables with it.
    """
    now = clock.now()
    when = due_at or now
    job = Job.objects.create(
        kind=kind, payload=dict(payload or {}), due_at=when, run_at=when, created_at=now, site_id=site_id,
        instance_id=instance_id,
    )  # fmt: skip
    return job.pk


def run_due(
    now: datetime | None = None,
    limit: int = 20,
    *,
    handlers: Mapping[str, Handler | Prepared],
    lease: timedelta = LEASE,
) -> Ran:
    """Take up to `limit` due jobs of the kinds that have a handler and do them, earliest first."""
    at = now or clock.now()
    ran = Ran()
    # Looking first takes no lock: an idle worker must not stand in anybody's way on SQLite.
    if not Job.objects.filter(dead_at__isnull=True, run_at__lte=at).exists():
        return ran
    for job in take_due(at, limit, kinds=sorted(handlers), lease=lease):
        ran += _run(job, handlers[job.kind], at)
    return ran


def timer_handler(around: Surroundings) -> Handler:
    """The handler of the kind `timer`: fires the timer in its instance, as the system at the instance's site."""

    def fire(job: TakenJob) -> None:
        assert job.instance_id is not None and job.wait is not None
        try:
            instance = hold_instance(job.instance_id)
        except NotFound:
            return
        if instance.state.status == "suspended":
            # It was taken just as the instance was suspended: it rests like the others.
            rest_job(job)
        elif job.wait in instance.state.waits:
            unit, node_id = begin(system_actor(job.site_id), clock.now(), around), instance.state.waits[job.wait].node
            unit.submit(instance, FireTimer(job.wait))
            finish(unit, instance, command="FireTimer")
            hold_back(instance.id, node_id, instance.events)

    return fire


def rest_job(job: TakenJob) -> None:
    """A job of a suspended instance that was taken all the same: there again, but not to be done before it resumes."""
    Job.objects.create(
        kind=job.kind, payload=dict(job.payload), due_at=job.due_at, run_at=NEVER, created_at=clock.now(),
        site_id=job.site_id, instance_id=job.instance_id, wait=job.wait,
    )  # fmt: skip


def fire_due(now: datetime | None = None, *, around: Surroundings, limit: int = 100) -> Ran:
    """Fire the timers that are due, without other jobs: for scenarios and tests that move the clock themselves."""
    return run_due(now, limit, handlers={TIMER: timer_handler(around)})


def next_due(*, kinds: Sequence[str] | None = None, but: Sequence[str] = ()) -> datetime | None:
    """When the next living job (of these kinds, of none of those) may be taken; None when there is none."""
    living = Job.objects.filter(dead_at__isnull=True).exclude(kind__in=but)
    rows = living if kinds is None else living.filter(kind__in=kinds)
    return rows.order_by("run_at").values_list("run_at", flat=True).first()


@transaction.atomic
def take_due(at: datetime, limit: int, *, kinds: list[str], lease: timedelta = LEASE) -> list[TakenJob]:
    """Lease up to `limit` due jobs for this worker. Rows that another worker is just taking are skipped."""
    if not kinds:
        return []
    marks = ", ".join(["%s"] * len(kinds))
    skip = " FOR UPDATE SKIP LOCKED" if on_postgres() else ""
    until = moment(at + lease)
    rows = query(
        "UPDATE processes_job SET attempts = attempts + 1, lease_until = %s, run_at = %s WHERE id IN ("
        f"SELECT id FROM processes_job WHERE dead_at IS NULL AND run_at <= %s AND kind IN ({marks}) "
        f"ORDER BY run_at, id LIMIT %s{skip}) "
        "RETURNING id, kind, payload, due_at, attempts, site_id, instance_id, wait",
        (until, until, moment(at), *kinds, limit),
    )
    return sorted((_taken(row) for row in rows), key=lambda job: (job.due_at, job.id))


def _taken(row: tuple[Any, ...]) -> TakenJob:
    payload = json.loads(row[2]) if isinstance(row[2], str) else row[2]
    due_at = stored_moment(row[3])
    assert due_at is not None
    return TakenJob(row[0], row[1], payload, due_at, *row[4:])


def _run(job: TakenJob, handler: Handler | Prepared, at: datetime) -> Ran:
    try:
        done = _do_once(job, handler.prepare(job) if isinstance(handler, Prepared) else handler)
        return Ran(done=1) if done else Ran(gone=1)
    except Exception as failure:
        log.exception("job %s (%s) failed at attempt %s", job.id, job.kind, job.attempts)
        _put_back(job, failure, at)
        return Ran(failed=1)


@transaction.atomic
def _do_once(job: TakenJob, handler: Handler) -> bool:
    if job.instance_id is not None:
        _lock_family(job.instance_id)
    # Removed first: whoever else believes to hold the job waits here for us, and then finds nothing to do.
    if not execute("DELETE FROM processes_job WHERE id = %s AND attempts = %s", (job.id, job.attempts)):
        return False
    handler(job)
    return True


def _lock_family(instance_id: int) -> None:
    """By the lock rule the instance comes before its jobs: a step clears timers while it holds the instance."""
    if on_postgres():
        query(
            "SELECT r.id FROM processes_instance i JOIN processes_instance r ON r.id = COALESCE(i.root_id, i.id) "
            "WHERE i.id = %s FOR NO KEY UPDATE OF r, i",
            (instance_id,),
        )


@transaction.atomic
def _put_back(job: TakenJob, failure: Exception, at: datetime) -> None:
    reason = str(failure) if isinstance(failure, Conflict) else f"{type(failure).__name__}: {failure}"
    dead = job.attempts >= MAX_ATTEMPTS
    Job.objects.filter(pk=job.id, attempts=job.attempts).update(
        last_error=reason[:500],
        lease_until=None,
        run_at=max(at + wait_after(job.attempts), job.due_at),
        dead_at=at if dead else None,
    )


def wait_after(attempts: int) -> timedelta:
    """How long a job rests after so many failed attempts: 5 s, doubling, at most an hour."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)


@transaction.atomic
def revive_job(job_id: int) -> None:
    """Give a dead job another life, at once. Raises NotFound when it is not dead."""
    now = clock.now()
    revived = Job.objects.filter(pk=job_id, dead_at__isnull=False).update(
        dead_at=None, attempts=0, lease_until=None, run_at=now, due_at=now
    )
    if not revived:
        raise NotFound("没有这个已放弃的任务")
