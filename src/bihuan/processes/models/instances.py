"""Running processes, what they wait for, and where they cannot go on."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.engine.runtime import State
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager, SiteOwned
from bihuan.processes.models.definitions import Version


class Instance(SiteOwned):
    """One run of a version, usually about one case. `state` is the engine's whole state as JSON text.

    `lock_version` counts the steps and guards against two writers. `chain` is the audit chain of its history. Called
    processes name the `parent` and the `root` of the family, whose row is what a transaction locks; what was called for
    each of many says for which (`called_for`: 示A10002, 第 2 项).
    """

    class Status(models.TextChoices):
        RUNNING = "running", "进行中"
        SUSPENDED = "suspended", "已挂起"
        COMPLETED = "completed", "已完成"
        TERMINATED = "terminated", "已结束"
        CANCELLED = "cancelled", "已终止"
        WITHDRAWN = "withdrawn", "已撤销"
        ERROR = "error", "异常结束"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name="门店")
    version = models.ForeignKey(Version, models.PROTECT, db_index=False, related_name="+", verbose_name="版本")
    process_id = models.CharField("流程标识", max_length=120)
    subject_kind = models.CharField("对象类别", max_length=32, blank=True, default="")
    subject_id = models.BigIntegerField("对象", null=True, blank=True)
    title = models.CharField("事项", max_length=200, blank=True, default="")
    chain = models.CharField("审计链", max_length=80, blank=True, default="")
    state = models.TextField("状态")
    lock_version = models.PositiveIntegerField("步数", default=0)
    status = models.CharField("状况", max_length=12, choices=Status.choices, default=Status.RUNNING)
    started_at = models.DateTimeField("开始")
    started_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    ended_at = models.DateTimeField("结束", null=True, blank=True)
    root = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="children"
    )
    parent_wait = models.PositiveIntegerField("调用序号", null=True, blank=True)
    called_for = models.CharField("为哪一项", max_length=100, blank=True, default="", db_default="")

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = "流程实例"
        verbose_name_plural = "流程实例"
        indexes = [
            models.Index(fields=["subject_kind", "subject_id"], name="processes_instance_subject"),
            models.Index(fields=["site", "status", "started_at"], name="processes_instance_site"),
            # With the number in it this answers a page of a process by itself; without, PostgreSQL may think walking
            # the index above through all other processes as cheap.
            models.Index(fields=["version", "site", "status", "started_at", "id"], name="processes_instance_version"),
            models.Index(
                fields=["started_by", "started_at"],
                condition=Q(started_by__isnull=False),
                name="processes_instance_starter",
            ),
            models.Index(
                fields=["parent", "parent_wait"], condition=Q(parent__isnull=False), name="processes_instance_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.process_id}#{self.pk}"

    @property
    def is_running(self) -> bool:
        return self.status in (self.Status.RUNNING, self.Status.SUSPENDED)

    @property
    def variables(self) -> dict[str, Any]:
        """The process variables as the engine sees them (numbers are Decimal)."""
        return State.from_json(self.state).variables


class Subscription(models.Model):
    """An instance waiting for a message (by name and correlation) or a signal (by name). The row goes when it ends."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="subscriptions")
    wait = models.PositiveIntegerField("序号")
    node_id = models.CharField("节点", max_length=120)
    kind = models.CharField("类别", max_length=10, choices=[("message", "消息"), ("signal", "信号")])
    name = models.CharField("名称", max_length=120)
    correlation = models.CharField("关联值", max_length=200, blank=True, default="")
    since = models.DateTimeField("起")

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = verbose_name_plural = "等待的消息"
        constraints = [models.UniqueConstraint(fields=["instance", "wait"], name="processes_subscription_wait")]
        indexes = [
            models.Index(fields=["kind", "name", "correlation"], name="processes_subscription_name"),
            models.Index(fields=["site", "node_id", "id"], name="processes_subscription_node"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.correlation}".strip()


class Incident(models.Model):
    """An instance that cannot go on at a node until somebody retries or skips. `number` is the engine's id of it."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, db_index=False, related_name="incidents")
    number = models.PositiveIntegerField("序号")
    node_id = models.CharField("节点", max_length=120)
    reason = models.CharField("原因", max_length=500)
    raised_at = models.DateTimeField("发生")
    resolved_at = models.DateTimeField("解决", null=True, blank=True)
    resolution = models.CharField("解决方式", max_length=12, blank=True, default="")
    resolved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = "异常"
        verbose_name_plural = "异常"
        constraints = [models.UniqueConstraint(fields=["instance", "number"], name="processes_incident_number")]
        indexes = [
            models.Index(
                fields=["site", "raised_at"], condition=Q(resolved_at__isnull=True), name="processes_incident_open"
            ),
            models.Index(
                fields=["site", "node_id", "id"], condition=Q(resolved_at__isnull=True), name="processes_incident_node"
            ),
        ]

    def __str__(self) -> str:
        return self.reason
