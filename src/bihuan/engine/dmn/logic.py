"""Reads the logic inside decisions: tables, expressions and the boxed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lxml import etree

from bihuan.engine.dmn.model import (
    BoxedConditional,
    BoxedContext,
    BoxedFunction,
    BoxedInvocation,
    BoxedIteration,
    BoxedList,
    InputClause,
    Logic,
    OutputClause,
    Rule,
    Table,
    Typed,
)
from bihuan.engine.dmn.names import AGGREGATIONS, IGNORED, POLICIES, local_name
from bihuan.engine.dmn.types import ItemType, Types
from bihuan.engine.feel import (
    Expression,
    FeelError,
    FeelSyntaxError,
    UnaryTests,
    Value,
    compile_expression,
    compile_unary_tests,
    translate_juel,
)

MAX_RULES = 5_000


class Refuse(Protocol):
    """Notes a problem at an element."""

    def __call__(self, element: etree._Element, reason: str, code: str, line: int | None = None) -> None: ...


class LogicReader:
    """Reads logic; what cannot be read is refused and replaced by null, so that all problems are found at once.

    `strict` refuses as well what the standard takes for null, such as a call with too few arguments.
    """

    def __init__(self, refuse: Refuse, names: tuple[str, ...], types: Types, *, strict: bool) -> None:
        self.refuse = refuse
        self.names = names
        self.strict = strict
        self.types = types

    def nothing(self) -> Expression:
        """Stands for logic that could not be read."""
        return compile_expression("null")

    def read(self, element: etree._Element, name: str) -> Logic:
        """The logic an element holds."""
        kind = local_name(element)
        reader = _READERS.get(kind)
        if reader is None:
            self.refuse(element, f"不支持这种决策逻辑（{kind}）", "unsupported-element")
            return self.nothing()
        return self.typed(reader(self, element, name), element, name)

    def typed(self, logic: Logic, holder: etree._Element | None, name: str) -> Logic:
        """The logic, held to the type that an element declares."""
        fit = None if holder is None else self.types.fit(holder.get("typeRef", ""), f"「{name}」")
        return logic if fit is None else Typed(logic, fit)

    def only_child(self, element: etree._Element, name: str) -> Logic:
        """The logic that is the one child of a wrapping element."""
        for child in element:
            if local_name(child) not in IGNORED and local_name(child) != "parameter":
                return self.read(child, name)
        self.refuse(element, "这里缺少决策逻辑", "missing-logic")
        return self.nothing()

    def expression(self, element: etree._Element | None, owner: etree._Element) -> Expression | None:
        """The expression in an element's text; None where the text is empty."""
        text = text_in(element)
        if element is None or not text:
            return None
        line = text_line(element)
        try:
            if text.startswith("="):
                text = text[1:]
            text = translate_juel(text) if "${" in text else text
            return compile_expression(text, line=line, names=self.names, lenient=not self.strict)
        except FeelError as error:
            self.refuse_text(owner, text, error, line)
            return None

    def tests(self, element: etree._Element, owner: etree._Element) -> UnaryTests:
        """The unary tests in an element's text; an empty cell lets everything pass."""
        text = text_in(element)
        line = text_line(element)
        try:
            return compile_unary_tests(text or "-", line=line, names=self.names, lenient=not self.strict)
        except FeelError as error:
            self.refuse_text(owner, text, error, line)
            return compile_unary_tests("-")

    def refuse_text(self, element: etree._Element, text: str, error: FeelError, line: int) -> None:
        """Note a text that is no expression."""
        short = " ".join(text.split())[:60]
        column = f"第 {error.column} 列，" if isinstance(error, FeelSyntaxError) else ""
        at = error.line if isinstance(error, FeelSyntaxError) and error.line else line
        self.refuse(element, f"表达式「{short}」读不懂：{column}{error.message}", "bad-expression", at)


def read_types(root: etree._Element, reader: LogicReader) -> None:
    """Declare the types of a file to its reader."""
    for element in root.iterchildren("{*}itemDefinition"):
        reader.types.declared[element.get("name", "")] = _item_type(element, reader)
        function = child(element, "functionItem")
        if function is not None:
            reader.types.results[element.get("name", "")] = function.get("outputTypeRef", "")


def _item_type(element: etree._Element, reader: LogicReader) -> ItemType:
    of = child(element, "typeRef")
    function = child(element, "functionItem")
    clauses = [child(element, tag) for tag in ("allowedValues", "typeConstraint")]
    allowed, constraint = (
        None if clause is None or not text_in(clause) else reader.tests(clause, element) for clause in clauses
    )
    return ItemType(
        of="function" if function is not None else "".join([] if of is None else of.itertext()).strip(),
        collection=element.get("isCollection") in ("true", "1"),
        components=tuple(
            (" ".join(each.get("name", "").split()), _item_type(each, reader))
            for each in element.iterchildren("{*}itemComponent")
        ),
        allowed=allowed,
        constraint=constraint,
    )


def child(element: etree._Element, local: str) -> etree._Element | None:
    """The first direct child of this name."""
    return next(element.iterchildren(f"{{*}}{local}"), None)


def text_in(element: etree._Element | None) -> str:
    """The `text` inside a clause, trimmed."""
    holder = None if element is None else child(element, "text")
    return "" if holder is None else "".join(holder.itertext(with_tail=False)).strip()


def text_line(element: etree._Element) -> int:
    """The line that text starts in."""
    holder = child(element, "text")
    if holder is None:
        return element.sourceline or 0
    text = holder.text or ""
    return (holder.sourceline or 0) + text[: len(text) - len(text.lstrip())].count("\n")


def _literal(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    language = element.get("expressionLanguage", "").lower()
    if language and "feel" not in language and language != "juel":
        reader.refuse(element, f"不支持表达式语言「{language[:60]}」，请用 FEEL", "unsupported-language")
        return reader.nothing()
    found = reader.expression(element, element)
    if found is None and not text_in(element):
        reader.refuse(element, f"「{name}」的表达式是空的", "missing-logic")
    return found or reader.nothing()


def _context(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    entries: list[tuple[str, Logic]] = []
    result: Logic | None = None
    for entry in element.iterchildren("{*}contextEntry"):
        variable = child(entry, "variable")
        if variable is None:
            result = reader.only_child(entry, name)
        else:
            key = " ".join(variable.get("name", "").split())
            entries.append((key, reader.typed(reader.only_child(entry, key), variable, key)))
    return BoxedContext(tuple(entries), result)


def _invocation(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    target = child(element, "literalExpression")
    function = reader.expression(target, element) or reader.nothing()
    arguments: list[tuple[str, Logic]] = []
    for binding in element.iterchildren("{*}binding"):
        parameter = child(binding, "parameter")
        key = "" if parameter is None else " ".join(parameter.get("name", "").split())
        arguments.append((key, reader.only_child(binding, key)))
    return BoxedInvocation(function, tuple(arguments))


def _list(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    return BoxedList(tuple(reader.read(item, name) for item in element if local_name(item) not in IGNORED))


def _relation(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    columns = [column.get("name", "") for column in element.iterchildren("{*}column")]
    rows: list[Logic] = []
    for row in element.iterchildren("{*}row"):
        cells = [reader.read(cell, name) for cell in row if local_name(cell) not in IGNORED]
        if len(cells) != len(columns):
            reader.refuse(row, f"这一行有 {len(cells)} 格，表头有 {len(columns)} 列", "rule-shape")
            continue
        rows.append(BoxedContext(tuple(zip(columns, cells, strict=True)), None))
    return BoxedList(tuple(rows))


def _function(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    if element.get("kind", "FEEL") != "FEEL":
        reader.refuse(element, f"不支持 {element.get('kind')} 函数，只支持 FEEL", "unsupported-element")
        return reader.nothing()
    declared = list(element.iterchildren("{*}formalParameter"))
    parameters = tuple(" ".join(each.get("name", "").split()) for each in declared)
    fits = tuple(reader.types.fit(each.get("typeRef", ""), f"参数「{each.get('name')}」") for each in declared)
    for part in element:
        if local_name(part) not in IGNORED | {"formalParameter"}:
            return BoxedFunction(parameters, fits, reader.read(part, name))
    reader.refuse(element, f"「{name}」没有内容", "missing-logic")
    return reader.nothing()


def _conditional(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    condition, then, otherwise = (_part(reader, element, tag, name) for tag in ("if", "then", "else"))
    return BoxedConditional(condition, then, otherwise)


def _iteration(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    kind = local_name(element)
    body = {"for": "return", "filter": "match"}.get(kind, "satisfies")
    variable = " ".join(element.get("iteratorVariable", "").split())
    if not variable and kind != "filter":
        reader.refuse(element, "没有写逐个处理时每一项叫什么（iteratorVariable）", "missing-logic")
    return BoxedIteration(kind, variable, _part(reader, element, "in", name), _part(reader, element, body, name))


def _part(reader: LogicReader, element: etree._Element, tag: str, name: str) -> Logic:
    holder = child(element, tag)
    if holder is not None:
        return reader.typed(reader.only_child(holder, name), holder, name)
    reader.refuse(element, f"缺少「{tag}」", "missing-logic")
    return reader.nothing()


def _table(reader: LogicReader, element: etree._Element, name: str) -> Logic:
    policy = POLICIES.get(element.get("hitPolicy", "UNIQUE"))
    if policy is None:
        reader.refuse(element, f"没有命中策略「{element.get('hitPolicy', '')[:40]}」", "bad-hit-policy")
        policy = "F"
    aggregation = element.get("aggregation", "")
    if aggregation and (policy != "C" or aggregation not in AGGREGATIONS):
        reader.refuse(element, f"命中策略不能用汇总方式「{aggregation[:40]}」", "bad-hit-policy")
        aggregation = ""
    inputs = [_input(reader, clause) for clause in element.iterchildren("{*}input")]
    outputs = [_output(reader, clause, name) for clause in element.iterchildren("{*}output")]
    if not outputs:
        reader.refuse(element, "决策表没有输出列", "missing-logic")
    if aggregation and len(outputs) > 1:
        reader.refuse(element, "有汇总方式的决策表只能有一个输出列", "bad-hit-policy")
    if len({output.name for output in outputs}) < len(outputs):
        reader.refuse(element, "几个输出列的名称相同", "duplicate-name")
    if policy in ("P", "O") and not any(output.order for output in outputs):
        reader.refuse(element, "命中策略 P 和 O 要在输出列里按优先顺序列出允许的值", "bad-hit-policy")
    rules = [
        _rule(reader, row, number, len(inputs), len(outputs))
        for number, row in enumerate(element.iterchildren("{*}rule"), 1)
        if number <= MAX_RULES
    ]
    if len(rules) >= MAX_RULES:
        reader.refuse(element, f"规则太多，最多 {MAX_RULES} 条", "too-many-elements")
    return Table(name, policy, aggregation, tuple(inputs), tuple(outputs), tuple(rules))


def _input(reader: LogicReader, clause: etree._Element) -> InputClause:
    holder = child(clause, "inputExpression")
    label = clause.get("label") or text_in(holder)
    found = reader.expression(holder, clause)
    if found is None and not text_in(holder):
        reader.refuse(clause, f"输入列「{label}」没有表达式", "missing-logic")
    allowed = child(clause, "inputValues")
    kind = "" if holder is None else holder.get("typeRef", "")
    tests = None if allowed is None or not text_in(allowed) else reader.tests(allowed, clause)
    return InputClause(label, found or reader.nothing(), kind, tests)


def _output(reader: LogicReader, clause: etree._Element, table: str) -> OutputClause:
    name = clause.get("name") or clause.get("label") or table
    return OutputClause(
        name,
        clause.get("label") or name,
        clause.get("typeRef", ""),
        reader.expression(child(clause, "defaultOutputEntry"), clause),
        _order(reader, clause),
    )


def _order(reader: LogicReader, clause: etree._Element) -> tuple[Value, ...]:
    """The allowed output values in their order; texts that only test, such as ranges, have no order."""
    values = child(clause, "outputValues")
    text = text_in(values)
    if values is None or not text:
        return ()
    try:
        found = compile_expression(f"[{text}]", line=text_line(values), names=reader.names).evaluate({})
    except FeelError as error:
        reader.refuse_text(clause, text, error, text_line(values))
        return ()
    return tuple(found)


def _rule(reader: LogicReader, row: etree._Element, number: int, inputs: int, outputs: int) -> Rule:
    tests = [reader.tests(cell, row) for cell in row.iterchildren("{*}inputEntry")]
    results = [reader.expression(cell, row) for cell in row.iterchildren("{*}outputEntry")]
    if (len(tests), len(results)) != (inputs, outputs):
        reason = (
            f"规则 {number} 有 {len(tests)} 个条件、{len(results)} 个结果，决策表有 {inputs} 个输入、{outputs} 个输出"
        )
        reader.refuse(row, reason, "rule-shape")
    return Rule(number, row.sourceline or 0, tuple(tests), tuple(results))


_READERS: dict[str, Callable[[LogicReader, etree._Element, str], Logic]] = {
    "decisionTable": _table,
    "literalExpression": _literal,
    "context": _context,
    "invocation": _invocation,
    "list": _list,
    "relation": _relation,
    "functionDefinition": _function,
    "encapsulatedLogic": _function,
    "conditional": _conditional,
    "for": _iteration,
    "filter": _iteration,
    "some": _iteration,
    "every": _iteration,
}
