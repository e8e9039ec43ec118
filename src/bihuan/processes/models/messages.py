"""Messages that nobody has taken yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models

from bihuan.accounts.models import User
from bihuan.org.models import Site
from bihuan.org.scoping import ScopedManager, SiteOwned
from bihuan.processes.models.instances import Instance


class Message(SiteOwned):
    """A message that came before anybody waited for it. It is gone as soon as somebody takes it: the history of who
    took it names its number. What nobody took in time stays to be seen, until the history of its `sender` leaves.

    `payload` is the engine's JSON. Without a `sender` it came from outside, sent by `sent_by`.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, db_index=False, related_name="+")
    name = models.CharField("名称", max_length=120)
    correlation = models.CharField("关联值", max_length=200, blank=True, default="")
    payload = models.TextField("内容", default="{}")
    sender = models.ForeignKey(Instance, on_delete=models.CASCADE, null=True, blank=True, related_name="kept_messages")
    node_id = models.CharField("节点", max_length=120, blank=True, default="")
    sent_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+")
    sent_at = models.DateTimeField("发出")
    expires_at = models.DateTimeField("保留至")

    unscoped: ClassVar[models.Manager[Any]] = models.Manager()
    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        verbose_name = verbose_name_plural = "没有取走的消息"
        indexes = [
            models.Index(fields=["name", "correlation", "id"], name="processes_message_name"),
            models.Index(fields=["site", "expires_at"], name="processes_message_site"),
            models.Index(fields=["expires_at"], name="processes_message_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.correlation}".strip()

    def is_over(self, now: datetime) -> bool:
        """Whether its time is up: nobody gets it any more."""
        return self.expires_at <= now
