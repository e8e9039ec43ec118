"""Reads an expression into nodes: operator precedence here, the longer forms in forms.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from bihuan.engine.feel import forms
from bihuan.engine.feel.cursor import Reader
from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.lexer import Source
from bihuan.engine.feel.nodes import (
    Between,
    Call,
    Chain,
    Comparison,
    Filter,
    In,
    InstanceOf,
    Literal,
    Logic,
    Name,
    Negation,
    Node,
    Path,
    Test,
    Tests,
)
from bihuan.engine.feel.values import NUMBERS

_RANK = {"or": 1, "and": 2, "between": 3, "in": 3, "+": 4, "-": 4, "*": 5, "/": 5, "**": 6}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_RANK.update(dict.fromkeys(_COMPARISONS, 3))
_SUM = 4
_TOO_DEEP = "表达式嵌套太深"


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression read: its node and the names it expects from outside."""

    node: Node
    names: frozenset[str]


def parse_expression(text: str, line: int | None = None, names: Iterable[str] = ()) -> Parsed:
    """Read a whole expression. Raises FeelSyntaxError."""
    parser = Parser(Source(text, line), names)
    if parser.token.kind == "end":
        raise parser.error("表达式是空的")
    try:
        node = parser.item()
    except RecursionError:
        raise parser.error(_TOO_DEEP) from None
    parser.finish()
    return Parsed(node, frozenset(parser.free))


def parse_unary_tests(text: str, line: int | None = None, names: Iterable[str] = ()) -> Parsed:
    """Read the tests of a decision table's input cell. Raises FeelSyntaxError."""
    parser = Parser(Source(text, line), names)
    parser.locals.append("?")
    if parser.token.kind == "end":
        raise parser.error("测试是空的，任意值请写 -")
    try:
        node = parser.unary_tests()
    except RecursionError:
        raise parser.error(_TOO_DEEP) from None
    parser.finish()
    return Parsed(node, frozenset(parser.free - {"?"}))


class Parser(Reader):
    """Precedence climbing over the tokens; chains of one rank become flat nodes."""

    range_end_depth = -1
    filters = 0

    def finish(self) -> None:
        """Nothing may follow."""
        if self.token.kind != "end":
            self._unexpected()

    def expression(self) -> Node:
        """Any expression."""
        with self.nested():
            form = forms.FORMS.get(self.token.text) if self.token.kind == "name" else None
            if form is not None and (self.token.text != "function" or self.ahead().text == "("):
                return form(self)
            return self._binary(1)

    def item(self) -> Node:
        """An expression, or a lone comparison such as `< 10` that stands for the values passing it."""
        if self.token.kind == "op" and self.token.text in _COMPARISONS:
            operator = self.advance().text
            with self.nested():
                return Test(operator, self._binary(_SUM))
        return self.expression()

    def operand(self) -> Node:
        """What may stand at either end of a range or between."""
        return self._binary(_SUM)

    def unary_tests(self) -> Tests:
        """`-`, `not(tests)` or tests with commas between."""
        if self.at("-") and self.ahead().kind == "end":
            self.advance()
            return Tests(())
        if self.at("not") and self.ahead().text == "(":
            start = self.index
            self.index += 2
            inner = self._list_of_tests()
            if self.accept(")") and self.token.kind == "end":
                return Tests(inner, negated=True)
            self.index = start
        return Tests(self._list_of_tests())

    def _list_of_tests(self) -> tuple[Node, ...]:
        tests = [self.item()]
        while self.accept(","):
            tests.append(self.item())
        return tuple(tests)

    def _binary(self, level: int) -> Node:
        left = self._unary()
        while True:
            token = self.token
            rank = _RANK.get(token.text) if token.kind in ("op", "name") else None
            if rank is None or rank < level:
                return left
            left = self._comparison(left) if rank == 3 else self._chain(left, rank)

    def _chain(self, first: Node, rank: int) -> Node:
        rest: list[tuple[str, Node]] = []
        while self.token.kind in ("op", "name") and _RANK.get(self.token.text) == rank:
            operator = self.advance().text
            rest.append((operator, self._binary(rank + 1)))
        if rank < 3:
            return Logic(rest[0][0], (first, *(node for _, node in rest)))
        return Chain(first, tuple(rest))

    def _comparison(self, left: Node) -> Node:
        operator = self.advance().text
        if operator == "between":
            low = self._binary(_SUM)
            self.expect("and", "between 的两个界限之间")
            return Between(left, low, self._binary(_SUM))
        if operator == "in":
            return In(left, self._tests_after_in())
        # `r = >= 2` compares with an interval, as `r = (>= 2)` does; `r => 2` is a slip of the pen.
        interval = operator in ("=", "!=") and self.token.spaced and self.at("<", "<=", ">", ">=")
        return Comparison(operator, left, self.item() if interval else self._binary(_SUM))

    def _tests_after_in(self) -> Tests:
        if self.at("("):
            start = self.index
            self.advance()
            with self.nested():
                tests = self._list_of_tests()
            # `x in (a..b)`, and `x in (a) + b` where the brackets only group, are read as operands.
            if self.accept(")") and not self._continues():
                return Tests(tests)
            self.index = start
        if self.token.kind == "op" and self.token.text in _COMPARISONS:
            return Tests((self.item(),))
        first = self._binary(_SUM)
        return Tests((forms.maybe_range(self, first),))

    def _continues(self) -> bool:
        token = self.token
        return token.kind == "op" and (_RANK.get(token.text, 0) >= _SUM or token.text in (".", "[", "("))

    def _unary(self) -> Node:
        minus = 0
        while self.at("-"):
            self.advance()
            minus += 1
        node = self._postfix(self._primary())
        if minus % 2 == 0:
            return node
        if isinstance(node, Literal) and type(node.value) is Decimal:
            return Literal(NUMBERS.minus(node.value))
        return Negation(node)

    def _primary(self) -> Node:
        token = self.token
        if token.kind in ("number", "string") and not (token.kind == "number" and self.odd_names):
            self.advance()
            return Literal(token.value)
        if token.kind == "at":
            return forms.read_at(self)
        if token.kind == "op":
            reader = forms.OPENERS.get(token.text)
            if reader is None:
                self._unexpected()
            with self.nested():
                return reader(self)
        if token.kind == "name" and token.text in forms.CONSTANTS:
            self.advance()
            return Literal(forms.CONSTANTS[token.text])
        if token.kind == "name" and token.text in forms.FORMS:
            with self.nested():
                return forms.FORMS[token.text](self)
        return self._name()

    def _name(self) -> Node:
        token = self.token
        if token.kind == "name" and token.text == "?":
            self.advance()
            return Name("?", "?" in self.locals)
        name = self.words()
        if name is None and token.kind == "number":
            self.advance()
            return Literal(token.value)
        if name is None:
            self._unexpected()
        local = name in self.locals
        if not local and not self.filters and not (self.at("(") and token.kind != "quoted"):
            self.free.add(name)
        return Name(name, local)

    def _postfix(self, node: Node) -> Node:
        links = 0
        while True:
            if self.at("."):
                self.advance()
                node = Path(node, self._member())
            elif self.at("[") and not self._ends_range():
                node = self._filter(node)
            elif self.at("(") and not isinstance(node, Literal):
                node = forms.read_call(self, node)
            elif self.at("instance") and self.ahead().text == "of":
                self.index += 2
                node = InstanceOf(node, forms.read_type(self))
            else:
                return node
            links += 1
            if links > 100:
                raise self.error("一个名称后面的层级太多")

    def _member(self) -> str:
        token = self.token
        if token.kind == "name" and token.is_keyword:
            self.advance()
            return token.text
        name = self.words()
        if name is None:
            raise self.error(f"“.”后面缺少名称{self.found()}")
        return name

    def _filter(self, node: Node) -> Node:
        opening = self.advance()
        self.filters += 1
        with self.introducing(("item",)):
            condition = self.expression()
        self.filters -= 1
        if not self.accept("]"):
            raise self.error(f"“[”（第 {opening.start + 1} 个字符）缺少对应的“]”{self.found()}")
        return Filter(node, condition)

    def _ends_range(self) -> bool:
        if self.range_end_depth != self.depth:
            return False
        following = self.ahead()
        if following.kind in ("number", "string", "at", "quoted"):
            return False
        if following.kind == "name":
            return following.is_keyword and following.text not in forms.STARTERS
        return following.text not in ("(", "[", "{", "-")

    def _unexpected(self) -> NoReturn:
        token = self.token
        if token.kind == "end":
            raise self.error("表达式不完整")
        raise self._wrong(token.text)

    def _wrong(self, text: str) -> FeelSyntaxError:
        if text in (")", "]", "}"):
            return self.error(f"多余的“{text}”，或者它前面缺了内容")
        return self.error(f"这里不该出现“{text[:30]}”")


def call_name(call: Call) -> str | None:
    """The plain name a call invokes, if it is one."""
    return call.function.name if isinstance(call.function, Name) else None
