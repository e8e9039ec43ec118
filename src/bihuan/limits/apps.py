from __future__ import annotations

from django.apps import AppConfig


class LimitsConfig(AppConfig):
    name = "bihuan.limits"
    label = "limits"
    verbose_name = "时限"
    default_auto_field = "django.db.models.BigAutoField"
