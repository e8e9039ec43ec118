"""From a notice to what receivers get: planning, quiet hours, digests, retries, and senders that die."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.notify import outbox
from bihuan.notify.channels.transport import Outgoing, TransportError
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Channel, Contact, Message, Notice
from bihuan.notify.notices import notify_role
from bihuan.notify.outbox import MAX_ATTEMPTS, revive, send_due, take_next, wait_after
from bihuan.notify.planning import plan_notices
from bihuan.notify.templates import use_templates_from
from bihuan.operations.rules import notice_wording
from tests.cast import Cast
from tests.notify.receivers import HttpReceiver, MailReceiver
from tests.notify.sending import go, mail_at, recorder, tell, webhook_at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_telling_costs_the_step_two_statements_whatever_is_connected(
    cast: Cast, receiver: HttpReceiver, django_assert_max_num_queries: Callable[[int], transaction.Atomic]
) -> None:
    webhook_at(cast.yl, receiver)
    with django_assert_max_num_queries(2):
        tell(cast, "advisor", "technician", urgent=True)


def test_a_group_gets_one_message_for_all_who_are_told(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    tell(cast, "advisor", "technician")
    go()
    go()
    assert [request.json["told"] for request in receiver.requests] == [
        [{"username": "lixiao", "name": "李晓"}, {"username": "zhaoqiang", "name": "赵强"}]
    ]
    assert Message.objects.get().status == "delivered"


def test_a_notice_of_a_step_that_fails_goes_nowhere(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    with pytest.raises(RuntimeError), transaction.atomic():
        tell(cast, "advisor")
        raise RuntimeError
    go()
    assert receiver.requests == []


def test_a_channel_serves_its_site_and_those_below_and_no_other(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.jw, receiver)
    tell(cast, "advisor")
    go()
    assert receiver.requests == []
    webhook_at(cast.group, receiver)
    tell(cast, "advisor")
    go()
    assert len(receiver.requests) == 1


def test_a_group_hears_only_its_kinds_its_roles_and_what_is_urgent(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver, kinds=["breach"], roles=["technician"], only_urgent=True)
    tell(cast, "advisor", "technician", kind=NoticeKind.TASK, urgent=True)
    tell(cast, "advisor", urgent=True)
    tell(cast, "technician")
    go()
    assert receiver.requests == []
    tell(cast, "advisor", "technician", urgent=True)
    go()
    assert [person["name"] for person in receiver.requests[0].json["told"]] == ["赵强"]


def test_a_receiver_that_fails_first_gets_it_later_under_the_same_number(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    receiver.answers = [(500, b"", {}), (503, b"", {}), (200, b"", {})]
    tell(cast, "advisor")
    go()
    held = Message.objects.get()
    assert (held.status, held.attempts, held.last_error) == ("waiting", 1, "对方拒收（500）")
    send_due()
    assert len(receiver.requests) == 1
    for attempt in (1, 2):
        clock.move(clock.now() + wait_after(attempt))
        send_due()
    held.refresh_from_db()
    assert (held.status, held.attempts, held.last_error) == ("delivered", 3, "")
    assert {request.headers["webhook-id"] for request in receiver.requests} == {held.uid}


def test_what_is_never_taken_is_given_up_and_can_be_sent_again(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    receiver.will_answer({}, status=500)
    tell(cast, "advisor")
    plan_notices(clock.now())
    while Message.objects.filter(status="waiting").exists():
        send_due()
        clock.move(clock.now() + timedelta(hours=1))
    assert len(receiver.requests) == MAX_ATTEMPTS
    receiver.will_answer({})
    held = Message.objects.get()
    assert revive([held.pk, 999]) == 1
    go()
    held.refresh_from_db()
    assert held.status == "delivered"


def test_a_final_refusal_is_not_repeated(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    receiver.will_answer({}, status=404)
    tell(cast, "advisor")
    go()
    held = Message.objects.get()
    assert (held.status, held.last_error) == ("failed", "对方拒收（404）")


def test_whoever_looks_after_the_channel_is_told_once_a_day_that_something_failed(
    cast: Cast, receiver: HttpReceiver
) -> None:
    webhook_at(cast.yl, receiver)
    receiver.will_answer({}, status=404)
    for _ in range(3):
        tell(cast, "advisor")
        go()
    told = Notice.objects.filter(title="有通知没有送达：值班平台")
    assert {notice.user for notice in told} == {cast.user("admin"), cast.user("group_admin")}
    clock.move(clock.now() + timedelta(days=1))
    tell(cast, "advisor")
    go()
    assert told.all().count() == 4


def test_a_channel_that_cannot_be_reached_rests_and_holds_up_no_other(cast: Cast, receiver: HttpReceiver) -> None:
    dead = webhook_at(cast.yl, receiver)
    Channel.objects.filter(pk=dead.pk).update(settings={"url": "http://127.0.0.1:1"})
    webhook_at(cast.yl, receiver)
    for _ in range(3):
        tell(cast, "advisor")
    go()
    assert len(receiver.requests) == 3
    assert sorted(Message.objects.filter(channel=dead).values_list("attempts", flat=True)) == [0, 0, 1]


def test_a_sender_that_dies_neither_loses_nor_changes_the_number(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    tell(cast, "advisor")
    plan_notices(clock.now())
    held = take_next(clock.now())
    assert held is not None and take_next(clock.now()) is None
    # It sent the message and was killed before it could say so.
    message = outbox.compose(held)
    assert message is not None
    outbox.send_through(held.channel, message)
    clock.move(clock.now() + outbox.LEASE)
    go()
    assert [request.headers["webhook-id"] for request in receiver.requests] == [held.uid, held.uid]
    assert Message.objects.get().status == "delivered"


def test_a_late_sender_does_not_overwrite_what_another_has_done(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    tell(cast, "advisor")
    plan_notices(clock.now())

    def slow(channel: Channel, message: Outgoing) -> str:
        clock.move(clock.now() + outbox.LEASE)
        go()
        raise TransportError("too late", permanent=True)

    send_due(send=slow, limit=1)
    assert Message.objects.get().status == "delivered"


def test_planning_again_after_a_crash_makes_no_second_message(
    cast: Cast, receiver: HttpReceiver, mailbox: MailReceiver, with_mail: None
) -> None:
    webhook_at(cast.yl, receiver)
    mail_at(cast.yl, mailbox)
    tell(cast, "advisor")
    tell(cast, "advisor", kind=NoticeKind.CASE)
    plan_notices(clock.now())
    before = set(Message.objects.values_list("uid", "notices"))
    Notice.objects.update(planned_at=None)
    plan_notices(clock.now())
    assert set(Message.objects.values_list("uid", "notices")) == before


def test_telling_the_same_key_again_tells_nothing(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    for _ in range(2):
        tell(cast, "advisor", key="clock 7 breach")
        go()
    tell(cast, "advisor", "technician", key="clock 7 breach")
    go()
    told = [[person["name"] for person in request.json["told"]] for request in receiver.requests]
    assert told == [["李晓"], ["赵强"]]


def test_a_template_words_the_bell_and_each_channel(cast: Cast, receiver: HttpReceiver) -> None:
    words = '''title = "缺件：{单号}"
body = "{内容}（{配件}）"
[sms]
body = "{单号} 缺件 {没有这个词}"'''
    got, keep = recorder()
    Channel.objects.create(site=cast.yl, kind="sms", name="短信")
    webhook_at(cast.yl, receiver)
    use_templates_from(lambda key: ("digest", words) if key == "part_short" else None)
    try:
        tell(cast, "advisor", urgent=True, template="part_short", words={"单号": "D-1", "配件": "{单号}"})
        plan_notices(clock.now())
        send_due(send=keep)
    finally:
        use_templates_from(notice_wording)
    notice = Notice.objects.get()
    assert (notice.title, notice.body) == ("缺件：D-1", "示A12345（{单号}）")
    assert {message.body for message in got} == {"示A12345（{单号}）", "D-1 缺件 "}


def test_a_person_who_took_back_the_address_is_shown_as_not_reached(cast: Cast, with_mail: None) -> None:
    Channel.objects.create(site=cast.yl, kind="mail", name="邮件")
    tell(cast, "advisor")
    plan_notices(clock.now())
    Contact.objects.update(mail="")
    send_due(send=recorder()[1])
    assert (Message.objects.get().status, Message.objects.get().last_error) == ("failed", "已没有收件地址")


def test_whoever_has_left_is_not_written_to_and_not_mentioned(
    cast: Cast, mailbox: MailReceiver, with_mail: None
) -> None:
    mail_at(cast.yl, mailbox)
    got, keep = recorder()
    Channel.objects.create(site=cast.yl, kind="dingtalk", name="车间群")
    tell(cast, "advisor", "technician")
    plan_notices(clock.now())
    User.objects.filter(pk=cast.user("advisor").pk).update(is_active=False)
    send_due(send=keep)
    assert {message.address for message in got} == {"technician@yl.example", ""}
    group = next(message for message in got if message.mentions)
    assert [person.phone for person in group.mentions] == ["", cast.user("technician").phone]


def test_a_fault_in_one_message_does_not_stop_the_others(cast: Cast, receiver: HttpReceiver) -> None:
    webhook_at(cast.yl, receiver)
    for title in ("一", "二"):
        tell(cast, "advisor", title=title)
    plan_notices(clock.now())

    def stumble(channel: Channel, message: Outgoing) -> str:
        if message.title == "一":
            raise ZeroDivisionError
        return "ok"

    assert send_due(send=stumble).delivered == 1
    assert Message.objects.get(status="waiting").last_error == "系统内部错误，详情见系统日志"


def test_without_channels_notices_stay_inside_and_nothing_piles_up(cast: Cast) -> None:
    notify_role("technician", cast.yl.pk, "开会")
    assert plan_notices(clock.now()) == 2
    assert plan_notices(clock.now()) == 0
    assert not Message.objects.exists()


def test_many_notices_are_planned_with_few_statements(
    cast: Cast,
    receiver: HttpReceiver,
    with_mail: None,
    django_assert_max_num_queries: Callable[[int], transaction.Atomic],
) -> None:
    webhook_at(cast.yl, receiver)
    Channel.objects.create(site=cast.yl, kind="mail", name="邮件")
    for _ in range(30):
        tell(cast, "advisor", "technician", "site_manager")
    with django_assert_max_num_queries(20):
        plan_notices(clock.now())
    assert Message.objects.count() == 30 + 90
