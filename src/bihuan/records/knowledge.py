"""Guidance at hand in a step, edited by those who know, every edit kept (AUTO-21)."""

from __future__ import annotations

import re

from django.db import transaction

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import note, optional_text, require_anywhere, required_text
from bihuan.records.models import KnowledgeNote

_KEY = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,59}$")
MAX_BODY = 100_000


@transaction.atomic
def save_note(key: str, *, actor: Actor, title: str, body: str, expected_version: int | None = None) -> KnowledgeNote:
    """Write a note (Markdown). With `expected_version`, somebody else's edit in between raises Conflict."""
    require_anywhere(actor, "knowledge.manage")
    if not _KEY.match(key):
        raise BusinessError("键只能用小写字母、数字和 . _ -", "key")
    heading = required_text(title, label="标题", field="title", limit=120)
    text = optional_text(body, label="正文", field="body", limit=MAX_BODY)
    found = KnowledgeNote.objects.select_for_update().filter(key=key).first()
    version = found.version if found else 0
    if expected_version is not None and expected_version != version:
        raise Conflict("这篇知识刚刚被同事修改过，请刷新后再改")
    before = {"title": found.title, "body": found.body} if found else {}
    after = {"title": heading, "body": text}
    if found is not None and before == after:
        return found
    row = found or KnowledgeNote(key=key)
    row.title, row.body, row.version = heading, text, version + 1
    row.updated_at, row.updated_by_id = clock.now(), actor.user_id
    row.save()
    note(
        actor,
        "knowledge.saved",
        chain(key),
        site_id=actor.site_id,
        data={"version": row.version},
        before=before,
        after=after,
    )
    return row


def read_note(key: str) -> KnowledgeNote:
    """The note as it stands; knowledge is open to everybody who works here."""
    found = KnowledgeNote.objects.filter(key=key).first()
    if found is None:
        raise NotFound("没有这篇知识")
    return found


def note_history(key: str, limit: int = 50) -> list[Entry]:
    """The edits of a note, newest first, each with the text before and after."""
    return list(Entry.objects.filter(chain=chain(key)).order_by("-seq")[:limit])


def chain(key: str) -> str:
    """The audit chain of a note."""
    return f"knowledge:{key}"


def all_notes() -> list[KnowledgeNote]:
    """Every note by title."""
    return list(KnowledgeNote.objects.select_related("updated_by").order_by("title"))
