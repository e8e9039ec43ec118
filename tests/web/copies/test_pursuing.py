"""What is done about those who do not confirm that they have read: reminders, and telling others; once, and in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.engine.definition import parse_bpmn
from bihuan.kernel import clock
from bihuan.kernel.errors import NotAllowed
from bihuan.notify.models import Notice
from bihuan.operations.copies import REMIND, pursuing_handlers
from bihuan.operations.people.copying import urge_reader
from bihuan.operations.references import Known, missing_for_copy
from bihuan.operations.surroundings import surroundings
from bihuan.org.duty.leave import Span, request_leave
from bihuan.org.duty.standing import set_site_head, set_superior
from bihuan.processes.handling.returning import wake_instance
from bihuan.processes.handling.standing import end_instance, resume_instance, suspend_instance
from bihuan.processes.jobs import LEASE, Handler, Prepared, TakenJob, run_due
from bihuan.processes.models import Job
from bihuan.records.copies import INSTANCE, confirm_copies, hand_over_copies, withdraw_copy
from bihuan.records.models import CarbonCopy
from tests.cast import Cast
from tests.web.copies.conftest import Send, asking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]
DIRECTOR = "who='role:technical_director' confirm='true'"
HOUR = timedelta(hours=1)


def after(hours: float) -> None:
    """What workers do so many hours from now."""
    with clock.frozen(clock.now() + hours * HOUR):
        run_due(limit=10, handlers=pursuing_handlers())


def reminders(cast: Cast, who: str = "technical_director") -> int:
    return Notice.objects.filter(user=cast.user(who), title="还没有确认已阅：申请").count()


def test_a_reader_is_reminded_as_often_as_the_rule_says_and_no_more(cast: Cast, sent: Send) -> None:
    sent(f"{DIRECTOR} remind='PT4H' every='PT2H' times='3'")
    told = []
    for hours in (3.9, 4, 4, 5.9, 6, 8, 10, 30):
        after(hours)
        told.append(reminders(cast))
    assert told == [0, 1, 1, 1, 2, 3, 3, 3]
    assert CarbonCopy.unscoped.get().reminders == 3
    assert not Job.objects.exists()


def test_of_two_workers_the_one_that_lost_the_reminder_meanwhile_does_nothing(cast: Cast, sent: Send) -> None:
    sent(f"{DIRECTOR} remind='PT4H'")

    def slow(_job: TakenJob) -> Handler:
        with clock.frozen(clock.now() + 2 * LEASE):
            assert run_due(limit=10, handlers=pursuing_handlers()).done == 1
        return pursuing_handlers()[REMIND]

    with clock.frozen(clock.now() + 4 * HOUR):
        assert run_due(limit=10, handlers={REMIND: Prepared(slow)}).gone == 1
    assert reminders(cast) == 1


def test_who_has_confirmed_or_need_not_any_more_is_left_alone(cast: Cast, sent: Send) -> None:
    number = sent(
        "who='=[\"zhengguo\", \"heping\", \"sunli\"]' confirm='true' remind='PT4H' every='PT2H' escalate='P1D'"
    )
    confirm_copies((INSTANCE, number), actor=cast.actor("technical_director"))
    withdraw_copy(CarbonCopy.unscoped.get(user=cast.user("workshop_manager")).pk, actor=cast.actor("site_manager"))
    after(4)
    assert [reminders(cast, who) for who in ("technical_director", "workshop_manager", "site_manager")] == [0, 0, 1]
    confirm_copies((INSTANCE, number), actor=cast.actor("site_manager"))
    after(24)
    assert reminders(cast, "site_manager") == 1 and not CarbonCopy.unscoped.filter(on="escalate").exists()


def test_what_no_worker_did_in_time_is_made_up_for_by_one_reminder(cast: Cast, sent: Send) -> None:
    sent(f"{DIRECTOR} remind='PT1H' every='PT1H'")
    after(10.5)
    assert reminders(cast) == 1
    after(11)
    assert reminders(cast) == 2


def test_reminders_stand_still_with_the_process_and_come_later_by_the_pause(cast: Cast, sent: Send) -> None:
    number = sent(f"{DIRECTOR} remind='PT4H' escalate='PT5H'")
    admin, around = cast.actor("admin"), surroundings()
    with clock.frozen(clock.now() + HOUR):
        suspend_instance(number, actor=admin, reason="盘点", around=around)
    after(8)
    assert reminders(cast) == 0
    with clock.frozen(clock.now() + 11 * HOUR):
        resume_instance(number, actor=admin, reason="", around=around)
    after(13.9)
    assert reminders(cast) == 0
    after(14)
    assert reminders(cast) == 1 and not CarbonCopy.unscoped.filter(on="escalate").exists()
    after(15)
    assert CarbonCopy.unscoped.filter(on="escalate").exists()


def test_a_reminder_taken_just_as_the_process_is_suspended_waits_for_it(cast: Cast, sent: Send) -> None:
    number = sent(f"{DIRECTOR} remind='PT4H'")
    suspend_instance(number, actor=cast.actor("admin"), reason="盘点", around=surroundings())
    Job.objects.update(run_at=clock.now() + 4 * HOUR)
    after(4)
    assert reminders(cast) == 0
    resume_instance(number, actor=cast.actor("admin"), reason="", around=surroundings())
    after(4)
    assert reminders(cast) == 1


@pytest.mark.parametrize("withdrawn", [True, False])
def test_of_what_was_called_off_nobody_is_reminded_unless_it_is_woken(cast: Cast, sent: Send, withdrawn: bool) -> None:
    number = sent(f"{DIRECTOR} remind='PT4H' escalate='P1D'")
    end_instance(number, actor=cast.actor("admin"), reason="不办了", withdrawn=withdrawn, around=surroundings())
    after(4)
    assert reminders(cast) == 0
    wake_instance(number, actor=cast.actor("admin"), reason="还要办", around=surroundings())
    after(24)
    assert CarbonCopy.unscoped.filter(on="escalate").exists()


def test_after_a_while_the_superior_of_each_reader_is_told_and_may_read_and_urge(cast: Cast, sent: Send) -> None:
    admin, above = cast.actor("admin"), cast.user("workshop_manager")
    for reader in ("technical_director", "cashier"):
        set_superior(cast.user(reader).pk, superior_id=above.pk, actor=admin)
    elsewhere = cast.user("other_technician").pk
    set_superior(cast.user("other_advisor").pk, superior_id=elsewhere, actor=cast.actor("other_admin"))
    number = sent("who='=[\"zhengguo\", \"fengyu\", \"jiangxin\"]' confirm='true' escalate='P1D' note='请核对'")
    after(23)
    assert not CarbonCopy.unscoped.filter(user=above).exists()
    after(24)
    after(24)
    told = CarbonCopy.unscoped.get(user=above)
    assert (told.on, told.why, told.note) == ("escalate", "郑国、冯玉没有确认已阅", "请核对")
    notice = Notice.objects.get(user=above)
    assert (notice.title, notice.is_urgent) == ("上报：申请，郑国、冯玉没有确认已阅", True)
    assert notice.url == f"/copies/process/{number}/open"
    assert Notice.objects.filter(user=cast.user("other_advisor"), title__contains="已上报韩磊").count() == 1
    late = CarbonCopy.unscoped.get(user=cast.user("technical_director"))
    assert late.escalated_at == clock.now() + 24 * HOUR
    urge_reader(late.pk, actor=cast.actor("workshop_manager"))
    with pytest.raises(NotAllowed):
        withdraw_copy(late.pk, actor=cast.actor("workshop_manager"))
    with pytest.raises(NotAllowed):
        urge_reader(told.pk, actor=cast.actor("workshop_manager"))


def test_it_is_escalated_to_a_role_past_those_on_leave_never_to_the_reader(cast: Cast, sent: Send) -> None:
    set_site_head(cast.yl.pk, head_id=cast.user("site_manager").pk, actor=cast.actor("admin"))
    sent(
        f"{DIRECTOR} escalate='P1D' escalateTo='role:technician'",
        "who='role:cashier' confirm='true' escalate='P1D' escalateTo='role:cashier'",
    )
    technicians = cast.user("technician"), cast.user("second_technician")
    tomorrow = (clock.now() + 24 * HOUR).date()
    request_leave(Span(tomorrow, tomorrow), actor=cast.system, user_id=technicians[0].pk)
    after(24)
    told = CarbonCopy.unscoped.filter(on="escalate").values_list("user__name", "why")
    assert sorted(told) == [("何平", "冯玉没有确认已阅"), (technicians[1].name, "郑国没有确认已阅")]


def test_what_was_handed_over_is_pursued_with_the_successor(cast: Cast, sent: Send) -> None:
    number = sent(f"{DIRECTOR} remind='PT4H'")
    hand_over_copies(cast.user("technical_director").pk, cast.user("cashier").pk, actor=cast.actor("admin"))
    after(4)
    assert (reminders(cast), reminders(cast, "cashier")) == (0, 1)
    confirm_copies((INSTANCE, number), actor=cast.actor("cashier"))


def test_a_rule_names_only_roles_and_time_limits_that_are_there() -> None:
    xml = asking(f"{DIRECTOR} remind='limit:read' every='limit:soon' escalate='P1D' escalateTo='role:boss'")
    [rule] = parse_bpmn(xml).main.nodes["申请"].copies
    known = Known(roles={"technical_director"}, forms=(), limits={"read"}, scripts=(), notes=())
    assert list(missing_for_copy(rule, known)) == ["没有角色“boss”", "没有时限“soon”"]
