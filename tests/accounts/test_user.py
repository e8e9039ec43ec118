from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError

from bihuan.accounts.models import User


def test_a_user_is_found_by_pinyin_of_the_name(db: None) -> None:
    user = User.objects.create_user("zhangsan", name="张三")
    assert user.pinyin == "zhangsan zs"
    assert str(user) == user.get_full_name() == user.get_short_name() == "张三"


def test_a_password_is_kept_as_a_hash_only(db: None) -> None:
    user = User.objects.create_user("zhangsan", "correct-horse-48-battery", name="张三")
    assert "correct-horse" not in user.password
    assert user.check_password("correct-horse-48-battery")


def test_without_a_password_nobody_gets_in(db: None) -> None:
    user = User.objects.create_user("zhangsan", name="张三")
    assert not user.has_usable_password()
    for guess in ("", "!", user.password):
        assert not user.check_password(guess)


def test_a_login_name_belongs_to_one_person(db: None) -> None:
    User.objects.create_user("zhangsan", name="张三")
    with pytest.raises(IntegrityError):
        User.objects.create_user("zhangsan", name="张珊")


def test_somebody_who_left_is_not_let_in_with_the_right_password(db: None, rf: object) -> None:
    user = User.objects.create_user("zhangsan", "correct-horse-48-battery", name="张三")
    User.objects.filter(pk=user.pk).update(is_active=False)
    request = rf.post("/sign-in")  # type: ignore[attr-defined]
    assert authenticate(request, username="zhangsan", password="correct-horse-48-battery") is None


def test_a_user_has_no_power_of_their_own() -> None:
    fields = {field.name for field in User._meta.get_fields()}
    assert fields.isdisjoint({"is_staff", "is_superuser", "groups", "user_permissions"})
