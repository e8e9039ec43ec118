"""The set-up that tests share does not depend on which tests ran before."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.verification import verify
from tests.cast import gather_cast
from tests.remembering import remembered


def set_up() -> None:
    gather_cast()
    remembered("a note upon the cast", lambda: record(actor_id=None, action="note", chain="note:1").seq)


@pytest.mark.django_db
def test_rows_that_are_put_back_never_meet_numbers_given_out_meanwhile(frozen_clock: object) -> None:
    with transaction.atomic():
        set_up()
        first = Entry.objects.order_by("pk").values_list("pk", flat=True)[0]
        transaction.set_rollback(True)
    if connection.vendor == "sqlite":  # PostgreSQL never gives a number twice, rolled back or not
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'audit_entry'")
            cursor.execute("INSERT INTO sqlite_sequence VALUES ('audit_entry', %s)", [first])
    set_up()
    assert list(verify()) == []
    assert Entry.objects.filter(action="note").count() == 1
