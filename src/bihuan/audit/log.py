"""Writing the log: one function for use cases, one pure function for hand-written SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from django.db.transaction import TransactionManagementError

from bihuan.audit.canonical import GENESIS, canonical_bytes, entry_hash
from bihuan.kernel import clock
from bihuan.kernel.errors import Conflict
from bihuan.kernel.sql import execute, in_transaction, moment, query

# The insert writes no row when somebody else took the number: read the last
# entry again (on PostgreSQL the insert has waited for the other transaction) and try once more.
LAST_SQL = "SELECT seq, hash FROM audit_entry WHERE chain = %s ORDER BY seq DESC LIMIT 1"
INSERT_SQL = (
    "INSERT INTO audit_entry (chain, seq, at, actor_id, action, site_id, data, prev_hash, hash) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (chain, seq) DO NOTHING"
)
ATTEMPTS = 50

End: TypeAlias = tuple[int, str]
"""The end of a chain: number and hash of its newest entry."""


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

    @property
    def end(self) -> End:
        """What the next entry of the chain is appended to."""
        return self.seq, self.hash

    def params(self) -> tuple[Any, ...]:
        """The values for INSERT_SQL (SQLite wants its moments as text)."""
        return (*self[:2], moment(self.at), *self[3:])


def append_row(
    *,
    chain: str,
    last: End | None,
    at: datetime,
    actor_id: int | None,
    action: str,
    site_id: int | None,
    data: Mapping[str, Any],
) -> Row:
    """The next entry of a chain whose newest entry is `last` (seq, hash), None when the chain is new. No I/O."""
    seq, prev_hash = (last[0] + 1, last[1]) if last else (1, GENESIS)
    when = clock.as_utc(at)
    kept = canonical_bytes(data)
    digest = entry_hash(
        chain=chain,
        seq=seq,
        at=when,
        actor_id=actor_id,
        action=action,
        site_id=site_id,
        data=kept,
        prev_hash=prev_hash,
    )
    return Row(chain, seq, when, actor_id, action, site_id, kept.decode(), prev_hash, digest)


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
    last: End | None = None,
) -> Row:
    """Log one action in the transaction of the use case that did it; `before`/`after` hold the changed fields only.

    `last` is the end of the chain if the caller has just read it. Must be called inside a transaction: an action
    without its log line, or the reverse, is what this prevents.
    """
    if not in_transaction():
        raise TransactionManagementError("audit.record belongs inside the transaction of the use case")
    content: dict[str, Any] = dict(data or {})
    if before is not None:
        content["before"] = dict(before)
    if after is not None:
        content["after"] = dict(after)
    when = at or clock.now()
    for _ in range(ATTEMPTS):
        row = append_row(
            chain=chain,
            last=last or end_of(chain),
            at=when,
            actor_id=actor_id,
            action=action,
            site_id=site_id,
            data=content,
        )
        if execute(INSERT_SQL, row.params()):
            return row
        last = None
    raise Conflict("同一记录正被多人同时修改，请稍后再试")


def end_of(chain: str) -> End | None:
    """Number and hash of the newest entry of a chain."""
    rows = query(LAST_SQL, (chain,))
    return (rows[0][0], rows[0][1]) if rows else None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, old and new, for `record(before=…, after=…)`."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}
