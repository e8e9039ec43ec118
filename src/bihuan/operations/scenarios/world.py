"""The world of a scenario: its site, its people, what is given, and how names in the file find records."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.org.access import load_actor, system_actor
from bihuan.org.actor import Actor
from bihuan.org.models import Position, PositionHolder, Role, Site
from bihuan.org.roles import people_with_role
from bihuan.processes.models import WorkItem
from bihuan.records import stock
from bihuan.records.customers import create_customer
from bihuan.records.models import Case, Customer, Part, SlotCapacity, Stock, Vehicle
from bihuan.records.search_keys import plate_key
from bihuan.records.vehicles import create_vehicle


class StepProblem(Exception):
    """A step cannot be carried out as written, or what it expects is not so; the message is for the report."""


@dataclass
class World:
    """What the steps of one scenario share."""

    site: Site
    cases: dict[str, int] = field(default_factory=dict)
    current: int | None = None
    call: int | None = None
    found: list[Any] = field(default_factory=list)
    delivered: list[Any] = field(default_factory=list)

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone, in which the file's times are meant."""
        return ZoneInfo(self.site.timezone)

    @property
    def system(self) -> Actor:
        """The system at this site, for what is given."""
        return system_actor(self.site.pk)

    def case(self, name: str | None) -> Case:
        """The case a step is about: by its saved name, by `name.kind` for a case that came out of it, or the last."""
        if name is None:
            if self.current is None:
                raise StepProblem("还没有业务单；先用 do: start 或 do: arrive 开一张")
            return self._case_row(self.current)
        base, _, kind = name.partition(".")
        if base not in self.cases:
            raise StepProblem(f"没有保存过名为“{base}”的业务单")
        if not kind:
            return self._case_row(self.cases[base])
        newest = self._family(self.cases[base]).filter(kind=kind).order_by("-pk").first()
        if newest is None:
            raise StepProblem(f"“{base}”没有产生 {kind} 类型的业务单")
        return self._case_row(newest.pk)

    def _family(self, case_id: int) -> Any:
        """The case and all that came out of it, three generations down."""
        ids, generation = {case_id}, {case_id}
        for _ in range(4):
            generation = set(Case.unscoped.filter(parent_id__in=generation).values_list("pk", flat=True))
            ids |= generation
        return Case.unscoped.filter(pk__in=ids)

    def children(self, case_id: int) -> Any:
        """The cases that came out of a case, without itself."""
        return self._family(case_id).exclude(pk=case_id)

    def _case_row(self, case_id: int) -> Case:
        self.current = case_id
        return Case.unscoped.select_related("site", "customer", "vehicle", "advisor", "technician").get(pk=case_id)

    def actor(self, name: str | None, item: WorkItem | None = None) -> Actor:
        """The person meant by `as`: a name, a username, or a role; for a task the assignee comes first."""
        if name in ("系统", "system"):
            return self.system
        user = self._person(name) if name else None
        if user is None:
            user = self._holder(name, item)
        return load_actor(user, self._site_of(user))

    def person_id(self, name: str | None) -> int | None:
        """The number of a person by name or username, None for a role or nobody."""
        found = self._person(name) if name else None
        return None if found is None else found.pk

    def _person(self, name: str) -> User | None:
        return User.objects.filter(username=name).first() or User.objects.filter(name=name).order_by("pk").first()

    def _holder(self, name: str | None, item: WorkItem | None) -> User:
        role = Role.objects.filter(name=name).first() or Role.objects.filter(key=name or "").first()
        if name is not None and role is None:
            raise StepProblem(f"没有名为“{name}”的人或角色")
        if item is not None and item.assignee_id is not None:
            holder = User.objects.get(pk=item.assignee_id)
            if role is None or role.key in item.role.split(","):
                return holder
        key = role.key if role is not None else item.role.split(",")[0] if item is not None else ""
        found = people_with_role(key, self.site.pk).order_by("pk").first()
        if found is None:
            raise StepProblem(f"门店 {self.site.code} 没有人担任“{name or key}”")
        return found

    def _site_of(self, user: User) -> int | None:
        actor = load_actor(user)
        return self.site.pk if self.site.pk in actor.site_ids else None

    def user(self, name: str) -> User:
        """A person by name or username."""
        found = self._person(str(name))
        if found is None:
            raise StepProblem(f"没有名为“{name}”的人")
        return found

    def customer(self, text: Any) -> Customer:
        """A customer by phone or name."""
        found = Customer.objects.filter(phone=str(text)).first() or Customer.objects.filter(name=str(text)).first()
        if found is None:
            raise StepProblem(f"没有客户“{text}”")
        return found

    def vehicle(self, plate: Any) -> Vehicle | None:
        """A vehicle by plate."""
        return Vehicle.objects.filter(plate_key=plate_key(str(plate))).first()

    def part(self, code: Any) -> Part:
        """A part by code or name."""
        found = Part.objects.filter(code=str(code)).first() or Part.objects.filter(name=str(code)).first()
        if found is None:
            raise StepProblem(f"没有配件“{code}”")
        return found


def build_world(given: dict[str, Any], site: Site | None = None) -> World:
    """Put what is given in place. Raises StepProblem with what cannot be."""
    code = str(given.get("site") or (site.code if site else ""))
    sites = Site.objects.filter(code=code) if code else Site.objects.exclude(parent=None).order_by("pk")
    site = sites.first() or (None if code else Site.objects.order_by("pk").first())
    if site is None:
        raise StepProblem(f"没有代码为“{code}”的门店" if code else "还没有门店")
    world = World(site)
    try:
        for row in _rows(given, "people"):
            _add_person(world, row)
        for row in _rows(given, "customers"):
            _add_customer(world, row)
        for row in _rows(given, "vehicles"):
            _add_vehicle(world, row)
        for code, quantity in dict(given.get("stock") or {}).items():
            set_stock(world, code, quantity)
    except BusinessError as refusal:
        raise StepProblem(refusal.message) from refusal
    if given.get("capacity") is not None:
        SlotCapacity.objects.at(site.pk).update(capacity=int(given["capacity"]))
    return world


def _rows(given: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = given.get(key) or []
    if isinstance(rows, dict):
        return [{"name": name, "role": role} for name, role in rows.items()]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StepProblem(f"given.{key} 须是列表，每项一个键值表")
    return rows


def _add_person(world: World, row: dict[str, Any]) -> None:
    role = Role.objects.filter(key=row.get("role")).first() or Role.objects.filter(name=row.get("role")).first()
    if role is None:
        raise StepProblem(f"没有角色“{row.get('role')}”")
    name = str(row["name"])
    # By their name a story's process may name them too, as the assignee of a step.
    taken = User.objects.filter(username=name).exists()
    user = User.objects.create_user(username=f"story-{User.objects.count()}" if taken else name, name=name)
    position, _ = Position.objects.get_or_create(site=world.site, name=f"{role.name}（场景）")
    position.roles.add(role)
    PositionHolder.objects.create(user=user, position=position)


def _add_customer(world: World, row: dict[str, Any]) -> None:
    if not Customer.objects.filter(phone=str(row.get("phone") or "")).exists():
        values: dict[str, Any] = {key: row[key] for key in ("salutation", "address", "kind") if key in row}
        if "note" in row:
            values["note_text"] = row["note"]
        name, phone = str(row.get("name") or ""), str(row.get("phone") or "")
        create_customer(actor=world.system, name=name, phone=phone, **values)


def _add_vehicle(world: World, row: dict[str, Any]) -> None:
    values = {key: value for key, value in row.items() if key not in ("plate", "customer")}
    known = world.vehicle(row.get("plate"))
    if known is None:
        owner = world.customer(row.get("customer"))
        create_vehicle(actor=world.system, customer_id=owner.pk, plate=str(row.get("plate") or ""), **values)


def set_stock(world: World, code: Any, quantity: Any) -> None:
    """Make a part's stock on hand exactly this."""
    part = world.part(code)
    try:
        wanted = Decimal(str(quantity))
    except InvalidOperation as error:
        raise StepProblem(f"库存数量“{quantity}”不是数字") from error
    if Stock.objects.at(world.site.pk).filter(part=part).exists():
        stock.adjust_stock(part.pk, wanted, actor=world.system, reason="场景设定", site_id=world.site.pk)
    elif wanted > 0:
        stock.receive_stock(part.pk, wanted, actor=world.system, site_id=world.site.pk, reason="场景设定")
