"""Seals: what the ends of the chains were, so that cutting entries off an end is found as well.

A hash chain shows changes and holes but not a missing tail. A seal is itself a chained entry that names the newest
entry of every chain that grew since the last seal. Whoever keeps the anchor of the newest seal outside the database
(one line of text) can prove that nothing sealed has gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.db import connection, transaction
from django.db.models import Max

from bihuan.audit.archiving import archived_hash
from bihuan.audit.log import Row, record
from bihuan.audit.models import Entry
from bihuan.audit.verification import BrokenEntry
from bihuan.kernel import clock

SEAL_CHAIN = "audit:seal"
CHAINS_A_SEAL = 1000
# Rows get their id before their transaction ends, so a lower id may appear after a higher one was sealed.
SETTLING_TIME = timedelta(minutes=5)

_HEADS_SQL = (
    "SELECT head.chain, head.seq, head.hash FROM audit_entry head "
    "JOIN (SELECT chain, MAX(seq) AS seq FROM audit_entry WHERE id > %s AND chain <> %s GROUP BY chain) grown "
    "ON grown.chain = head.chain AND grown.seq = head.seq ORDER BY head.chain"
)


@transaction.atomic
def seal() -> Row | None:
    """Name the present end of every chain that grew since the last seal; None when none did."""
    newest = Entry.objects.filter(chain=SEAL_CHAIN).order_by("-seq").first()
    sealed_up_to: int = newest.data["up_to"] if newest else 0
    settled = Entry.objects.filter(id__gt=sealed_up_to, at__lte=clock.now() - SETTLING_TIME)
    up_to = settled.aggregate(newest=Max("id"))["newest"] or sealed_up_to
    with connection.cursor() as cursor:
        cursor.execute(_HEADS_SQL, [sealed_up_to, SEAL_CHAIN])
        heads = cursor.fetchall()
    sealed = None
    for start in range(0, len(heads), CHAINS_A_SEAL):
        part = {chain: [seq, digest] for chain, seq, digest in heads[start : start + CHAINS_A_SEAL]}
        sealed = record(actor_id=None, action="audit.seal", chain=SEAL_CHAIN, data={"heads": part, "up_to": up_to})
    return sealed


def anchor_of(seal_entry: Entry | Row) -> str:
    """The line to keep outside the database: number and hash of a seal."""
    return f"{seal_entry.seq}:{seal_entry.hash}"


def verify_seals(chain: str | None = None, *, anchor: str | None = None) -> list[BrokenEntry]:
    """Check that every sealed entry is still there as it was, the first loss of each chain; `anchor` proves the seals.

    Raises ValueError when the anchor is not one.
    """
    problems: dict[str, BrokenEntry] = {}
    if anchor is not None:
        seq_text, _, digest = anchor.partition(":")
        if not (seq_text.isascii() and seq_text.isdigit() and len(digest) == 64):
            raise ValueError("锚点应为“序号:散列”")
        if not Entry.objects.filter(chain=SEAL_CHAIN, seq=int(seq_text), hash=digest).exists():
            problems[SEAL_CHAIN] = BrokenEntry(SEAL_CHAIN, int(seq_text), "与锚点不符，封存记录缺失或被替换")
    for sealed_chain, seq in _lost_heads(chain):
        problems.setdefault(sealed_chain, BrokenEntry(sealed_chain, seq, "封存过的记录缺失或被替换"))
    return list(problems.values())


def _lost_heads(chain: str | None) -> Iterator[tuple[str, int]]:
    """The sealed entries (chain and number) that are not in the log any more as they were sealed."""
    for sealed in Entry.objects.filter(chain=SEAL_CHAIN).order_by("seq").iterator(chunk_size=20):
        heads = {name: tuple(head) for name, head in sealed.data.get("heads", {}).items() if chain in (None, name)}
        names = iter(heads)
        while block := list(islice(names, 200)):
            rows = Entry.objects.filter(chain__in=block, seq__in={heads[name][0] for name in block})
            present = {(row_chain, seq, digest) for row_chain, seq, digest in rows.values_list("chain", "seq", "hash")}
            for name in block:
                seq, digest = heads[name]
                if (name, seq, digest) not in present and archived_hash(name, seq) != digest:
                    yield name, seq
