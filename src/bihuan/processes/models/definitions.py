"""Published processes, and what begins them as rows, so that it is found by name without reading any file."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from bihuan.accounts.models import User
from bihuan.kernel import clock


class Definition(models.Model):
    """A process of the rule book by its key (`service_visit`). New instances start on the `current` version."""

    key = models.CharField("流程代号", max_length=80, unique=True)
    name = models.CharField("流程", max_length=120)
    current = models.ForeignKey(
        "Version", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="现行版本"
    )
    retain_days = models.PositiveIntegerField("保存天数", null=True, blank=True)

    objects: ClassVar[models.Manager[Definition]] = models.Manager()

    class Meta:
        verbose_name = "流程定义"
        verbose_name_plural = "流程定义"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """One immutable published state of a process; a running instance stays with the version it began on.

    `limits` are the time limits it goes by, as the rule book had them (`version_limits`); `sha256` covers both.
    """

    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField("版本")
    name = models.CharField("名称", max_length=120)
    process_id = models.CharField("流程标识", max_length=120)
    xml = models.TextField("BPMN")
    sha256 = models.CharField("摘要", max_length=64)
    source_pack = models.CharField("来源", max_length=60, blank=True, default="")
    published_at = models.DateTimeField("发布时间", default=clock.now)
    published_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    stopped_at = models.DateTimeField("停用时间", null=True, blank=True)
    limits = models.JSONField("时限", default=dict, blank=True)

    objects: ClassVar[models.Manager[Version]] = models.Manager()

    class Meta:
        verbose_name = "流程版本"
        verbose_name_plural = "流程版本"
        ordering = ["definition", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["definition", "number"], name="processes_version_number"),
            models.UniqueConstraint(fields=["definition", "sha256"], name="processes_version_content"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class Beginning(models.Model):
    """A message or signal, by name, that begins a definition's version in force; or that it begins by itself."""

    definition = models.ForeignKey(Definition, on_delete=models.CASCADE, related_name="beginnings")
    kind = models.CharField("类别", max_length=10, choices=[("message", "消息"), ("signal", "信号"), ("clock", "自动")])
    name = models.CharField("名称", max_length=120)

    objects: ClassVar[models.Manager[Beginning]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "流程的触发条件"
        indexes = [models.Index(fields=["kind", "name"], name="processes_beginning_name")]

    def __str__(self) -> str:
        return self.name
