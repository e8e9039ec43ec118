"""What begins a process, as rows, so that it is found by name without reading any file."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Beginning(models.Model):
    """A message or signal, by name, that begins a definition's version in force."""

    definition = models.ForeignKey("processes.Definition", on_delete=models.CASCADE, related_name="beginnings")
    kind = models.CharField("类别", max_length=10, choices=[("message", "消息"), ("signal", "信号")])
    name = models.CharField("名称", max_length=120)

    objects: ClassVar[models.Manager[Beginning]] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = "流程的触发条件"
        indexes = [models.Index(fields=["kind", "name"], name="processes_beginning_name")]

    def __str__(self) -> str:
        return self.name
