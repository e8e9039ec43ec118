from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.kernel import clock


class Notice(models.Model):
    """One message to one person, shown at the bell until read. It belongs to the person, not to a site."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    title = models.CharField("标题", max_length=120)
    body = models.TextField("内容", blank=True)
    url = models.CharField("链接", max_length=300, blank=True)
    at = models.DateTimeField("时间", default=clock.now)
    read_at = models.DateTimeField("已读时间", null=True, blank=True)

    objects: ClassVar[models.Manager[Notice]] = models.Manager()

    class Meta:
        verbose_name = "通知"
        verbose_name_plural = "通知"
        indexes = (
            models.Index(fields=["user", "-at"], name="notify_notice_user_at"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notify_notice_unread"),
        )

    def __str__(self) -> str:
        return self.title
