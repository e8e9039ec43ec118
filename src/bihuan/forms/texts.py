"""Texts of a rule book that are shown or read while work runs: standard scripts (AUTO-32) and tables of time limits."""

from __future__ import annotations

import hashlib

from django.db import transaction

from bihuan.forms.models import TextVersion
from bihuan.kernel import clock

MAX_TEXT_LENGTH = 100_000


def publish_text(key: str, body: str, *, source_pack: str = "") -> TextVersion:
    """Publish a text under a key; the newest version is returned unchanged when its content is the same.

    Raises ValueError for a text longer than 100,000 characters.
    """
    if len(body) > MAX_TEXT_LENGTH:
        raise ValueError(f"文本 {key} 超过 {MAX_TEXT_LENGTH // 10_000} 万字")
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    with transaction.atomic():
        newest = TextVersion.objects.select_for_update().filter(key=key).order_by("-number").first()
        if newest is not None and newest.sha256 == sha256:
            return newest
        return TextVersion.objects.create(
            key=key,
            number=newest.number + 1 if newest is not None else 1,
            body=body,
            sha256=sha256,
            source_pack=source_pack,
            published_at=clock.now(),
        )


def newest_text(key: str) -> str:
    """The text in force under a key, "" when there is none."""
    return TextVersion.objects.filter(key=key).order_by("-number").values_list("body", flat=True).first() or ""


def script_body(key: str) -> str:
    """The standard script of that key with its placeholders unfilled, "" when the rule book has none."""
    return newest_text(f"script/{key}")
