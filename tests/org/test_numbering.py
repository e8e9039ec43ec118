from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection, transaction

from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.org.numbering import next_number
from bihuan.org.sites import create_site

TODAY = date(2026, 11, 24)
THREADS, EACH = 4, 25


@pytest.fixture
def site(db: None) -> Site:
    return create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())


def test_numbers_run_by_site_kind_and_day(site: Site) -> None:
    other = create_site(code="JW", name="江湾汽车服务中心", actor=system_actor())
    assert [next_number(site, "JD", TODAY) for _ in range(2)] == ["YL-JD-20261124-0001", "YL-JD-20261124-0002"]
    assert next_number(site, "JS", TODAY) == "YL-JS-20261124-0001"
    assert next_number(site, "JD", date(2026, 11, 25)) == "YL-JD-20261125-0001"
    assert next_number(other, "JD", TODAY) == "JW-JD-20261124-0001"


def test_a_busy_day_goes_on_past_four_digits(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO org_sequence (site_id, kind, day, last) VALUES (%s, 'JD', %s, 9999)", [site.pk, TODAY]
        )
    assert next_number(site, "JD", TODAY) == "YL-JD-20261124-10000"


@pytest.mark.parametrize("kind", ["", "jd", "J-D", "JD'; DROP TABLE org_site; --", "ABCDEFGHIJKLM"])
def test_a_kind_is_capital_letters(site: Site, kind: str) -> None:
    with pytest.raises(ValueError, match="capital letters"):
        next_number(site, kind, TODAY)


@pytest.mark.django_db(transaction=True)
def test_counters_at_once_never_get_the_same_number() -> None:
    site = create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())
    barrier = threading.Barrier(THREADS)

    def take(_: int) -> list[str]:
        try:
            barrier.wait(timeout=20)
            taken = []
            for _ in range(EACH):
                with transaction.atomic():
                    taken.append(next_number(site, "JD", TODAY))
            return taken
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        numbers = [number for part in pool.map(take, range(THREADS)) for number in part]
    assert sorted(numbers) == [f"YL-JD-20261124-{count:04d}" for count in range(1, THREADS * EACH + 1)]


@pytest.mark.django_db(transaction=True)
def test_a_number_taken_and_rolled_back_does_not_come_twice_from_committed_work() -> None:
    site = create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())
    with transaction.atomic():
        first = next_number(site, "JD", TODAY)
    with pytest.raises(RuntimeError), transaction.atomic():
        next_number(site, "JD", TODAY)
        raise RuntimeError
    with transaction.atomic():
        assert next_number(site, "JD", TODAY) > first


@pytest.mark.django_db(transaction=True)
def test_numbering_one_kind_does_not_wait_for_another() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    site = create_site(code="YL", name="云岭汽车服务中心", actor=system_actor())

    def take() -> str:
        try:
            return next_number(site, "JS", TODAY)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        next_number(site, "JD", TODAY)
        assert pool.submit(take).result(timeout=20) == "YL-JS-20261124-0001"
