from __future__ import annotations

from django.apps import AppConfig


class FormsConfig(AppConfig):
    name = "bihuan.forms"
    label = "forms"
    verbose_name = "表单"
    default_auto_field = "django.db.models.BigAutoField"
