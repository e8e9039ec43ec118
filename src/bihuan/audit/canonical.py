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

import orjson

GENESIS = "0" * 64


def canonical_json(value: Any) -> str:
    """Compact JSON with sorted keys. Decimals, dates and the like become strings, sets become sorted lists."""
    return canonical_bytes(value).decode()


def canonical_bytes(value: Any) -> bytes:
    """The same in UTF-8, which is what is hashed."""
    try:
        data = orjson.dumps(value, default=_plain, option=_CANONICAL)
    except TypeError:
        return _carefully(value)
    # It may stand for a number that is none, which is refused.
    return _carefully(value) if b"null" in data else data


def _carefully(value: Any) -> bytes:
    """The same for what the quick way cannot spell: whole numbers of over 64 bits, keys that are no text."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be typed but not stored; escaped it is harmless.
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain, allow_nan=False)
    return text.encode()


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


_quoted = json.encoder.encode_basestring_ascii
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def entry_hash(
    *,
    chain: str,
    seq: int,
    at: datetime,
    actor_id: int | None,
    action: str,
    site_id: int | None,
    data: bytes,
    prev_hash: str,
) -> str:
    """The hash of one entry: over its place in the chain, its facts as stored, and the hash before it."""
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    actor, site = "null" if actor_id is None else actor_id, "null" if site_id is None else site_id
    head = f"[{_quoted(prev_hash)},{_quoted(chain)},{seq},{_quoted(when)},{actor},{_quoted(action)},{site}]"
    return hashlib.sha256(head.encode() + b"\n" + data).hexdigest()
