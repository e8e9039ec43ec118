"""Guidance that is at hand in a step and kept by the people who know (汽车故障诊断原则)."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class KnowledgeNote(models.Model):
    """A note of the organisation's knowledge, named by its key in a process step; edits are kept in the audit log."""

    key = models.CharField("键", max_length=60, unique=True)
    title = models.CharField("标题", max_length=120)
    body = models.TextField("正文", blank=True, default="")
    version = models.PositiveIntegerField("版本", default=1)
    updated_at = models.DateTimeField("更新时间", null=True, blank=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = "知识"

    def __str__(self) -> str:
        return self.title
