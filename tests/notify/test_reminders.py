"""How long before an appointment its customer is reminded, as the rule book says."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bihuan.notify.templates import parse_template


@pytest.mark.parametrize(
    ("ahead", "zone", "moment", "now", "reminded"),
    [
        ("1d 10:00", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-24T12:00", "2026-11-25T10:00"),
        ("1d 10:00", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-25T07:00", None),
        ("2d 18:30", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-23T23:59", "2026-11-24T18:30"),
        ("3h", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-26T05:59", "2026-11-26T06:00"),
        ("3h", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-26T06:00", None),
        ("45m", "Asia/Shanghai", "2026-11-26T09:00", "2026-11-26T06:00", "2026-11-26T08:15"),
        # Ten by the clock on the wall, though that day has 23 hours.
        ("1d 10:00", "Europe/Paris", "2026-03-30T09:00", "2026-03-27T09:00", "2026-03-29T10:00"),
    ],
)
def test_a_customer_is_reminded_by_the_clock_of_the_site(
    ahead: str, zone: str, moment: str, now: str, reminded: str | None
) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))

    template = parse_template(f'ahead = "{ahead}"\nbody = "x"', channels=frozenset())
    assert template.ahead is not None
    assert template.ahead.of(at(moment), at(now), ZoneInfo(zone)) == (at(reminded) if reminded else None)
