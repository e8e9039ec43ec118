"""Signing in: by password with lock-out, by one click in the demo only, and never away to another host."""

from __future__ import annotations

import pytest
from django.test import Client

from bihuan.org.people import deactivate_person
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db
SIGN_IN = "/sign-in"


@pytest.fixture
def advisor_with_password(cast: Cast) -> Cast:
    user = cast.user("advisor")
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    return cast


def test_a_person_signs_in_and_comes_back_to_the_page_asked_for(advisor_with_password: Cast, client: Client) -> None:
    answer = client.get("/notices")
    assert answer.headers["Location"] == "/sign-in?next=%2Fnotices"
    data = {"username": " lixiao ", "password": PASSWORD, "next": "/notices"}
    assert client.post(SIGN_IN, data).headers["Location"] == "/notices"
    assert "李晓" in client.get("/notices").content.decode()


def test_a_wrong_password_keeps_the_name_and_says_no_more_than_needed(
    advisor_with_password: Cast, client: Client
) -> None:
    answer = client.post(SIGN_IN, {"username": "lixiao", "password": "wrong"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "登录名或密码不正确" in text
    assert 'value="lixiao"' in text
    assert "wrong" not in text
    assert "登录名或密码不正确" in client.post(SIGN_IN, {"username": "nobody", "password": "wrong"}).content.decode()


def test_too_many_wrong_passwords_lock_the_account_for_a_while(advisor_with_password: Cast, client: Client) -> None:
    for _ in range(6):
        answer = client.post(SIGN_IN, {"username": "lixiao", "password": "wrong"})
    assert answer.status_code == 429
    assert "锁定" in answer.content.decode()
    assert client.post(SIGN_IN, {"username": "lixiao", "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_crafted_link_cannot_send_a_person_elsewhere(
    advisor_with_password: Cast, client: Client, target: str
) -> None:
    answer = client.post(SIGN_IN, {"username": "lixiao", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


@pytest.mark.covers("AUTO-33")
def test_the_demo_shows_every_role_and_signs_in_by_one_click(cast: Cast, client: Client) -> None:
    for user in cast.users.values():
        user.is_demo = True
        user.save(update_fields=["is_demo"])
    text = client.get(SIGN_IN).content.decode()
    for role in (
        "客服专员",
        "服务顾问",
        "前台值班员",
        "维修技师",
        "车间主管",
        "配件员",
        "技术总监",
        "收银员",
        "保安/值班员",
    ):
        assert f'<span class="demo-role">{role}</span>' in text
    answer = client.post("/sign-in/demo", {"person": cast.user("guard").pk})
    assert answer.status_code == 302
    assert "陈安" in client.get("/notices").content.decode()


def test_there_is_no_one_click_sign_in_outside_the_demo(cast: Cast, client: Client, settings: object) -> None:
    settings.BIHUAN_DEMO = False  # type: ignore[attr-defined]
    cast.user("guard").is_demo = True
    cast.user("guard").save(update_fields=["is_demo"])
    assert "demo-card" not in client.get(SIGN_IN).content.decode()
    assert client.post("/sign-in/demo", {"person": cast.user("guard").pk}).status_code == 403
    assert client.get("/notices").status_code == 302


@pytest.mark.parametrize("person", ["", "abc", "-1", "9" * 40, "999999"])
def test_the_demo_signs_in_nobody_who_is_not_there(cast: Cast, client: Client, person: str) -> None:
    assert client.post("/sign-in/demo", {"person": person}).status_code == 403


def test_a_leaver_cannot_stay_signed_in(cast: Cast, client: Client) -> None:
    client.force_login(cast.user("cashier"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/notices").status_code == 200
    deactivate_person(cast.user("cashier").pk, actor=cast.actor("admin"), reason="离职")
    assert client.get("/notices").status_code == 302


def test_signing_out_ends_the_session(cast: Cast, client: Client) -> None:
    client.force_login(cast.user("cashier"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/sign-out").status_code == 405
    client.post("/sign-out")
    assert client.get("/notices").status_code == 302
