"""Compiled expressions: what the rest of the engine holds and evaluates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from bihuan.engine.feel.compiler import Code, Compiler, compile_tests
from bihuan.engine.feel.errors import FeelError, FeelSyntaxError
from bihuan.engine.feel.lexer import Source
from bihuan.engine.feel.nodes import Tests
from bihuan.engine.feel.parser import parse_expression, parse_unary_tests
from bihuan.engine.feel.scope import Env, Moment, Run, measure
from bihuan.engine.feel.values import FeelFunction, Value

_TOO_DEEP = "表达式嵌套太深"
_Read = TypeVar("_Read", "Expression", "UnaryTests")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A value with the Chinese reasons why parts of the expression came out as null."""

    value: Value
    warnings: tuple[str, ...]


class Expression:
    """A FEEL expression, read once. `names` are the variables it expects from outside.

    `mistake` is the first place that can only give null.
    """

    __slots__ = ("code", "mistake", "names", "text")

    def __init__(self, text: str, code: Code, names: frozenset[str], mistake: FeelSyntaxError | None = None) -> None:
        self.text = text
        self.names = names
        self.code = code
        self.mistake = mistake

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, variables: Mapping[str, Any], *, now: Moment = None) -> Value:
        """The value for these variables at this moment (`kernel.clock` by default).

        What has no meaning, such as adding a number to nothing, is null (None). Raises FeelError past the bounds.
        """
        return bounded(self.code, variables, Run(now))

    def explain(self, variables: Mapping[str, Any], *, now: Moment = None) -> Evaluation:
        """The value together with the reasons for nulls inside, for messages to the people who own the model."""
        run = Run(now)
        value = bounded(self.code, variables, run)
        return Evaluation(value, tuple(run.warnings))


class UnaryTests:
    """The tests in a decision table's input cell, such as `< 10, [20..30]` or `-`."""

    __slots__ = ("mistake", "names", "tests", "text")

    def __init__(
        self,
        text: str,
        tests: Callable[[Env, Value], bool | None],
        names: frozenset[str],
        mistake: FeelSyntaxError | None = None,
    ) -> None:
        self.text = text
        self.names = names
        self.tests = tests
        self.mistake = mistake

    def __repr__(self) -> str:
        return f"UnaryTests({self.text!r})"

    def evaluate(self, value: Value, variables: Mapping[str, Any] | None = None, *, now: Moment = None) -> bool | None:
        """Whether the value passes; None if that cannot be said. Raises FeelError past the bounds."""
        tests = self.tests
        result: bool | None = bounded(lambda env: tests(env, env.run.adopt(value)), variables or {}, Run(now))
        return result


def bounded(code: Code, variables: Mapping[str, Any], run: Run) -> Value:
    """Run compiled code over variables from outside within the bounds. Raises FeelError past them."""
    try:
        value = code(Env(variables, None, run, False))
        if type(value) is list or type(value) is dict:
            measure(value)
        return value
    except RecursionError:
        raise FeelError(_TOO_DEEP) from None
    except MemoryError:
        raise FeelError("表达式需要的内存太多") from None


def compile_expression(
    text: str, *, line: int | None = None, names: tuple[str, ...] = (), lenient: bool = False
) -> Expression:
    """Read an expression. Raises FeelSyntaxError with a Chinese message and the column.

    `line` is where the text starts in its file, for error messages. `names` lists variables whose names a reader could
    not tell from an operation, such as `first-name`; in the text itself backticks do the same: `` `first-name` ``.
    What can only give null, such as a call with too few arguments, is refused too, unless `lenient`: then it is null.
    """
    try:
        return _unmistaken(_compiled_expression(text, tuple(names)), lenient)
    except FeelSyntaxError as error:
        raise _placed(error, text, line) from None


def compile_unary_tests(
    text: str, *, line: int | None = None, names: tuple[str, ...] = (), lenient: bool = False
) -> UnaryTests:
    """Read the tests of a decision table's input cell. Raises FeelSyntaxError as compile_expression does."""
    try:
        return _unmistaken(_compiled_tests(text, tuple(names)), lenient)
    except FeelSyntaxError as error:
        raise _placed(error, text, line) from None


def _unmistaken(read: _Read, lenient: bool) -> _Read:
    mistake = read.mistake
    if mistake is not None and not lenient:
        raise FeelSyntaxError(mistake.message, mistake.column, mistake.line)
    return read


@lru_cache(maxsize=4096)
def _compiled_expression(text: str, names: tuple[str, ...]) -> Expression:
    parsed = parse_expression(text, None, names)
    compiler = Compiler(Source(text, None).error)
    try:
        code = compiler.compile(parsed.node)
    except RecursionError:
        raise FeelSyntaxError(_TOO_DEEP, 1) from None
    return Expression(text, code, parsed.names, compiler.mistake)


@lru_cache(maxsize=4096)
def _compiled_tests(text: str, names: tuple[str, ...]) -> UnaryTests:
    parsed = parse_unary_tests(text, None, names)
    compiler = Compiler(Source(text, None).error)
    try:
        node = parsed.node if isinstance(parsed.node, Tests) else Tests((parsed.node,))
        tests = compile_tests(compiler, node)
    except RecursionError:
        raise FeelSyntaxError(_TOO_DEEP, 1) from None
    return UnaryTests(text, tests, parsed.names, compiler.mistake)


def _placed(error: FeelSyntaxError, text: str, line: int | None) -> FeelSyntaxError:
    """The same error with the line in the file instead of the line in the text."""
    if line is None:
        return error
    return FeelSyntaxError(error.message, error.column, line + (error.line - 1 if error.line is not None else 0))


__all__ = ["Evaluation", "Expression", "FeelFunction", "UnaryTests", "compile_expression", "compile_unary_tests"]
