"""What a limit leads to reaches somebody who is there, and keeps to its case when the work has been done too late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.notify.models import Notice
from bihuan.operations.timing.consequences import carry_out
from bihuan.operations.timing.due_work import tell_due_clocks
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.duty.standing import set_superior
from bihuan.processes.models import Offer, WorkItem
from bihuan.records.models import Case
from tests.cast import Cast
from tests.web.visits import Centre, build_centre


@pytest.fixture
def centre(cast: Cast, frozen_clock: object) -> Centre:
    return build_centre(cast)


def away(cast: Cast, *people: str) -> None:
    today = clock.now().date()
    for who in people:
        request_leave(Span(today, today), actor=cast.system, user_id=cast.user(who).pk)


def greeting(centre: Centre) -> Clock:
    """The limit of a greeting that the advisor has taken on."""
    item = centre.item(centre.arrive(), "greet")
    WorkItem.unscoped.filter(pk=item.pk).update(assignee=centre.cast.user("advisor"))
    return Clock.unscoped.get(subject_kind="item", subject_id=item.pk)


def told_by(step: dict[str, Any], held: Clock) -> set[str]:
    before = set(Notice.objects.values_list("pk", flat=True))
    carry_out({"at": "breach", "text": "该上报了", **step}, held)
    return set(Notice.objects.exclude(pk__in=before).values_list("user__username", flat=True))


def test_an_escalation_passes_over_superiors_who_are_away(centre: Centre) -> None:
    cast, held = centre.cast, greeting(centre)
    for who, above in (("advisor", "workshop_manager"), ("workshop_manager", "site_manager")):
        set_superior(cast.user(who).pk, superior_id=cast.user(above).pk, actor=cast.system)
    step = {"escalate_to": "@superior"}
    assert told_by(step, held) == {"sunli"}
    away(cast, "workshop_manager")
    assert told_by(step, held) == {"heping"}
    away(cast, "site_manager")
    assert told_by(step, held) - {"sunli", "heping"}


def test_a_role_is_told_without_those_who_are_away(centre: Centre) -> None:
    held, step = greeting(centre), {"notify": ["technician"]}
    assert told_by(step, held) == {"zhaoqiang", "qianjin"}
    away(centre.cast, "technician")
    assert told_by(step, held) == {"qianjin"}


def test_lateness_of_work_whose_holder_is_away_is_told_to_whoever_answers_for_the_site(centre: Centre) -> None:
    held = greeting(centre)
    away(centre.cast, "advisor")
    clock.move(clock.now() + timedelta(minutes=2))
    tell_due_clocks()
    told = Notice.objects.filter(title__startswith="已超时", body__contains="70001")
    assert {"lixiao", "heping"} <= set(told.values_list("user__username", flat=True)), held.name


def test_people_who_were_offered_the_work_by_name_are_told(centre: Centre) -> None:
    held = greeting(centre)
    WorkItem.unscoped.filter(pk=held.subject_id).update(assignee=None, role="")
    for who in ("technician", "second_technician"):
        Offer.objects.create(item_id=held.subject_id, user=centre.cast.user(who))
    assert told_by({"notify": ["@holder"]}, held) == {"zhaoqiang", "qianjin"}
    away(centre.cast, "technician")
    clock.move(clock.now() + timedelta(minutes=2))
    tell_due_clocks()
    told = set(Notice.objects.filter(title__startswith="已超时").values_list("user__username", flat=True))
    assert "qianjin" in told and "zhaoqiang" not in told


def test_what_lateness_starts_is_started_though_the_work_was_done_meanwhile(centre: Centre) -> None:
    held = greeting(centre)
    clock.move(clock.now() + timedelta(minutes=2))
    centre.greet(Case.unscoped.get(kind="service_visit"))
    carry_out({"at": "breach", "start": "complaint"}, held)
    assert Case.unscoped.get(kind="complaint").parent == Case.unscoped.get(kind="service_visit")
