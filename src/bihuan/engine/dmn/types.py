"""Types of DMN files: what a value is made to fit, and that it is null where it does not (DMN 1.5, 10.3.2.9.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TypeAlias

from bihuan.engine.feel import UnaryTests, Value
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.nodes import TypeRef
from bihuan.engine.feel.scope import Env
from bihuan.engine.feel.temporal import parse_date, parse_datetime, parse_duration, parse_time
from bihuan.engine.feel.types import TypeTest, type_test
from bihuan.engine.feel.values import is_date

Fit: TypeAlias = Callable[[Value, Env], Value]
"""Makes a value fit a type; null with a warning where it cannot."""

MAX_DEPTH = 30
"""Types inside each other: a type that is made of itself is followed no further."""

_READERS: dict[str, Callable[[str], Value]] = {
    "date": parse_date,
    "time": parse_time,
    "datetime": parse_datetime,
    "date and time": parse_datetime,
    "days and time duration": parse_duration,
    "daytimeduration": parse_duration,
    "years and months duration": parse_duration,
    "yearmonthduration": parse_duration,
}
_BASIC = {
    **{name: name for name in ("number", "string", "boolean", "context", "function", *_READERS)},
    "datetime": "date and time",
    "daytimeduration": "days and time duration",
    "yearmonthduration": "years and months duration",
}
_UNFIT = object()


@dataclass(frozen=True, slots=True)
class ItemType:
    """A declared type: what it is `of`, or its components; `allowed` holds for one item, `constraint` for the whole."""

    of: str = ""
    collection: bool = False
    components: tuple[tuple[str, ItemType], ...] = ()
    allowed: UnaryTests | None = None
    constraint: UnaryTests | None = None


def converted(value: Value, kind: str) -> Value:
    """A text as the date or time it is declared to be: variables from forms and JSON carry them as texts."""
    reader = _READERS.get(_plain(kind))
    if reader is None or type(value) is not str:
        return value
    try:
        return reader(value)
    except UnfitError:
        return value


@dataclass(slots=True)
class Types:
    """The types a file declares, by name."""

    declared: dict[str, ItemType] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    """Of those that are functions: the type of what these give."""

    imported: dict[str, Types] = field(default_factory=dict)
    """Those of imported files, by the name that each is known as."""

    def name_of(self, reference: str) -> str:
        """The name of the declared type that is meant: a prefix may stand for the file's own namespace."""
        name = reference.strip()
        local = name.rpartition(":")[2]
        return local if name not in self.declared and local in self.declared else name

    def tests(self) -> dict[str, TypeTest]:
        """What `instance of` and the parameters of functions ask of the declared types; nothing is made to fit here."""

        def test(wanted: ItemType) -> TypeTest:
            return lambda value, run: value is not None and self._fitted(value, wanted, Env({}, None, run), 0) == value

        found = {name: test(wanted) for name, wanted in self.declared.items()}
        return {name: each for other in self.imported.values() for name, each in other.tests().items()} | found

    def _elsewhere(self, reference: str) -> tuple[Types, str] | None:
        """The imported types that `name.type` belongs to, and its name there."""
        name, dot, rest = reference.strip().partition(".")
        return (self.imported[name], rest) if dot and name in self.imported else None

    def fit(self, reference: str, what: str) -> Fit | None:
        """How values of `what` are made to fit a type; None where any value does, as of a type nobody declares."""
        elsewhere = self._elsewhere(reference)
        if elsewhere is not None:
            return elsewhere[0].fit(elsewhere[1], what)
        name = self.name_of(reference)
        if name not in self.declared and _plain(name) not in _BASIC:
            return None
        wanted = ItemType(of=name)

        def fit(value: Value, env: Env) -> Value:
            found = self._fitted(value, wanted, env, 0)
            if found is not _UNFIT:
                return found
            env.run.warn(f"{what}的值不符合类型「{name}」，按空值算")
            return None

        return fit

    def _fitted(self, value: Value, wanted: ItemType, env: Env, depth: int) -> Value:
        if value is None or depth > MAX_DEPTH:
            return value
        if wanted.collection:
            items = value if type(value) is list else [value]
            fitted = [self._item(item, wanted, env, depth) for item in items]
            found: Value = _UNFIT if any(item is _UNFIT for item in fitted) else fitted
        else:
            found = self._item(value, wanted, env, depth)
            if found is _UNFIT and type(value) is list and len(value) == 1:
                found = self._item(value[0], wanted, env, depth)
        unfit = found is _UNFIT or (wanted.constraint is not None and wanted.constraint.tests(env, found) is not True)
        return _UNFIT if unfit else found

    def _item(self, value: Value, wanted: ItemType, env: Env, depth: int) -> Value:
        if value is None:
            return None
        if wanted.components:
            value = self._with_components(value, wanted, env, depth)
        elif (declared := self.declared.get(self.name_of(wanted.of))) is not None:
            value = self._fitted(value, declared, env, depth + 1)
        elif (elsewhere := self._elsewhere(wanted.of)) is not None:
            value = elsewhere[0]._fitted(value, ItemType(of=elsewhere[1]), env, depth + 1)
        elif _plain(wanted.of) in _BASIC:
            value = _basic(value, _BASIC[_plain(wanted.of)], env)
        if value is not _UNFIT and wanted.allowed is not None and wanted.allowed.tests(env, value) is not True:
            return _UNFIT
        return value

    def _with_components(self, value: Value, wanted: ItemType, env: Env, depth: int) -> Value:
        if not isinstance(value, Mapping) or any(name not in value for name, _ in wanted.components):
            return _UNFIT
        result = dict(value)
        for name, kind in wanted.components:
            result[name] = self._fitted(env.run.adopt(value[name]), kind, env, depth + 1)
        return _UNFIT if any(part is _UNFIT for part in result.values()) else result


def _plain(reference: str) -> str:
    """`feel:dateTime` and `dateTime` mean the same."""
    return reference.rpartition(":")[2].strip().lower()


def _basic(value: Value, kind: str, env: Env) -> Value:
    value = converted(value, kind)
    if kind == "date and time" and is_date(value):
        return datetime.combine(value, time(), UTC)
    return value if type_test(TypeRef(kind))(value, env.run) else _UNFIT
