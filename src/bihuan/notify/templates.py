"""The wording of a notice as a rule book's data: title and body with placeholders, in general and per channel.

    # notices/part_short.toml
    title = "缺件：{单号}"
    body = "{车牌} 缺 {配件}，请告知客户。"

    [sms]
    body = "{车牌} 缺件，请尽快联系客户。"

A placeholder is a word in braces and nothing else: no code, no formatting. A word that the event does not give stays
empty. Every channel escapes the finished text for itself. `ahead = "1d 10:00"` (the day before at ten) or `"3h"`
says how long before what it tells of a reminder goes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bihuan.kernel.toml import TomlError, read_toml
from bihuan.notify.texts import clip

TITLE_MAX = 120
BODY_MAX = 2000
_AHEAD = re.compile(r"([1-9]|[1-5][0-9]|60)d ([01]?[0-9]|2[0-3]):([0-5][0-9])|([1-9][0-9]{0,2})([hm])")
PLACEHOLDER = re.compile(r"\{([^{}\n]{1,20})\}")
COMMON_WORDS = frozenset({"标题", "内容"})
"""Words every notice has: what it would say without a template."""


class TemplateError(ValueError):
    """A template that cannot be used; `problems` names each reason."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("；".join(problems))


@dataclass(frozen=True, slots=True)
class Wording:
    """Title and body before their words are filled in; an empty one takes what the event says."""

    title: str = ""
    body: str = ""

    def words(self) -> Iterator[str]:
        for text in (self.title, self.body):
            yield from PLACEHOLDER.findall(text)


@dataclass(frozen=True, slots=True)
class Ahead:
    """How long before: so many days at a time of day, or a length of time."""

    days: int = 0
    at: time | None = None
    length: timedelta = timedelta()

    def of(self, moment: datetime, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When to remind of a moment; None when that has passed or, where days count, is no other day than today."""
        if self.at is None:
            return moment - self.length if moment - self.length > now else None
        day = moment.astimezone(zone).date() - timedelta(days=self.days)
        return datetime.combine(day, self.at, zone).astimezone(UTC) if day > now.astimezone(zone).date() else None


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """The general wording, and the channels (by kind, e.g. `sms`) that say it in their own way."""

    general: Wording
    by_channel: Mapping[str, Wording] = field(default_factory=dict)
    ahead: Ahead | None = None

    def fill(self, words: Mapping[str, str], channel: str = "") -> tuple[str, str]:
        """Title and body for a channel ("" for the bell); what the channel does not word is worded in general."""
        own = self.by_channel.get(channel, Wording())
        title = own.title or self.general.title or "{标题}"
        body = own.body or self.general.body or "{内容}"
        return filled(title, words, TITLE_MAX), filled(body, words, BODY_MAX)

    def words(self) -> set[str]:
        """Every placeholder that is used somewhere."""
        return {word for wording in (self.general, *self.by_channel.values()) for word in wording.words()}


def filled(text: str, words: Mapping[str, str], longest: int) -> str:
    """The text with its placeholders filled, once: a value that looks like a placeholder stays as it is."""
    return clip(PLACEHOLDER.sub(lambda found: str(words.get(found[1], "")), text), longest)


def parse_template(text: str, *, channels: frozenset[str]) -> NoticeTemplate:
    """Read a template. Raises TemplateError naming every key and channel that is unknown or too long."""
    try:
        raw = read_toml(text)
    except TomlError as error:
        raise TemplateError([str(error)]) from None
    problems: list[str] = []
    ahead = _ahead(raw.pop("ahead"), problems) if "ahead" in raw else None
    general = _wording({key: value for key, value in raw.items() if not isinstance(value, dict)}, "", problems)
    by_channel: dict[str, Wording] = {}
    for name, value in raw.items():
        if not isinstance(value, dict):
            continue
        if name not in channels:
            problems.append(f"没有渠道“{name}”，可用的有 {'、'.join(sorted(channels))}")
            continue
        by_channel[name] = _wording(value, f"[{name}] ", problems)
    if not general.title and not general.body:
        problems.append("至少要有 title 或 body")
    if problems:
        raise TemplateError(problems)
    return NoticeTemplate(general, by_channel, ahead)


def _ahead(value: object, problems: list[str]) -> Ahead | None:
    found = _AHEAD.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        problems.append('ahead 须写成 "1d 10:00"（前 1 天的 10:00，至多 60 天）或 "3h"、"45m"')
        return None
    days, hour, minute, length, unit = found.groups()
    if length:
        return Ahead(length=timedelta(hours=int(length)) if unit == "h" else timedelta(minutes=int(length)))
    return Ahead(int(days), time(int(hour), int(minute)))


def _wording(values: Mapping[str, object], place: str, problems: list[str]) -> Wording:
    found: dict[str, str] = {}
    for key, value in values.items():
        longest = {"title": TITLE_MAX, "body": BODY_MAX}.get(key)
        if longest is None:
            problems.append(f"{place}没有栏目“{key}”，只有 title 和 body")
        elif not isinstance(value, str):
            problems.append(f"{place}{key} 须为文字")
        elif len(value) > longest:
            problems.append(f"{place}{key} 最多 {longest} 个字")
        else:
            found[key] = value.strip()
    return Wording(found.get("title", ""), found.get("body", ""))


Source = Callable[[str], tuple[str, str] | None]
"""Answers digest and text of the template in force under a key, or None."""
_sources: list[Source] = []
_read: ContextVar[dict[str, tuple[str, str] | None] | None] = ContextVar("bihuan_wordings", default=None)


def use_templates_from(source: Source) -> None:
    """Say where templates are kept; the installed rule books register themselves here (they stand above this layer)."""
    _sources[:] = [source]


@contextmanager
def wordings_read_once() -> Iterator[None]:
    """For telling many at once: within it each template is looked up once."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def template_for(key: str, *, channels: frozenset[str]) -> NoticeTemplate | None:
    """The template in force under a key; None when the rule books word nothing under it."""
    if not key or not _sources:
        return None
    read = _read.get()
    found = read[key] if read is not None and key in read else _sources[0](key)
    if read is not None:
        read[key] = found
    return _parsed(*found, channels) if found is not None else None


@lru_cache(maxsize=256)
def _parsed(_digest: str, text: str, channels: frozenset[str]) -> NoticeTemplate | None:
    try:
        return parse_template(text, channels=channels)
    except TemplateError:
        # Checked before it was published; a channel of another version of the product must not silence a notice.
        return None
