"""Screens on walls: opening one, finding it by its token, revoking it."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import Q

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.kernel.ids import new_token
from bihuan.org.actor import Actor
from bihuan.org.models import Display

SEEN_EVERY = timedelta(minutes=1)
NAME_MAX = 40
GONE = "这块大屏的链接已停用"


@transaction.atomic
def open_display(*, site_id: int, board: str, name: str, actor: Actor) -> tuple[Display, str]:
    """A new screen for a board of a site, and its token, which is told this once and never again."""
    actor.require("display.manage", site_id)
    if board not in Display.Board.values:
        raise BusinessError("请选择看板", field="board")
    where = name.strip()
    if not where:
        raise BusinessError("请填写大屏的位置，例如“车间东墙”", field="name")
    if len(where) > NAME_MAX:
        raise BusinessError(f"位置最多 {NAME_MAX} 个字", field="name")
    token = new_token()
    display = Display.objects.create(
        site_id=site_id, board=board, name=where, token_hash=_hash(token), opened_by_id=actor.user_id
    )
    _log(display, "display.open", actor)
    return display, token


@transaction.atomic
def revoke_display(display_id: int, *, actor: Actor) -> Display:
    """From now on the screen's address opens nothing. Doing it again changes nothing."""
    display = Display.objects.select_for_update().filter(pk=display_id).first()
    if display is None or not actor.can("display.manage", display.site_id):
        raise NotFound("没有这块大屏")
    if display.revoked_at is None:
        display.revoked_at = clock.now()
        display.save(update_fields=["revoked_at"])
        _log(display, "display.revoke", actor)
    return display


def displays_of(*, actor: Actor) -> list[Display]:
    """The screens of the sites where the actor manages them, living ones first."""
    rows = Display.objects.filter(site_id__in=actor.sites_allowing("display.manage"))
    found = rows.select_related("site", "opened_by").order_by("site__path", "-opened_at", "-pk")
    return sorted(found, key=lambda display: display.revoked_at is not None)


def display_by_token(token: str) -> Display:
    """The living screen whose token this is; notes that it was seen. Raises NotFound for revoked and false tokens."""
    display = (
        Display.objects.select_related("site")
        .filter(token_hash=_hash(token), revoked_at__isnull=True, site__is_active=True)
        .first()
    )
    if display is None:
        raise NotFound(GONE)
    _note_seen(display, clock.now())
    return display


def _note_seen(display: Display, now: datetime) -> None:
    """A row is written once a minute, not at every look."""
    before = now - SEEN_EVERY
    if display.seen_at is None or display.seen_at < before:
        Display.objects.filter(Q(seen_at__isnull=True) | Q(seen_at__lt=before), pk=display.pk).update(seen_at=now)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _log(display: Display, action: str, actor: Actor) -> None:
    record(
        actor_id=actor.user_id,
        action=action,
        chain=f"display:{display.pk}",
        site_id=display.site_id,
        data={"name": display.name, "board": display.board},
    )
