from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig

from bihuan.notify.templates import use_templates_from

EFFECTS = ("reception", "estimate", "workshop", "billing", "aftercare", "appointments", "notices")


class OperationsConfig(AppConfig):
    name = "bihuan.operations"
    label = "operations"
    verbose_name = "业务办理"

    def ready(self) -> None:
        """Let every effect register itself, and notices be worded by the installed rule books."""
        for name in EFFECTS:
            import_module(f"bihuan.operations.effects.{name}")
        use_templates_from(import_module("bihuan.operations.rules").notice_wording)
