from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register

from bihuan.config import checks


class ConfigConfig(AppConfig):
    """Registers the checks of an installation's set-up."""

    name = "bihuan.config"
    label = "config"
    verbose_name = "设置"

    def ready(self) -> None:
        register(checks.demo_stays_here, Tags.security)
        register(checks.time_zone_is_known)
        register(checks.production_is_said, Tags.security, deploy=True)
