from __future__ import annotations

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "bihuan.operations"
    label = "operations"
    verbose_name = "业务办理"
