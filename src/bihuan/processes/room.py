"""How many messages are kept for whoever comes to wait for them: of one name and key, and in all.

Those count whose time is not up. Of one name and key they are counted in their index, no further than the limit. All
are counted at most once a second by each server, and otherwise once a minute: since then there can be no more than
there were and as many as have been given a number. So nothing is counted one by one for each message that is kept;
close to the limit a message may be refused a second too long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from bihuan.engine.runtime import MessageThrown
from bihuan.kernel.errors import Conflict
from bihuan.kernel.sql import moment, on_postgres, query

GOOD_FOR, AGAIN_AFTER = timedelta(minutes=1), timedelta(seconds=1)
_KEYED = "name = %s AND correlation = %s"
_OF_SENDER = "name = %s AND correlation = '' AND sender_id = %s"
_OF_SITE = "name = %s AND correlation = '' AND sender_id IS NULL AND site_id = %s"
_ALIKE = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM processes_message WHERE {alike} AND expires_at > %s LIMIT %s) AS alike),
       ({given})"""
_GIVEN = {
    True: "SELECT last_value FROM processes_message_id_seq",
    False: "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'processes_message'",
}
"""The number given last, on PostgreSQL or not; unlike the newest row it never falls when that is taken."""
_ALL = "SELECT count(*) FROM (SELECT 1 FROM processes_message WHERE expires_at > %s LIMIT %s) AS kept"
_LOOK = "请管理员在“流程 → 没有取走的消息”里看看为什么没有流程来取，处理以后再发"


class NoRoom(Conflict):
    """A message that nobody waits for, and there are too many of them already; nothing of it is stored."""


@dataclass(slots=True)
class _Known:
    """So many there were at a moment, when this number had been given last."""

    count: int
    given: int
    at: datetime

    def most(self, given: int) -> int:
        """How many there can be when this number has been given."""
        return self.count + given - self.given

    def serves(self, given: int, now: datetime) -> bool:
        """Whether it need not be counted again to tell if there is room."""
        age = now - self.at
        if given < self.given or not timedelta() <= age < GOOD_FOR:
            return False
        return self.most(given) < settings.BIHUAN_KEPT_MESSAGES or age < AGAIN_AFTER


_known: list[_Known] = []
"""What this server counted last."""


def require_room(event: MessageThrown, *, site_id: int, sender_id: int | None, now: datetime) -> None:
    """Refuse to keep one more message where there is no room. Raises NoRoom, saying which limit and what to do.

    One without a key counts with those of its sender, from outside with those of its site.
    """
    alike = _KEYED if event.correlation else _OF_SITE if sender_id is None else _OF_SENDER
    whose = event.correlation or sender_id or site_id
    most = settings.BIHUAN_KEPT_MESSAGES_PER_KEY
    text = _ALIKE.format(alike=alike, given=_GIVEN[on_postgres()])
    [(count, given)] = query(text, (event.name, whose, moment(now), most))
    if count >= most:
        key = f"（对应键 {event.correlation}）" if event.correlation else ""
        raise NoRoom(f"消息“{event.name}”{key}已有 {count} 条没有人取，到了上限，不再收。{_LOOK}")
    if not _known or not _known[0].serves(given, now):
        _known[:] = [_Known(kept_in_all(now), given, now)]
    if _known[0].most(given) >= settings.BIHUAN_KEPT_MESSAGES:
        most = settings.BIHUAN_KEPT_MESSAGES
        raise NoRoom(f"没有人取的消息一共已有 {most:,} 条，到了上限，“{event.name}”不再收。{_LOOK}")


def kept_in_all(now: datetime) -> int:
    """How many messages are kept whose time is not up, counted up to the limit."""
    [(count,)] = query(_ALL, (moment(now), settings.BIHUAN_KEPT_MESSAGES))
    return int(count)
