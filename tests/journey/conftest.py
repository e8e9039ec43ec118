"""The car service centre as the demo sets it up, at twenty to nine on a Tuesday."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bihuan.kernel import clock
from bihuan.org.access import system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import pack_folder
from bihuan.packs.seeding import load_seed
from tests.cast import Cast
from tests.web.visits import Centre, build_centre

OPENING = datetime(2026, 11, 24, 0, 40, tzinfo=UTC)


class RunningTime:
    """Goes on from opening time."""

    def __init__(self) -> None:
        self.behind = datetime.now(UTC) - OPENING

    @property
    def at(self) -> datetime:
        return datetime.now(UTC) - self.behind

    @at.setter
    def at(self, moment: datetime) -> None:
        self.behind = datetime.now(UTC) - moment


class ShopClock:
    """One time for every thread, unlike the product's: the server that answers runs in threads of its own."""

    def __init__(self) -> None:
        self.held: object = RunningTime()

    def get(self) -> object:
        return self.held

    def set(self, held: object) -> object:
        before, self.held = self.held, held
        return before

    def reset(self, before: object) -> None:
        self.held = before


@pytest.fixture
def shop_clock(monkeypatch: pytest.MonkeyPatch) -> ShopClock:
    """The same moving time for the test, its threads and the live server."""
    clock_on_the_wall = ShopClock()
    monkeypatch.setattr(clock, "_frozen", clock_on_the_wall)
    return clock_on_the_wall


@pytest.fixture
def opened_centre(transactional_db: None, shop_clock: ShopClock) -> None:
    """The pack installed, its demo people, customers, cars, parts and appointment places loaded."""
    folder = pack_folder("auto_service")
    install_pack(folder, actor=system_actor())
    load_seed(folder)


@pytest.fixture
def centre(transactional_db: None, cast: Cast, shop_clock: ShopClock) -> Centre:
    """The small centre of the screens' tests, at a time that goes on."""
    return build_centre(cast)
