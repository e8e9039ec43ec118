"""Taking old entries out of the log into files, so that the table stays bounded and the log stays verifiable.

An archive is one compressed file of JSON lines: what belongs to the entries (documents), then the entries as they
lay in the table. The file is named by its hash; which stretch of which chain it holds stands in `Segment` rows and,
chained, in `audit:archive`. PostgreSQL lets only entries go that a segment covers. The newest entry of a chain that may
still grow always stays, so that the next one finds its end.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from bihuan.audit.canonical import GENESIS, canonical_json
from bihuan.audit.log import INSERT_SQL, record
from bihuan.audit.models import Archive, Segment
from bihuan.audit.verification import BrokenEntry, StoredEntry, archived_end, first_break, stored_entries
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.kernel.sql import moment

ARCHIVE_CHAIN = "audit:archive"
FORMAT = 1
Document = Mapping[str, Any]


def archive_folder() -> Path:
    """Where archives lie: `BIHUAN_ARCHIVE`, shared by all workers and part of every backup."""
    return Path(settings.ARCHIVE_ROOT)


@transaction.atomic
def archive(upto: Mapping[str, int], documents: Iterable[Document] = (), *, about: Document) -> Archive:
    """Move each chain's entries up to a number into one file, with the documents. `about` tells what it is.

    The file is safe on disk before a row goes. Raises BusinessError, leaving all as it is, when a chain is not whole.
    """
    entries = [_taken(chain, last) for chain, last in sorted(upto.items())]
    kept = [stretch for stretch in entries if stretch]
    head = {"type": "head", "format": FORMAT, "made_at": clock.now(), **about}
    lines = [head, *({**one, "type": "document"} for one in documents)]
    lines += [_line_of(entry) for stretch in kept for entry in stretch]
    content = gzip.compress("".join(canonical_json(line) + "\n" for line in lines).encode(), 6, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{clock.now():%Y%m%d}-{digest[:16]}.jsonl.gz"
    _write_safely(archive_folder() / name, content)
    made = Archive.objects.create(
        name=name, sha256=digest, size=len(content), entries=sum(map(len, kept)), chains=len(kept), made_at=clock.now()
    )
    Segment.objects.bulk_create(_segment(made, stretch) for stretch in kept)
    with connection.cursor() as cursor:
        for stretch in kept:
            cursor.execute(
                "DELETE FROM audit_entry WHERE chain = %s AND seq <= %s", [stretch[0].chain, stretch[-1].seq]
            )
    segments = {one[0].chain: [one[0].seq, one[-1].seq, one[-1].hash] for one in kept}
    data = {"name": name, "sha256": digest, "entries": made.entries, "segments": segments, "about": dict(about)}
    record(actor_id=None, action="audit.archive", chain=ARCHIVE_CHAIN, data=data)
    return made


def read_archive(name: str) -> Iterator[dict[str, Any]]:
    """The lines of an archive: `type` head, document or entry. Raises BusinessError when it is not what was written."""
    made = Archive.objects.filter(name=name).first()
    if made is None:
        raise BusinessError(f"没有档案“{name}”")
    problem = _problem_of_file(made)
    if problem:
        raise BusinessError(f"档案“{name}”{problem}")
    for line in gzip.decompress((archive_folder() / name).read_bytes()).decode().splitlines():
        yield json.loads(line)


@transaction.atomic
def restore_entries(name: str, *, actor_id: int | None) -> int:
    """Put the entries of an archive back where they were; answers how many. The file stays."""
    made = Archive.objects.get(name=name)
    entries = [entry_of(line) for line in read_archive(name) if line["type"] == "entry"]
    with connection.cursor() as cursor:
        cursor.executemany(INSERT_SQL, [_params(entry) for entry in entries])
    made.delete()
    data = {"name": name, "sha256": made.sha256}
    record(actor_id=actor_id, action="audit.restore", chain=ARCHIVE_CHAIN, data=data)
    return len(entries)


def verify_archives(chain: str | None = None) -> list[BrokenEntry]:
    """Check every archive (or those that hold a chain): the file, its entries, and how the stretches join."""
    problems: dict[str, BrokenEntry] = {}
    wanted = Archive.objects.order_by("pk")
    if chain is not None:
        wanted = wanted.filter(segments__chain=chain)
    for made in wanted.iterator():
        problem = _problem_of_file(made) or _problem_inside(made)
        if problem:
            problems[made.name] = BrokenEntry(f"archive:{made.name}", 0, problem)
    segments = Segment.objects.all() if chain is None else Segment.objects.filter(chain=chain)
    for name, stretches in groupby(segments.order_by("chain", "first_seq").iterator(), key=lambda one: one.chain):
        end: tuple[int, str] = (0, GENESIS)
        for one in stretches:
            if (one.first_seq, one.prev_hash) != (end[0] + 1, end[1]):
                problems.setdefault(name, BrokenEntry(name, one.first_seq, "归档的各段衔接不上"))
            end = (one.last_seq, one.last_hash)
    if chain is None:
        for name, digest in _told_archives().items():
            if not Archive.objects.filter(name=name, sha256=digest).exists():
                problems.setdefault(name, BrokenEntry(f"archive:{name}", 0, "记录过的档案缺失或被替换"))
    return list(problems.values())


def archived_hash(chain: str, seq: int) -> str | None:
    """The hash of an entry that has been archived; None when it has not, or its archive cannot be read."""
    later = Segment.objects.filter(chain=chain, last_seq__gte=seq).select_related("archive")
    segment = later.order_by("first_seq").first()
    if segment is None or segment.first_seq > seq:
        return None
    if segment.last_seq == seq:
        return segment.last_hash
    try:
        lines = read_archive(segment.archive.name)
        return next((line["hash"] for line in lines if line.get("chain") == chain and line.get("seq") == seq), None)
    except BusinessError:
        return None


def _told_archives() -> dict[str, str]:
    """Name and hash of every archive that the log says was made and not restored."""
    told: dict[str, str] = {}
    for entry in stored_entries(ARCHIVE_CHAIN):
        data = json.loads(entry.data_text)
        if entry.action == "audit.archive":
            told[data["name"]] = data["sha256"]
        else:
            told.pop(data["name"], None)
    return told


def _taken(chain: str, last: int) -> list[StoredEntry]:
    end = archived_end(chain)
    stretch = [entry for entry in stored_entries(chain) if entry.seq <= last]
    problem = first_break(stretch, after=end)
    if problem is not None:
        raise BusinessError(f"{chain} 第 {problem.seq} 条有问题，不能归档：{problem.reason}")
    return stretch


def _segment(made: Archive, stretch: list[StoredEntry]) -> Segment:
    first, last = stretch[0], stretch[-1]
    return Segment(
        archive=made, chain=first.chain, first_seq=first.seq, last_seq=last.seq, prev_hash=first.prev_hash,
        last_hash=last.hash,
    )  # fmt: skip


def _problem_of_file(made: Archive) -> str:
    try:
        content = (archive_folder() / made.name).read_bytes()
    except OSError:
        return "的文件读不到"
    return "" if hashlib.sha256(content).hexdigest() == made.sha256 else "的文件被改动或损坏"


def _problem_inside(made: Archive) -> str:
    """Whether the entries in the file are those of its segments, each whole and following the one before."""
    segments = {one.chain: one for one in made.segments.all()}
    entries = (entry_of(line) for line in read_archive(made.name) if line["type"] == "entry")
    for chain, group in groupby(entries, key=lambda entry: entry.chain):
        stretch, segment = list(group), segments.pop(chain, None)
        if segment is None or (stretch[-1].seq, stretch[-1].hash) != (segment.last_seq, segment.last_hash):
            return f"中 {chain} 的记录与登记不符"
        if first_break(stretch, after=(segment.first_seq - 1, segment.prev_hash)) is not None:
            return f"中 {chain} 的记录被改动"
    return f"中缺少 {next(iter(segments))} 的记录" if segments else ""


def _line_of(entry: StoredEntry) -> dict[str, Any]:
    names = ("chain", "seq", "at", "actor_id", "action", "site_id", "data_text", "prev_hash", "hash")
    return {"type": "entry", **{name: getattr(entry, name) for name in names}}


def entry_of(line: Mapping[str, Any]) -> StoredEntry:
    """An entry as its line in an archive tells it."""
    facts = {name: value for name, value in line.items() if name not in ("type", "at")}
    return StoredEntry(**facts, at=datetime.fromisoformat(line["at"]))


def _params(entry: StoredEntry) -> tuple[Any, ...]:
    return (
        entry.chain, entry.seq, moment(entry.at), entry.actor_id, entry.action, entry.site_id, entry.data_text,
        entry.prev_hash, entry.hash,
    )  # fmt: skip


def _write_safely(path: Path, content: bytes) -> None:
    """Whole and on disk, or not there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
