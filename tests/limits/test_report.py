"""What a clock counts as: each is exactly one thing, however it is grouped, and the row and the query agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bihuan.kernel import clock as time
from bihuan.limits.clocks import drop_clocks, pause_clock, start_clock, stop_clock
from bihuan.limits.due import due_clocks
from bihuan.limits.models import Clock
from bihuan.limits.report import By, Outcome, Share, counting_as, outcome_of, report, share_of, started_clocks
from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.org.sites import create_site

NINE = datetime(2026, 11, 24, 1, tzinfo=UTC)
LATER = NINE + timedelta(days=2)


@pytest.fixture
def site(db: None) -> Iterator[Site]:
    with time.frozen(NINE):
        yield create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())


def start(site: Site, number: int, *, key: str = "greet", role: str = "advisor", after: float = 0) -> Clock:
    return start_clock(
        subject_kind="call", subject_id=number, key=key, name={"greet": "停车后迎接"}.get(key, key), site_id=site.pk,
        target_seconds=60, role=role, started_at=NINE + timedelta(seconds=after),
    )  # fmt: skip


def end(number: int, seconds: float, key: str = "greet") -> None:
    stop_clock(subject_kind="call", subject_id=number, key=key, at=NINE + timedelta(seconds=seconds))


def drop(number: int) -> None:
    drop_clocks(subject_kind="call", subject_id=number, reason="取消", actor=system_actor())


def all_of(site: Site) -> Share:
    return share_of(started_clocks([site.pk], NINE - timedelta(days=9), LATER))


def test_cancelled_running_and_paused_clocks_count_neither_way(site: Site) -> None:
    for number in range(6):
        start(site, number)
    end(0, 60)
    end(1, 61)
    drop(2)
    pause_clock(start(site, 7).pk, reason="等待客户", actor=system_actor())
    share = all_of(site)
    assert share == Share(met=1, missed=1, running=3, paused=1, cancelled=1)
    assert (share.started, share.decided, str(share.percent)) == (7, 2, "50.0")


def test_open_work_past_its_moment_is_missed_before_any_worker_looked_and_while_it_is_paused(site: Site) -> None:
    late = start(site, 1)
    start(site, 2)
    time.move(NINE + timedelta(seconds=61))
    pause_clock(late.pk, reason="等待客户", actor=system_actor())
    assert all_of(site) == Share(missed=2)


def test_work_cancelled_after_its_breach_is_cancelled(site: Site) -> None:
    start(site, 1)
    time.move(NINE + timedelta(seconds=90))
    due_clocks()
    drop(1)
    assert all_of(site) == Share(cancelled=1)


def test_clocks_are_grouped_by_limit_role_site_and_local_day(site: Site) -> None:
    start(site, 1)
    start(site, 2, key="dispatch", role="workshop_manager,advisor")
    # Seven hours later it is the next day in Shanghai and still the same in London.
    start(site, 3, after=16 * 3600)
    end(1, 5)
    clocks = started_clocks([site.pk], NINE - timedelta(days=9), LATER)

    def values(by: By, zone: str = "Asia/Shanghai") -> list[object]:
        return [line.value for line in report(clocks, by, zone=ZoneInfo(zone))]

    assert values(By.LIMIT) == ["dispatch", "greet"]
    assert values(By.ROLE) == ["advisor", "workshop_manager,advisor"]
    assert values(By.SITE) == [site.pk]
    assert values(By.PERSON) == [None]
    assert values(By.DAY) == [date(2026, 11, 24), date(2026, 11, 25)]
    assert values(By.DAY, "Europe/London") == [date(2026, 11, 24)]
    names = {line.value: line.name for line in report(clocks, By.LIMIT)}
    assert names == {"greet": "停车后迎接", "dispatch": "dispatch"}


def test_a_limit_that_was_renamed_is_still_one_line(site: Site) -> None:
    start(site, 1)
    start(site, 2)
    Clock.unscoped.filter(subject_id=1).update(name="迎接")
    (line,) = report(started_clocks([site.pk], NINE, LATER), By.LIMIT)
    assert line.share == Share(running=2)


DEEDS = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from(["start", "stop", "drop", "pause", "look"]), st.integers(0, 3)),
    max_size=14,
)


@given(DEEDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_clock_counts_as_exactly_one_thing_and_row_and_query_agree(
    site: Site, deeds: list[tuple[int, str, int]]
) -> None:
    Clock.unscoped.all().delete()
    time.move(NINE)
    for seconds, deed, number in sorted(deeds):
        time.move(NINE + timedelta(seconds=seconds))
        running = Clock.unscoped.filter(subject_id=number, stopped_at__isnull=True).first()
        if deed == "start" and running is None:
            start(site, number, after=seconds)
        elif deed == "stop":
            end(number, seconds)
        elif deed == "drop":
            drop(number)
        elif deed == "pause" and running is not None and running.paused_at is None:
            pause_clock(running.pk, reason="等待", actor=system_actor())
        elif deed == "look":
            due_clocks()
    now = time.now()
    by_query = {
        outcome: set(Clock.unscoped.filter(counting_as(outcome, now)).values_list("pk", flat=True))
        for outcome in Outcome
    }
    rows = list(Clock.unscoped.all())
    assert {one.pk: outcome_of(one, now) for one in rows} == {
        pk: outcome for outcome, found in by_query.items() for pk in found
    }
    assert sum(len(found) for found in by_query.values()) == len(rows) == all_of(site).started
