"""One instance goes round and round: the thousandth round costs what the first did."""

from __future__ import annotations

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bihuan.audit.models import Entry
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.models import Instance
from tests.processes.conftest import Desk
from tests.processes.models import ROUND

ROUNDS = 1000


def test_a_thousand_rounds_of_rework_cost_the_same_a_step_in_statements_and_bytes(
    desk: Desk, statements: list[str]
) -> None:
    """Statements and bytes, which a busy machine does not change; `bench engine` measures the time."""
    started = desk.start(ROUND, "round")
    instance, item, actor = started.instance_id, started.opened[0].id, desk.cast.actor("technician")
    costs: dict[int, tuple[int, int]] = {}
    with transaction.atomic():
        for turn in range(1, ROUNDS + 1):
            statements.clear()
            with CaptureQueriesContext(connection) as told:
                item = store.complete_item(item, {"stop": False, "note": "返工"}, actor=actor).opened[0].id
            costs[turn] = (len(statements), len(told))
    # The first step compiles the model.
    assert costs[2] == costs[ROUNDS] and len(set(list(costs.values())[1:])) == 1, set(costs.values())
    entries = {entry.seq: len(str(entry.data)) for entry in Entry.objects.filter(chain=f"instance:{instance}")}
    assert entries[ROUNDS + 1] - entries[5] < 60, "a step writes as much to its history as at the beginning"
    assert len(Instance.unscoped.get(pk=instance).state) < 300, "the state holds only what is open now"
    assert len(entries) == ROUNDS + 1 and list(check_instances([instance])) == []
