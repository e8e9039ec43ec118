"""Driving the engine through one transaction: commands in, and whatever they set off until nothing is left to do.

A step may ask for services, call processes, throw messages; each of these leads to further commands, to the same
instance or to others, all in the same transaction. Rows are written at the end, once per instance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct, field

from bihuan.engine.runtime import Command, CommandRejected, Event, UnfitValue, step
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.org.actor import Actor
from bihuan.org.duty.staff import Staff
from bihuan.processes.contract import Context, Decided, InstanceFacts, Surroundings
from bihuan.processes.rows import Held, Loaded, hold_instance

# A model that goes round without ever waiting would never end its transaction.
MAX_COMMANDS = 1000


class Unit(Struct):
    """One transaction's work on one or more instances. `reactions` say what follows from which event."""

    actor: Actor
    now: datetime
    around: Surroundings
    reactions: Mapping[type[Event], Reaction]
    loaded: dict[int, Loaded] = field(default_factory=dict)
    tasks: deque[Callable[[], None]] = field(default_factory=deque)
    commands: int = 0
    ran_services: bool = False
    done: Held | None = None
    """The item that somebody completes in this transaction."""
    staff: dict[int, Staff] = field(default_factory=dict)
    instead: dict[tuple[int, str], Callable[[Any], None]] = field(default_factory=dict)
    """What to do instead of calling a process anew, by the calling instance and its node."""

    @property
    def is_runaway(self) -> bool:
        """Whether this transaction has done more than any sensible process does without waiting."""
        return self.commands > MAX_COMMANDS

    def staff_at(self, site_id: int) -> Staff:
        """The people of a site as this transaction sees them."""
        return self.staff.setdefault(site_id, Staff(site_id, self.now))

    def decided(self) -> Iterator[Decided]:
        """Who does the steps that this transaction has opened so far, where a rule decides it."""
        for instance in self.loaded.values():
            yield from instance.decided.values()

    def take(self, instance: Loaded) -> Loaded:
        """The one copy of an instance in this transaction."""
        return self.loaded.setdefault(instance.id, instance)

    def hold(self, instance_id: int) -> Loaded:
        """The instance in this transaction, read and locked if it is not here yet."""
        found = self.loaded.get(instance_id)
        return found if found is not None else self.take(hold_instance(instance_id))

    def submit(self, instance: Loaded, command: Command) -> None:
        """Give an instance a command from outside and work off what follows.

        Raises Conflict when the command makes no sense now, BusinessError for values that cannot be variables.
        """
        try:
            self._advance(self.take(instance), command)
        except CommandRejected as refusal:
            raise Conflict(refusal.reason) from None
        except UnfitValue as unfit:
            raise BusinessError(str(unfit)) from None
        self.settle()

    def settle(self) -> None:
        """Work off everything that has been set off."""
        while self.tasks:
            self.tasks.popleft()()

    def later(self, task: Callable[[], None]) -> None:
        """Do this after what has already been set off."""
        self.tasks.append(task)

    def follow(self, instance: Loaded, command: Command) -> None:
        """Give an instance a command that follows from another step; what came too late is noted, not an error."""
        try:
            self._advance(instance, command)
        except CommandRejected as refusal:
            instance.notes.append(f"{type(command).__name__}：{refusal.reason}")

    def _advance(self, instance: Loaded, command: Command) -> None:
        self.commands += 1
        events = step(instance.process, instance.state, command, self.now, context=self.visible(instance))
        instance.events.extend(events)
        for event in events:
            react = self.reactions.get(type(event))
            if react is not None:
                react(self, instance, event)

    def visible(self, instance: Loaded) -> Mapping[str, Any]:
        """The read-only names that expressions of this instance see besides its variables."""
        if instance.visible is None:
            instance.visible = LazyNames(self.around.context, instance.facts)
        return instance.visible

    def forget_visible(self) -> None:
        """Records have changed: whoever asks for a read-only name again gets it anew."""
        for instance in self.loaded.values():
            instance.visible = None


class LazyNames(Mapping[str, Any]):
    """Read-only names, looked up when an expression first asks for one that is no variable: most steps do not.

    `timezone` is the site's, in which expressions tell what day it is.
    """

    __slots__ = ("_context", "_facts", "_found")

    def __init__(self, context: Context, facts: InstanceFacts) -> None:
        self._context = context
        self._facts = facts
        self._found: Mapping[str, Any] | None = None

    def _names(self) -> Mapping[str, Any]:
        if self._found is None:
            context = self._context
            names = context(self._facts) if callable(context) else context
            self._found = {**names, "timezone": self._facts.timezone}
        return self._found

    def __getitem__(self, name: str) -> Any:
        return self._facts.timezone if name == "timezone" else self._names()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __bool__(self) -> bool:
        return True


Reaction: TypeAlias = Callable[[Unit, Loaded, Any], None]
