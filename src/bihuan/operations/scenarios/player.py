"""Play a scenario: each step through its use case, on a movable clock, checking what is expected after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.limits.due import next_moment
from bihuan.limits.steps import next_step_moment
from bihuan.notify import outbox
from bihuan.operations.scenarios.copying import COPY_DOING
from bihuan.operations.scenarios.deliveries import deliver, given_channels, given_consents
from bihuan.operations.scenarios.doing import DOING
from bihuan.operations.scenarios.duty import given_duty
from bihuan.operations.scenarios.expecting import check
from bihuan.operations.scenarios.format import Scenario, Step, moment
from bihuan.operations.scenarios.people_doing import PEOPLE_DOING
from bihuan.operations.scenarios.timing import given_time
from bihuan.operations.scenarios.versions import VERSION_DOING
from bihuan.operations.scenarios.world import StepProblem, World, build_world
from bihuan.operations.timing.due_work import run_due_work
from bihuan.org.models import Site
from bihuan.processes.auto_starts import LOOK, begin_anew
from bihuan.processes.jobs import next_due

DEFAULT_START = "2026-11-02 08:30"
MAX_MOMENTS = 10_000
_TICK = timedelta(microseconds=1)
ALL_DOING = {**DOING, **PEOPLE_DOING, **COPY_DOING, **VERSION_DOING}


@dataclass(frozen=True)
class StepReport:
    """One step as it went: `problem` is empty when it did what the file says."""

    line: int
    label: str
    at: datetime
    problem: str = ""
    problem_line: int = 0
    refused: str = ""


@dataclass
class ScenarioReport:
    """A played scenario."""

    scenario: Scenario
    steps: list[StepReport] = field(default_factory=list)
    problem: str = ""
    problem_line: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything went as the file says."""
        return not self.problem

    @property
    def place(self) -> str:
        """file:line of what is broken."""
        return f"{self.scenario.source}:{self.problem_line}"


class _RollBack(Exception):
    """Undo everything the scenario did."""


def play(
    scenario: Scenario,
    *,
    keep: bool = False,
    on_step: Callable[[StepReport], None] | None = None,
    start: datetime | None = None,
    site: Site | None = None,
) -> ScenarioReport:
    """Play one scenario and report. Nothing stays behind unless `keep` (the demo data is what is kept).

    `start` and `site` stand in for what the file gives.
    """
    report = ScenarioReport(scenario)
    try:
        with transaction.atomic():
            _play(scenario, report, on_step, start, site)
            if not keep or not report.ok:
                raise _RollBack
    except _RollBack:
        pass
    return report


def _play(
    scenario: Scenario,
    report: ScenarioReport,
    on_step: Callable[[StepReport], None] | None,
    start: datetime | None,
    site: Site | None,
) -> None:
    try:
        world, begins = _begin(scenario, site)
    except StepProblem as problem:
        report.problem, report.problem_line = str(problem), scenario.given_line
        return
    with clock.frozen(start or begins):
        for step in scenario.steps:
            done = _step(world, step)
            report.steps.append(done)
            if on_step is not None:
                on_step(done)
            if done.problem:
                report.problem, report.problem_line = done.problem, done.problem_line or done.line
                return


def _begin(scenario: Scenario, site: Site | None) -> tuple[World, datetime]:
    text = str(scenario.given.get("clock") or DEFAULT_START)
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        world = build_world(scenario.given, site)
    try:
        begins = moment(text, datetime(2026, 1, 1, tzinfo=world.zone))
    except ValueError as error:
        raise StepProblem(str(error)) from error
    with clock.frozen(begins):
        given_duty(world, scenario.given, begins)
        given_channels(world, scenario.given)
        given_consents(world, scenario.given)
        given_time(world, scenario.given, begins)
        begin_anew()
    return world, begins


def _step(world: World, step: Step) -> StepReport:
    refused = ""
    try:
        if step.at:
            _move_to(world, step.at)
        refused = _do(world, step)
        deliver(world)
        for expectation in step.then:
            wrong = check(world, step.case, expectation)
            if wrong:
                return StepReport(step.line, step.label, _seen(world), wrong, expectation.line, refused)
    except StepProblem as problem:
        return StepReport(step.line, step.label, _seen(world), str(problem), step.line, refused)
    except (ValueError, TypeError, OverflowError) as error:
        # A value of the wrong shape in the file (a list where a text is meant): the author's to mend, not a crash.
        return StepReport(step.line, step.label, _seen(world), f"步骤的写法不对：{error}", step.line, refused)
    return StepReport(step.line, step.label, _seen(world), refused=refused)


def _seen(world: World) -> datetime:
    """Now as the clock on the wall shows it."""
    return clock.now().astimezone(world.zone)


def _do(world: World, step: Step) -> str:
    """Do what the step says in a transaction of its own; answers the refusal it was meant to meet."""
    if step.do is None:
        return ""
    doing = ALL_DOING.get(step.do)
    if doing is None:
        raise StepProblem(f"不认识的动作“{step.do}”；可用：{'、'.join(sorted(ALL_DOING))}")
    try:
        with transaction.atomic():
            doing(world, step)
    except BusinessError as refusal:
        if step.refused is None:
            raise StepProblem(f"被拒绝：{refusal.message}") from refusal
        if step.refused not in refusal.message:
            raise StepProblem(f"应以“{step.refused}”被拒绝，实际：{refusal.message}") from refusal
        return refusal.message
    if step.refused is not None:
        raise StepProblem(f"应被拒绝（{step.refused}），实际做成了")
    return ""


def _move_to(world: World, text: str) -> None:
    """Move the clock; whatever falls due on the way happens at its own moment, in order.

    Start conditions are looked at whenever something happens, not each minute.
    """
    target = moment(text, clock.now().astimezone(world.zone)).astimezone(UTC)
    if target < clock.now():
        raise StepProblem(f"时间不能倒退：{text}")
    for _ in range(MAX_MOMENTS):
        moments = (next_moment(), next_step_moment(), next_due(but=(LOOK,)), outbox.next_due())
        upcoming = [at for at in moments if at is not None and at <= target]
        if not upcoming:
            break
        at = max(min(upcoming), clock.now())
        clock.move(at)
        if not _work(world):
            # A clock is breached only after its last moment: look once more just behind it.
            clock.move(min(at + _TICK, target))
            if not _work(world):
                break
    clock.move(target)
    _work(world)


def _work(world: World) -> int:
    """What workers do at this moment; answers how much."""
    return run_due_work() + deliver(world)
