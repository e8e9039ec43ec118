"""One whole visit told up to a chosen step, for tests of the screens that come late in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import bihuan
from bihuan.kernel import clock
from bihuan.operations.scenarios.format import parse_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.records.models import Case
from tests.remembering import remembered
from tests.web.visits import PLATE, Centre

TELLING = Path(bihuan.__file__).parent / "packs/auto_service/demo/visit.yaml"
WORDS: dict[str, Any] = {
    "bay": "预检一号位", "advisor": "李晓", "technician": "赵强", "customer": "周晓棠", "salutation": "女士",
    "customer_phone": '"13900007001"', "first": "更换机油", "first_job": "J-101", "first_part": "P-1001",
    "second": "更换空气滤清器", "second_job": "J-101", "second_part": "P-1001", "hours": "1.0", "lift": "K1",
    "region": "left_front_door", "mileage": 31000, "next_km": 36000, "next_on": "2027-05-24", "waiting": "wait",
    "settle_in": "休息区安顿", "work": "50m", "method": "cash",
}  # fmt: skip


def drive(centre: Centre, until: str, *, plate: str = PLATE, **words: Any) -> Case:
    """A car of the customer comes in now and goes on until the named step waits; the clock stands where it stopped."""
    told = {**WORDS, "plate": plate, **words}
    case_id = remembered(("drive", until, *told.items()), lambda: _play(centre, until, told))
    return Case.unscoped.get(pk=case_id)


def _play(centre: Centre, until: str, words: dict[str, Any]) -> int:
    text = Template(TELLING.read_text("utf-8")).safe_substitute(words)
    told = parse_scenarios(text, source="visit.yaml")[0]
    names = [step.task for step in told.steps]
    report = play(
        replace(told, steps=told.steps[: names.index(until)]), keep=True, start=clock.now(), site=centre.cast.yl
    )
    assert report.ok, f"{report.place}: {report.problem}"
    clock.move(report.steps[-1].at)
    return Case.unscoped.filter(kind="service_visit").latest("pk").pk
