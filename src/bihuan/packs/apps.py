from __future__ import annotations

from django.apps import AppConfig


class PacksConfig(AppConfig):
    name = "bihuan.packs"
    label = "packs"
    verbose_name = "流程包"
