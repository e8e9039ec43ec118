"""Reads which variables go into and out of an activity, in our notation and in those of Camunda 7/8 and Flowable."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from bihuan.engine.definition.expressions import (
    BadExpression,
    feel,
    foreign_condition,
    is_feel,
    is_foreign,
    text_or_feel,
    variable,
)
from bihuan.engine.definition.names import BIHUAN, CAMUNDA_LIKE, ZEEBE, split
from bihuan.engine.definition.reading import Reading, extension_elements, line_of, text_of
from bihuan.engine.definition.specs import IoMapping
from bihuan.engine.feel import Expression, feel_text


@dataclass(frozen=True, slots=True)
class Mappings:
    """Inputs and outputs of an activity; `all_in` and `all_out` matter to calls only."""

    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    all_in: bool = True
    all_out: bool = True


def read_mappings(element: etree._Element, reading: Reading) -> Mappings:
    """The mappings of an activity or event. Without any, everything is visible inside and results go straight out."""
    inputs: list[IoMapping] = []
    outputs: list[IoMapping] = []
    for namespace in (BIHUAN, ZEEBE):
        for local, target_list in (("input", inputs), ("output", outputs)):
            for mapping in extension_elements(element, namespace, local):
                _keep(target_list, element, mapping, mapping.get("source"), mapping.get("target"), reading)
    for namespace in CAMUNDA_LIKE:
        for local, target_list in (("inputParameter", inputs), ("outputParameter", outputs)):
            for mapping in extension_elements(element, namespace, local):
                _keep_parameter(target_list, element, mapping, reading)
    return _with_calls(element, inputs, outputs, reading)


def _keep(
    into: list[IoMapping],
    element: etree._Element,
    mapping: etree._Element,
    source: str | None,
    target: str | None,
    reading: Reading,
) -> None:
    line = line_of(mapping)
    # In Camunda 8 what does not begin with = is a text as it stands, also an empty one; an input without it is null.
    namespace, kind = split(mapping.tag)
    literal = namespace == ZEEBE
    if literal and kind == "input" and source is None:
        source = "=null"
    if not target or source is None or not (source or literal):
        reading.refuse(element, "变量映射要有 source 和 target", "bad-mapping", line)
        return
    name, *path = (step.strip() for step in target.split("."))
    if not all((name, *path)):
        reading.refuse(element, f"变量映射的目标「{target}」缺少名称", "bad-mapping", line)
        return
    try:
        expression = text_or_feel(source, line) if literal else feel(source, line)
        into.append(IoMapping(name, expression, path=tuple(path)))
    except BadExpression as bad:
        reading.refuse_expression(element, bad)


def _keep_parameter(into: list[IoMapping], element: etree._Element, mapping: etree._Element, reading: Reading) -> None:
    try:
        into.append(IoMapping(mapping.get("name", ""), _parameter(mapping)))
    except BadExpression as bad:
        reading.refuse_expression(element, bad)


def _parameter(holder: etree._Element) -> Expression:
    """The text of a parameter, or the list, map or script in it. Raises BadExpression."""
    line = line_of(holder)
    inner = holder[0] if len(holder) else holder
    kind, language = split(inner.tag)[1], inner.get("scriptFormat", "")
    if inner is holder and kind != "script":
        return text_or_feel(text_of(holder), line)
    if kind == "list":
        return feel("[" + ", ".join(_parameter_text(value) for value in inner) + "]", line)
    if kind == "map":
        entries = (f"{feel_text(entry.get('key', ''))}: {_parameter_text(entry)}" for entry in inner)
        return feel("{" + ", ".join(entries) + "}", line)
    if kind == "script" and text_of(inner) and is_foreign(language):
        return foreign_condition(text_of(inner), language, line_of(inner))
    if kind == "script" and text_of(inner) and is_feel(language):
        return feel(text_of(inner), line_of(inner))
    raise BadExpression(f"不支持参数「{holder.get('name', '')}」里的 {kind}，请改写成表达式", line)


def _parameter_text(value: etree._Element) -> str:
    return f"({_parameter(value).text})"


def _with_calls(
    element: etree._Element, inputs: list[IoMapping], outputs: list[IoMapping], reading: Reading
) -> Mappings:
    all_in, all_out = True, not outputs
    for called in extension_elements(element, ZEEBE, "calledElement"):
        all_in = called.get("propagateAllParentVariables", "true") != "false"
        all_out = called.get("propagateAllChildVariables", "true") != "false" and not outputs
    for namespace in (*CAMUNDA_LIKE, BIHUAN):
        for local in ("in", "out"):
            passed = extension_elements(element, namespace, local)
            if not passed:
                continue
            everything = any(item.get("variables") == "all" for item in passed)
            into = inputs if local == "in" else outputs
            for item in passed:
                mapping = _call_mapping(element, item, reading)
                if mapping is not None:
                    into.append(mapping)
            all_in, all_out = (everything, all_out) if local == "in" else (all_in, everything)
    return Mappings(tuple(inputs), tuple(outputs), all_in, all_out)


def _call_mapping(element: etree._Element, item: etree._Element, reading: Reading) -> IoMapping | None:
    target, line = item.get("target"), line_of(item)
    if not target:
        return None
    try:
        expression: Expression
        if item.get("sourceExpression"):
            expression = feel(item.get("sourceExpression", ""), line)
        else:
            expression = variable(item.get("source", ""), line)
        return IoMapping(target, expression)
    except BadExpression as bad:
        reading.refuse_expression(element, bad)
        return None
