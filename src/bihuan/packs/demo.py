"""The demo site: what a set of stories leaves behind, told so that they end now (docs/scenarios.md).

Stories are scenario files with `$names`; the plan of the pack says how many are told and where today's stop.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.notify.models import Notice
from bihuan.operations.scenarios.format import Scenario, Step, moment, parse_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.org.access import system_actor
from bihuan.org.models import Site
from bihuan.org.roles import people_with_role
from bihuan.records.models import Part, SlotCapacity, Vehicle
from bihuan.records.stock import receive_stock

REGIONS = ("left_front_door", "right_rear_door", "front_bumper", "rear_bumper", "left_rear_wing", "bonnet")
REQUESTS = ("", "请安排上次的师傅", "赶时间，尽量一小时内", "顺便检查轮胎", "")
SUGGESTIONS = ("", "", "", "希望休息区多几个充电口", "")
PRAISES = ("", "顾问讲解很清楚", "", "技师很细心")
COMPLAINT = {"accept": "投诉受理", "investigate": "投诉调查", "plan": "处理方案", "answer": "答复客户"}
NEWS = timedelta(minutes=45)
METHODS = ("wechat", "alipay", "card", "cash")


@dataclass(frozen=True)
class Told:
    """How many stories were told."""

    visits: int
    today: int
    appointments: int


class DemoTeller:
    """Tells the stories of one pack's plan at its site, with a fixed seed so that every demo looks alike."""

    def __init__(self, folder: Path, *, progress: Callable[[str], None]) -> None:
        self.folder = folder / "demo"
        self.plan: dict[str, Any] = tomllib.loads((self.folder / "plan.toml").read_text(encoding="utf-8"))
        self.site = Site.objects.get(code=self.plan["site"])
        self.zone = ZoneInfo(self.site.timezone)
        self.progress = progress
        self.chance = random.Random(20261124)
        resting = _overdue(self.plan.get("resting_cars", 0))
        self.vehicles = list(Vehicle.objects.exclude(pk__in=resting).select_related("customer").order_by("pk"))
        self.people = {
            role: [user.name for user in people_with_role(role, self.site.pk).order_by("pk")]
            for role in ("advisor", "technician")
        }
        self.now = clock.now()

    def tell_all(self) -> Told:
        """A month of finished visits, today's cars at every stage, appointments ahead, outreach to be called."""
        self._stock_up()
        visits = self._tell_history()
        today = self._tell_today()
        appointments = self._tell_appointments()
        for vehicle in self._cars(self.plan["outreach"]):
            self._tell("outreach.yaml", vehicle, self.now - timedelta(minutes=30))
        # What people were told during the month they have long seen; only today's is news.
        Notice.objects.filter(at__lt=self.now - NEWS, read_at__isnull=True).update(read_at=self.now)
        return Told(visits, today, appointments)

    def _stock_up(self) -> None:
        """A month of work needs a month of parts."""
        codes = {entry[key] for entry in self.plan["work"] for key in ("first_part", "second_part")}
        system = system_actor(self.site.pk)
        for part in Part.objects.filter(code__in=codes):
            receive_stock(part.pk, 60, actor=system, site_id=self.site.pk, reason="期初")  # type: ignore[arg-type]

    def _tell_history(self) -> int:
        days = [self._today() - timedelta(days=back) for back in range(self.plan["history_days"], 0, -1)]
        open_days = [day for day in days if day.weekday() != 6]
        told = 0
        for number, day in enumerate(open_days, 1):
            for hour in (8, 13)[: self.plan["visits_a_day"]]:
                start = datetime.combine(day, time(hour, self.chance.randrange(5, 55)), self.zone)
                late = self.chance.random() < 0.15
                until = "" if (self._today() - day).days > 2 else "回访通话"
                told += self._tell("visit.yaml", self._car(), start, until=until, late=late)
            self.progress(f"历史 {number}/{len(open_days)} 天")
        return told

    def _tell_today(self) -> int:
        told = 0
        for number, stage in enumerate(self.plan["stages"], 1):
            minutes = 0.3 if stage == "迎接问候" else self.chance.randrange(1, 9)
            told += self._tell("visit.yaml", self._car(), None, until=stage, ends_ago=timedelta(minutes=minutes))
            self.progress(f"今天在店 {number}/{len(self.plan['stages'])} 台")
        return told

    def _tell_appointments(self) -> int:
        told = 0
        for ahead in range(self.plan["appointments_ahead_days"] + 1):
            day = self._today() + timedelta(days=ahead)
            count = self.plan["appointments_today"] if ahead == 0 else self.plan["appointments_a_day"]
            for starts_at in self._slots(day, count):
                vehicle = self._car()
                told += self._tell("appointment.yaml", vehicle, self.now - timedelta(minutes=90), starts_at=starts_at)
        return told

    def _slots(self, day: date, count: int) -> Iterator[datetime]:
        rows = SlotCapacity.objects.at(self.site.pk).filter(weekday=day.weekday()).order_by("starts")
        times = [datetime.combine(day, row.starts, self.zone) for row in rows]
        coming = [at for at in times if at > self.now + timedelta(minutes=20)]
        yield from sorted(self.chance.sample(coming, min(count, len(coming))))

    def _tell(
        self,
        story: str,
        vehicle: Vehicle,
        start: datetime | None,
        *,
        until: str = "",
        late: bool = False,
        ends_ago: timedelta = timedelta(0),
        starts_at: datetime | None = None,
    ) -> int:
        """Tell one story up to the step before `until`; with no start it ends `ends_ago` before now."""
        words = self._words(vehicle, late=late, starts_at=starts_at)
        text = Template((self.folder / story).read_text(encoding="utf-8")).safe_substitute(words)
        scenario = parse_scenarios(text, source=story)[0]
        scenario = _cut(scenario, until)
        begins = start or self.now - ends_ago - _length(scenario.steps)
        report = play(scenario, keep=True, start=begins.astimezone(UTC), site=self.site)
        if not report.ok:
            raise BusinessError(f"演示故事 {report.place}：{report.problem}")
        return 1

    def _words(self, vehicle: Vehicle, *, late: bool, starts_at: datetime | None) -> dict[str, Any]:
        work = self.chance.choice(self.plan["work"])
        mileage = (vehicle.mileage_km or 20_000) + self.chance.randrange(200, 900)
        waiting = self.chance.choice(("wait", "leave"))
        minutes = int(float(work["hours"]) * 60)
        satisfaction = self.chance.choices((5, 4, 3, 2), (60, 28, 8, 4))[0]
        suggestion = self.chance.choice(SUGGESTIONS)
        adopted = bool(suggestion) and self.chance.random() < 0.5
        return {
            **work,
            "plate": vehicle.plate,
            "customer": vehicle.customer.name,
            "customer_phone": f'"{vehicle.customer.phone}"',
            "salutation": vehicle.customer.salutation or "先生",
            "advisor": self.chance.choice(self.people["advisor"]),
            "technician": self.chance.choice(self.people["technician"]),
            "bay": self.chance.choice(("预检一号位", "预检二号位")),
            "lift": self.chance.choice(("K1", "K2", "K3", "B1", "B2")),
            "region": self.chance.choice(REGIONS),
            "mileage": mileage,
            "next_km": mileage + 5000,
            "next_on": (self._today() + timedelta(days=180)).isoformat(),
            "waiting": waiting,
            "settle_in": "休息区安顿" if waiting == "wait" else SKIP,
            "work_minutes": minutes,
            "work": f"{int(minutes * (1.3 if late else 0.8))}m",
            "method": self.chance.choice(METHODS),
            "satisfaction": satisfaction,
            "praise": self.chance.choice(PRAISES),
            "suggestion": suggestion,
            "judge": "建议评议" if suggestion else SKIP,
            "verdict": "adopt" if adopted else "reject",
            "tell": "告知客户" if adopted else SKIP,
            **{key: name if satisfaction <= 2 else SKIP for key, name in COMPLAINT.items()},
            "request": self.chance.choice(REQUESTS),
            "starts_at": f'"{starts_at:%Y-%m-%d %H:%M}"' if starts_at else "",
        }

    def _today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def _car(self) -> Vehicle:
        """The next car of the list, round and round, so that none is in the shop twice at once."""
        vehicle = self.vehicles.pop(0)
        self.vehicles.append(vehicle)
        return vehicle

    def _cars(self, count: int) -> list[Vehicle]:
        return [self._car() for _ in range(count)]


SKIP = "-"


def _overdue(count: int) -> list[int]:
    """The cars longest overdue whose owner has no other: the stories leave them alone, the outreach list shows them."""
    single = Vehicle.objects.annotate(cars=Count("customer__vehicles")).filter(cars=1, service_due_on__isnull=False)
    return list(single.order_by("service_due_on", "pk").values_list("pk", flat=True)[:count])


def _cut(scenario: Scenario, until: str) -> Scenario:
    steps = [step for step in scenario.steps if step.task != SKIP]
    at = next((number for number, step in enumerate(steps) if until and step.task == until), len(steps))
    return replace(scenario, steps=tuple(steps[:at]))


def _length(steps: tuple[Step, ...]) -> timedelta:
    """How long the story takes from its first to its last step."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    at = begin
    for step in steps:
        if step.at:
            at = moment(step.at, at)
    return at - begin


def tell_demo(folder: Path, *, progress: Callable[[str], None] = lambda text: None) -> Told:
    """Fill an installation that has the pack's seed with the pack's demo stories."""
    return DemoTeller(folder, progress=progress).tell_all()
