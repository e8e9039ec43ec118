"""Finding out whether the log has been touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from django.db import connection

from bihuan.audit.canonical import GENESIS, entry_hash
from bihuan.audit.models import Segment

_COLUMNS = "chain, seq, at, actor_id, action, site_id, data, prev_hash, hash"
_BATCH = 2000


@dataclass(frozen=True)
class BrokenEntry:
    """The first entry of a chain that is not what was written."""

    chain: str
    seq: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class StoredEntry:
    """An entry as it lies in the table, its data as text."""

    chain: str
    seq: int
    at: datetime
    actor_id: int | None
    action: str
    site_id: int | None
    data_text: str
    prev_hash: str
    hash: str


def verify(chain: str | None = None) -> list[BrokenEntry]:
    """Check every chain (or one), reading in batches; the first broken entry of each, empty when all is well.

    A chain whose beginning is archived goes on where its archive ends; `archiving.verify_archives` checks that part.
    """
    problems: list[BrokenEntry] = []
    for _, entries in groupby(stored_entries(chain), key=lambda entry: entry.chain):
        problem = first_break(entries)
        if problem is not None:
            problems.append(problem)
    return problems


def archived_end(chain: str) -> tuple[int, str]:
    """Number and hash of the newest archived entry of a chain; the beginning when none is."""
    newest = Segment.objects.filter(chain=chain).order_by("-last_seq").values_list("last_seq", "last_hash").first()
    return newest or (0, GENESIS)


def first_break(entries: Iterable[StoredEntry], *, after: tuple[int, str] | None = None) -> BrokenEntry | None:
    """Walk one chain in order of `seq`, from `after` on (without it: from the beginning, or where its archive ends).

    None when each entry is whole and follows the one before.
    """
    end = after
    for entry in entries:
        if end is None:
            end = (0, GENESIS) if entry.seq == 1 else archived_end(entry.chain)
        seq, prev_hash = end[0] + 1, end[1]
        if entry.seq != seq:
            return BrokenEntry(entry.chain, seq, f"缺少第 {seq} 条（下一条是第 {entry.seq} 条）")
        if entry.prev_hash != prev_hash:
            return BrokenEntry(entry.chain, seq, "与前一条记录衔接不上")
        if entry.hash != _hash_of(entry):
            return BrokenEntry(entry.chain, seq, "内容与散列不符，记录被改动")
        end = (entry.seq, entry.hash)
    return None


def _hash_of(entry: StoredEntry) -> str:
    return entry_hash(
        chain=entry.chain,
        seq=entry.seq,
        at=entry.at,
        actor_id=entry.actor_id,
        action=entry.action,
        site_id=entry.site_id,
        data=entry.data_text.encode(),
        prev_hash=entry.prev_hash,
    )


def stored_entries(chain: str | None = None) -> Iterator[StoredEntry]:
    """All entries, chain by chain and in order, a batch at a time, so that the log may be larger than memory."""
    position = (chain or "", 0)
    while True:
        rows = _batch_after(position, only=chain)
        yield from rows
        if len(rows) < _BATCH:
            return
        position = (rows[-1].chain, rows[-1].seq)


def _batch_after(position: tuple[str, int], *, only: str | None) -> list[StoredEntry]:
    where = "(chain, seq) > (%s, %s)" if only is None else "chain = %s AND seq > %s"
    sql = f"SELECT {_COLUMNS} FROM audit_entry WHERE {where} ORDER BY chain, seq LIMIT {_BATCH}"
    with connection.cursor() as cursor:
        cursor.execute(sql, position)
        return [StoredEntry(row[0], row[1], _moment(row[2]), *row[3:]) for row in cursor.fetchall()]


def _moment(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
