"""Workbooks that were handed in, and what came of them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager


class ImportStatus(models.TextChoices):
    """How far an import is."""

    WAITING = "waiting", "处理中"
    DONE = "done", "已完成"
    FAILED = "failed", "没有完成"


class ImportRun(models.Model):
    """One workbook to be imported into a site in the background, tried or stored; one at a time for each site.

    `content` is kept until the workbook is stored or no longer of use; `report` is what the import found and did.
    """

    site = models.ForeignKey(Site, models.PROTECT, related_name="+")
    file_name = models.CharField("文件", max_length=200)
    content = models.BinaryField("工作簿", null=True)
    dry_run = models.BooleanField("试导入")
    status = models.CharField("状态", max_length=10, choices=ImportStatus, default=ImportStatus.WAITING)
    report = models.JSONField("结果", default=dict)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField("提交时间")
    ended_at = models.DateTimeField("完成时间", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("site_id")

    class Meta:
        verbose_name = "导入"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["site"], condition=Q(status="waiting"), name="import_one_at_a_time")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["site", "-id"], name="import_newest")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be worked on, or just being."""
        return self.status == ImportStatus.WAITING
