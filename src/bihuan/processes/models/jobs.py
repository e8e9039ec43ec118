"""What workers do later, and the first results of what may be asked twice."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from bihuan.processes.models.instances import Instance


class Job(models.Model):
    """Something to be done by a worker at a moment: a timer of an instance, or background work of another app.

    `due_at` is the moment asked for; `run_at` is when it may next be taken: first the due moment, while a worker holds
    it the end of its lease, after a failure the end of the back-off. A job that is done is gone; one that failed too
    often is dead (`dead_at`) and waits for a person.
    """

    kind = models.CharField("类别", max_length=60)
    payload = models.JSONField("内容", default=dict, blank=True)
    due_at = models.DateTimeField("到期")
    run_at = models.DateTimeField("可执行")
    lease_until = models.DateTimeField("占用至", null=True, blank=True)
    attempts = models.PositiveIntegerField("次数", default=0)
    last_error = models.CharField("最近错误", max_length=500, blank=True, default="")
    dead_at = models.DateTimeField("放弃于", null=True, blank=True)
    created_at = models.DateTimeField("建立")
    site_id = models.BigIntegerField("门店", null=True, blank=True)
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    wait = models.PositiveIntegerField("序号", null=True, blank=True)
    node_id = models.CharField("节点", max_length=120, blank=True, default="")

    objects: ClassVar[models.Manager[Job]] = models.Manager()

    class Meta:
        verbose_name = "后台任务"
        verbose_name_plural = "后台任务"
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "wait"], condition=Q(wait__isnull=False), name="processes_job_wait"
            ),
            models.CheckConstraint(condition=Q(run_at__gte=F("due_at")), name="processes_job_never_early"),
        ]
        indexes = [
            models.Index(fields=["run_at", "id"], condition=Q(dead_at__isnull=True), name="processes_job_due"),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="processes_job_dead"),
            models.Index(fields=["site_id", "node_id", "id"], condition=Q(kind="timer"), name="processes_job_node"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.due_at:%Y-%m-%d %H:%M:%S}"


class OnceKey(models.Model):
    """The first result of a request with a one-time key, so that repeating the request does nothing twice."""

    key = models.CharField("一次性键", max_length=64, primary_key=True)
    action = models.CharField("操作", max_length=80)
    actor_id = models.BigIntegerField("操作人", null=True)
    result = models.TextField("结果", default="null")
    at = models.DateTimeField("时间", db_index=True)

    objects: ClassVar[models.Manager[OnceKey]] = models.Manager()

    class Meta:
        verbose_name = "一次性键"
        verbose_name_plural = "一次性键"

    def __str__(self) -> str:
        return self.key

    @property
    def value(self) -> Any:
        """The stored result, plain JSON."""
        return json.loads(self.result)
