"""One spelling for each value, so that the same facts always have the same hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

GENESIS = "0" * 64


def canonical_json(value: Any) -> str:
    """Compact JSON with sorted keys. Decimals, dates and the like become strings, sets become sorted lists."""
    text = _CANONICAL.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be typed but not stored; escaped it is harmless.
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot be logged: {type(value).__name__}")


# Made once: making an encoder costs as much as encoding an entry.
_CANONICAL = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False
)
_HEAD = json.JSONEncoder(separators=(",", ":"))


def entry_hash(
    *,
    chain: str,
    seq: int,
    at: datetime,
    actor_id: int | None,
    action: str,
    site_id: int | None,
    data_text: str,
    prev_hash: str,
) -> str:
    """The hash of one entry: over its place in the chain, its facts as stored, and the hash before it."""
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    head = _HEAD.encode([prev_hash, chain, seq, when, actor_id, action, site_id])
    return hashlib.sha256(f"{head}\n{data_text}".encode()).hexdigest()
