"""A due moment that depends on a year whose holidays nobody confirmed is marked wherever it is shown."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from django.apps import apps
from django.test import Client

from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.operations.board import board_page, receive_booked
from bihuan.org.displays import open_display
from bihuan.org.models import Grant
from bihuan.processes.models import WorkItem
from bihuan.records.appointments import book_appointment
from bihuan.records.models import JobType
from tests.web.visits import Centre

MARK = '<span class="provisional"'


def test_it_is_marked_on_every_screen_with_its_countdown(centre: Centre) -> None:
    manager = centre.cast.actor("site_manager")
    booking = book_appointment(
        actor=centre.cast.system, site_id=centre.cast.yl.pk, customer_id=centre.customer.pk,
        vehicle_id=centre.vehicle.pk, phone="13900007001", starts_at=clock.now() + timedelta(minutes=5),
        job_ids=[JobType.unscoped.get().pk],
    )  # fmt: skip
    visit = receive_booked(booking.pk, actor=centre.cast.actor("advisor"))
    item = WorkItem.unscoped.get(instance__subject_id=visit.pk, instance__subject_kind="case")
    _, token = open_display(site_id=centre.cast.yl.pk, board="workshop", name="车间", actor=manager)
    WorkItem.unscoped.filter(pk=item.pk).update(unattended_since=clock.now())
    pages = {
        "advisor": ("/", "/cases", f"/cases/{visit.pk}", f"/tasks/{item.pk}", "/clocks?state=today", "/appointments"),
        "site_manager": (
            "/reports", "/reports/limits", "/duty/unattended", f"/processes/instances/{item.instance_id}",
        ),
    }  # fmt: skip

    def marked() -> set[str]:
        found = {path for who, paths in pages.items() for path in paths if MARK in read(centre.client(who), path)}
        return found | ({"wall"} if MARK in read(Client(), f"/wall/{token}") else set())

    assert marked() == set()
    Clock.unscoped.filter(subject_kind="item", subject_id=item.pk).update(unconfirmed_year=2027)
    assert marked() == {"wall", *(path for paths in pages.values() for path in paths)}


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_board_shows_a_light_for_each_car_and_each_hour(centre: Centre) -> None:
    advisor = centre.cast.actor("advisor")
    booking = book_appointment(
        actor=centre.cast.system, site_id=centre.cast.yl.pk, customer_id=centre.customer.pk,
        vehicle_id=centre.vehicle.pk, phone="13900007001", starts_at=clock.now() + timedelta(minutes=5),
        job_ids=[JobType.unscoped.get().pk],
    )  # fmt: skip
    assert board_page(None, actor=advisor).lanes[0].cards[0].light is None
    receive_booked(booking.pk, actor=advisor)
    states = []
    for seconds in (0, 40, 30):
        clock.move(clock.now() + timedelta(seconds=seconds))
        [lane] = board_page(None, actor=advisor).lanes
        light = lane.cards[0].light
        assert light is not None and lane.lit(light.state) == 1
        states.append(light.state)
    assert states == ["ok", "soon", "late"]
    text = read(centre.client("advisor"), "/appointments")
    assert "1 台超时" in text and "countdown-late" in text


def test_an_installation_from_before_lets_those_manage_holidays_who_manage_sites(centre: Centre) -> None:
    grants = Grant.objects.filter(action="calendar.manage")
    grants.delete()
    import_module("bihuan.limits.migrations.0007_who_manages_calendars").grant(apps, None)
    assert list(grants.values_list("role__key", flat=True)) == ["admin"]
