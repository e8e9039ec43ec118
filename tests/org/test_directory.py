from __future__ import annotations

from typing import Any

import pytest

from bihuan.kernel.errors import NotAllowed
from bihuan.org.directory import colleagues_at, posts_at
from bihuan.org.people import deactivate_person
from tests.cast import NAMES, Cast


def test_a_sites_people_are_listed_with_their_posts(cast: Cast) -> None:
    listed = {colleague.name: colleague.positions for colleague in colleagues_at(cast.yl.pk, actor=cast.actor("admin"))}
    assert set(listed) == {name for _, name, code, _ in NAMES.values() if code == "YL"}
    assert listed["冯玉"] == ("收银员",)


@pytest.mark.parametrize("search", ["赵强", "zhaoq", "zq", "ZHAOQIANG", "13900000104", "zhao 104"])
def test_people_are_found_by_name_pinyin_login_or_phone(cast: Cast, search: str) -> None:
    found = colleagues_at(cast.yl.pk, actor=cast.actor("admin"), search=search)
    assert [colleague.name for colleague in found] == ["赵强"]


def test_who_left_is_listed_only_when_asked_for(cast: Cast) -> None:
    admin = cast.actor("admin")
    deactivate_person(cast.user("cashier").pk, reason="离职", actor=admin)
    assert not colleagues_at(cast.yl.pk, actor=admin, search="冯玉")
    (found,) = colleagues_at(cast.yl.pk, actor=admin, search="冯玉", include_inactive=True)
    assert (found.is_active, found.positions) == (False, ())


def test_posts_show_what_they_carry_and_who_holds_them(cast: Cast) -> None:
    posts = {post.name: post for post in posts_at(cast.yl.pk, actor=cast.actor("admin"))}
    assert (posts["维修技师"].roles, posts["维修技师"].holders) == (("维修技师",), ("赵强", "钱进"))
    assert posts["维修技师"].reach == "本单位"


@pytest.mark.parametrize("who", ["advisor", "site_manager", "other_admin"])
def test_others_do_not_read_the_list(cast: Cast, who: str) -> None:
    for read in (colleagues_at, posts_at):
        with pytest.raises(NotAllowed):
            read(cast.yl.pk, actor=cast.actor(who))


def test_lists_take_the_same_few_queries_whatever_their_length(cast: Cast, django_assert_max_num_queries: Any) -> None:
    admin = cast.actor("admin")
    with django_assert_max_num_queries(2):
        colleagues_at(cast.yl.pk, actor=admin)
    with django_assert_max_num_queries(3):
        posts_at(cast.yl.pk, actor=admin)
