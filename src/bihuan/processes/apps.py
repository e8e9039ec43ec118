from __future__ import annotations

from django.apps import AppConfig


class ProcessesConfig(AppConfig):
    name = "bihuan.processes"
    label = "processes"
    verbose_name = "流程"
    default_auto_field = "django.db.models.BigAutoField"
