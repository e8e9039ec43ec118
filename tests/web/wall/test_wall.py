"""Screens on the wall: opened by a token, limited to one board, silent about customers, revoked at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bihuan.audit.models import Entry
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed, NotFound
from bihuan.operations.pages.wallboards import hotline_board, workshop_board
from bihuan.org.displays import display_by_token, displays_of, open_display, revoke_display
from bihuan.org.models import Display
from bihuan.records.calls import answer, hang_up, ring
from tests.web.visits import PLATE, Centre

QUERIES = 7


def hang(centre: Centre, board: str = "workshop") -> tuple[Display, str]:
    """The manager hangs a screen; its row and its address."""
    display, token = open_display(
        site_id=centre.cast.yl.pk, board=board, name="车间东墙", actor=centre.cast.actor("site_manager")
    )
    return display, f"/wall/{token}"


def test_a_screen_shows_its_board_to_whoever_passes_and_nothing_else(centre: Centre) -> None:
    centre.greet(centre.arrive())
    _, address = hang(centre)
    screen = Client()
    text = screen.get(address).content.decode()
    assert "车间看板" in text and "示A**001" in text and "预检一号位" in text
    assert screen.get("/cases").headers["Location"].startswith("/sign-in")
    assert screen.post(address).status_code == 405


@pytest.mark.parametrize("board", ["workshop", "hotline"])
def test_nothing_on_the_wall_names_a_customer(centre: Centre, board: str) -> None:
    centre.greet(centre.arrive())
    ring(actor=centre.cast.actor("front_desk"), phone="13900007001")
    text = Client().get(hang(centre, board)[1]).content.decode()
    for secret in ("周晓棠", "13900007001", "7001", PLATE, "A·70001", "李晓"):
        assert secret not in text, secret


def test_a_revoked_screen_goes_dark_at_its_next_look_and_says_why(centre: Centre) -> None:
    display, address = hang(centre)
    screen = Client()
    assert screen.get(address).status_code == 200
    revoke_display(display.pk, actor=centre.cast.actor("admin"))
    assert screen.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    answer = screen.get(address)
    assert answer.status_code == 404 and "已停用" in answer.content.decode()


def test_a_made_up_token_opens_nothing(centre: Centre) -> None:
    hang(centre)
    assert Client().get("/wall/abcdefghijklmnopqrstuv").status_code == 404
    assert Client().get("/wall/" + Display.objects.get().token_hash).status_code == 404


def test_hanging_and_revoking_are_audited_once_without_the_token(centre: Centre) -> None:
    display, address = hang(centre)
    for _ in range(2):
        revoke_display(display.pk, actor=centre.cast.actor("site_manager"))
    entries = list(Entry.objects.filter(chain=f"display:{display.pk}").order_by("seq"))
    assert [entry.action for entry in entries] == ["display.open", "display.revoke"]
    assert all(address.removeprefix("/wall/") not in str(entry.data) for entry in entries)


def test_only_those_who_may_hang_screens_of_their_own_site_and_see_only_those(centre: Centre) -> None:
    display, _ = hang(centre)
    for who in ("technician", "workshop_manager"):
        with pytest.raises(NotAllowed):
            open_display(site_id=centre.cast.yl.pk, board="workshop", name="门口", actor=centre.cast.actor(who))
        assert centre.client(who).get("/admin/displays").status_code == 403
        assert centre.client(who).get("/wall/preview/workshop").status_code == 403
    other = centre.cast.actor("other_admin")
    assert displays_of(actor=other) == []
    with pytest.raises(NotFound):
        revoke_display(display.pk, actor=other)
    assert centre.client("other_admin").post(f"/admin/displays/{display.pk}/revoke").status_code == 404
    display.refresh_from_db()
    assert display.revoked_at is None


def test_the_manager_hangs_a_screen_by_the_page_and_sees_its_address_once(centre: Centre) -> None:
    manager = centre.client("site_manager")
    assert "还没有大屏" in manager.get("/admin/displays").content.decode()
    refused = manager.post("/admin/displays", {"board": "hotline", "name": " "})
    assert refused.status_code == 422 and "请填写大屏的位置" in refused.content.decode()
    made = manager.post("/admin/displays", {"board": "hotline", "name": "热线室"}).content.decode()
    found = re.search(r'value="http://testserver(/wall/[^"]+)"', made)
    assert found and "热线看板" in Client().get(found[1]).content.decode()
    assert found[1] not in manager.get("/admin/displays").content.decode()
    gone = manager.post(f"/admin/displays/{Display.objects.get().pk}/revoke", follow=True).content.decode()
    assert "已停用" in gone


def test_when_a_screen_was_seen_is_kept_to_the_minute(centre: Centre) -> None:
    display, address = hang(centre)
    first = clock.now()
    for seconds in (0, 30, 61):
        clock.move(first + timedelta(seconds=seconds))
        display_by_token(address.removeprefix("/wall/"))
        display.refresh_from_db()
        assert display.seen_at == (first if seconds < 60 else clock.now())


def test_the_board_counts_and_sorts_what_hurts_first(centre: Centre) -> None:
    centre.arrive("示A70002", bay="二号位")
    clock.move(clock.now() + timedelta(seconds=50))
    centre.arrive("示A70003", bay="三号位")
    clock.move(clock.now() + timedelta(seconds=15))
    board = workshop_board(centre.cast.yl)
    assert [(row.where, row.state) for row in board.rows] == [("二号位", "late"), ("三号位", "ok")]
    assert (board.in_house, board.late, board.soon, board.done_today) == (2, 1, 0, 0)
    assert workshop_board(centre.cast.jw).rows == []


def test_the_hotline_board_shows_the_share_answered_in_ten_seconds_over_all_calls(centre: Centre) -> None:
    desk, now = centre.cast.actor("front_desk"), clock.now()
    for number, seconds in enumerate((4, 30, None)):
        call = ring(actor=desk, phone=f"139000055{number:02d}", at=now)
        if seconds is not None:
            answer(call.pk, actor=desk, at=now + timedelta(seconds=seconds))
        hang_up(call.pk, actor=desk, at=now + timedelta(seconds=60))
    ring(actor=desk, phone="13900005599", at=now)
    board = hotline_board(centre.cast.yl)
    assert (board.calls.rang, board.calls.in_time, board.calls.abandoned, str(board.calls.percent)) == (4, 1, 1, "25.0")
    assert (board.ringing, board.talking) == ([now], 0)
    text = Client().get(hang(centre, "hotline")[1]).content.decode()
    assert "<b>25</b>" in text and "1 / 4" in text


def test_the_live_part_answers_nothing_while_nothing_changed_and_reloads_after_a_release(centre: Centre) -> None:
    centre.arrive()
    _, address = hang(centre)
    screen = Client(headers={"HX-Request": "true"})
    seen = re.search(
        r"\?seen=([0-9a-f.]+)", screen.get(address, {"seen": "x"}, headers={"HX-Request": ""}).content.decode()
    )
    assert seen
    assert screen.get(address, {"seen": seen[1]}).status_code == 204
    clock.move(clock.now() + timedelta(seconds=61))
    part = screen.get(address, {"seen": seen[1]}).content.decode()
    assert "wall-row-late" in part and "<html" not in part
    assert screen.get(address, {"seen": f"{'0' * 16}.1"}).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("board", ["workshop", "hotline"])
def test_a_board_asks_the_database_the_same_for_one_car_and_for_many(centre: Centre, board: str) -> None:
    _, address = hang(centre, board)
    centre.arrive()
    Client().get(address)
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as seen:
            Client().get(address)
        counts.append(len(seen))
        for extra in range(4):
            centre.arrive(f"示A8{number}00{extra}")
    assert counts[0] == counts[1] <= QUERIES
