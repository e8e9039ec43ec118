"""What a flow node of a BPMN file says about itself: for whom it is, what it waits for or throws, how it repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bihuan.engine.definition.iso8601 import Cycle, Duration, Moment
    from bihuan.engine.feel import Expression


@dataclass(frozen=True, slots=True)
class Assignment:
    """The rule of a person's step for who does it (`bihuan:who` and its companions, docs/packs.md).

    `source` says among whom, with its `argument` (empty: the step's role); `pick` which of them (empty: the only one,
    or all may take it); `nobody` and `fallback` what when nobody is found; `starter` and `again` what when it would be
    who started the process, or did the step before: allow, skip, superior. `skipped` is what a skipped step gives.
    """

    source: str = ""
    argument: str = ""
    levels: int = 1
    """How many superiors up."""
    rank: int = 0
    """Or up to the first of at least this rank; 0: by levels."""
    pick: str = ""
    nobody: str = "wait"
    fallback: str = ""
    starter: str = "allow"
    again: str = "allow"
    expression: Expression | None = None
    skipped: Expression | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """How long: a duration, or as long as the time limit of this key, counted in its working time."""

    duration: Duration | None = None
    limit: str = ""


@dataclass(frozen=True, slots=True)
class CopyRule:
    """Who is told of a step, an event or a whole process and may read of it (抄送, `bihuan:cc`, docs/packs.md).

    `who` is read like `bihuan:who`, `said` is its text; `on` is open or complete; `when` decides whether at all. With
    `confirm` they are to say that they have read it (阅读确认). Who has not is reminded after `remind` and then after
    each `every`, at most `times` times in all; after `escalate`, counted from the beginning, a role (`escalate_to`;
    empty: the reader's superior) is told of it too.
    """

    who: Assignment
    said: str
    on: str = "complete"
    confirm: bool = False
    remind: Span | None = None
    every: Span | None = None
    times: int = 1
    escalate: Span | None = None
    escalate_to: str = ""
    when: Expression | None = None
    note: str = ""
    line: int = 0

    @property
    def limits(self) -> frozenset[str]:
        """The keys of the time limits it goes by."""
        return frozenset(span.limit for span in (self.remind, self.every, self.escalate) if span and span.limit)


@dataclass(frozen=True, slots=True)
class Extension:
    """What the rule book adds to a BPMN element (attributes of the namespace `urn:bihuan:bpmn:1`).

    Attributes of Camunda 7/8, Flowable and Activiti with the same meaning are mapped here when a model is read.
    `role` is a role key, or the name of the lane if the lane carries no `bihuan:role`; several are separated by commas;
    with a leading `=` it is a FEEL expression. `assignee` and `title` are FEEL without the leading `=`. `time_to_live`
    says for how long a message that nobody waits for is kept (ISO 8601).
    """

    role: str = ""
    assignee: str = ""
    form: str = ""
    limit: str = ""
    script: str = ""
    effects: tuple[str, ...] = ()
    service: str = ""
    button: str = ""
    prints: tuple[str, ...] = ()
    knowledge: str = ""
    title: str = ""
    time_to_live: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Any other `bihuan:` attribute, `zeebe:property` or `camunda:property`, and `zeebe:header`s, by name."""


@dataclass(frozen=True, slots=True)
class SignoffSpec:
    """How several people sign one step (会签 all, 或签 any, 票签 ratio), each with a `weight` (1 without).

    `vote` names the yes/no variable that each of them sets, and that holds the verdict afterwards. Ratio passes when
    the weight of those who agree reaches `threshold` of the whole. `early` ends it as soon as the verdict is certain.
    """

    rule: str
    weight: Expression | None = None
    threshold: Expression | None = None
    vote: str = "approved"
    early: bool = True


@dataclass(frozen=True, slots=True)
class IoMapping:
    """`target` receives the value of `expression`; with `if_any` only if it has one.

    With a `path` the value is an entry of the context `target`, below the entries of these names.
    """

    target: str
    expression: Expression
    if_any: bool = False
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One assignment of a script in another language than FEEL, done if the step named `guard` was true.

    `kept` ones become variables; the others are known to the following steps only, the last `result` being the value.
    """

    target: str
    expression: Expression
    guard: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """When a timer goes off. `kind` is date, duration or cycle; `fixed` is set when the file gives the value itself,
    `expression` when it is computed."""

    kind: str
    text: str
    fixed: Moment | Duration | Cycle | None = None
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class EventSpec:
    """What an event waits for or throws.

    `kind`: none, message, signal, timer, error, escalation, terminate, link, conditional, compensate, cancel, multiple.
    `name` is the message or signal name, the error or escalation code ("" catches every code), or the link name, or is
    computed by `name_expression`. `code_variable` and `message_variable` receive the code and text of a caught error.
    A multiple event has `parts`; with `parallel` it waits for all. `activity` is to be compensated ("": everything done
    around the event); `waits`: the thrower waits for its end. `whole`: terminates the process, not only its level.
    """

    kind: str
    name: str = ""
    name_expression: Expression | None = None
    correlation: Expression | None = None
    timer: TimerSpec | None = None
    condition: Expression | None = None
    code_variable: str = ""
    message_variable: str = ""
    parts: tuple[EventSpec, ...] = ()
    parallel: bool = False
    activity: str = ""
    waits: bool = True
    whole: bool = False

    @property
    def all_parts(self) -> tuple[EventSpec, ...]:
        """What it is made of: its parts, or just itself."""
        return self.parts or (self,)

    def part(self, kind: str) -> EventSpec | None:
        """Its first part of this kind."""
        return next((part for part in self.all_parts if part.kind == kind), None)


@dataclass(frozen=True, slots=True)
class AdHocSpec:
    """How the activities of an ad-hoc sub-process are done: in turn (`sequential`) or side by side, until `completion`
    is true; then what still runs is cancelled, or (without `cancels`) may end. `by_hand`: none begins by itself;
    `chosen`: those begin, side by side, whose ids it lists."""

    sequential: bool = False
    completion: Expression | None = None
    cancels: bool = True
    by_hand: bool = False
    chosen: Expression | None = None


@dataclass(frozen=True, slots=True)
class LoopSpec:
    """Repetition of an activity: multi-instance (parallel or `sequential`) or, with `standard`, a while loop.

    Exactly one of `cardinality` and `collection` is set for multi-instance. `item` names the variable that holds the
    element; results of `result` are gathered in the list `output`. `completion` ends the whole activity early.
    `throws` are the events thrown when a repetition completes, each if its condition (None: always) is true.
    """

    sequential: bool = False
    cardinality: Expression | None = None
    collection: Expression | None = None
    item: str = ""
    completion: Expression | None = None
    output: str = ""
    result: Expression | None = None
    standard: bool = False
    test_before: bool = False
    condition: Expression | None = None
    maximum: int | None = None
    throws: tuple[tuple[Expression | None, EventSpec], ...] = ()
    throws_once: bool = False
    """Only the first repetition to complete throws."""
