"""The car service centre as the demo sets it up, at twenty to nine on a Tuesday."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bihuan.kernel import clock
from bihuan.org.access import system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import pack_folder
from bihuan.packs.seeding import load_seed

OPENING = datetime(2026, 11, 24, 0, 40, tzinfo=UTC)


class ShopClock:
    """Goes on from opening time in every thread: the server that answers the browser runs in one of its own."""

    def __init__(self) -> None:
        self.behind = datetime.now(UTC) - OPENING

    def get(self) -> ShopClock:
        return self

    @property
    def at(self) -> datetime:
        return datetime.now(UTC) - self.behind

    def wind(self, further: timedelta) -> None:
        self.behind -= further


@pytest.fixture
def shop_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopClock]:
    """The same moving time for the test and the live server."""
    held = ShopClock()
    monkeypatch.setattr(clock, "_frozen", held)
    yield held


@pytest.fixture
def opened_centre(db: None, shop_clock: ShopClock) -> None:
    """The pack installed, its demo people, customers, cars, parts and appointment places loaded."""
    folder = pack_folder("auto_service")
    install_pack(folder, actor=system_actor())
    load_seed(folder)
