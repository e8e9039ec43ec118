"""A fresh database with one site, one person and the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.db import transaction

from bench.models import answers, form, our_model
from bihuan.accounts.models import User
from bihuan.forms.publishing import publish_form
from bihuan.operations.cases import start_case
from bihuan.org.access import load_actor
from bihuan.org.actor import Actor
from bihuan.org.models import Grant, Position, PositionHolder, Role, Site
from bihuan.processes import engine_store
from bihuan.processes.models import Instance, WorkItem

# Cases of a kind run the process of that name.
ROUTES = "service_visit"
RECORDS = "complaint"


@dataclass
class World:
    """Who acts, and where."""

    site: Site
    actor: Actor


def build_world() -> World:
    """Migrate, and set up the least that completing work needs."""
    call_command("migrate", verbosity=0, interactive=False)
    site = Site.objects.create(code="YL", name="云岭汽车服务中心")
    Site.objects.filter(pk=site.pk).update(path=f"/{site.pk}/")
    role, _ = Role.objects.get_or_create(key="advisor", defaults={"name": "服务顾问"})
    for action in ("case.view", "case.start", "case.manage"):
        Grant.objects.get_or_create(role=role, action=action)
    user = User.objects.create_user("lixiao", name="李晓")
    position = Position.objects.create(site=site, name="服务顾问")
    position.roles.add(role)
    PositionHolder.objects.create(user=user, position=position)
    for key, name in ((ROUTES, "bench_route"), (RECORDS, "bench_records")):
        publish_form(name, form(name, records=key == RECORDS))
        engine_store.publish(our_model(key, name), key)
    return World(site, load_actor(user, site.pk))


def aged_items(world: World, count: int, age: int, key: str = ROUTES) -> list[int]:
    """The open items of `count` fresh cases whose processes have made `age` steps."""
    items: list[int] = []
    for _ in range(count):
        # One transaction for all steps of a case: growing old is not what is measured.
        with transaction.atomic():
            case = start_case(key, actor=world.actor, site_id=world.site.pk)
            instance = Instance.unscoped.get(subject_kind="case", subject_id=case.pk)
            item: int = WorkItem.unscoped.get(instance=instance).pk
            for turn in range(age):
                item = complete(item, turn, world.actor).opened[0].id
        items.append(item)
    return items


def complete(item: int, turn: int, actor: Actor) -> engine_store.StepResult:
    """One step of the store with the answers of a person."""
    values: dict[str, Any] = answers(turn)
    return engine_store.complete_item(item, values, actor=actor, data_for_history=values)
