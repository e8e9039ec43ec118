from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.notify.bell import bell_of
from bihuan.notify.models import Notice
from bihuan.notify.notices import mark_all_read, mark_read, notices_of, notify_people, notify_role
from bihuan.records.copies import unread_copies
from tests.cast import Cast


def pk(cast: Cast, who: str) -> int:
    return cast.user(who).pk


def unread(cast: Cast, who: str) -> int:
    return bell_of(pk(cast, who), unread_copies(pk(cast, who))).unread


def test_each_person_is_told_once_and_who_left_is_not(cast: Cast) -> None:
    people = [pk(cast, "advisor"), pk(cast, "advisor"), pk(cast, "cashier"), pk(cast, "left"), 999999]
    assert notify_people(people, "新任务", "请接车", "/tasks/1") == 2
    assert {notice.user_id for notice in Notice.objects.all()} == {pk(cast, "advisor"), pk(cast, "cashier")}


def test_a_role_is_told_at_its_site_with_those_who_reach_it(cast: Cast) -> None:
    assert notify_role("site_manager", cast.yl.pk, "超时") == 2
    told = set(Notice.objects.values_list("user_id", flat=True))
    assert told == {pk(cast, "site_manager"), pk(cast, "group_manager")}


def test_a_role_is_told_except_who_raised_it(cast: Cast) -> None:
    assert notify_role("technician", cast.yl.pk, "需要支援", besides=[pk(cast, "technician")]) == 1
    assert Notice.objects.get().user == cast.user("second_technician")


def test_a_notice_that_fails_with_its_cause_is_never_seen(cast: Cast) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        notify_people([pk(cast, "advisor")], "新任务")
        raise RuntimeError
    assert unread(cast, "advisor") == 0


@pytest.mark.parametrize("url", ["https://evil.example", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_a_notice_never_leads_outside(cast: Cast, url: str) -> None:
    with pytest.raises(ValueError, match="inside"):
        notify_people([pk(cast, "advisor")], "x", url=url)


def test_a_long_title_is_cut_not_refused(cast: Cast) -> None:
    notify_people([pk(cast, "advisor")], "超" * 500)
    assert len(Notice.objects.get().title) == 120


def test_reading_counts_once_and_only_for_oneself(cast: Cast) -> None:
    notify_people([pk(cast, "advisor"), pk(cast, "cashier")], "新任务")
    mine = notices_of(actor=cast.actor("advisor")).get()
    with pytest.raises(NotFound):
        mark_read(mine.pk, actor=cast.actor("cashier"))
    first = mark_read(mine.pk, actor=cast.actor("advisor")).read_at
    assert first is not None
    with clock.frozen(first + timedelta(hours=1)):
        assert mark_read(mine.pk, actor=cast.actor("advisor")).read_at == first
    assert (unread(cast, "advisor"), unread(cast, "cashier")) == (0, 1)


def test_all_of_ones_own_are_read_at_once(cast: Cast) -> None:
    for _ in range(3):
        notify_people([pk(cast, "advisor"), pk(cast, "cashier")], "新任务")
    assert mark_all_read(actor=cast.actor("advisor")) == 3
    assert mark_all_read(actor=cast.actor("advisor")) == 0
    assert unread(cast, "cashier") == 3


def test_the_newest_comes_first(cast: Cast) -> None:
    for title in ("一", "二"):
        notify_people([pk(cast, "advisor")], title)
    actor = cast.actor("advisor")
    assert [notice.title for notice in notices_of(actor=actor)] == ["二", "一"]
    mark_read(notices_of(actor=actor)[0].pk, actor=actor)
    assert [notice.title for notice in notices_of(actor=actor, unread_only=True)] == ["一"]


def test_telling_many_takes_as_few_queries_as_telling_one(cast: Cast, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(2):
        notify_people([user.pk for user in cast.users.values()], "全员通知")


def test_the_system_has_no_notices(cast: Cast) -> None:
    notify_people([pk(cast, "advisor")], "x")
    assert not notices_of(actor=cast.system).exists()
