from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "bihuan.accounts"
    label = "accounts"
    verbose_name = "账号"
    default_auto_field = "django.db.models.BigAutoField"
