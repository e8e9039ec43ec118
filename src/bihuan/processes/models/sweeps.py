"""One thing done to many running instances of a process, one by one: moved to another version, held, or let go on."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.processes.models.definitions import Definition, Version
from bihuan.processes.models.instances import Instance


class Sweep(models.Model):
    """What was asked for, by whom and why. `sources` are the versions whose running instances it is about.

    A migration has a `target` and a `mapping` of nodes. It is over when `ended_at` is set; what is left has a row that
    waits, so that a worker which dies is followed by the next one.
    """

    class Kind(models.TextChoices):
        MIGRATE = "migrate", "迁移到新版本"
        HOLD = "hold", "暂停进行中的"
        RESUME = "resume", "恢复暂停的"

    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="sweeps")
    kind = models.CharField("事项", max_length=10, choices=Kind.choices)
    sources = models.JSONField("原版本", default=list)
    target = models.ForeignKey(Version, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    mapping = models.JSONField("环节对应", default=dict)
    reason = models.CharField("原因", max_length=200)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField("提出")
    ended_at = models.DateTimeField("结束", null=True, blank=True)

    objects: ClassVar[models.Manager[Sweep]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "批量处理"
        constraints = [
            models.UniqueConstraint(
                fields=["definition"], condition=Q(ended_at__isnull=True), name="processes_sweep_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.definition}"

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None


class SweepRow(models.Model):
    """What came of it for one instance."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "等待处理"
        DONE = "done", "已完成"
        REFUSED = "refused", "没有处理"

    sweep = models.ForeignKey(Sweep, on_delete=models.CASCADE, db_index=False, related_name="rows")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField("结果", max_length=10, choices=Outcome.choices, default=Outcome.WAITING)
    reason = models.CharField("原因", max_length=500, blank=True, default="")
    at = models.DateTimeField("时间", null=True, blank=True)

    objects: ClassVar[models.Manager[SweepRow]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "批量处理结果"
        constraints = [models.UniqueConstraint(fields=["sweep", "instance"], name="processes_sweep_row_once")]
        indexes = [models.Index(fields=["sweep", "outcome", "id"], name="processes_sweep_row_outcome")]

    def __str__(self) -> str:
        return f"{self.instance} {self.get_outcome_display()}"
