"""Processes that begin by themselves: by the clock, and when a condition of their site becomes true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.org.access import system_actor
from bihuan.org.sites import change_site, create_site
from bihuan.processes import engine_store as store
from bihuan.processes import jobs
from bihuan.processes.auto_starts import START, follow_sites
from bihuan.processes.consistency import check_auto_starts
from bihuan.processes.contract import Surroundings
from bihuan.processes.history import history
from bihuan.processes.models import AutoStart, Definition, Instance, Job, Version
from bihuan.processes.publishing import stop_version
from bihuan.processes.starting import hold_start, start_handlers
from tests.processes.conftest import Desk
from tests.processes.models import CROWDED, END, TOGETHER, bpmn, daily

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(desk: Desk, frozen_clock: datetime) -> Desk:
    """It is Monday, 2 November 2026, nine o'clock where the site is."""
    clock.move(datetime(2026, 11, 2, 1, tzinfo=UTC))
    return desk


def pass_time(days: float = 0, *, around: Surroundings | None = None) -> jobs.Ran:
    """Time passes, then a worker looks."""
    clock.move(clock.now() + timedelta(days=days))
    ran = jobs.run_due(handlers=start_handlers(around or Surroundings()))
    assert list(check_auto_starts()) == []
    return ran


def begun() -> int:
    return int(Instance.unscoped.count())


def next_start() -> str:
    [row] = AutoStart.objects.all()
    return f"{row.next_at:%m-%d %H:%M}" if row.next_at else ""


def test_a_cycle_begins_the_process_at_its_moments_in_the_zone_of_the_site(site: Desk) -> None:
    store.publish(daily(), "daily")
    assert next_start() == "11-03 00:00", "eight o'clock in Shanghai"
    assert pass_time(0.9) == jobs.Ran()
    assert pass_time(0.1) == jobs.Ran(done=1)
    [instance] = Instance.unscoped.all()
    assert (instance.site_id, instance.started_by_id) == (site.site_id, None)
    assert site.open_nodes(instance.pk) == ["look_round"] and next_start() == "11-04 00:00"
    [entry] = history(instance.chain)
    assert entry.data["detail"] == {"by": "clock", "node": "morning", "due_at": "2026-11-03T00:00:00+00:00"}


def test_days_missed_while_no_worker_ran_are_made_up_for_once(site: Desk) -> None:
    store.publish(daily(), "daily")
    pass_time(5)
    assert begun() == 1 and next_start() == "11-08 00:00"


def test_it_repeats_as_often_as_it_says(site: Desk) -> None:
    store.publish(daily(timer="<timeCycle>R2/P1D</timeCycle>"), "daily")
    for _ in range(4):
        pass_time(1)
    assert begun() == 2 and next_start() == "" and not Job.objects.exists()


def test_a_date_begins_it_once_and_one_that_had_passed_never(site: Desk) -> None:
    store.publish(daily(timer="<timeDate>2026-11-05</timeDate>"), "daily")
    assert next_start() == "11-04 16:00"
    pass_time(4)
    assert begun() == 1 and next_start() == ""
    store.publish(daily(timer="<timeDate>2026-11-01</timeDate>"), "daily")
    pass_time(1)
    assert begun() == 1 and not Job.objects.exists()


def test_a_newer_version_takes_over_and_publishing_the_same_again_changes_nothing(site: Desk) -> None:
    store.publish(daily(), "daily")
    [before] = AutoStart.objects.all()
    store.publish(daily(), "daily")
    assert AutoStart.objects.get().job_id == before.job_id
    clock.move(clock.now() + timedelta(days=2))
    version = store.publish(daily(timer="<timeCycle>R/P1W</timeCycle>"), "daily")
    pass_time()
    assert Instance.unscoped.get().version_id == version.pk, "what was due just then is not lost"
    assert Job.objects.count() == 1 and next_start() == "11-10 00:00"
    store.publish(bpmn("daily", '<startEvent id="s"/>', END, flows="s>end"), "daily")
    assert not AutoStart.objects.exists() and not Job.objects.exists()


def test_a_newer_version_that_begins_alike_keeps_the_rhythm(site: Desk) -> None:
    counts = {"open_cases": 3}
    around = Surroundings(site_facts=lambda _: counts)
    store.publish(daily(timer="<timeCycle>R3/P7D</timeCycle>"), "daily")
    store.publish(CROWDED, "crowded")
    pass_time(1, around=around)
    crowded = begun()
    for xml, key in ((daily(timer="<timeCycle>R3/P7D</timeCycle>"), "daily"), (CROWDED, "crowded")):
        store.publish(xml.replace("advisor", "technician"), key)
    assert AutoStart.objects.get(definition__key="daily").next_at == datetime(2026, 11, 9, 1, tzinfo=UTC)
    pass_time(1, around=around)
    assert begun() == crowded, "nothing has become true anew"


def test_another_pool_of_the_file_begins_by_its_own_clock(site: Desk) -> None:
    nightly = TOGETHER.replace('<startEvent id="open"/>', '<startEvent id="open"><timerEventDefinition>'
                               "<timeCycle>R/P1D</timeCycle></timerEventDefinition></startEvent>")  # fmt: skip
    store.publish(nightly, "together")
    pass_time(1)
    assert set(Instance.unscoped.values_list("process_id", "site__code")) == {("supplier", "JW"), ("supplier", "YL")}


def test_a_stopped_version_begins_nothing_until_it_goes_on(site: Desk) -> None:
    version, admin = store.publish(daily(), "daily"), site.cast.actor("admin")
    stop_version(version.pk, stopped=True, reason="装修", actor=admin)
    pass_time(3)
    assert begun() == 0 and not Job.objects.exists()
    stop_version(version.pk, stopped=False, reason="开业", actor=admin)
    pass_time(1)
    assert begun() == 1


def test_it_begins_at_the_sites_that_have_it_as_they_come_and_go(site: Desk) -> None:
    store.publish(daily(sites="*"), "daily")
    leaves = set(AutoStart.objects.values_list("site__code", flat=True))
    assert "YL" in leaves and site.cast.yl.parent is not None and site.cast.yl.parent.code not in leaves
    opened = create_site(code="NEW", name="新店", parent_id=site.cast.yl.parent_id, actor=system_actor())
    follow_sites()
    assert set(AutoStart.objects.values_list("site__code", flat=True)) == leaves | {"NEW"}
    pass_time(1)
    assert Instance.unscoped.filter(site=opened).count() == 1
    change_site(opened.pk, actor=system_actor(), is_active=False)
    pass_time(1)
    assert Instance.unscoped.filter(site=opened).count() == 1
    assert set(AutoStart.objects.values_list("site__code", flat=True)) == leaves
    with pytest.raises(BusinessError, match="没有的门店：ZZ"):
        store.publish(daily(sites="YL, ZZ"), "other")
    assert not Definition.objects.filter(key="other").exists()


def test_who_runs_the_site_may_hold_it_and_let_it_go_on(site: Desk) -> None:
    store.publish(daily(), "daily")
    admin, number = site.cast.actor("admin"), AutoStart.objects.get().pk
    hold_start(number, held=True, reason="国庆停业", actor=admin)
    pass_time(3)
    store.publish(daily(timer="<timeCycle>R/2026-11-02T08:00/P1D</timeCycle> "), "daily")
    pass_time(1)
    assert begun() == 0 and not Job.objects.exists(), "a newer version does not undo it"
    hold_start(number, held=False, reason="恢复营业", actor=admin)
    assert next_start() == "11-07 00:00", "nothing is made up for"
    pass_time(1)
    assert begun() == 1
    hold_start(number, held=True, reason="停业", actor=admin)
    store.publish(bpmn("daily", '<startEvent id="s"/>', END, flows="s>end"), "daily")
    hold_start(number, held=False, reason="开业", actor=admin)
    assert not AutoStart.objects.exists(), "the version in force does not begin by itself any more"


def test_what_cannot_begin_is_told_and_tried_again_at_the_next_moment(site: Desk) -> None:
    store.publish(daily(), "daily")

    def refuse(_: Any) -> None:
        raise BusinessError("单号用完了")

    pass_time(1, around=Surroundings(open_subject=refuse))
    assert begun() == 0 and AutoStart.objects.get().trouble == "单号用完了"
    pass_time(1)
    assert begun() == 1 and AutoStart.objects.get().trouble == ""


def test_a_condition_begins_it_when_it_becomes_true(site: Desk) -> None:
    store.publish(CROWDED, "crowded")
    counts = {"open_cases": 1}
    around = Surroundings(site_facts=lambda site_id: counts if site_id == site.site_id else {"open_cases": 0})
    seen = []
    for now in (1, 3, 4, 2, 3):
        counts["open_cases"] = now
        pass_time(1 / 1440, around=around)
        seen.append(begun())
    assert seen == [0, 1, 1, 1, 2], "it must become false before it can happen again"


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (CROWDED.replace("site.open_cases", "amount"), "用到了 amount"),
        (daily(timer="<timeDate>=someday</timeDate>"), "算不出时间"),
    ],
)
def test_what_could_never_begin_by_itself_is_refused(site: Desk, xml: str, reason: str) -> None:
    with pytest.raises(BusinessError, match=reason):
        store.publish(xml, "never")


def test_the_deep_checker_finds_what_is_wrong_with_automatic_starts(site: Desk) -> None:
    version = store.publish(daily(), "daily")
    [job] = Job.objects.all()
    at = {"due_at": job.due_at, "run_at": job.run_at, "created_at": job.created_at}
    damages: dict[str, Callable[[], object]] = {
        "start-missing": lambda: Job.objects.all().delete(),
        "start-twice": lambda: Job.objects.create(kind=START, payload=job.payload, **at),
        "start-extra": lambda: Job.objects.create(kind=START, payload={"start": 0}, **at),
        "start-version": lambda: Version.objects.filter(pk=version.pk).update(stopped_at=clock.now()),
    }
    for kind, inflict in damages.items():
        with transaction.atomic():
            inflict()
            assert {damage.kind for damage in check_auto_starts()} == {kind}
            transaction.set_rollback(True)
