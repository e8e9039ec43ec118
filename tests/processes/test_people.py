"""Taking work, giving it back, handing it on."""

from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, Conflict, NotAllowed
from bihuan.processes import engine_store as store
from bihuan.processes.models import WorkItem
from tests.processes.conftest import Desk
from tests.processes.models import PARALLEL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


@pytest.fixture
def wash(desk: Desk) -> WorkItem:
    return desk.item(desk.start(PARALLEL, "parallel").instance_id, "wash")


def test_a_claimed_item_is_ones_own(desk: Desk, wash: WorkItem) -> None:
    store.claim_item(wash.pk, actor=desk.cast.actor("technician"))
    store.claim_item(wash.pk, actor=desk.cast.actor("technician"))
    with pytest.raises(Conflict, match="已由赵强领取"):
        store.claim_item(wash.pk, actor=desk.cast.actor("second_technician"))
    with pytest.raises(NotAllowed, match="已由赵强办理"):
        store.complete_item(wash.pk, actor=desk.cast.actor("second_technician"))
    entries = Entry.objects.filter(action="item.claim")
    assert [entry.data["after"] for entry in entries] == [{"assignee": desk.cast.user("technician").pk}]


def test_only_the_role_claims(desk: Desk, wash: WorkItem) -> None:
    with pytest.raises(NotAllowed, match="由维修技师办理"):
        store.claim_item(wash.pk, actor=desk.cast.actor("cashier"))


def test_a_released_item_is_everybodys_again(desk: Desk, wash: WorkItem) -> None:
    store.claim_item(wash.pk, actor=desk.cast.actor("technician"))
    with pytest.raises(NotAllowed):
        store.release_item(wash.pk, actor=desk.cast.actor("second_technician"))
    store.release_item(wash.pk, actor=desk.cast.actor("technician"))
    store.complete_item(wash.pk, actor=desk.cast.actor("second_technician"))


def test_a_transferred_item_belongs_to_the_other_with_the_reason_on_record(desk: Desk, wash: WorkItem) -> None:
    second = desk.cast.user("second_technician")
    store.transfer_item(wash.pk, second.pk, actor=desk.cast.actor("technician"), reason="下班")
    wash.refresh_from_db()
    assert wash.assignee_id == second.pk
    assert Entry.objects.get(action="item.transfer").data["reason"] == "下班"


@pytest.mark.parametrize(("who", "why"), [("left", "在职"), ("without_position", "没有岗位")])
def test_work_is_handed_only_to_people_who_work_here(desk: Desk, wash: WorkItem, who: str, why: str) -> None:
    with pytest.raises(BusinessError, match=why):
        store.transfer_item(wash.pk, desk.cast.user(who).pk, actor=desk.cast.actor("technician"))


def test_finished_work_is_neither_claimed_nor_handed_on(desk: Desk, wash: WorkItem) -> None:
    store.complete_item(wash.pk, actor=desk.cast.actor("technician"))
    with pytest.raises(Conflict, match="已由赵强在 09:00 完成"):
        store.claim_item(wash.pk, actor=desk.cast.actor("second_technician"))
    with pytest.raises(Conflict):
        store.transfer_item(wash.pk, desk.cast.user("technician").pk, actor=desk.cast.actor("technician"))
