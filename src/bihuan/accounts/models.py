from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from bihuan.kernel import clock
from bihuan.kernel.pinyin import spell


class UserManager(BaseUserManager["User"]):
    """Creates users with a hashed password, or an unusable one when none is given."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        name = fields.get("name", "")
        fields.setdefault("pinyin", " ".join(spell(name)))
        user = User(username=username, **fields)
        if password is None:
            user.set_unusable_password()
        else:
            user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who can sign in: an employee of one of the sites, or of the group above them.

    Rights come only from the positions a person holds (org); nothing here makes anybody more powerful.
    """

    username = models.CharField("登录名", max_length=64, unique=True)
    name = models.CharField("姓名", max_length=64)
    pinyin = models.CharField("拼音", max_length=160, blank=True, help_text="全拼和首字母，用于检索")
    phone = models.CharField("电话", max_length=32, blank=True)
    is_active = models.BooleanField("在职", default=True)
    is_demo = models.BooleanField("演示人员", default=False)
    created_at = models.DateTimeField("建立时间", default=clock.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = "人员"
        verbose_name_plural = "人员"
        indexes = (models.Index(fields=["name"], name="accounts_user_name"),)

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name
