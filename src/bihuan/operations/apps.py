from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

EFFECTS = ("reception", "estimate", "workshop", "billing", "aftercare", "appointments")


class OperationsConfig(AppConfig):
    name = "bihuan.operations"
    label = "operations"
    verbose_name = "业务办理"

    def ready(self) -> None:
        """Let every effect register itself."""
        for name in EFFECTS:
            import_module(f"bihuan.operations.effects.{name}")
