from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.org.access import request_actor
from bihuan.org.models import Position
from bihuan.org.people import hire_person, unlock_person
from bihuan.org.sessions import choose_site, demo_people, demo_sign_in, sign_in, sign_out
from tests.cast import PASSWORD, Cast


def visit(**meta: Any) -> HttpRequest:
    request = RequestFactory().post("/sign-in", **meta)
    request.session = SessionStore()
    request.user = AnonymousUser()
    return request


@pytest.fixture
def cashier(cast: Cast) -> str:
    user = cast.user("cashier")
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return user.username


def test_the_right_password_opens_a_session_and_is_logged(cast: Cast, cashier: str) -> None:
    request = visit()
    actor = sign_in(request, username=f" {cashier} ", password=PASSWORD)
    assert actor.roles == {"cashier"}
    assert request_actor(request).user_id == actor.user_id
    entry = Entry.objects.filter(chain=f"user:{actor.user_id}").latest("seq")
    assert (entry.action, entry.actor_id, entry.site_id) == ("account.sign_in", actor.user_id, cast.yl.pk)


def test_a_wrong_name_and_a_wrong_password_look_alike(cashier: str) -> None:
    messages = set()
    for username, password in ((cashier, "wrong"), ("nobody", PASSWORD), (cashier, "")):
        with pytest.raises(BusinessError) as refusal:
            sign_in(visit(), username=username, password=password)
        messages.add(str(refusal.value))
    assert messages == {"登录名或密码不正确"}


def test_guessing_locks_even_the_right_password_out(cashier: str) -> None:
    for _ in range(20):
        with pytest.raises(BusinessError) as refusal:
            sign_in(visit(), username=cashier, password="wrong")
    assert "锁定" in str(refusal.value)
    with pytest.raises(BusinessError, match="锁定"):
        sign_in(visit(), username=cashier, password=PASSWORD)


def test_an_administrator_unlocks_and_the_right_password_works_again(cast: Cast, cashier: str) -> None:
    for _ in range(20):
        with pytest.raises(BusinessError):
            sign_in(visit(), username=cashier, password="wrong")
    with pytest.raises(NotAllowed):
        unlock_person(cast.user("cashier").pk, actor=cast.actor("site_manager"))
    unlock_person(cast.user("cashier").pk, actor=cast.actor("admin"))
    assert sign_in(visit(), username=cashier, password=PASSWORD)


@pytest.mark.parametrize("who", ["left", "without_position"])
def test_without_a_post_nobody_gets_in(cast: Cast, who: str) -> None:
    user = cast.user(who)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    request = visit()
    with pytest.raises(BusinessError):
        sign_in(request, username=user.username, password=PASSWORD)
    assert not request.session.keys()


def test_signing_out_is_logged_and_ends_the_session(cast: Cast, cashier: str) -> None:
    request = visit()
    actor = sign_in(request, username=cashier, password=PASSWORD)
    sign_out(request)
    with pytest.raises(NotAllowed):
        request_actor(request)
    assert Entry.objects.filter(chain=f"user:{actor.user_id}").latest("seq").action == "account.sign_out"
    sign_out(request)


def test_group_people_choose_the_site_they_work_at(cast: Cast) -> None:
    user = cast.user("group_manager")
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    request = visit()
    sign_in(request, username=user.username, password=PASSWORD)
    assert choose_site(request, site_id=cast.jw.pk).site_id == cast.jw.pk
    del request._bihuan_actor  # type: ignore[attr-defined]
    assert request_actor(request).site_id == cast.jw.pk
    with pytest.raises(NotAllowed):
        choose_site(request, site_id=999999)


@pytest.fixture
def demo_cashier(cast: Cast) -> int:
    post = Position.objects.get(site=cast.yl, name="收银员")
    return hire_person(
        site_id=cast.yl.pk, username="demo", name="演示", position_ids=(post.pk,), is_demo=True, actor=cast.system
    ).pk


def test_the_demo_offers_its_own_people_with_post_and_site(demo_cashier: int) -> None:
    (person,) = demo_people()
    assert (person.user_id, person.name, person.site_name) == (demo_cashier, "演示", "云岭汽车服务中心")
    assert (person.position, person.roles) == ("收银员", ("收银员",))


@override_settings(BIHUAN_DEMO=True, BIHUAN_DEMO_ALLOW_REMOTE=False)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_one_click_signs_in_on_this_machine_in_demo_mode(demo_cashier: int, address: str) -> None:
    request = visit(REMOTE_ADDR=address)
    assert demo_sign_in(request, user_id=demo_cashier).roles == {"cashier"}
    assert Entry.objects.filter(chain=f"user:{demo_cashier}").latest("seq").action == "account.demo_sign_in"


@pytest.mark.parametrize(
    ("demo", "meta"),
    [
        (False, {"REMOTE_ADDR": "127.0.0.1"}),
        (True, {"REMOTE_ADDR": "192.0.2.7"}),
        (True, {"REMOTE_ADDR": ""}),
        (True, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}),
        (True, {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"}),
    ],
)
def test_one_click_does_not_exist_elsewhere(demo_cashier: int, demo: bool, meta: dict[str, str]) -> None:
    request = visit(**meta)
    with override_settings(BIHUAN_DEMO=demo, BIHUAN_DEMO_ALLOW_REMOTE=False), pytest.raises(NotAllowed):
        demo_sign_in(request, user_id=demo_cashier)
    assert not request.session.keys()


@override_settings(BIHUAN_DEMO=True, BIHUAN_DEMO_ALLOW_REMOTE=True)
def test_the_named_override_lets_others_see_the_demo(demo_cashier: int) -> None:
    assert demo_sign_in(visit(REMOTE_ADDR="192.0.2.7"), user_id=demo_cashier)


@override_settings(BIHUAN_DEMO=True, BIHUAN_DEMO_ALLOW_REMOTE=False)
def test_real_people_are_never_offered_by_one_click(cast: Cast) -> None:
    with pytest.raises(NotFound):
        demo_sign_in(visit(REMOTE_ADDR="127.0.0.1"), user_id=cast.user("cashier").pk)
