"""What a case leaves on paper: issued documents, signatures, photographs and recordings."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from bihuan.org.scoping import ScopedManager
from bihuan.records.models.cases import Case


class DocumentKind(models.TextChoices):
    """The papers that are numbered and handed out."""

    PRECHECK = "precheck", "预检单"
    ESTIMATE = "estimate", "估价单"
    PICK_SLIP = "pick_slip", "领料单"
    SETTLEMENT = "settlement", "结算单"
    GATE_PASS = "gate_pass", "出门证"
    WORK_ORDER = "work_order", "任务委托书"
    RECEPTION = "reception", "接车登记表"


class Document(models.Model):
    """A numbered paper with a frozen copy of its data and an unguessable token (QR). Voided, never changed."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="documents")
    kind = models.CharField("类型", max_length=20, choices=DocumentKind)
    number = models.CharField("编号", max_length=40, unique=True)
    token = models.CharField(max_length=64, unique=True)
    title = models.CharField("标题", max_length=120)
    data = models.JSONField("内容", default=dict, encoder=DjangoJSONEncoder)
    issued_at = models.DateTimeField("出具时间")
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    voided_at = models.DateTimeField("作废时间", null=True, blank=True)
    void_reason = models.CharField("作废原因", max_length=200, blank=True, default="")
    used_at = models.DateTimeField("核销时间", null=True, blank=True)

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "单证"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "kind", "-issued_at"], name="document_by_case")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(kind="gate_pass", voided_at__isnull=True),
                name="one_valid_gate_pass_per_case",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Attachment(models.Model):
    """A file of a case, stored once under its content hash; images are re-encoded without their camera data."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="attachments")
    kind = models.CharField("用途", max_length=40)
    sha256 = models.CharField(max_length=64, db_index=True)
    name = models.CharField("文件名", max_length=120)
    mime = models.CharField(max_length=60)
    size_bytes = models.PositiveIntegerField("大小 (字节)")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "附件"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "kind", "at"], name="attachment_by_case"),
        ]

    def __str__(self) -> str:
        return self.name


class Signature(models.Model):
    """A signature given on screen: who signed, and in one line what it said (with its sums)."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="signatures")
    kind = models.CharField("签署内容", max_length=40)
    signer = models.CharField("签署人", max_length=80)
    summary = models.CharField("签署摘要", max_length=400, blank=True, default="")
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="+")
    at = models.DateTimeField("时间")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    unscoped = models.Manager()
    objects = ScopedManager("case__site_id")

    class Meta:
        verbose_name = "签名"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["case", "kind", "-at"], name="signature_by_case"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.signer}"
