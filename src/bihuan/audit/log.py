"""Writing the log: one function for use cases, one pure function for hand-written SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.transaction import TransactionManagementError

from bihuan.audit.canonical import GENESIS, canonical_json, entry_hash
from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict

# For callers with their own cursor. The insert answers no row when somebody else took the number: read the last
# entry again (on PostgreSQL the insert has waited for the other transaction) and try once more.
LAST_SQL = "SELECT seq, hash FROM audit_entry WHERE chain = %s ORDER BY seq DESC LIMIT 1"
INSERT_SQL = (
    "INSERT INTO audit_entry (chain, seq, at, actor_id, action, site_id, data, prev_hash, hash) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (chain, seq) DO NOTHING RETURNING id"
)
ATTEMPTS = 50


class Row(NamedTuple):
    """One entry ready to be inserted, in the column order of INSERT_SQL."""

    chain: str
    seq: int
    at: datetime
    actor_id: int | None
    action: str
    site_id: int | None
    data_text: str
    prev_hash: str
    hash: str

    def params(self) -> tuple[Any, ...]:
        """The values for INSERT_SQL on the default connection (SQLite wants its moments as text)."""
        return (*self[:2], connection.ops.adapt_datetimefield_value(self.at), *self[3:])


def append_row(
    *,
    chain: str,
    last: tuple[int, str] | None,
    at: datetime,
    actor_id: int | None,
    action: str,
    site_id: int | None,
    data: Mapping[str, Any],
) -> Row:
    """The next entry of a chain whose newest entry is `last` (seq, hash), None when the chain is new. No I/O."""
    seq, prev_hash = (last[0] + 1, last[1]) if last else (1, GENESIS)
    moment = clock.as_utc(at)
    data_text = canonical_json(data)
    digest = entry_hash(
        chain=chain,
        seq=seq,
        at=moment,
        actor_id=actor_id,
        action=action,
        site_id=site_id,
        data_text=data_text,
        prev_hash=prev_hash,
    )
    return Row(chain, seq, moment, actor_id, action, site_id, data_text, prev_hash, digest)


def record(
    *,
    actor_id: int | None,
    action: str,
    chain: str,
    site_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> Entry:
    """Log one action in the transaction of the use case that did it; `before`/`after` hold the changed fields only.

    Must be called inside a transaction: an action without its log line, or the reverse, is what this prevents.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("audit.record belongs inside the transaction of the use case")
    content: dict[str, Any] = dict(data or {})
    if before is not None:
        content["before"] = dict(before)
    if after is not None:
        content["after"] = dict(after)
    moment = at or clock.now()
    with connection.cursor() as cursor:
        for _ in range(ATTEMPTS):
            cursor.execute(LAST_SQL, [chain])
            row = append_row(
                chain=chain,
                last=cursor.fetchone(),
                at=moment,
                actor_id=actor_id,
                action=action,
                site_id=site_id,
                data=content,
            )
            cursor.execute(INSERT_SQL, row.params())
            inserted = cursor.fetchone()
            if inserted is not None:
                return Entry(
                    id=inserted[0],
                    chain=row.chain,
                    seq=row.seq,
                    at=row.at,
                    actor_id=actor_id,
                    action=action,
                    site_id=site_id,
                    data=json.loads(row.data_text),
                    prev_hash=row.prev_hash,
                    hash=row.hash,
                )
    raise Conflict("同一记录正被多人同时修改，请稍后再试")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, old and new, for `record(before=…, after=…)`."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}
