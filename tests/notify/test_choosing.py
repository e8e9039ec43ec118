"""What people choose: which kind by which channel, quiet hours, digests."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from bihuan.kernel import clock
from bihuan.notify.kinds import Medium, NoticeKind, When
from bihuan.notify.models import Channel, Contact, Preference
from bihuan.notify.outbox import send_due
from bihuan.notify.planning import plan_notices
from tests.cast import Cast
from tests.notify.receivers import MailReceiver
from tests.notify.sending import at, go, mail_at, recorder, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_mail_reaches_each_person_at_the_address_they_gave(cast: Cast, mailbox: MailReceiver, with_mail: None) -> None:
    mail_at(cast.yl, mailbox)
    tell(cast, "advisor", "technician", "cashier")
    go()
    assert sorted(recipient for recipient, _ in mailbox.mails) == ["advisor@yl.example", "technician@yl.example"]


def test_people_choose_per_kind_and_channel(cast: Cast, mailbox: MailReceiver, with_mail: None) -> None:
    mail_at(cast.yl, mailbox)
    for who, when in (("advisor", When.OFF), ("technician", When.URGENT)):
        Preference.objects.create(user=cast.user(who), kind=NoticeKind.BREACH, medium=Medium.MAIL, when=when)
    tell(cast, "advisor", "technician")
    tell(cast, "advisor", "technician", urgent=True)
    go()
    assert [recipient for recipient, _ in mailbox.mails] == ["technician@yl.example"]


def test_quiet_hours_hold_back_until_morning_in_the_zone_of_the_site(
    cast: Cast, mailbox: MailReceiver, with_mail: None
) -> None:
    mail_at(cast.yl, mailbox)
    clock.move(at(23, 30))
    tell(cast, "advisor", title="夜里一")
    go()
    tell(cast, "advisor", title="夜里二")
    go()
    clock.move(at(6, 59, day=25))
    go()
    assert mailbox.mails == []
    clock.move(at(7, 0, day=25))
    go()
    ((_, mail),) = mailbox.mails
    assert mail["Subject"] == "通知汇总：2 条"
    body = mail.get_body(("plain",))
    assert body is not None and "11-24 23:30 夜里一（示A12345）" in body.get_content()


def test_what_is_urgent_wakes_people(cast: Cast, mailbox: MailReceiver, with_mail: None) -> None:
    mail_at(cast.yl, mailbox)
    clock.move(at(2))
    tell(cast, "advisor", urgent=True)
    go()
    assert [mail["Subject"] for _, mail in mailbox.mails] == ["【紧急】超时"]


@pytest.mark.parametrize(
    ("start", "end", "moment", "quiet"),
    [
        (time(12), time(13, 30), at(12, 0), True),
        (time(12), time(13, 30), at(13, 30), False),
        (time(22), time(7), at(21, 59), False),
        (time(22), time(7), at(0, 0), True),
        (time(8), time(8), at(8), False),
        (None, None, at(3), False),
    ],
)
def test_quiet_hours_begin_and_end_to_the_minute(
    cast: Cast, with_mail: None, start: time | None, end: time | None, moment: datetime, quiet: bool
) -> None:
    got, keep = recorder()
    Channel.objects.create(site=cast.yl, kind="mail", name="邮件")
    Contact.objects.filter(user=cast.user("advisor")).update(quiet_from=start, quiet_until=end)
    clock.move(moment)
    tell(cast, "advisor")
    plan_notices(moment)
    send_due(send=keep)
    assert bool(got) is not quiet


def test_a_digest_collects_to_the_chosen_time_and_begins_anew(
    cast: Cast, mailbox: MailReceiver, with_mail: None
) -> None:
    mail_at(cast.yl, mailbox)
    Contact.objects.filter(user=cast.user("advisor")).update(digest_at=time(18, 0))
    for title in ("甲", "乙", "丙"):
        tell(cast, "advisor", kind=NoticeKind.CASE, title=title)
        go()
    assert mailbox.mails == []
    clock.move(at(18))
    go()
    tell(cast, "advisor", kind=NoticeKind.CASE, title="丁")
    go()
    assert [mail["Subject"] for _, mail in mailbox.mails] == ["通知汇总：3 条"]
    clock.move(at(18, day=25))
    go()
    assert [mail["Subject"] for _, mail in mailbox.mails] == ["通知汇总：3 条", "丁"]


def test_a_digest_that_has_left_takes_nothing_more(cast: Cast, with_mail: None) -> None:
    """The planner saw the digest's moment still to come, but a sender took it before the planner wrote."""
    got, keep = recorder()
    Channel.objects.create(site=cast.yl, kind="mail", name="邮件")
    tell(cast, "advisor", kind=NoticeKind.CASE, title="甲")
    plan_notices(clock.now())
    tell(cast, "advisor", kind=NoticeKind.CASE, title="乙")
    send_due(at(8, day=25), send=keep)
    plan_notices(clock.now())
    send_due(at(8, day=26), send=keep)
    assert [message.title for message in got] == ["甲", "乙"]
