"""Checks of an installation's set-up, run by every command and by `manage check --deploy`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "testserver"})


def demo_stays_here(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The demo lets anybody be anybody: it answers only on this machine unless somebody says otherwise by name."""
    if not settings.BIHUAN_DEMO or settings.BIHUAN_DEMO_ALLOW_REMOTE:
        return []
    outside = [host for host in settings.ALLOWED_HOSTS if not _is_this_machine(host)]
    if not outside:
        return []
    return [
        Error(
            f"The demo (BIHUAN_DEMO=1) would answer for {', '.join(outside)}.",
            hint="Leave BIHUAN_HOSTS at this machine, or set BIHUAN_DEMO_ALLOW_REMOTE=1 if everybody may be everybody.",
            id="bihuan.E001",
        )
    ]


def time_zone_is_known(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A mistyped zone would move every promise made to a customer."""
    try:
        ZoneInfo(settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return [
            Error(f"BIHUAN_TIME_ZONE {settings.TIME_ZONE!r} is unknown.", hint="e.g. Asia/Shanghai", id="bihuan.E002")
        ]
    return []


def production_is_said(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Production settings are a decision, not an accident."""
    if settings.PRODUCTION:
        return []
    return [Warning("BIHUAN_PRODUCTION is not set.", hint="See docs/operating.md.", id="bihuan.W001")]


def _is_this_machine(host: str) -> bool:
    if host in _NAMES_OF_THIS_MACHINE:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
