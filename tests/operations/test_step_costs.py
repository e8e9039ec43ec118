"""What a step of work costs the database: the hot path of the product stays short, whatever has happened before."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.models import answers, form, our_model
from bihuan.audit.verification import verify
from bihuan.forms.publishing import publish_form
from bihuan.kernel.sql import on_postgres
from bihuan.operations.cases import start_case
from bihuan.operations.work import complete_task
from bihuan.processes import engine_store
from bihuan.processes.models import WorkItem
from bihuan.records.models import Sheet
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def cost(cast: Cast, statements: list[str], *, records: bool) -> int:
    """How many statements a step takes after five others of its case; the form writes a sheet with `records`."""
    publish_form("step", form("step", records=records))
    engine_store.publish(our_model("complaint", "step"), "complaint")
    advisor = cast.actor("advisor")
    case = start_case("complaint", actor=advisor, site_id=cast.yl.pk)
    item = WorkItem.unscoped.get(instance__subject_id=case.pk).pk
    for turn in range(5):
        item = complete_task(item, answers(turn), actor=advisor, once_key=f"once{turn}").opened[0]
    statements.clear()
    with CaptureQueriesContext(connection) as others:
        complete_task(item, answers(5), actor=advisor, once_key="once5")
    return len(statements) + sum("SAVEPOINT" not in one["sql"] for one in others)


# The item is read; instance, items and audit entry are written, which is one statement on PostgreSQL.
def test_a_step_that_only_routes_reads_once_and_writes_once(cast: Cast, statements: list[str]) -> None:
    assert cost(cast, statements, records=False) == (2 if on_postgres() else 5)


def test_a_step_that_writes_a_sheet_reads_it_writes_it_and_logs_it_besides(cast: Cast, statements: list[str]) -> None:
    assert cost(cast, statements, records=True) == (5 if on_postgres() else 8)
    sheet = Sheet.unscoped.get()
    assert (sheet.version, sheet.data) == (6, {key: answers(5)[key] for key in ("note", "outcome")})
    assert verify() == []
