"""The holiday table: opened per year from what is published, corrected, imported, confirmed by somebody by name.

It is shared by all sites, so it is changed by those who may at every top unit. A change never touches running clocks;
`changes.recalculate_clocks` does, when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction

from bihuan.audit.log import record
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.limits.models import Clock, DayKind, HolidayDay, HolidayYear
from bihuan.limits.published_holidays import known_days, swaps_published
from bihuan.org.access import holds_everywhere
from bihuan.org.actor import Actor

ACTION = "calendar.manage"
FIRST_YEAR, LAST_YEAR = 2000, 2100
NAME_MAX = 60


@dataclass(frozen=True)
class NewDay:
    """One line of an import: a date, what it is, its name, and for a half day until when (minutes after midnight)."""

    date: date
    kind: str
    name: str
    until: int | None = None


def may_change_holidays(actor: Actor) -> bool:
    """Whether the actor may change what all sites share."""
    return actor.is_system or holds_everywhere(actor, ACTION)


@transaction.atomic
def open_year(year: int, *, actor: Actor) -> HolidayYear:
    """Fill a year from what is published about it; it is provisional until confirmed. An opened year stays as it is."""
    _require(actor)
    _check_year(year)
    opened, is_new = HolidayYear.objects.get_or_create(
        year=year,
        defaults={"source": "法定节假日与已公布的调休" if swaps_published(year) else "法定节假日，调休未公布"},
    )
    if is_new:
        days = [HolidayDay(year=opened, date=day.date, kind=day.kind, name=day.name) for day in known_days(year)]
        HolidayDay.objects.bulk_create(days)
        _log(opened, "holiday.open", actor, {"days": len(days), "source": opened.source})
    return opened


def open_first_years(*, actor: Actor) -> tuple[int, int]:
    """Open this year and the next for a new installation; both wait for somebody to confirm them."""
    this = clock.now().year
    return open_year(this, actor=actor).year, open_year(this + 1, actor=actor).year


@transaction.atomic
def set_day(day: date, *, kind: str, actor: Actor, name: str = "", until: int | None = None) -> HolidayYear:
    """Make a date a holiday, a make-up day or a half day (until `until` minutes after midnight); `usual` takes it out.

    The year has to be confirmed anew.
    """
    _require(actor)
    year = _locked_year(day.year)
    before = _told(HolidayDay.objects.filter(date=day).first())
    if kind == "usual":
        HolidayDay.objects.filter(date=day).delete()
        after = ""
    else:
        entry = _checked(NewDay(day, kind, name, until))
        held, _ = HolidayDay.objects.update_or_create(
            date=day, defaults={"year": year, "kind": entry.kind, "name": entry.name, "until": entry.until}
        )
        after = _told(held)
    if before != after:
        _unconfirm(year)
        _log(year, "holiday.change", actor, {"date": day.isoformat(), "before": before, "after": after})
    return year


@transaction.atomic
def replace_years(days: Iterable[NewDay], *, source: str, actor: Actor) -> list[HolidayYear]:
    """Put an imported list in the place of the years it speaks of; each has to be confirmed anew."""
    _require(actor)
    by_year: dict[int, list[NewDay]] = {}
    for day in days:
        by_year.setdefault(day.date.year, []).append(_checked(day))
    found: list[HolidayYear] = []
    for number, entries in sorted(by_year.items()):
        _check_year(number)
        year, _ = HolidayYear.objects.get_or_create(year=number)
        year.source = f"导入 {source}"[:120]
        year.save(update_fields=["source"])
        _unconfirm(year)
        HolidayDay.objects.filter(year=year).delete()
        HolidayDay.objects.bulk_create(
            [HolidayDay(year=year, date=one.date, kind=one.kind, name=one.name, until=one.until) for one in entries]
        )
        _log(year, "holiday.import", actor, {"days": len(entries), "source": source})
        found.append(year)
    return found


@transaction.atomic
def confirm_year(year: int, *, actor: Actor) -> HolidayYear:
    """Answer for a year's table by name: from now on its due moments are no longer provisional."""
    _require(actor)
    held = _locked_year(year)
    if not held.is_confirmed:
        held.confirmed_at, held.confirmed_by_id = clock.now(), actor.user_id
        held.save(update_fields=["confirmed_at", "confirmed_by"])
        _log(held, "holiday.confirm", actor, {"days": held.days.count()})
    return held


def clocks_on_unconfirmed(year: int, site_ids: Iterable[int]) -> int:
    """How many running clocks at these sites depend on a year that was not confirmed when they were worked out."""
    rows = Clock.objects.at(site_ids).filter(stopped_at__isnull=True, unconfirmed_year__isnull=False)
    return rows.filter(unconfirmed_year__lte=year).count()


def _require(actor: Actor) -> None:
    if not may_change_holidays(actor):
        raise NotAllowed("节假日表由全部门店共用，请找集团的系统管理员维护")


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BusinessError(f"年份须在 {FIRST_YEAR} 到 {LAST_YEAR} 之间", field="year")


def _locked_year(year: int) -> HolidayYear:
    held = HolidayYear.objects.select_for_update(of=("self",)).filter(year=year).first()
    if held is None:
        raise NotFound(f"还没有 {year} 年的节假日表，请先建立")
    return held


def _checked(day: NewDay) -> NewDay:
    if day.kind not in DayKind.values:
        raise BusinessError("类别应为放假、调休上班或半天", field="kind")
    name = day.name.strip() or str(DayKind(day.kind).label)
    if len(name) > NAME_MAX:
        raise BusinessError(f"名称最多 {NAME_MAX} 个字", field="name")
    if day.kind == DayKind.HALF and not (day.until and 0 < day.until < 24 * 60):
        raise BusinessError("半天须写明上班到几点，例如 12:00", field="until")
    return NewDay(day.date, day.kind, name, day.until if day.kind == DayKind.HALF else None)


def _unconfirm(year: HolidayYear) -> None:
    if year.is_confirmed:
        year.confirmed_at, year.confirmed_by = None, None
        year.save(update_fields=["confirmed_at", "confirmed_by"])


def _told(day: HolidayDay | None) -> str:
    if day is None:
        return ""
    until = f" 至 {day.until // 60:02d}:{day.until % 60:02d}" if day.until else ""
    return f"{day.get_kind_display()} {day.name}{until}"


def _log(year: HolidayYear, action: str, actor: Actor, data: dict[str, Any]) -> None:
    record(actor_id=actor.user_id, action=action, chain=f"holidays:{year.year}", data={"year": year.year, **data})
