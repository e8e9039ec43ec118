"""Writing to customers: what they agreed to, and what they were told about a case."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case
from bihuan.records.models.parties import Customer


class ConsentMedium(models.TextChoices):
    """By what a customer may be written to."""

    SMS = "sms", "短信"
    MAIL = "mail", "邮件"


class Consent(models.Model):
    """Whether a customer agreed to be written to by a medium, as last said; what was said before is in the log.

    Without a row nobody has asked, which counts as no.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents")
    medium = models.CharField("方式", max_length=8, choices=ConsentMedium)
    is_given = models.BooleanField("同意")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name="登记人")

    objects: ClassVar[models.Manager[Consent]] = models.Manager()

    class Meta:
        verbose_name = "接收消息的意愿"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["customer", "medium"], name="consent_once_per_medium")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.medium} {self.is_given}"


class CustomerNoticeState(models.TextChoices):
    """How far the telling of a customer is."""

    PLANNED = "planned", "待发送"
    SENT = "sent", "正在发送"
    DELIVERED = "delivered", "已送达"
    TO_CALL = "to_call", "请电话告知"
    CALLED = "called", "已电话告知"
    SKIPPED = "skipped", "没有发送"
    WITHDRAWN = "withdrawn", "已撤销"


class CustomerNotice(models.Model):
    """One thing a customer is to be told about a case, in the words of the rule book's `template`.

    From `send_at` on it goes out by what the customer agreed to (`message`), or, when that cannot be, becomes a call
    that `caller`, or else somebody of `caller_role`, has to make; `reason` says why. `key` makes it once a case.
    """

    case = models.ForeignKey(Case, models.PROTECT, related_name="customer_notices")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    template = models.CharField("模板", max_length=60)
    key = models.CharField("幂等键", max_length=120)
    send_at = models.DateTimeField("发送时间")
    state = models.CharField("状态", max_length=12, choices=CustomerNoticeState, default=CustomerNoticeState.PLANNED)
    title = models.CharField("标题", max_length=120, blank=True, default="")
    body = models.TextField("内容", blank=True, default="")
    reason = models.CharField("原因", max_length=300, blank=True, default="")
    message = models.OneToOneField("notify.Message", models.PROTECT, null=True, blank=True, related_name="+")
    caller = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    caller_role = models.CharField("由谁电话告知", max_length=60, blank=True, default="")
    called_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    done_at = models.DateTimeField("完成时间", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "告知客户"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["send_at"], condition=Q(state="planned"), name="customer_notice_planned"),
            models.Index(fields=["id"], condition=Q(state="sent"), name="customer_notice_sent"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["case", "key"], name="customer_told_once")
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.key}"
