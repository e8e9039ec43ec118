"""A decision file as immutable data, ready to be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bihuan.engine.dmn.types import Fit
from bihuan.engine.feel import Expression, UnaryTests, Value


class DecisionError(Exception):
    """A decision that gives no answer: its rules contradict its hit policy, or its bounds are exceeded.

    The message is Chinese, for the owner of the decision table.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class InputClause:
    """A column of conditions: what is tested, and of which type it should be."""

    label: str
    expression: Expression
    type: str
    allowed: UnaryTests | None


@dataclass(frozen=True, slots=True)
class OutputClause:
    """A column of results. `order` lists the allowed values from the most to the least important."""

    name: str
    label: str
    type: str
    default: Expression | None
    order: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: one test for each input, one result for each output. `number` counts from 1."""

    number: int
    line: int
    tests: tuple[UnaryTests, ...]
    results: tuple[Expression | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table. `policy` is one of U A F P R O C; `aggregation` one of "" SUM MIN MAX COUNT, for C only."""

    name: str
    policy: str
    aggregation: str
    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class BoxedContext:
    """Named entries, each seeing the ones before; `result` is what the whole gives instead of a context."""

    entries: tuple[tuple[str, Logic], ...]
    result: Logic | None


@dataclass(frozen=True, slots=True)
class BoxedInvocation:
    """A call of a business knowledge model with named arguments."""

    function: Expression
    arguments: tuple[tuple[str, Logic], ...]


@dataclass(frozen=True, slots=True)
class BoxedList:
    """A list of logics; with `columns` each row becomes a context (a relation)."""

    items: tuple[Logic, ...]


@dataclass(frozen=True, slots=True)
class BoxedFunction:
    """What a business knowledge model encapsulates. `fits` are the types of its parameters."""

    parameters: tuple[str, ...]
    fits: tuple[Fit | None, ...]
    body: Logic


@dataclass(frozen=True, slots=True)
class BoxedConditional:
    """One of two, by a condition."""

    condition: Logic
    then: Logic
    otherwise: Logic


@dataclass(frozen=True, slots=True)
class BoxedIteration:
    """`kind` for, some, every or filter: what is done with each item of `source`, known as `variable`."""

    kind: str
    variable: str
    source: Logic
    body: Logic


@dataclass(frozen=True, slots=True)
class Typed:
    """Logic whose value must be of a type."""

    logic: Logic
    fit: Fit


@dataclass(frozen=True, slots=True)
class Service:
    """A decision service: which decisions it gives, from which inputs and decisions, whose values it is handed."""

    outputs: tuple[str, ...]
    inputs: tuple[Input, ...]
    given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """Input data: its name, and how its value is made to fit its type."""

    name: str
    fit: Fit | None


Logic: TypeAlias = (
    Expression
    | Table
    | BoxedContext
    | BoxedInvocation
    | BoxedList
    | BoxedFunction
    | BoxedConditional
    | BoxedIteration
    | Typed
    | Service
)


@dataclass(frozen=True, slots=True)
class Element:
    """A decision, a business knowledge model or a decision service.

    `variable` is the name others see its value under, `fit` how that is made to fit its type.
    """

    id: str
    name: str
    line: int
    variable: str
    inputs: tuple[Input, ...]
    decisions: tuple[str, ...]
    knowledge: tuple[str, ...]
    logic: Logic
    fit: Fit | None = None
