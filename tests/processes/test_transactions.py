"""The transaction of a step: what Django's own promises, without its detours."""

from __future__ import annotations

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from bihuan.kernel.errors import Conflict
from bihuan.kernel.sql import execute, on_postgres, query, whole_transaction
from bihuan.processes.models import OnceKey

WRITE = "INSERT INTO processes_oncekey (key, action, result, at) VALUES (%s, 'a', 'null', '2026-11-24')"


def kept() -> set[str]:
    return set(OnceKey.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_step_is_stored_whole_or_not_at_all_and_the_next_one_begins_afresh() -> None:
    told: list[str] = []

    @whole_transaction()
    def step(key: str, failure: Exception | None = None) -> None:
        execute(WRITE, (key,))
        transaction.on_commit(lambda: told.append(key))
        if failure is not None:
            raise failure

    step("first")
    with pytest.raises(Conflict):
        step("refused", Conflict("不行"))
    with pytest.raises(IntegrityError):
        step("first")
    # A reference to nobody is noticed by the commit.
    with pytest.raises(IntegrityError), whole_transaction():
        execute(WRITE, ("dangling",))
        execute("INSERT INTO processes_offer (item_id, user_id) VALUES (-1, -1)")
        offered = True
    with whole_transaction():
        execute(WRITE, ("marked",))
        transaction.set_rollback(True)
    with whole_transaction():
        execute(WRITE, ("caller",))
        with pytest.raises(Conflict):
            step("part", Conflict("不行"))
    if on_postgres():
        with pytest.raises(DataError), whole_transaction():
            execute(WRITE, ("cut\0short",))
    with whole_transaction():
        assert query("SELECT 1") == [(1,)]
    step("last")
    assert offered
    assert kept() == {"first", "caller", "last"}
    assert told == ["first", "last"]
    assert connection.get_autocommit() and not connection.in_atomic_block
    with pytest.raises(TransactionManagementError):
        query("SELECT 1")
