"""The parsed form of an expression: immutable nodes that say what was written, not how to compute it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bihuan.engine.feel.values import Value


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Value


@dataclass(frozen=True, slots=True)
class Mistake:
    """What can only give null, such as a call with too few arguments: why, where, and what it was written with."""

    message: str
    position: int
    arguments: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A name to look up; `local` if the expression itself introduced it (iterator, parameter, context entry)."""

    name: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """`target.name`."""

    target: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter:
    """`target[condition]`."""

    target: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Call:
    """An invocation; `names` holds the parameter names of a call by name."""

    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] | None
    position: int


@dataclass(frozen=True, slots=True)
class Negation:
    """`-operand`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """`first op operand op operand …` of operators of the same rank, from left to right."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """Parts joined by `and` or by `or`."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left op right` with one of = != < <= > >=."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Between:
    """`value between low and high`."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Tests:
    """Unary tests: true if one of them holds, or none of them when negated. No tests at all means anything holds."""

    tests: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """`op operand` with the tested value at its left; outside of tests it is the range of values that pass."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class In:
    """`value in tests`."""

    value: Node
    tests: Tests


@dataclass(frozen=True, slots=True)
class If:
    """`if condition then yes else no`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class For:
    """`for name in source, … return body`."""

    iterators: tuple[tuple[str, Node], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantified:
    """`some` or `every name in source, … satisfies condition`."""

    every: bool
    iterators: tuple[tuple[str, Node], ...]
    condition: Node


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b, …]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContextOf:
    """`{key: value, …}`; later entries see earlier ones."""

    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class RangeOf:
    """`[start..end]` in its open and closed forms."""

    start: Node
    end: Node
    start_included: bool
    end_included: bool


@dataclass(frozen=True, slots=True)
class FunctionOf:
    """`function(a, b) body`, the parameters with their declared types."""

    parameters: tuple[tuple[str, TypeRef | None], ...]
    body: Node


@dataclass(frozen=True, slots=True)
class TypeRef:
    """A type as written after `instance of` or a parameter: a name, its type arguments, the fields of a context."""

    name: str
    arguments: tuple[TypeRef, ...] = ()
    fields: tuple[tuple[str, TypeRef], ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceOf:
    """`value instance of type`."""

    value: Node
    type: TypeRef


Node: TypeAlias = (
    Literal | Mistake | Name | Path | Filter | Call | Negation | Chain | Logic | Comparison | Between | Tests | Test
    | In | If | For | Quantified | ListOf | ContextOf | RangeOf | FunctionOf | InstanceOf
)  # fmt: skip
