"""The shared cast: one group, two service centres, and a named person for every role, with different rights.

    def test_something(cast: Cast) -> None:
        with pytest.raises(NotAllowed):
            take_payment(..., actor=cast.actor("technician"))

People of 云岭 (code YL) are found by their role key; others by name, see `NAMES`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import bihuan
from bihuan.accounts.models import User
from bihuan.org.access import load_actor, system_actor
from bihuan.org.actor import Actor
from bihuan.org.grants import define_role
from bihuan.org.models import Position, Site
from bihuan.org.people import deactivate_person, hire_person
from bihuan.org.positions import create_position
from bihuan.org.sites import create_site
from tests.remembering import Changes, put_back, watched

HOURS = {day: [["08:30", "12:00"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
PASSWORD = "correct-horse-48-battery"

# The rights of the cast are those of the car service centre's pack, so that tests and product cannot drift apart.
_ROLES = tomllib.loads((Path(bihuan.__file__).parent / "packs/auto_service/roles.toml").read_text("utf-8"))
ROLE_NAMES: dict[str, str] = {key: role["name"] for key, role in _ROLES.items()}
GRANTS: dict[str, tuple[str, ...]] = {key: tuple(role["grants"]) for key, role in _ROLES.items()}
# Role key (or a name of its own) → username, Chinese name, site code, role keys.
NAMES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "customer_care": ("zhoumin", "周敏", "YL", ("customer_care",)),
    "advisor": ("lixiao", "李晓", "YL", ("advisor",)),
    "front_desk": ("wangfang", "王芳", "YL", ("front_desk",)),
    "technician": ("zhaoqiang", "赵强", "YL", ("technician",)),
    "second_technician": ("qianjin", "钱进", "YL", ("technician",)),
    "workshop_manager": ("sunli", "孙立", "YL", ("workshop_manager",)),
    "parts_clerk": ("wujing", "吴静", "YL", ("parts_clerk",)),
    "technical_director": ("zhengguo", "郑国", "YL", ("technical_director",)),
    "cashier": ("fengyu", "冯玉", "YL", ("cashier",)),
    "guard": ("chenan", "陈安", "YL", ("guard",)),
    "site_manager": ("heping", "何平", "YL", ("site_manager",)),
    "admin": ("weiming", "卫明", "YL", ("admin",)),
    "other_advisor": ("jiangxin", "蒋欣", "JW", ("advisor",)),
    "other_technician": ("hanlei", "韩磊", "JW", ("technician",)),
    "other_admin": ("yanghua", "杨华", "JW", ("admin",)),
    "group_manager": ("shenlan", "沈岚", "YLG", ("site_manager",)),
    "group_admin": ("xuning", "许宁", "YLG", ("admin",)),
}


@dataclass
class Cast:
    """The organisation and its people; `actor("cashier")` is a fresh actor, `user("cashier")` the account."""

    group: Site
    yl: Site
    jw: Site
    users: dict[str, User] = field(default_factory=dict)

    def user(self, who: str) -> User:
        return self.users[who]

    def actor(self, who: str, site: Site | None = None) -> Actor:
        return load_actor(self.users[who], None if site is None else site.pk)

    @property
    def system(self) -> Actor:
        return system_actor(self.yl.pk)


def build_cast() -> Cast:
    """Set the cast up through the same use cases the product uses."""
    system = system_actor()
    for key, name in ROLE_NAMES.items():
        define_role(key, name=name, actions=GRANTS[key], actor=system)
    group = create_site(code="YLG", name="云岭服务集团", actor=system)
    yl = create_site(
        code="YL", name="云岭汽车服务中心", parent_id=group.pk, phone="13900000001", hours=HOURS, actor=system
    )
    jw = create_site(
        code="JW", name="江湾汽车服务中心", parent_id=group.pk, phone="13900000002", hours=HOURS, actor=system
    )
    cast = Cast(group, yl, jw)
    sites = {site.code: site for site in (group, yl, jw)}
    positions: dict[tuple[str, tuple[str, ...]], Position] = {}
    for number, (who, (username, name, code, roles)) in enumerate(NAMES.items(), start=1):
        if (code, roles) not in positions:
            positions[code, roles] = create_position(
                site_id=sites[code].pk,
                name=ROLE_NAMES[roles[0]],
                roles=roles,
                reach=Position.Reach.SUBTREE if code == "YLG" else Position.Reach.SITE,
                actor=system,
            )
        cast.users[who] = hire_person(
            site_id=sites[code].pk,
            username=username,
            name=name,
            phone=f"139000001{number:02d}",
            position_ids=(positions[code, roles].pk,),
            actor=system,
        )
    cast.users["without_position"] = hire_person(site_id=yl.pk, username="handong", name="韩冬", actor=system)
    cast.users["left"] = hire_person(site_id=yl.pk, username="zhuqing", name="朱青", actor=system)
    deactivate_person(cast.users["left"].pk, reason="离职", actor=system)
    cast.users["left"].refresh_from_db()
    return cast


# Building the cast takes about a tenth of a second; what it left in the tables is put back in a tenth of that.
_built: list[tuple[dict[str, int], Changes]] = []


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast in the test's database, everybody at their post."""
    return gather_cast()


def gather_cast() -> Cast:
    """Put everybody at their post in a database without people."""
    if not _built:
        built, changes = watched(build_cast)
        _built.append(({who: user.pk for who, user in built.users.items()}, changes))
        return built
    numbers, changes = _built[0]
    put_back(changes)
    sites = {site.code: site for site in Site.objects.all()}
    users = User.objects.in_bulk(numbers.values())
    return Cast(sites["YLG"], sites["YL"], sites["JW"], {who: users[number] for who, number in numbers.items()})
