"""What the product itself tells people, and the words a rule book may use to word it (docs/notices.md)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bihuan.notify.templates import COMMON_WORDS
from bihuan.operations.facts import SCRIPT_WORDS

_REPAIR = frozenset({"单号", "车牌"})
EVENTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "task_assigned": frozenset({"环节", "事项"}),
        "task_transferred": frozenset({"环节", "事项", "转办人", "原因"}),
        "limit_warning": frozenset({"时限", "事项", "暂定"}),
        "limit_breached": frozenset({"时限", "事项", "暂定"}),
        "cars_waiting": frozenset({"车牌"}),
        "advisor_called": frozenset(),
        "work_dispatched": _REPAIR | {"工位"},
        "part_short": _REPAIR | {"配件"},
        "repair_nearly_late": _REPAIR | {"完工时间"},
        "repair_late": _REPAIR,
    }
)
"""Templates by key with their own words. Any other key is one that a process sends by the effect `send_notice`."""


REMINDER = "appointment_reminder"
"""The notice whose `ahead` says when a customer is reminded of an appointment."""


def words_for(template: str) -> frozenset[str]:
    """Every placeholder a template may use; those that a process sends know what a standard script knows."""
    return COMMON_WORDS | EVENTS.get(template, frozenset(SCRIPT_WORDS))
