"""What begins processes without anybody: the clock, and conditions that become true."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from bihuan.accounts.models import User
from bihuan.org.models import Site
from bihuan.processes.models.definitions import Definition, Version
from bihuan.processes.models.instances import Instance


class AutoStart(models.Model):
    """A start event that begins the version in force of a process at a site by itself (自动发起).

    A timer does so at `next_at` and `left` times more (None: for ever); it is over without a `next_at`. A condition is
    looked at then, and begins the process when it has become true (`met`: it was true when last looked at). `job_id` is
    the one job that will do it; while somebody holds the start there is none.
    """

    definition = models.ForeignKey(Definition, on_delete=models.CASCADE, db_index=False, related_name="auto_starts")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, db_index=False, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    node_id = models.CharField("节点", max_length=120)
    part = models.PositiveSmallIntegerField("触发条件", default=0)
    kind = models.CharField("类别", max_length=12, choices=[("timer", "定时"), ("conditional", "条件")])
    next_at = models.DateTimeField("下次", null=True, blank=True)
    left = models.PositiveIntegerField("此后次数", null=True, blank=True)
    met = models.BooleanField("条件已满足", default=False)
    job_id = models.BigIntegerField("后台任务", null=True, blank=True)
    last_at = models.DateTimeField("上次", null=True, blank=True)
    last_instance = models.ForeignKey(
        Instance, on_delete=models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    trouble = models.CharField("上次没有办成", max_length=500, blank=True, default="")
    held_at = models.DateTimeField("暂停于", null=True, blank=True)
    held_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    held_reason = models.CharField("暂停原因", max_length=200, blank=True, default="")

    objects: ClassVar[models.Manager[AutoStart]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "自动发起"
        constraints = [
            models.UniqueConstraint(fields=["definition", "site", "node_id", "part"], name="processes_autostart_once")
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.next_at or ''}".strip()
