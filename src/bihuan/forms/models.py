"""Published forms."""

from __future__ import annotations

from django.db import models


class FormVersion(models.Model):
    """One immutable published state of a form; running work keeps the version it was opened with."""

    key = models.CharField("表单", max_length=60)
    number = models.PositiveIntegerField("版本")
    title = models.CharField("名称", max_length=100, blank=True, default="")
    schema = models.JSONField("内容")
    sha256 = models.CharField("摘要", max_length=64)
    source_pack = models.CharField("来源", max_length=60, blank=True, default="")
    published_at = models.DateTimeField("发布时间")

    class Meta:
        verbose_name = "表单版本"
        verbose_name_plural = "表单版本"
        ordering = ["key", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["key", "number"], name="forms_version_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.title or self.key} v{self.number}"


class TextVersion(models.Model):
    """One immutable published state of a text of a rule book: a standard script (话术) or its table of time limits.

    `key` says which: `script/greet`, `limits/auto_service`. The newest number is in force.
    """

    key = models.CharField("文本", max_length=120)
    number = models.PositiveIntegerField("版本")
    body = models.TextField("内容")
    sha256 = models.CharField("摘要", max_length=64)
    source_pack = models.CharField("来源", max_length=60, blank=True, default="")
    published_at = models.DateTimeField("发布时间")

    class Meta:
        verbose_name = "文本版本"
        verbose_name_plural = "文本版本"
        ordering = ["key", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["key", "number"], name="forms_text_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}"
