"""Keeping texts within what a receiver takes."""

from __future__ import annotations

import re

# Halves of letters come out of JSON only, and no database or receiver takes them.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def clip(text: str, longest: int) -> str:
    """At most so many characters; what was cut shows as an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def clip_bytes(text: str, longest: int) -> str:
    """At most so many bytes of UTF-8, never half a character."""
    raw = text.encode()
    return text if len(raw) <= longest else raw[: longest - 3].decode(errors="ignore") + "…"


def one_line(text: str) -> str:
    """Without line breaks and control characters: nothing typed by anybody starts a new header or a new message."""
    return _BREAKS.sub(" ", text).strip()


def plain(text: str) -> str:
    """Lines stay, other control characters go."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
