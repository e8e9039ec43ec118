"""Reads the longer forms of FEEL: brackets, if, for, some, every, functions, calls and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.nodes import (
    Call,
    ContextOf,
    For,
    FunctionOf,
    If,
    ListOf,
    Literal,
    Mistake,
    Node,
    Quantified,
    RangeOf,
    TypeRef,
)
from bihuan.engine.feel.temporal import temporal_literal
from bihuan.engine.feel.values import Value

if TYPE_CHECKING:
    from bihuan.engine.feel.parser import Parser

CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
STARTERS = frozenset({"if", "for", "some", "every", "function", "true", "false", "null"})
_KEY_SYMBOLS = frozenset({"-", "+", "*", "/", "."})


def read_at(p: Parser) -> Node:
    """`@"2026-11-24"`."""
    token = p.advance()
    try:
        return Literal(temporal_literal(token.value))
    except UnfitError as unfit:
        return Mistake(unfit.reason, token.start)


def read_if(p: Parser) -> Node:
    """`if … then … else …`."""
    p.advance()
    condition = p.expression()
    p.expect("then", "if 后面")
    yes = p.expression()
    p.expect("else", "if … then … 后面")
    return If(condition, yes, p.expression())


def read_for(p: Parser) -> Node:
    """`for … in … return …`; the results so far are known as `partial`."""
    p.advance()
    iterators = _iterators(p, "for")
    p.expect("return", "for … in … 后面")
    with p.introducing((*(name for name, _ in iterators), "partial")):
        return For(iterators, p.expression())


def read_quantified(p: Parser) -> Node:
    """`some … in … satisfies …` and `every …`."""
    word = p.advance().text
    iterators = _iterators(p, word)
    p.expect("satisfies", f"{word} … in … 后面")
    with p.introducing(name for name, _ in iterators):
        return Quantified(word == "every", iterators, p.expression())


def _iterators(p: Parser, word: str) -> tuple[tuple[str, Node], ...]:
    found: list[tuple[str, Node]] = []
    with p.introducing(()):
        while True:
            name = p.words()
            if name is None:
                raise p.error(f"{word} 后面缺少变量名{p.found()}")
            p.expect("in", f"{word} {name} 后面")
            source = p.item() if not p.at("-") else p.expression()
            found.append((name, maybe_range(p, source)))
            p.introduce(name)
            if not p.accept(","):
                return tuple(found)


def maybe_range(p: Parser, first: Node) -> Node:
    """`first`, or the range `first..end` if dots follow."""
    if not p.accept(".."):
        return first
    return RangeOf(first, p.operand(), True, True)


def read_function(p: Parser) -> Node:
    """`function(a, b: number) …`."""
    p.advance()
    p.expect("(", "function 后面")
    parameters: list[tuple[str, TypeRef | None]] = []
    while not p.accept(")"):
        if parameters:
            p.expect(",", "function 的参数之间")
        name = p.words()
        if name is None:
            raise p.error(f"function 的括号里缺少参数名{p.found()}")
        if any(name == known for known, _ in parameters):
            raise p.error(f"参数名“{name}”重复")
        parameters.append((name, read_type(p) if p.accept(":") else None))
    if p.at("external"):
        raise p.error("不支持外部函数（external）")
    with p.introducing(name for name, _ in parameters):
        return FunctionOf(tuple(parameters), p.expression())


def read_type(p: Parser) -> TypeRef:
    """A type such as `number`, `list<string>` or `context<a: number>`."""
    if p.token.kind == "name" and p.token.text in ("function", "null"):
        name: str | None = p.advance().text
    else:
        name = p.words(as_type=True)
    if name is None:
        raise p.error(f"这里缺少类型名{p.found()}")
    with p.nested():
        arguments: list[TypeRef] = []
        fields: list[tuple[str, TypeRef]] = []
        if name in ("list", "range", "context", "function") and p.accept("<"):
            while not p.accept(">"):
                if arguments or fields:
                    p.expect(",", "类型参数之间")
                if name == "context":
                    key = p.words()
                    if key is None:
                        raise p.error(f"context<…> 里缺少字段名{p.found()}")
                    p.expect(":", f"字段“{key}”后面")
                    fields.append((key, read_type(p)))
                else:
                    arguments.append(read_type(p))
            if name == "function" and p.accept("->"):
                arguments.append(read_type(p))
        return TypeRef(name, tuple(arguments), tuple(fields))


def read_call(p: Parser, function: Node) -> Node:
    """The arguments of an invocation, by position or by name."""
    opening = p.advance()
    arguments: list[Node] = []
    names: list[str] = []
    with p.nested():
        while not p.accept(")"):
            if arguments:
                p.expect(",", "参数之间")
            name = _argument_name(p)
            if (name is None) != (not names) and arguments:
                raise p.error("参数要么都写名字，要么都不写")
            if name is not None:
                if name in names:
                    raise p.error(f"参数“{name}”写了两次")
                names.append(name)
            if p.token.kind == "end":
                raise p.error(f"“(”（第 {opening.start + 1} 个字符）缺少对应的“)”")
            arguments.append(maybe_range(p, p.item()))
    return Call(function, tuple(arguments), tuple(names) if names else None, opening.start)


def _argument_name(p: Parser) -> str | None:
    start = p.index
    free = set(p.free)
    name = p.words()
    if name is not None and p.accept(":"):
        return name
    p.index = start
    p.free = free
    return None


def read_parenthesis(p: Parser) -> Node:
    """`(expression)`, `(a..b]` or `(< 10)`."""
    opening = p.advance()
    first = p.item()
    if p.at(".."):
        return _range(p, first, included=False)
    if not p.accept(")"):
        raise p.error(f"“(”（第 {opening.start + 1} 个字符）缺少对应的“)”{p.found()}")
    return first


def read_bracket(p: Parser) -> Node:
    """`[a, b]` or `[a..b]`."""
    opening = p.advance()
    if p.accept("]"):
        return ListOf(())
    items = [p.item()]
    if p.at(".."):
        return _range(p, items[0], included=True)
    items[0] = maybe_range(p, items[0])
    while p.accept(","):
        items.append(maybe_range(p, p.item()))
    if not p.accept("]"):
        raise p.error(f"“[”（第 {opening.start + 1} 个字符）缺少对应的“]”{p.found()}")
    return ListOf(tuple(items))


def read_open_range(p: Parser) -> Node:
    """`]a..b]`."""
    p.advance()
    first = p.operand()
    if not p.at(".."):
        raise p.error(f"区间缺少“..”{p.found()}")
    return _range(p, first, included=False)


def _range(p: Parser, start: Node, *, included: bool) -> Node:
    p.advance()
    before = p.range_end_depth
    p.range_end_depth = p.depth
    end = p.operand()
    p.range_end_depth = before
    if p.accept("]"):
        return RangeOf(start, end, included, True)
    if p.accept(")") or p.accept("["):
        return RangeOf(start, end, included, False)
    raise p.error(f"区间缺少结尾的“]”或“)”{p.found()}")


def read_context(p: Parser) -> Node:
    """`{key: value, "key": value}`."""
    p.advance()
    entries: list[tuple[str, Node]] = []
    twice: Mistake | None = None
    with p.introducing(()):
        while not p.accept("}"):
            if entries:
                p.expect(",", "对象的各项之间")
            key = _key(p)
            if any(key == known for known, _ in entries):
                twice = twice or Mistake(f"对象里“{key}”写了两次", p.token.start)
            p.expect(":", f"对象的键“{key}”后面")
            entries.append((key, p.expression()))
            p.introduce(key)
    return twice or ContextOf(tuple(entries))


def _key(p: Parser) -> str:
    token = p.token
    if token.kind in ("string", "quoted"):
        p.advance()
        return str(token.value)
    if token.kind != "name":
        raise p.error(f"对象里缺少键{p.found()}")
    start = token.start
    end = token.end
    while p.token.kind in ("name", "number") or (p.token.kind == "op" and p.token.text in _KEY_SYMBOLS):
        end = p.advance().end
    return " ".join(p.source.text[start:end].split())


FORMS: dict[str, Callable[[Parser], Node]] = {
    "if": read_if,
    "for": read_for,
    "some": read_quantified,
    "every": read_quantified,
    "function": read_function,
}

OPENERS: dict[str, Callable[[Parser], Node]] = {
    "(": read_parenthesis,
    "[": read_bracket,
    "]": read_open_range,
    "{": read_context,
}
