from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify

WRITERS, EACH = 4, 15


@pytest.mark.django_db(transaction=True)
def test_people_working_on_one_case_at_once_make_one_whole_chain() -> None:
    barrier = threading.Barrier(WRITERS)

    def write(actor_id: int) -> None:
        try:
            barrier.wait(timeout=20)
            for number in range(EACH):
                with transaction.atomic():
                    record(actor_id=actor_id, action="step", chain="case:1", data={"number": number})
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    assert list(Entry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, WRITERS * EACH + 1))
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_a_chain_waits_for_an_unfinished_entry_and_other_chains_do_not() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    done: list[str] = []

    def write(chain: str) -> None:
        try:
            with transaction.atomic():
                record(actor_id=1, action="step", chain=chain, data={})
            done.append(chain)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            record(actor_id=1, action="first", chain="case:1", data={})
            waiting = pool.submit(write, "case:1")
            pool.submit(write, "case:2").result(timeout=20)
            assert done == ["case:2"]
        waiting.result(timeout=20)
    assert Entry.objects.filter(chain="case:1").count() == 2
    assert verify() == []
