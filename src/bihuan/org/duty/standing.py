"""Who heads what, who answers to whom, ranks, groups and stand-ins (负责人、上级、职级、用户组、替补)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from bihuan.accounts.models import User
from bihuan.audit.log import record
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.org.duty.checks import log, person_at, site_people
from bihuan.org.duty.models import StandIn, Superior, UserGroup
from bihuan.org.models import Department, Position, Site

PEOPLE = "admin.people"
HIGHEST_RANK = 99
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")


@transaction.atomic
def set_superior(user_id: int, *, superior_id: int | None, actor: Actor) -> None:
    """Say whom somebody answers to; None leaves it to the heads again. Refused where it would close a circle."""
    actor.require(PEOPLE)
    person = person_at(actor.site_id or 0, user_id, field="user", lock=True)
    before = Superior.objects.filter(user=person).values_list("superior_id", flat=True).first()
    if superior_id is None:
        Superior.objects.filter(user=person).delete()
    else:
        _refuse_circle(person, superior_id)
        Superior.objects.update_or_create(user=person, defaults={"superior_id": superior_id})
    log("person.set_superior", actor, user_id=user_id, site_id=actor.site_id, before={"superior": before},
        after={"superior": superior_id})  # fmt: skip


def _refuse_circle(person: User, superior_id: int) -> None:
    above = User.objects.filter(pk=superior_id, is_active=True).first()
    if above is None:
        raise BusinessError("请选择在职人员为上级", "superior")
    outright = dict(Superior.objects.values_list("user_id", "superior_id"))
    here: int | None = superior_id
    seen: set[int] = set()
    while here is not None and here not in seen:
        if here == person.pk:
            raise BusinessError(f"{above.name}的上级里已有{person.name}，不能互为上级", "superior")
        seen.add(here)
        here = outright.get(here)


@transaction.atomic
def set_department_head(department_id: int, *, head_id: int | None, actor: Actor) -> Department:
    """Say who heads a department (部门负责人); None: nobody of its own."""
    department = Department.objects.filter(pk=department_id).first()
    if department is None:
        raise NotFound("没有这个部门")
    actor.require(PEOPLE, department.site_id)
    if head_id is not None:
        person_at(department.site_id, head_id, field="head")
    _log_site("department.set_head", actor, department.site_id, department.head_id, head_id, department.name)
    Department.objects.filter(pk=department_id).update(head_id=head_id)
    return department


@transaction.atomic
def set_site_head(site_id: int, *, head_id: int | None, actor: Actor) -> None:
    """Say who heads a site (门店负责人)."""
    actor.require(PEOPLE, site_id)
    if head_id is not None:
        person_at(site_id, head_id, field="head")
    before = Site.objects.values_list("head_id", flat=True).get(pk=site_id)
    _log_site("site.set_head", actor, site_id, before, head_id, "")
    Site.objects.filter(pk=site_id).update(head_id=head_id)


@transaction.atomic
def set_rank(position_id: int, *, rank: int, actor: Actor) -> None:
    """Set the rank of a post (职级, the higher the more senior)."""
    position = _position(position_id, actor)
    if not 0 <= rank <= HIGHEST_RANK:
        raise BusinessError(f"职级是 0 到 {HIGHEST_RANK} 的整数", "rank")
    _log_site("position.set_rank", actor, position.site_id, position.rank, rank, position.name)
    Position.objects.filter(pk=position_id).update(rank=rank)


@transaction.atomic
def set_stand_ins(position_id: int, *, user_ids: Iterable[int], actor: Actor) -> None:
    """Name who steps in for a post when its holders are away, in this order; replaces the list."""
    position = _position(position_id, actor)
    wanted = list(dict.fromkeys(user_ids))
    for user_id in wanted:
        person_at(position.site_id, user_id, field="stand_ins")
    before = list(StandIn.objects.filter(position=position).values_list("user_id", flat=True))
    StandIn.objects.filter(position=position).delete()
    StandIn.objects.bulk_create(
        StandIn(position=position, user_id=user_id, rank=number) for number, user_id in enumerate(wanted, 1)
    )
    _log_site("position.set_stand_ins", actor, position.site_id, before, wanted, position.name)


@transaction.atomic
def create_group(key: str, *, name: str, actor: Actor) -> UserGroup:
    """Make a group of people that processes can name by its key."""
    actor.require(PEOPLE)
    if not _KEY.fullmatch(key):
        raise BusinessError("代号由小写字母、数字和下划线组成", "key")
    if not name.strip():
        raise BusinessError("请填写名称", "name")
    try:
        with transaction.atomic():
            made = UserGroup.objects.create(key=key, name=name.strip())
    except IntegrityError:
        raise BusinessError(f"用户组 {key} 已存在", "key") from None
    record(actor_id=actor.user_id, action="group.create", chain=f"group:{made.pk}", site_id=actor.site_id,
           data={"key": key, "name": made.name})  # fmt: skip
    return made


@transaction.atomic
def set_members(group_id: int, *, user_ids: Iterable[int], actor: Actor) -> UserGroup:
    """Make the members from the present site exactly these; those of other sites stay."""
    actor.require(PEOPLE)
    group = UserGroup.objects.select_for_update().filter(pk=group_id).first()
    if group is None:
        raise NotFound("没有这个用户组")
    here = set(site_people(actor.site_id or 0).values_list("pk", flat=True))
    wanted = set(user_ids)
    if wanted - here:
        raise BusinessError("请选择本门店的在职人员", "members")
    before = set(group.members.filter(pk__in=here).values_list("pk", flat=True))
    group.members.remove(*(before - wanted))
    group.members.add(*(wanted - before))
    record(actor_id=actor.user_id, action="group.set_members", chain=f"group:{group.pk}", site_id=actor.site_id,
           data={"key": group.key}, before={"members": sorted(before)}, after={"members": sorted(wanted)})  # fmt: skip
    return group


def _position(position_id: int, actor: Actor) -> Position:
    position = Position.objects.filter(pk=position_id).first()
    if position is None:
        raise NotFound("没有这个岗位")
    actor.require(PEOPLE, position.site_id)
    return position


def _log_site(action: str, actor: Actor, site_id: int, before: object, after: object, name: str) -> None:
    record(actor_id=actor.user_id, action=action, chain=f"site:{site_id}", site_id=site_id, data={"name": name},
           before={"value": before}, after={"value": after})  # fmt: skip
