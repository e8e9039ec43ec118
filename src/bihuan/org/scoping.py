"""Rows of a site are read only through a scope, so that forgetting one fails instead of leaking."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from bihuan.org.actor import Actor

M = TypeVar("M", bound=models.Model)


class ScopeMissing(RuntimeError):
    """A query for rows of a site that does not say whose: a fault in our code, never shown to a person."""


class ScopedManager(models.Manager[M]):
    """The `objects` of a model whose rows belong to a site.

    `site_lookup` is the path to the site's id ("site_id", "case__site_id"). Declare the unscoped manager first, so
    that Django's related managers use it; `SiteOwned` does so:

        unscoped = models.Manager()
        objects = ScopedManager("case__site_id")
    """

    def __init__(self, site_lookup: str = "site_id") -> None:
        super().__init__()
        self.site_lookup = site_lookup

    def get_queryset(self) -> models.QuerySet[M]:
        raise ScopeMissing(f"{self.model.__name__}.objects needs .at(site_ids) or .visible_to(actor)")

    def at(self, site_ids: int | Iterable[int]) -> models.QuerySet[M]:
        """Rows of these sites."""
        ids = [site_ids] if isinstance(site_ids, int) else sorted(set(site_ids))
        rows = super().get_queryset()
        return rows.filter(**{f"{self.site_lookup}__in": ids}) if ids else rows.none()

    def visible_to(self, actor: Actor, action: str | None = None) -> models.QuerySet[M]:
        """Rows of the sites where the actor has any role, or, with `action`, where the actor may do that."""
        return self.at(actor.site_ids if action is None else actor.sites_allowing(action))

    def create(self, **values: Any) -> M:
        """A new row; it names its site itself."""
        return super().get_queryset().create(**values)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """New rows; each names its site itself."""
        return super().get_queryset().bulk_create(objs, *args, **kwargs)


class SiteOwned(models.Model):
    """Base of the models with a site of their own. `unscoped` is for migrations and the system's own work."""

    site = models.ForeignKey("org.Site", on_delete=models.PROTECT, related_name="+", verbose_name="门店")

    unscoped: ClassVar[models.Manager[Self]] = models.Manager()
    objects: ClassVar[ScopedManager[Self]] = ScopedManager()

    class Meta:
        abstract = True
