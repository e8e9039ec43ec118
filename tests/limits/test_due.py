from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from bihuan.kernel import clock as time
from bihuan.limits.changes import move_target
from bihuan.limits.clocks import drop_clocks, pause_clock, start_clock, stop_clock
from bihuan.limits.due import due_clocks, next_moment
from bihuan.limits.models import Clock
from bihuan.limits.report import share_in_time
from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.org.sites import create_site

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def start(site: Site, subject_id: int = 1, target: float = 10, warn_before: float = 2, key: str = "answer") -> Clock:
    return start_clock(
        subject_kind="call",
        subject_id=subject_id,
        key=key,
        name="来电接听",
        site_id=site.pk,
        target_seconds=target,
        warn_before_seconds=warn_before,
    )


def told(seconds: float) -> list[tuple[int, str]]:
    return [(due.clock.subject_id, due.kind) for due in due_clocks(after(seconds))]


@pytest.fixture
def site(db: None) -> Iterator[Site]:
    with time.frozen(NINE):
        yield create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())


def test_a_clock_warns_once_and_breaches_once(site: Site) -> None:
    start(site)
    assert told(7.9) == []
    assert told(8) == [(1, "warn")]
    assert told(9) == []
    assert told(10) == []
    assert told(10.5) == [(1, "breach")]
    assert told(11) == []


def test_a_breach_is_dated_by_the_target_not_by_who_looked(site: Site) -> None:
    start(site)
    (due,) = due_clocks(after(500))
    assert due.clock.breached_at == after(10)
    assert Clock.unscoped.get().breached_at == after(10)


def test_somebody_who_looks_late_is_told_of_the_breach_only(site: Site) -> None:
    start(site)
    assert told(60) == [(1, "breach")]
    assert told(61) == []


def test_what_was_stopped_in_time_is_never_told(site: Site) -> None:
    start(site)
    time.move(after(5))
    stop_clock(subject_kind="call", subject_id=1, key="answer")
    assert told(100) == []


def test_a_late_stop_before_anybody_looked_is_still_told(site: Site) -> None:
    start(site)
    time.move(after(12))
    stop_clock(subject_kind="call", subject_id=1, key="answer")
    assert told(13) == [(1, "breach")]
    assert told(14) == []


def test_a_dropped_clock_is_never_told(site: Site) -> None:
    start(site)
    time.move(after(12))
    drop_clocks(subject_kind="call", subject_id=1, reason="误拨", actor=system_actor())
    assert told(13) == []


def test_a_paused_clock_is_not_told_unless_it_was_over_before(site: Site) -> None:
    start(site, 1)
    start(site, 2, target=3)
    time.move(after(5))
    for held in Clock.unscoped.all():
        pause_clock(held.pk, reason="等待客户", actor=system_actor())
    assert told(100) == [(2, "breach")]


def test_a_new_target_is_told_anew(site: Site) -> None:
    held = start(site)
    assert told(11) == [(1, "breach")]
    time.move(after(12))
    move_target(held.pk, target_seconds=20, reason="延长", actor=system_actor())
    assert told(19) == [(1, "warn")]
    assert told(21) == [(1, "breach")]


def test_a_clock_without_a_reminder_only_breaches(site: Site) -> None:
    start(site, warn_before=0)
    assert told(9.9) == []
    assert told(11) == [(1, "breach")]


def test_the_worker_knows_how_long_it_may_sleep(site: Site) -> None:
    assert next_moment() is None
    start(site)
    assert next_moment() == after(8)
    told(8)
    assert next_moment() == after(10)
    told(11)
    assert next_moment() is None


def test_many_due_at_once_come_in_portions_oldest_first(site: Site) -> None:
    for number in range(5):
        start(site, number, target=10 - number, warn_before=0)
    first = due_clocks(after(100), limit=2)
    assert [due.clock.subject_id for due in first] == [4, 3]
    assert len(due_clocks(after(100))) == 3


def test_what_the_worker_did_comes_back_when_its_transaction_fails(site: Site) -> None:
    start(site)
    with pytest.raises(RuntimeError), transaction.atomic():
        due_clocks(after(11))
        raise RuntimeError
    assert told(11) == [(1, "breach")]


@pytest.mark.django_db(transaction=True)
def test_several_workers_tell_each_clock_once() -> None:
    site = create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())
    for number in range(40):
        start(site, number, target=0.001, warn_before=0)
    later = time.now() + timedelta(hours=1)
    barrier = threading.Barrier(3)

    def work(_: int) -> list[int]:
        try:
            barrier.wait(timeout=20)
            seen: list[int] = []
            for _ in range(12):
                seen += [due.clock.pk for due in due_clocks(later, limit=5)]
            return seen
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        told_pks = [pk for part in pool.map(work, range(3)) for pk in part]
    assert len(told_pks) == len(set(told_pks)) == 40


def test_the_share_in_time_counts_kept_missed_and_undecided(site: Site) -> None:
    for number, answered_after in enumerate((3, 10, 12, 60)):
        start(site, number)
        stop_clock(subject_kind="call", subject_id=number, key="answer", at=after(answered_after))
    start(site, 10)
    start(site, 11, target=1)
    start(site, 12)
    drop_clocks(subject_kind="call", subject_id=12, reason="误拨", actor=system_actor())
    time.move(after(5))
    due_clocks()
    share = share_in_time("answer", site_ids=[site.pk], since=NINE, until=after(3600))
    assert (share.met, share.missed, share.running) == (2, 3, 1)
    assert str(share.percent) == "40.0"


def test_the_share_is_of_the_limit_the_period_and_the_sites_asked_for(site: Site) -> None:
    start(site)
    stop_clock(subject_kind="call", subject_id=1, key="answer")
    for key, site_ids, since in (
        ("other", [site.pk], NINE),
        ("answer", [site.pk + 1], NINE),
        ("answer", [], NINE),
        ("answer", [site.pk], after(1)),
    ):
        share = share_in_time(key, site_ids=site_ids, since=since, until=after(3600))
        assert (share.decided, share.percent) == (0, None)
