"""Lengths of time as rule books write them: "10s", "5m", "1h30m", "3d"."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


def parse_duration(text: str) -> int:
    """Seconds of "10s", "5m", "1h30m", "3d". Raises ValueError for anything else and for nothing."""
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise ValueError(f"不是时长：{text}")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
