from __future__ import annotations

import json
from typing import Any, ClassVar, NoReturn

from django.db import models

from bihuan.audit.canonical import GENESIS, canonical_json


class StoredJSONField(models.TextField):  # type: ignore[type-arg]
    """JSON kept as the exact text that was hashed; a database's own JSON type would respell numbers and order."""

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        if value is None:
            return None
        try:
            return json.loads(value)
        except ValueError:
            # A tampered row must still load, or verify() could not report it.
            return {"unreadable": value}

    def get_prep_value(self, value: Any) -> Any:
        return canonical_json(value)

    def to_python(self, value: Any) -> Any:
        return value


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reading only: what is logged is never changed and never removed."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("audit entries are never changed")

    def delete(self) -> NoReturn:
        raise TypeError("audit entries are never removed")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("audit entries are never changed")


class Entry(models.Model):
    """One thing somebody did, in the chain of the thing it was done to (`case:12`, `customer:3`, `site:1`).

    `actor_id` is empty for what the system did by itself. `site_id` and `actor_id` are plain numbers, not keys: the
    log outlives what it tells about. Rows are written by `audit.record` and `audit.append_row` only.
    """

    chain = models.CharField("链", max_length=80)
    seq = models.PositiveIntegerField("序号")
    at = models.DateTimeField("时间")
    actor_id = models.BigIntegerField("操作人", null=True)
    action = models.CharField("操作", max_length=80)
    site_id = models.BigIntegerField("门店", null=True)
    data = StoredJSONField("内容")
    prev_hash = models.CharField("前一条的散列", max_length=64, default=GENESIS)
    hash = models.CharField("散列", max_length=64)

    objects: ClassVar[models.Manager[Entry]] = models.Manager.from_queryset(EntryQuerySet)()

    class Meta:
        verbose_name = "审计记录"
        verbose_name_plural = "审计记录"
        constraints = (models.UniqueConstraint(fields=["chain", "seq"], name="audit_entry_chain_seq"),)
        indexes = (
            models.Index(fields=["site_id", "-at"], name="audit_entry_site_at"),
            models.Index(fields=["actor_id", "-at"], name="audit_entry_actor_at"),
        )

    def __str__(self) -> str:
        return f"{self.chain}#{self.seq} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("audit entries are written by audit.record")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("audit entries are never removed")


class Archive(models.Model):
    """A file of entries taken out of the log (`name` in the archive folder), with what belongs to them."""

    name = models.CharField("文件", max_length=80, unique=True)
    sha256 = models.CharField("摘要", max_length=64)
    size = models.PositiveBigIntegerField("字节")
    entries = models.PositiveIntegerField("记录数")
    chains = models.PositiveIntegerField("链数")
    made_at = models.DateTimeField("归档时间")

    objects: ClassVar[models.Manager[Archive]] = models.Manager()

    class Meta:
        verbose_name = "档案"
        verbose_name_plural = "档案"

    def __str__(self) -> str:
        return self.name


class Segment(models.Model):
    """Which stretch of a chain an archive holds, and the hashes at both its ends."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="segments")
    chain = models.CharField("链", max_length=80)
    first_seq = models.PositiveIntegerField("从")
    last_seq = models.PositiveIntegerField("到")
    prev_hash = models.CharField("之前的散列", max_length=64)
    last_hash = models.CharField("最后的散列", max_length=64)

    objects: ClassVar[models.Manager[Segment]] = models.Manager()

    class Meta:
        verbose_name = "归档段"
        verbose_name_plural = "归档段"
        constraints = (models.UniqueConstraint(fields=["chain", "last_seq"], name="audit_segment_chain"),)

    def __str__(self) -> str:
        return f"{self.chain} {self.first_seq}-{self.last_seq}"
