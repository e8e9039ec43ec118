"""Filling an empty installation with a pack's demo organisation, customers, vehicles, parts, jobs and capacities."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from bihuan.accounts.models import User
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.access import system_actor
from bihuan.org.actor import Actor
from bihuan.org.duty.shifts import add_weekly_shift
from bihuan.org.duty.standing import set_department_head, set_site_head
from bihuan.org.models import Position, Site
from bihuan.org.people import hire_person
from bihuan.org.positions import create_position
from bihuan.org.sites import create_department, create_site
from bihuan.records.access import local_day
from bihuan.records.catalogue import save_job, save_part, set_capacity
from bihuan.records.customers import create_customer
from bihuan.records.models import Customer
from bihuan.records.stock import receive_stock
from bihuan.records.vehicles import create_vehicle

SEED_REASON = "期初库存"
Progress = Callable[[str], None]


@dataclass(slots=True)
class SeedReport:
    """How many rows of each kind were made, and the ids of the sites by code."""

    counts: dict[str, int] = field(default_factory=dict)
    sites: dict[str, int] = field(default_factory=dict)


@transaction.atomic
def load_seed(folder: Path, *, progress: Progress = lambda message: None, demo: bool = True) -> SeedReport:
    """Load a pack's `seed` folder into an installation without sites; all or nothing.

    Every file may be missing; without an organisation there is a plain one with somebody in each role.
    Days in the files are counted from today, so that maintenance is due and overdue whenever the demo is made.
    People get no password; with `demo` they may sign in by one click where demo mode allows it.
    Raises Conflict when there are sites already.
    """
    if Site.objects.exists():
        raise Conflict("系统里已经有门店，演示数据只能装进空的系统")
    report = SeedReport()
    system = system_actor()
    seed = folder / "seed"
    _organisation(_organisation_of(folder), system, report, demo)
    progress(f"组织：{len(report.sites)} 个单位，{report.counts['people']} 位人员")
    for code, site_id in _service_sites(report):
        actor = system_actor(site_id)
        report.counts[f"jobs_{code}"] = _jobs(seed / "jobs.csv", actor, site_id)
        _capacity(seed / "capacity.csv", actor, site_id)
    report.counts["parts"] = _parts(seed / "parts.csv", report)
    progress(f"作业项目与配件：{report.counts['parts']} 种配件")
    home = system_actor(_service_sites(report)[0][1])
    report.counts["customers"] = _customers(seed / "customers.csv", home)
    report.counts["vehicles"] = _vehicles(seed / "vehicles.csv", home, _service_sites(report)[0][1])
    progress(f"客户 {report.counts['customers']} 位，车辆 {report.counts['vehicles']} 台")
    return report


def _service_sites(report: SeedReport) -> list[tuple[str, int]]:
    """The sites that serve customers: those below another one."""
    below = set(Site.objects.filter(parent__isnull=False).values_list("code", flat=True))
    return [(code, site_id) for code, site_id in report.sites.items() if code in below]


def _organisation_of(folder: Path) -> Mapping[str, Any]:
    """What the pack says, else a group with one site where each role of the pack is one person's post: 财务甲."""
    file = folder / "seed" / "organisation.toml"
    if file.is_file():
        return tomllib.loads(file.read_text(encoding="utf-8"))
    roles = tomllib.loads((folder / "roles.toml").read_text(encoding="utf-8"))
    sites = [{"code": "SYG", "name": "试用集团"}, {"code": "SY", "name": "试用门店", "parent": "SYG"}]
    posts = [
        {"site": "SY", "name": role["name"], "roles": [key], "people": [(key, f"{role['name']}甲")]}
        for key, role in roles.items()
    ]
    return {"site": sites, "post": posts}


def _organisation(data: Mapping[str, Any], system: Actor, report: SeedReport, demo: bool) -> None:
    for row in data["site"]:
        parent = report.sites.get(row.get("parent", ""))
        site = create_site(
            code=row["code"],
            name=row["name"],
            actor=system,
            parent_id=parent,
            phone=row.get("phone", ""),
            address=row.get("address", ""),
            hours=row.get("hours"),
        )
        report.sites[site.code] = site.pk
    departments: dict[tuple[str, str], int] = {}
    for row in data.get("department", []):
        for name in row["names"]:
            made = create_department(site_id=report.sites[row["site"]], name=name, actor=system)
            departments[row["site"], name] = made.pk
    people = 0
    for row in data["post"]:
        post = create_position(
            site_id=report.sites[row["site"]],
            name=row["name"],
            actor=system,
            roles=row["roles"],
            department_id=departments.get((row["site"], row.get("department", ""))),
            reach=row.get("reach", Position.Reach.SITE),
        )
        for username, name in row["people"]:
            hire_person(
                site_id=report.sites[row["site"]],
                username=username,
                name=name,
                actor=system,
                position_ids=(post.pk,),
                is_demo=demo,
            )
            people += 1
    report.counts["people"] = people
    _heads(data, departments, report, system)
    report.counts["shifts"] = _shifts(data.get("shift", []), report, system)


def _heads(
    data: Mapping[str, Any], departments: Mapping[tuple[str, str], int], report: SeedReport, system: Actor
) -> None:
    """Who heads sites and departments."""
    ids = dict(User.objects.values_list("username", "pk"))
    for row in data["site"]:
        if "head" in row:
            set_site_head(report.sites[row["code"]], head_id=ids[row["head"]], actor=system)
    for row in data.get("department", []):
        for name, username in row.get("heads", {}).items():
            set_department_head(departments[row["site"], name], head_id=ids[username], actor=system)


def _shifts(rows: list[Mapping[str, Any]], report: SeedReport, system: Actor) -> int:
    """The shifts of the week, since a good while ago."""
    ids = dict(User.objects.values_list("username", "pk"))
    since = clock.now().date() - timedelta(days=90)
    for row in rows:
        for weekday in row["days"]:
            add_weekly_shift(
                site_id=report.sites[row["site"]], role_key=row["role"], user_id=ids[row["person"]],
                weekday=weekday - 1, starts=time.fromisoformat(row["from"]), ends=time.fromisoformat(row["to"]),
                since=since, actor=system,
            )  # fmt: skip
    return sum(len(row["days"]) for row in rows)


def _jobs(file: Path, actor: Actor, site_id: int) -> int:
    rows = _rows(file)
    for row in rows:
        save_job(
            actor=actor,
            site_id=site_id,
            code=row["code"],
            name=row["name"],
            hours=Decimal(row["hours"]),
            rate_yuan_per_hour=Decimal(row["rate_yuan_per_hour"]),
            is_maintenance=row["is_maintenance"] == "1",
        )
    return len(rows)


def _capacity(file: Path, actor: Actor, site_id: int) -> None:
    for row in _rows(file):
        set_capacity(
            actor=actor,
            site_id=site_id,
            weekday=int(row["weekday"]),
            starts=time.fromisoformat(row["starts"]),
            minutes=int(row["minutes"]),
            capacity=int(row["capacity"]),
        )


def _parts(file: Path, report: SeedReport) -> int:
    rows = _rows(file)
    for row in rows:
        part = save_part(
            actor=system_actor(),
            code=row["code"],
            name=row["name"],
            unit=row["unit"],
            price_yuan=Decimal(row["price_yuan"]),
        )
        for code, site_id in _service_sites(report):
            on_hand = Decimal(row.get(f"on_hand_{code}") or 0)
            if on_hand:
                actor = system_actor(site_id)
                receive_stock(part.pk, on_hand, actor=actor, site_id=site_id, shelf=row["shelf"], reason=SEED_REASON)
    return len(rows)


def _customers(file: Path, actor: Actor) -> int:
    rows = _rows(file)
    for row in rows:
        create_customer(
            actor=actor,
            name=row["name"],
            phone=row["phone"],
            kind=row["kind"],
            salutation=row["salutation"],
            address=row["address"],
            note_text=row["note"],
        )
    return len(rows)


def _vehicles(file: Path, actor: Actor, site_id: int) -> int:
    today = local_day(Site.objects.get(pk=site_id), clock.now())
    owners = dict(Customer.objects.values_list("phone", "pk"))
    rows = _rows(file)
    for row in rows:
        if row["owner_phone"] not in owners:
            raise BusinessError(f"{file.name}：没有电话为 {row['owner_phone']} 的客户")
        create_vehicle(
            actor=actor, customer_id=owners[row["owner_phone"]], plate=row["plate"], **_vehicle_values(row, today)
        )
    return len(rows)


def _vehicle_values(row: Mapping[str, str], today: date) -> dict[str, Any]:
    def days(name: str, sign: int) -> date:
        return today + timedelta(days=sign * int(row[name]))

    return {
        "vin": row["vin"],
        "brand": row["brand"],
        "model_name": row["model_name"],
        "colour": row["colour"],
        "mileage_km": int(row["mileage_km"]),
        "bought_on": days("bought_days_ago", -1),
        "last_service_on": days("last_service_days_ago", -1),
        "last_service_km": int(row["last_service_km"]),
        "next_service_on": days("next_service_in_days", 1),
        "next_service_km": int(row["next_service_km"]),
    }


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
