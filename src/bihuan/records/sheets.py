"""Sheets of a case as written, and ticked checklists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from bihuan.audit.log import End, changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.kernel.sql import execute, moment, on_postgres, query
from bihuan.org.actor import Actor
from bihuan.records.access import NO_CASE, lock_case, note, note_on_case, require_open
from bihuan.records.models import Case, Check

MAX_SHEET_BYTES = 256 * 1024
ATTEMPTS = 5
_ENCODER = DjangoJSONEncoder()

# By hand, since a step of work waits for these; the version guards what the lock of the case's row does not.
_READ_SQL = (
    "SELECT c.site_id, c.status, c.number, s.id, s.version, CAST(s.data AS text) FROM records_case c "
    "LEFT JOIN records_sheet s ON s.case_id = c.id AND s.kind = %s WHERE c.id = %s"
)
_LOCK_SQL = " FOR NO KEY UPDATE OF c"
_UPDATE_SQL = (
    "UPDATE records_sheet SET data = %s, version = %s, updated_at = %s, updated_by_id = %s "
    "WHERE id = %s AND version = %s"
)
_INSERT_SQL = (
    "INSERT INTO records_sheet (case_id, kind, data, version, updated_at, updated_by_id) "
    "VALUES (%s, %s, %s, 1, %s, %s) ON CONFLICT (case_id, kind) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A sheet as it is stored (`id` None: not yet), with the site of its case."""

    site_id: int
    id: int | None
    version: int
    data: dict[str, Any]


@transaction.atomic
def write_sheet(
    case_id: int,
    kind: str,
    data: Mapping[str, Any],
    *,
    actor: Actor,
    expected_version: int | None = None,
    whole: bool = False,
) -> int:
    """Write what a form knows into the sheet of a case; answers its version. Other values stay, unless `whole`.

    With `expected_version` (0 for a new sheet) somebody else's change in between raises Conflict.
    """
    return _fill(case_id, kind, data, actor, expected_version=expected_version, whole=whole)[0]


def fill_sheet(
    case_id: int, kind: str, data: Mapping[str, Any], *, actor: Actor, last: End | None = None
) -> End | None:
    """`write_sheet` inside the transaction of a step of work, which nearly all write one; answers the chain's end.

    `last` is the end of the case's audit chain as far as the caller knows it.
    """
    return _fill(case_id, kind, data, actor, last=last)[1]


def _fill(
    case_id: int,
    kind: str,
    data: Mapping[str, Any],
    actor: Actor,
    *,
    expected_version: int | None = None,
    whole: bool = False,
    last: End | None = None,
) -> tuple[int, End | None]:
    if not kind or len(kind) > 40:
        raise BusinessError("表单类型不对")
    plain_data = orjson.loads(_json(dict(data)))
    for _ in range(ATTEMPTS):
        kept = _keep(case_id, kind, actor)
        if expected_version is not None and expected_version != kept.version:
            raise Conflict("这张表单刚刚被同事修改过，请刷新后再填写")
        merged = plain_data if whole else {**kept.data, **plain_data}
        text = _json(merged)
        if len(text) > MAX_SHEET_BYTES:
            raise BusinessError("表单内容太多，请把照片和长文放到附件里")
        old, new = changes(kept.data, merged)
        if kept.id is not None and not new:
            return kept.version, last
        if _store(case_id, kind, kept, text.decode(), actor.user_id):
            content = {"data": {"sheet": kind, "version": kept.version + 1}, "before": old, "after": new}
            chain = Case.chain_of(case_id)
            return kept.version + 1, note(actor, "sheet.written", chain, site_id=kept.site_id, last=last, **content)
    raise Conflict("这张表单正被多人同时填写，请稍后再试")


def _json(data: Mapping[str, Any]) -> bytes:
    """As the column of a sheet spells it."""
    return orjson.dumps(data, default=_ENCODER.default, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _keep(case_id: int, kind: str, actor: Actor) -> _Kept:
    """Lock the case and read its sheet in one statement. The same refusals as `lock_case`."""
    rows = query(_READ_SQL + (_LOCK_SQL if on_postgres() else ""), (kind, case_id))
    if not rows or not (actor.is_system or rows[0][0] in actor.site_ids):
        raise NotFound(NO_CASE)
    site_id, status, number, sheet_id, version, data = rows[0]
    actor.require("case.view", site_id)
    require_open(number, status)
    return _Kept(site_id, sheet_id, version or 0, orjson.loads(data) if data else {})


def _store(case_id: int, kind: str, kept: _Kept, text: str, user_id: int | None) -> bool:
    """Whether the sheet was written: not when somebody else wrote it after it was read."""
    at = moment(clock.now())
    if kept.id is None:
        return bool(execute(_INSERT_SQL, (case_id, kind, text, at, user_id)))
    return bool(execute(_UPDATE_SQL, (text, kept.version + 1, at, user_id, kept.id, kept.version)))


@transaction.atomic
def tick(case_id: int, kind: str, items: Iterable[str], *, actor: Actor) -> list[Check]:
    """Tick items of a checklist with time and person; what is ticked already keeps its first time (AUTO-08)."""
    case = lock_case(case_id, actor=actor)
    wanted = [item.strip() for item in items if item.strip()]
    if len(wanted) > 200 or any(len(item) > 80 for item in wanted):
        raise BusinessError("清单项目太多或太长")
    ticked = set(Check.unscoped.filter(case=case, kind=kind).values_list("item", flat=True))
    fresh = [item for item in dict.fromkeys(wanted) if item not in ticked]
    now = clock.now()
    Check.objects.bulk_create(
        [Check(case=case, kind=kind, item=item, ticked_at=now, ticked_by_id=actor.user_id) for item in fresh]
    )
    if fresh:
        note_on_case(actor, "checks.ticked", case, data={"list": kind, "items": fresh})
    return list(Check.unscoped.filter(case=case, kind=kind).order_by("pk"))
