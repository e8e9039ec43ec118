"""Whom the organisation serves: customers and the people to speak to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from bihuan.records.search_keys import digits, mirrored, pinyin_of


class CustomerKind(models.TextChoices):
    """A private person or a company."""

    PERSON = "person", "个人"
    COMPANY = "company", "单位"


class Customer(models.Model):
    """A person or company that is served. Belongs to the whole organisation: a car may visit two sites.

    The phone number is the key by which the counter knows the customer; two customers never share one.
    `pinyin`, `initials` and `phone_mirrored` are search keys derived from name and phone.
    """

    name = models.CharField("姓名", max_length=80, db_index=True)
    kind = models.CharField("类别", max_length=10, choices=CustomerKind, default=CustomerKind.PERSON)
    salutation = models.CharField(
        "称谓", max_length=4, blank=True, default="", choices=[("先生", "先生"), ("女士", "女士")]
    )
    phone = models.CharField("电话", max_length=20, unique=True)
    phone_mirrored = models.CharField(max_length=20, db_index=True, editable=False)
    pinyin = models.CharField(max_length=120, blank=True, default="", db_index=True, editable=False)
    initials = models.CharField(max_length=40, blank=True, default="", db_index=True, editable=False)
    mail = models.EmailField("邮箱", max_length=160, blank=True, default="")
    address = models.CharField("地址", max_length=200, blank=True, default="")
    note = models.TextField("备注", blank=True, default="")
    advisor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="专属顾问"
    )
    contact_not_before = models.DateField("此日期前不主动联系", null=True, blank=True)
    created_at = models.DateTimeField("建档时间", null=True, blank=True)
    updated_at = models.DateTimeField("更新时间", null=True, blank=True)

    class Meta:
        verbose_name = "客户"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~models.Q(name=""), name="customer_has_name"),
            models.CheckConstraint(condition=~models.Q(phone=""), name="customer_has_phone"),
            models.CheckConstraint(condition=models.Q(kind__in=["person", "company"]), name="customer_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def called(self) -> str:
        """How the customer is addressed: surname and salutation (张先生), or the whole name when unknown."""
        if self.kind == CustomerKind.PERSON and self.salutation:
            return f"{surname(self.name)}{self.salutation}"
        return self.name

    def fill_keys(self) -> None:
        """Derive the search keys from name and phone; called before every insert, and by whoever changes either."""
        self.pinyin, self.initials = pinyin_of(self.name)
        self.phone_mirrored = mirrored(digits(self.phone))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert with search keys filled; existing rows are changed by column in the use cases."""
        if self._state.adding:
            self.fill_keys()
        super().save(*args, **kwargs)


class Contact(models.Model):
    """A person to speak to for a customer, such as the driver of a company car."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField("姓名", max_length=80)
    phone = models.CharField("电话", max_length=20)
    phone_mirrored = models.CharField(max_length=20, db_index=True, editable=False)
    relation = models.CharField("关系", max_length=40, blank=True, default="")

    class Meta:
        verbose_name = "联系人"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["customer", "phone"], name="contact_once_per_customer")
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert with the phone's search key filled."""
        if self._state.adding:
            self.phone_mirrored = mirrored(digits(self.phone))
        super().save(*args, **kwargs)


_TWO_CHARACTER_SURNAMES = frozenset(
    ["欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "宇文", "司徒", "夏侯",
     "万俟", "单于", "端木", "南宫", "西门", "轩辕"]
)  # fmt: skip


def surname(name: str) -> str:
    """The surname of a Chinese name (欧阳 counts as one); the first word of any other name."""
    if name[:2] in _TWO_CHARACTER_SURNAMES and len(name) > 2:
        return name[:2]
    if name.isascii():
        return name.split(" ", maxsplit=1)[0]
    return name[:1]
