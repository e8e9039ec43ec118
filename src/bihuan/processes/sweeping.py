"""Doing one thing to many running instances: asked for at once, done by a worker in portions, each in its transaction.

Who may and what exactly is done to one instance is the caller's (`operations/sweeps.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Count

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.processes.jobs import enqueue
from bihuan.processes.models import Sweep, SweepRow, Version
from bihuan.processes.rows import ATTEMPTS, BUSY

log = logging.getLogger("bihuan.processes.sweeping")

SWEEP = "process.sweep"
"""The kind of its job."""
PORTION = 100
"""Instances a worker takes on before it lets other jobs go first: a few seconds."""
FAULT = "处理时出现故障，没有改动；已记入系统日志"

Deed = Callable[[SweepRow], object]
"""Does the thing to the instance of a row; a refusal (`BusinessError`) becomes its reason."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a sweep is."""

    waiting: int = 0
    done: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.waiting + self.done + self.refused


@transaction.atomic
def begin_sweep(
    kind: Sweep.Kind,
    instance_ids: Iterable[int],
    *,
    sources: list[Version],
    reason: str,
    actor: Actor,
    target: Version | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Sweep:
    """Have something done to these instances. Raises Conflict while another sweep of the process is under way."""
    definition = sources[0].definition
    try:
        with transaction.atomic():
            sweep = Sweep.objects.create(
                definition=definition,
                kind=kind,
                sources=[version.pk for version in sources],
                target=target,
                mapping=dict(mapping or {}),
                reason=reason,
                asked_by_id=actor.user_id,
                asked_at=clock.now(),
            )
    except IntegrityError:
        raise Conflict(f"“{definition.name}”正在批量处理，请等它完成") from None
    SweepRow.objects.bulk_create(
        (SweepRow(sweep=sweep, instance_id=instance_id) for instance_id in instance_ids), batch_size=1000
    )
    record(
        actor_id=actor.user_id,
        action=f"process.{kind.value}",
        chain=f"process:{definition.key}",
        data={
            "sweep": sweep.pk,
            "versions": [version.number for version in sources],
            **({"target": target.number, "mapping": sweep.mapping} if target is not None else {}),
            "instances": sweep.rows.count(),
            "reason": reason,
        },
    )
    enqueue(SWEEP, {"sweep": sweep.pk})
    return sweep


def do_portion(sweep: Sweep, deed: Deed, *, limit: int = PORTION) -> bool:
    """Do it to the next instances; answers whether more are waiting. Runs outside of a transaction."""
    rows = sweep.rows.filter(outcome=SweepRow.Outcome.WAITING).select_related("instance").order_by("pk")
    for row in rows[:limit]:
        try:
            _do_one(row, deed)
        except BusinessError as refusal:
            _tell(row, SweepRow.Outcome.REFUSED, refusal.message)
        except (OperationalError, InterfaceError):
            raise  # the database is in trouble, not this instance: a worker comes back to it
        except Exception:
            log.exception("sweep %s failed for instance %s", sweep.pk, row.instance_id)
            _tell(row, SweepRow.Outcome.REFUSED, FAULT)
    return bool(sweep.rows.filter(outcome=SweepRow.Outcome.WAITING).exists())


def _do_one(row: SweepRow, deed: Deed) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                deed(row)
                _tell(row, SweepRow.Outcome.DONE)
            return
        except Conflict as conflict:
            # People are at work on it just now: they come first.
            if conflict.message != BUSY or attempt == ATTEMPTS:
                raise


def _tell(row: SweepRow, outcome: SweepRow.Outcome, reason: str = "") -> None:
    # Only once: a worker whose lease ran out may still be at it.
    waiting = SweepRow.objects.filter(pk=row.pk, outcome=SweepRow.Outcome.WAITING)
    waiting.update(outcome=outcome, reason=reason[:500], at=clock.now())


def refuse_rest(sweep: Sweep, reason: str) -> None:
    """Nothing can be done for those that still wait."""
    waiting = sweep.rows.filter(outcome=SweepRow.Outcome.WAITING)
    waiting.update(outcome=SweepRow.Outcome.REFUSED, reason=reason[:500], at=clock.now())


def end_sweep(sweep: Sweep) -> bool:
    """It is over; answers whether it was not before."""
    return bool(Sweep.objects.filter(pk=sweep.pk, ended_at__isnull=True).update(ended_at=clock.now()))


def counts_of(sweep: Sweep) -> Counts:
    """How many instances were done, refused, or are still waiting."""
    found = dict(sweep.rows.values_list("outcome").annotate(n=Count("pk")))
    return Counts(**{outcome.value: found.get(outcome.value, 0) for outcome in SweepRow.Outcome})
