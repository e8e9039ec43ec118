"""Old notices leave the tables, what still matters stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.models import Message, Notice
from bihuan.notify.notices import About, notify_people
from bihuan.notify.planning import plan_notices
from bihuan.notify.retention import prune_notices, retain_days, set_notice_retention
from tests.cast import Cast
from tests.notify.receivers import MailReceiver
from tests.notify.sending import at, go, mail_at, tell

pytestmark = pytest.mark.django_db


def left() -> list[str]:
    return sorted(Notice.objects.values_list("title", flat=True))


@pytest.mark.usefixtures("with_mail")
def test_what_nobody_needs_any_more_goes_and_the_rest_stays(cast: Cast, mailbox: MailReceiver) -> None:
    with clock.frozen(at(9)):
        tell(cast, "guard", kind=NoticeKind.TASK, title="没看过的待办")
        tell(cast, "guard", title="没看过的超时")
        tell(cast, "cashier", title="看过的超时")
        tell(cast, "cashier", kind=NoticeKind.TASK, urgent=True, title="没看过的紧急")
        mail_at(cast.yl, mailbox)
        plan_notices(clock.now())
        Notice.objects.filter(title="看过的超时").update(read_at=clock.now())
        tell(cast, "advisor", title="单据的送达证明")
        notify_people(
            [cast.user("technician").pk], "与单据无关的邮件", about=About(NoticeKind.DUTY, site_id=cast.yl.pk)
        )
        go()
    with clock.frozen(at(9) + timedelta(days=366)):
        tell(cast, "guard", kind=NoticeKind.TASK, title="新的待办")
        pruned = prune_notices()
    assert (pruned.notices, pruned.messages) == (3, 1)
    assert left() == ["单据的送达证明", "新的待办", "没看过的紧急", "没看过的超时"]
    assert Message.objects.count() == 1


def test_it_goes_in_windows_and_stops_where_nothing_is_old(cast: Cast) -> None:
    with clock.frozen(at(9)):
        for number in range(5):
            tell(cast, "guard", kind=NoticeKind.TASK, title=f"旧 {number}")
        plan_notices(clock.now())
    with clock.frozen(at(9) + timedelta(days=366)):
        tell(cast, "guard", kind=NoticeKind.TASK, title="新")
        upto = 0
        counts: list[int] = []
        while (pruned := prune_notices(after=upto, window=2)).upto is not None:
            upto, counts = pruned.upto, [*counts, pruned.notices]
    assert (counts, left()) == ([2, 2, 1], ["新"])


def test_the_policy_is_the_groups_and_may_be_for_ever(cast: Cast) -> None:
    with clock.frozen(at(9)):
        tell(cast, "guard", kind=NoticeKind.TASK, title="旧")
        plan_notices(clock.now())
    with pytest.raises(NotAllowed):
        set_notice_retention(60, actor=cast.actor("admin"))
    with pytest.raises(BusinessError, match="30 到 36500"):
        set_notice_retention(7, actor=cast.actor("group_admin"))
    set_notice_retention(None, actor=cast.actor("group_admin"))
    assert retain_days() is None
    assert prune_notices(at(9) + timedelta(days=5000)).notices == 0
    set_notice_retention(30, actor=cast.actor("group_admin"))
    assert prune_notices(at(9) + timedelta(days=31)).notices == 1
