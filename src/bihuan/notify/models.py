from __future__ import annotations

from datetime import time
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bihuan.kernel import clock
from bihuan.notify.kinds import Medium, NoticeKind, When

QUIET_FROM = time(22, 0)
QUIET_UNTIL = time(7, 0)
DIGEST_AT = time(8, 0)


class Notice(models.Model):
    """One message to one person, shown at the bell until read. It belongs to the person, not to a site.

    It is also the head of the outbox: `planned_at` is empty until the worker has decided by which channels it goes out.
    Notices of one `event` tell several people the same. `about_kind`, `about_id` name the subject (`case`, 12).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    title = models.CharField("标题", max_length=120)
    body = models.TextField("内容", blank=True)
    url = models.CharField("链接", max_length=300, blank=True)
    at = models.DateTimeField("时间", default=clock.now)
    read_at = models.DateTimeField("已读时间", null=True, blank=True)
    kind = models.CharField("类别", max_length=12, choices=NoticeKind.choices, default=NoticeKind.CASE)
    is_urgent = models.BooleanField("紧急", default=False)
    site = models.ForeignKey("org.Site", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    about_kind = models.CharField("关于", max_length=20, blank=True, default="")
    about_id = models.BigIntegerField(null=True, blank=True)
    event = models.CharField("事件号", max_length=32, blank=True, default="")
    key = models.CharField("幂等键", max_length=120, null=True, blank=True)
    template = models.CharField("模板", max_length=60, blank=True, default="")
    words = models.JSONField("占位词", default=dict, blank=True)
    planned_at = models.DateTimeField("已安排时间", null=True, blank=True)

    objects: ClassVar[models.Manager[Notice]] = models.Manager()

    class Meta:
        verbose_name = "通知"
        verbose_name_plural = "通知"
        indexes = (
            models.Index(fields=["user", "-at"], name="notify_notice_user_at"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notify_notice_unread"),
            models.Index(fields=["id"], condition=Q(planned_at__isnull=True), name="notify_notice_unplanned"),
            models.Index(
                fields=["about_kind", "about_id"], condition=Q(about_id__isnull=False), name="notify_notice_about"
            ),
        )
        # By key first: whether something was told is asked of many people at once.
        constraints = (models.UniqueConstraint(fields=["key", "user"], name="notify_notice_told_once"),)

    def __str__(self) -> str:
        return self.title


class Channel(models.Model):
    """A connection to the outside that an administrator entered: a mail server, a robot in a group, an SMS gateway.

    It serves its site and the sites below it. `settings` may be shown, `secrets` never: each is sealed, or the name of
    an environment variable (`env:BIHUAN_NOTICE_…`). `kinds` and `roles` narrow what reaches a group or a webhook.
    """

    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+", verbose_name="门店")
    kind = models.CharField("类型", max_length=16)
    name = models.CharField("名称", max_length=60)
    settings = models.JSONField("设置", default=dict, blank=True)
    secrets = models.JSONField("密钥", default=dict, blank=True)
    kinds = models.JSONField("通知类别", default=list, blank=True)
    roles = models.JSONField("收件角色", default=list, blank=True)
    only_urgent = models.BooleanField("只发紧急", default=False)
    is_active = models.BooleanField("启用", default=True)
    rests_until = models.DateTimeField("暂歇至", null=True, blank=True)
    version = models.PositiveIntegerField("版本", default=1)
    created_at = models.DateTimeField("建立时间", default=clock.now)

    objects: ClassVar[models.Manager[Channel]] = models.Manager()

    class Meta:
        verbose_name = "通知渠道"
        verbose_name_plural = "通知渠道"
        ordering = ("site__path", "pk")

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One thing that is sent once through one channel: the outbox.

    `uid` names it for ever: it follows from what it tells, so planning twice makes one message, and it goes along
    with every attempt, so receivers can drop a repeat. A digest collects until `due_at`.

    *Delivered* is what the channel took; where its gateway reports (`reported_at`), what reached the telephone.

    Whom it is for: a colleague (`user`) or a group (neither) get the `notices` it carries; somebody outside the house,
    who has no bell, has an `address` here and gets `title` and `body` as they stand.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "待发送"
        DELIVERED = "delivered", "已送达"
        FAILED = "failed", "发送失败"

    uid = models.CharField("消息编号", max_length=32, unique=True)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    site = models.ForeignKey("org.Site", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    is_urgent = models.BooleanField("紧急", default=False)
    mentions = models.JSONField("提到的人", default=list, blank=True)
    recipient = models.CharField("外部收件人", max_length=80, blank=True, default="")
    address = models.CharField("外部地址", max_length=160, blank=True, default="")
    title = models.CharField("标题", max_length=120, blank=True, default="")
    body = models.TextField("内容", blank=True, default="")
    due_at = models.DateTimeField("应发时间")
    run_at = models.DateTimeField("下次发送")
    status = models.CharField("状态", max_length=12, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveIntegerField("次数", default=0)
    lease_until = models.DateTimeField("占用至", null=True, blank=True)
    last_error = models.CharField("原因", max_length=300, blank=True, default="")
    receipt = models.CharField("回执", max_length=120, blank=True, default="")
    done_at = models.DateTimeField("完成时间", null=True, blank=True)
    reported_at = models.DateTimeField("回报时间", null=True, blank=True)
    notices = models.ManyToManyField(Notice, through="Delivery", related_name="messages")

    objects: ClassVar[models.Manager[Message]] = models.Manager()

    class Meta:
        verbose_name = "外发消息"
        verbose_name_plural = "外发消息"
        indexes = (
            models.Index(fields=["run_at"], condition=Q(status="waiting"), name="notify_message_waiting"),
            models.Index(fields=["channel", "-id"], condition=Q(status="failed"), name="notify_message_failed"),
            models.Index(fields=["receipt"], name="notify_message_receipt"),
            models.Index(fields=["address"], name="notify_message_address"),
        )

    def __str__(self) -> str:
        return self.uid

    @property
    def awaits_report(self) -> bool:
        """Handed over, but whether it reached its receiver has yet to be reported by the gateway."""
        handed_over = self.status == self.Status.DELIVERED and self.reported_at is None
        return handed_over and bool(self.channel.settings.get("reports"))


class Delivery(models.Model):
    """A notice that goes out with a message."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")

    objects: ClassVar[models.Manager[Delivery]] = models.Manager()

    class Meta:
        verbose_name = "通知送达"
        verbose_name_plural = "通知送达"
        constraints = (models.UniqueConstraint(fields=["notice", "message"], name="notify_delivery_once"),)

    def __str__(self) -> str:
        return f"{self.notice_id} → {self.message_id}"


class Retention(models.Model):
    """For how many days old notices are kept (empty: for ever). One row, made by the first change."""

    retain_days = models.PositiveIntegerField("保存天数", null=True, blank=True)

    objects: ClassVar[models.Manager[Retention]] = models.Manager()

    class Meta:
        verbose_name = "通知保存期限"
        verbose_name_plural = "通知保存期限"

    def __str__(self) -> str:
        return str(self.retain_days)


class Contact(models.Model):
    """Where a person wants to be reached and when not. Without a row the usual hours hold."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contact")
    mail = models.EmailField("邮箱", max_length=160, blank=True, default="")
    phone = models.CharField("接收短信的手机", max_length=32, blank=True, default="")
    quiet_from = models.TimeField("免打扰自", null=True, blank=True, default=QUIET_FROM)
    quiet_until = models.TimeField("免打扰至", null=True, blank=True, default=QUIET_UNTIL)
    digest_at = models.TimeField("汇总时间", default=DIGEST_AT)

    objects: ClassVar[models.Manager[Contact]] = models.Manager()

    class Meta:
        verbose_name = "联系方式"
        verbose_name_plural = "联系方式"

    def __str__(self) -> str:
        return str(self.user)


class Preference(models.Model):
    """A person's choice for one kind and one medium; without a row the usual holds (`kinds.usual`)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences")
    kind = models.CharField("类别", max_length=12, choices=NoticeKind.choices)
    medium = models.CharField("渠道", max_length=8, choices=Medium.choices)
    when = models.CharField("方式", max_length=8, choices=When.choices)

    objects: ClassVar[models.Manager[Preference]] = models.Manager()

    class Meta:
        verbose_name = "通知偏好"
        verbose_name_plural = "通知偏好"
        constraints = (models.UniqueConstraint(fields=["user", "kind", "medium"], name="notify_preference_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.medium} {self.when}"
