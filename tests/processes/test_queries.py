"""Inboxes, history, and where in the diagram an instance stands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from bihuan.kernel import clock
from bihuan.org.actor import Actor
from bihuan.processes import engine_store as store
from bihuan.processes.contract import LimitSpec, Surroundings
from bihuan.processes.history import diagram, diagram_state, history
from bihuan.processes.models import NEVER, Instance, WorkItem
from bihuan.processes.queries import InboxItem, inbox, open_items, open_items_of_subject
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, BOOKING, PARALLEL, bpmn, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def nodes(items: list[InboxItem]) -> list[tuple[str, int]]:
    return [(item.node_id, item.instance_id) for item in items]


def test_the_inbox_shows_ones_own_work_and_what_ones_roles_are_offered(desk: Desk) -> None:
    one = desk.start(PARALLEL, "parallel").instance_id
    two = desk.start(PARALLEL, "parallel").instance_id
    elsewhere = desk.start(PARALLEL, "parallel", site_id=desk.cast.jw.pk).instance_id
    store.claim_item(desk.item(two, "wash").pk, actor=desk.cast.actor("technician"))
    assert nodes(inbox(desk.cast.actor("technician"))) == [("wash", one), ("wash", two)]
    assert nodes(inbox(desk.cast.actor("technician"), mine_only=True)) == [("wash", two)]
    assert nodes(inbox(desk.cast.actor("second_technician"))) == [("wash", one)]
    assert nodes(inbox(desk.cast.actor("cashier"))) == [("bill", one), ("bill", two)]
    assert inbox(desk.cast.actor("guard")) == []
    assert elsewhere not in [item.instance_id for item in inbox(desk.cast.actor("cashier"))]


def test_the_most_urgent_comes_first_and_work_without_a_limit_last(desk: Desk) -> None:
    order = {}
    for minutes in (30, 10, None, 20):
        limits = {} if minutes is None else {"fill": LimitSpec(minutes * 60)}
        started = desk.start(APPROVAL, "approval", {"number": "A"}, around=Surroundings(limits=limits))
        order[started.instance_id] = minutes
    shown = [order[item.instance_id] for item in inbox(desk.cast.actor("advisor"))]
    assert shown == [10, 20, 30, None]
    late = inbox(desk.cast.actor("advisor"))[0]
    assert not late.is_late(clock.now()) and late.is_late(clock.now() + timedelta(minutes=11))


def test_pages_follow_each_other_without_gap_or_repetition(desk: Desk) -> None:
    for _ in range(7):
        desk.start(PARALLEL, "parallel")
    actor = desk.cast.actor("cashier")
    seen: list[int] = []
    page = inbox(actor, limit=3)
    while page:
        seen += [item.id for item in page]
        page = inbox(actor, limit=3, after=page[-1].cursor)
    assert seen == sorted(set(seen)) and len(seen) == 7


def test_an_item_for_several_roles_is_in_each_of_their_inboxes_once(desk: Desk) -> None:
    both = bpmn(
        "both", '<startEvent id="start"/>', task("look", role="cashier, guard"), '<endEvent id="end"/>',
        flows="start>look look>end",
    )  # fmt: skip
    instance = desk.start(both, "both").instance_id
    for who in ("cashier", "guard"):
        assert nodes(inbox(desk.cast.actor(who))) == [("look", instance)]
    assert inbox(desk.cast.actor("technician")) == []
    desk.complete(instance, "look", by="guard")


def test_somebody_without_any_role_has_an_empty_inbox() -> None:
    assert inbox(Actor(user_id=None, username="x", name="x", site_id=None)) == []


def test_the_inbox_reads_the_head_of_an_index(desk: Desk) -> None:
    instance = Instance.unscoped.get(pk=desk.start(PARALLEL, "parallel").instance_id)
    WorkItem.unscoped.bulk_create(
        WorkItem(
            site_id=desk.site_id, instance=instance, wait=1000 + n, node_id="bill", name="bill", role="cashier",
            status="open" if n % 10 == 0 else "done", opened_at=clock.now(), sort_at=NEVER - timedelta(seconds=n),
        )
        for n in range(3000)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        sql = (
            "SELECT w.id FROM processes_workitem w WHERE w.status = 'open' AND w.site_id = %s AND w.role = %s "
            "AND w.assignee_id IS NULL ORDER BY w.sort_at, w.id LIMIT 50"
        )
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + sql, [desk.site_id, "cashier"])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "processes_item_role" in plan and "Sort" not in plan and "TEMP B-TREE" not in plan
    assert len(inbox(desk.cast.actor("cashier"))) == 50


def test_open_items_of_an_instance_and_of_a_case(desk: Desk) -> None:
    result = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=8)
    assert [item.node_id for item in open_items(result.instance_id)] == ["wash", "bill"]
    assert [item.pk for item in open_items_of_subject("case", 8)] == [item.id for item in result.opened]


def test_history_tells_who_did_what_in_order(desk: Desk) -> None:
    instance = desk.start(PARALLEL, "parallel", subject_kind="case", subject_id=8).instance_id
    item = desk.item(instance, "wash").pk
    store.claim_item(item, actor=desk.cast.actor("technician"))
    store.complete_item(item, actor=desk.cast.actor("technician"))
    told = [(entry.action, entry.actor_name, entry.node_id) for entry in history("case:8")]
    assert told == [
        ("process.step", "李晓", ""),
        ("item.claim", "赵强", "wash"),
        ("process.step", "赵强", "wash"),
    ]
    [last] = history("case:8", newest_first=True, limit=1)
    assert last.is_step and last.item_id == item and type(last.events[0]).__name__ == "ItemClosed"


def test_the_diagram_shows_what_is_done_by_whom_and_what_is_late(desk: Desk) -> None:
    around = Surroundings(limits={"fill": LimitSpec(600)})
    instance = desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}, around=around).instance_id
    assert diagram_state(instance)["fill"] == {"state": "active", "by": "", "at": clock.now(), "times": 0}
    clock.move(clock.now() + timedelta(minutes=11))
    assert diagram_state(instance)["fill"]["state"] == "late"
    desk.complete(instance, "fill", {"amount": 500}, by="advisor")
    shown = diagram(instance)
    assert shown.nodes["fill"] == {"state": "done", "by": "李晓", "at": clock.now(), "times": 1}
    assert shown.nodes["approve"]["state"] == "active" and "close" not in shown.nodes
    assert shown.flows == {"start_fill": 1, "fill_big": 1, "big_approve": 1}


def test_the_diagram_shows_where_something_is_wrong(desk: Desk) -> None:
    instance = desk.start(BOOKING, "booking").instance_id
    assert diagram_state(instance)["book"]["incident"] == "没有名为“book”的服务"
