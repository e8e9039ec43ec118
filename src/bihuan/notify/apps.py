from __future__ import annotations

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    name = "bihuan.notify"
    label = "notify"
    verbose_name = "通知"
    default_auto_field = "django.db.models.BigAutoField"
