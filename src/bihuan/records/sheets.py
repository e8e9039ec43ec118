"""Sheets of a case as written, and ticked checklists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from bihuan.audit.log import changes
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.records.access import lock_case, note_on_case
from bihuan.records.models import Check, Sheet

MAX_SHEET_BYTES = 256 * 1024


@transaction.atomic
def write_sheet(
    case_id: int,
    kind: str,
    data: Mapping[str, Any],
    *,
    actor: Actor,
    expected_version: int | None = None,
    whole: bool = False,
) -> Sheet:
    """Write values into the case's sheet of a kind; other values stay unless `whole`.

    With `expected_version` (0 for a new sheet) somebody else's change in between raises Conflict.
    """
    if not kind or len(kind) > 40:
        raise BusinessError("表单类型不对")
    plain_data = json.loads(json.dumps(dict(data), cls=DjangoJSONEncoder))
    case = lock_case(case_id, actor=actor)
    sheet = Sheet.unscoped.filter(case=case, kind=kind).first()
    found = sheet.version if sheet else 0
    if expected_version is not None and expected_version != found:
        raise Conflict("这张表单刚刚被同事修改过，请刷新后再填写")
    before = dict(sheet.data) if sheet else {}
    merged = plain_data if whole else {**before, **plain_data}
    if len(json.dumps(merged, ensure_ascii=False).encode()) > MAX_SHEET_BYTES:
        raise BusinessError("表单内容太多，请把照片和长文放到附件里")
    old, new = changes(before, merged)
    if sheet is not None and not new:
        return sheet
    if sheet is None:
        sheet = Sheet(case=case, kind=kind, version=0)
    sheet.data, sheet.version = merged, found + 1
    sheet.updated_at, sheet.updated_by_id = clock.now(), actor.user_id
    sheet.save()
    note_on_case(actor, "sheet.written", case, data={"sheet": kind, "version": sheet.version}, before=old, after=new)
    return sheet


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
