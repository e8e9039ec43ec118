from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.kernel import clock
from bihuan.limits.clocks import pause_clock, start_clock
from bihuan.limits.models import Clock, ClockPause
from bihuan.org.scoping import ScopeMissing
from tests.cast import Cast


@pytest.fixture
def clocks(cast: Cast) -> dict[str, Clock]:
    return {
        site.code: start_clock(
            subject_kind="case", subject_id=site.pk, key="repair", name="维修", site_id=site.pk, target_seconds=60
        )
        for site in (cast.yl, cast.jw)
    }


def test_a_query_that_names_no_scope_fails(clocks: dict[str, Clock]) -> None:
    for forgotten in (
        lambda: Clock.objects.all(),
        lambda: Clock.objects.filter(key="repair"),
        lambda: Clock.objects.get(pk=clocks["YL"].pk),
        lambda: Clock.objects.count(),
        lambda: Clock.objects.exclude(key="x"),
        lambda: Clock.objects.first(),
        lambda: list(Clock.objects.values("key")),
        lambda: ClockPause.objects.update(reason="x"),
    ):
        with pytest.raises(ScopeMissing, match="at"):
            forgotten()


def test_a_scope_shows_the_rows_of_its_sites_only(cast: Cast, clocks: dict[str, Clock]) -> None:
    assert list(Clock.objects.at(cast.yl.pk)) == [clocks["YL"]]
    assert set(Clock.objects.at([cast.yl.pk, cast.jw.pk])) == set(clocks.values())
    assert list(Clock.objects.at([])) == []


def test_a_person_sees_the_sites_of_their_posts(cast: Cast, clocks: dict[str, Clock]) -> None:
    assert list(Clock.objects.visible_to(cast.actor("advisor"))) == [clocks["YL"]]
    assert list(Clock.objects.visible_to(cast.actor("other_advisor"))) == [clocks["JW"]]
    assert Clock.objects.visible_to(cast.actor("group_manager")).count() == 2
    assert Clock.objects.visible_to(cast.actor("without_position")).count() == 0


def test_a_scope_can_ask_for_an_action(cast: Cast, clocks: dict[str, Clock]) -> None:
    assert Clock.objects.visible_to(cast.actor("advisor"), "case.view").count() == 1
    assert Clock.objects.visible_to(cast.actor("advisor"), "payment.take").count() == 0


def test_rows_below_a_row_of_the_site_follow_it(cast: Cast, clocks: dict[str, Clock]) -> None:
    with clock.frozen(clock.now() + timedelta(seconds=5)):
        pause_clock(clocks["YL"].pk, reason="等待配件", actor=cast.system)
    assert ClockPause.objects.visible_to(cast.actor("advisor")).count() == 1
    assert ClockPause.objects.visible_to(cast.actor("other_advisor")).count() == 0


def test_going_from_a_row_to_its_own_rows_needs_no_second_scope(cast: Cast, clocks: dict[str, Clock]) -> None:
    assert list(clocks["YL"].pauses.all()) == []
    assert ClockPause(clock=clocks["YL"]).clock.site == cast.yl
