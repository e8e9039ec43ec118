"""People do whatever they may, in any order, to processes with forks, sub-processes and sign-offs.

After every step the state is whole, survives saving, and equals what its events replay to (`story.py`); at the end
the work that is open is done, and the instance must end: no token was lost, made, or left waiting for ever.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bihuan.engine.runtime import (
    AddSigner,
    AnswerFromCaller,
    Ask,
    AwaitCaller,
    BeginActivity,
    CallClosed,
    CallOffRework,
    Command,
    CommandRejected,
    CompleteItem,
    DeliverMessage,
    FailCall,
    FinishCall,
    FireTimer,
    ItemClosed,
    Jump,
    Migrate,
    NodeLeft,
    RemoveSigner,
    Reopen,
    Restore,
    Resume,
    RetryIncident,
    SendBack,
    SkipIncident,
    State,
    Suspend,
    TimerCleared,
    Unask,
    Unsubscribed,
    WaitClosed,
    obstacles,
    parked_by,
    plan_migration,
)
from bihuan.engine.runtime.people.moving import RETURNABLE
from bihuan.engine.runtime.people.rework import redoing
from bihuan.engine.runtime.people.ways import is_join
from tests.engine.runtime.people_models import MODELS
from tests.engine.runtime.story import Story

ENDINGS = (CallClosed, ItemClosed, TimerCleared, Unsubscribed, WaitClosed)
PEOPLE = ["a", "b", "c"]
# Begun as often as people or events want, beside the rest.
SEVERAL = {"Chase", "E", "H", "P", "Q", "L"}
# Enough to finish any of the models by completing what is open.
ENOUGH = 200


class People(RuleBasedStateMachine):
    """Each rule is one thing a person may try; what is refused has changed nothing (checked by `Story.do`)."""

    @initialize(model=st.sampled_from(MODELS), both=st.booleans(), done=st.lists(st.integers(0, 9), max_size=12))
    def begin(self, model: str, both: bool, done: list[int]) -> None:
        """It begins, and some of it is done, so that there is something to go back to."""
        self.story = Story(model).start(people=PEOPLE, both=both, ok=False, again=False, approved=True)
        self.undo: tuple[State, State] | None = None
        for number in done:
            self.come_back(number)
            self.complete(number, agree=True)

    @property
    def state(self) -> State:
        return self.story.state

    def try_(self, command: Command) -> None:
        before = self.story.before
        try:
            self.story.do(command)
        except CommandRejected:
            return
        if not isinstance(command, Restore):
            self.undo = (before, self.story.before)

    def pick(self, kind: str, number: int) -> int | None:
        waits = [wait.id for wait in self.state.waits.values() if wait.kind == kind and wait.token]
        return waits[number % len(waits)] if waits else None

    def passed(self) -> list[str]:
        """The steps and calls that were done so far."""
        done = {event.node for event in self.story.history if isinstance(event, NodeLeft) and not event.cancelled}
        return sorted(node for node in done if self.story.process.nodes[node].kind in RETURNABLE)

    @rule(number=st.integers(0, 9), agree=st.booleans())
    def complete(self, number: int, agree: bool) -> None:
        item = self.pick("item", number)
        if item is not None:
            self.try_(CompleteItem(item, {"approved": agree, "agree": agree}))

    @rule(number=st.integers(0, 9), place=st.integers(0, 19), straight=st.booleans(), ago=st.integers(1, 5))
    def send_back(self, number: int, place: int, straight: bool, ago: int) -> None:
        item, passed = self.pick("item", number), self.passed()
        if item is not None and passed:
            target = passed[place % len(passed)]
            self.try_(SendBack(item, target, straight, self.story.into(target, -ago)))

    @rule(number=st.integers(0, 9))
    def come_back(self, number: int) -> None:
        """A process that was called is over."""
        call = self.pick("call", number)
        if call is not None:
            self.try_(FinishCall(call, {}))

    @rule(number=st.integers(0, 9), place=st.integers(0, 19), straight=st.booleans(), ago=st.integers(1, 5))
    def send_back_from_a_called_process(self, number: int, place: int, straight: bool, ago: int) -> None:
        """Somebody in a process that was called; straight, one item behind the call rests."""
        call, passed = self.pick("call", number), self.passed()
        if call is not None and passed:
            target = passed[place % len(passed)]
            behind = 100 + number if straight else 0
            self.try_(SendBack(call, target, straight, self.story.into(target, -ago), behind))

    @rule(number=st.integers(0, 9))
    def a_called_process_fails(self, number: int) -> None:
        call = self.pick("call", number)
        if call is not None:
            self.try_(FailCall(call, "坏了"))

    @rule(number=st.integers(0, 9), again=st.booleans())
    def repair(self, number: int, again: bool) -> None:
        incidents = list(self.state.incidents)
        if incidents:
            incident = incidents[number % len(incidents)]
            self.try_(RetryIncident(incident) if again else SkipIncident(incident))

    @rule(number=st.integers(0, 9))
    def await_the_caller(self, number: int) -> None:
        """A process that called this one redoes a step for an item of it."""
        item = self.pick("item", number)
        if item is not None:
            self.try_(AwaitCaller(item))

    @rule(number=st.integers(0, 9))
    def the_caller_answers(self, number: int) -> None:
        if self.state.awaiting:
            self.try_(AnswerFromCaller(self.state.awaiting[number % len(self.state.awaiting)]))

    @rule(place=st.integers(0, 19), ago=st.integers(1, 5))
    def the_caller_opens_it_again(self, place: int, ago: int) -> None:
        passed = self.passed()
        if passed:
            target = passed[place % len(passed)]
            self.try_(Reopen(target, self.story.into(target, -ago)))

    @rule(number=st.integers(0, 9), place=st.integers(0, 40), others_done=st.booleans())
    def jump(self, number: int, place: int, others_done: bool) -> None:
        item = self.pick("item", number)
        nodes = sorted(self.story.process.nodes)
        if item is not None:
            self.try_(Jump(item if number else 0, nodes[place % len(nodes)], others_done=others_done))

    @rule(number=st.integers(0, 9), mode=st.sampled_from(["before", "after", "delegate"]), person=st.integers(1, 4))
    def ask(self, number: int, mode: str, person: int) -> None:
        item = self.pick("item", number)
        if item is not None:
            self.try_(Ask(item, mode, person, asker=9))

    @rule(number=st.integers(0, 9))
    def unask(self, number: int) -> None:
        if self.state.asks:
            self.try_(Unask(list(self.state.asks)[number % len(self.state.asks)]))

    @rule(number=st.integers(0, 9))
    def call_off(self, number: int) -> None:
        if self.state.reworks:
            reworks = list(self.state.reworks.values())
            rework = reworks[number % len(reworks)]
            self.try_(CallOffRework(rework.wait, rework.behind))

    @rule(number=st.integers(0, 9), join=st.booleans())
    def sign_with(self, number: int, join: bool) -> None:
        item = self.pick("item", number)
        if item is not None:
            self.try_(AddSigner(item, "d", 2) if join else RemoveSigner(item))

    @rule(number=st.integers(0, 9), place=st.integers(1, 4))
    def sign_no_more(self, number: int, place: int) -> None:
        item = self.pick("item", number)
        if item is not None:
            self.try_(RemoveSigner(item, place))

    @rule()
    def take_back(self) -> None:
        if self.undo is not None:
            undo, self.undo = self.undo, None
            self.try_(Restore(*undo, "wake" if self.state.status == "ended" else "recall"))

    @rule(number=st.integers(0, 9))
    def fire(self, number: int) -> None:
        timer = self.pick("timer", number)
        if timer is not None:
            self.try_(FireTimer(timer))

    @rule(number=st.integers(0, 9))
    def begin_one(self, number: int) -> None:
        door = self.pick("adhoc", number)
        if door is not None:
            activities = self.story.process.levels[self.state.waits[door].node].starts
            self.try_(BeginActivity(door, activities[number % len(activities)]))

    @rule()
    def call(self) -> None:
        for wait in [wait.id for wait in self.state.waits.values() if wait.kind == "message"][:1]:
            if len(self.state.tokens) < 30:
                self.try_(DeliverMessage(wait, {}))

    @rule()
    def rest(self) -> None:
        self.try_(Suspend())
        self.story.later(minutes=10)
        self.try_(Resume())

    @rule()
    def move_to_the_same_version(self) -> None:
        state, plan = self.state, plan_migration(self.story.process, self.story.process)
        undoing = any(scope.kind == "undo" for scope in state.scopes.values()) or any(
            record.by for record in state.records.values()
        )
        if state.status == "ended" or undoing:
            assert obstacles(plan, state)
            return
        before = state.to_json()
        self.story.do(Migrate(plan))
        assert self.state.to_json() == before

    @invariant()
    def nothing_grows(self) -> None:
        if hasattr(self, "story"):
            assert len(self.state.tokens) < 60 and len(self.state.reworks) < 30

    @invariant()
    def nobody_walks_twice(self) -> None:
        """Ways that come together again are each walked by one token; a step redone on the side is on none."""
        if hasattr(self, "story"):
            aside, nodes = redoing(self.state), self.story.process.nodes
            walking = [token for token in self.state.tokens.values() if token.id not in aside]
            places = [
                (token.scope, token.node, token.flow if is_join(nodes[token.node]) else "")
                for token in walking
                if token.node not in SEVERAL
            ]
            assert len(places) == len(set(places)), f"walked twice: {places}"

    def teardown(self) -> None:
        """Everybody does what is open; then it is over."""
        if not hasattr(self, "story"):
            return
        self.calling_off_leaves_nothing()
        self.story.set(ok=True) if self.state.status == "running" else None
        for _ in range(ENOUGH):
            if self.state.status == "ended":
                break
            self.story.do(self.next_to_do())
        assert self.state.status == "ended", f"still open: {self.story.open}"

    def next_to_do(self) -> Command:
        """What is open is done, what others have to do elsewhere is done."""
        for incident in self.state.incidents.values():
            assert self.story.process.nodes[incident.node].kind == "callActivity", f"stuck: {self.state}"
            return SkipIncident(incident.id)
        if self.state.awaiting:
            return AnswerFromCaller(self.state.awaiting[0])
        waits = self.state.waits.values()
        turns = [wait.id for wait in waits if wait.kind == "item" and not parked_by(self.state, wait.id)]
        if turns:
            return CompleteItem(turns[0], {"approved": True, "agree": True})
        call = self.pick("call", 0)
        assert call is not None, f"nobody can go on: {self.state}"
        return FinishCall(call, {})

    def calling_off_leaves_nothing(self) -> None:
        """Wherever people have brought it: every item, timer and subscription ends by an event of its own."""
        called_off = Story(self.story.process)
        called_off.state, called_off.now = self.story.before, self.story.now
        if called_off.state.status != "ended":
            open_before = set(called_off.state.waits)
            called_off.cancel()
            ended = [event.wait for event in called_off.last if isinstance(event, ENDINGS)]
            assert sorted(ended) == sorted(open_before)


_QUIET = settings(stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))


def test_people_in_any_order() -> None:
    run_state_machine_as_test(People, settings=settings(_QUIET, max_examples=40))


@pytest.mark.long
def test_people_in_many_orders() -> None:
    run_state_machine_as_test(People, settings=settings(_QUIET, max_examples=2000))
