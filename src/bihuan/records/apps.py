from __future__ import annotations

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    """The records of the organisation; above forms, limits, notify and org, beside processes."""

    name = "bihuan.records"
    label = "records"
    verbose_name = "业务档案"
    default_auto_field = "django.db.models.BigAutoField"
