"""`bihuan setup`: a centre of one's own, and no second one by accident."""

from __future__ import annotations

import argparse

import pytest

from bihuan.accounts.models import User
from bihuan.cli import setting_up
from bihuan.org.access import load_actor
from bihuan.org.models import Position, Role, Site
from bihuan.processes.models import Definition
from bihuan.records.models import Customer, SlotCapacity

GOOD = "xueshan-48-gonglu"
GIVEN = {
    "--site": "QS",
    "--name": "青石汽车服务中心",
    "--phone": "08710000009",
    "--admin": "LuYao",
    "--admin-name": "路遥",
}
WORDS = tuple(word for pair in GIVEN.items() for word in pair)

pytestmark = pytest.mark.django_db


def call(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="bihuan")
    setting_up.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["setup", *words])
    return int(arguments.run(arguments))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting_up.PASSWORD, GOOD)


def nothing_is_there() -> bool:
    return not (User.objects.exists() or Site.objects.exists() or Role.objects.exists() or Definition.objects.exists())


def test_an_empty_system_becomes_a_centre_with_its_administrator(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*WORDS) == 0
    assert "青石汽车服务中心（QS）已建立" in capsys.readouterr().out
    site = Site.objects.get()
    assert (site.code, site.phone, site.timezone) == ("QS", "08710000009", "Asia/Shanghai")
    assert site.hours["sun"] == [["08:30", "17:30"]]
    admin = User.objects.get()
    assert (admin.username, admin.name, admin.is_demo) == ("luyao", "路遥", False)
    assert admin.check_password(GOOD)
    actor = load_actor(admin)
    assert actor.can("admin.people") and actor.can("import.run")
    assert not actor.has_role("site_manager")
    assert Definition.objects.filter(key="service_visit").exists()
    assert not Customer.objects.exists()
    slots = SlotCapacity.objects.at(site.pk)
    assert (slots.count(), {slot.capacity for slot in slots}) == (7 * 9, {3})
    assert max(slot.starts for slot in slots).isoformat() == "16:30:00"


def test_the_administrator_of_a_small_centre_may_be_its_manager_too() -> None:
    assert call(*WORDS, "--also-manager") == 0
    assert set(Position.objects.values_list("name", flat=True)) == {"系统管理员", "服务经理"}
    assert load_actor(User.objects.get()).can("complaint.handle")


def test_a_system_with_people_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    User.objects.create_user("someone", name="某人")
    assert call(*WORDS) == 1
    assert "已经有人员" in capsys.readouterr().err
    assert not Site.objects.exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--site": "青石"}, "门店代码由大写字母和数字组成"),
        ({"--timezone": "Mars/Olympus"}, "没有时区"),
        ({"--admin": "路 遥"}, "登录名由字母、数字"),
        ({"--admin-name": " "}, "请填写姓名"),
        ({"--places": "900"}, "容量"),
    ],
)
def test_a_wrong_word_stores_nothing_at_all(
    changed: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*(word for pair in (GIVEN | changed).items() for word in pair)) == 1
    assert message in capsys.readouterr().err
    assert nothing_is_there()


def test_a_weak_password_is_refused_before_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(setting_up.PASSWORD, "12345678")
    assert call(*WORDS) == 1
    assert "密码" in capsys.readouterr().err
    assert nothing_is_there()


def test_without_a_terminal_the_password_must_be_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(setting_up.PASSWORD)
    assert call(*WORDS) == 1
    assert setting_up.PASSWORD in capsys.readouterr().err


def test_the_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(setting_up.PASSWORD)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers = iter([GOOD, "something-else", GOOD, GOOD])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert call(*WORDS) == 1
    assert "两次输入的密码不一样" in capsys.readouterr().err
    assert call(*WORDS) == 0


def test_closing_before_opening_is_asked_wrongly() -> None:
    assert call(*WORDS, "--opens", "18:00") == 2
