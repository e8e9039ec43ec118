"""Reads the repetition of an activity: multi-instance and standard loops."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.data import name_of_data
from bihuan.engine.definition.events import event_kind, is_event_definition, read_reference
from bihuan.engine.definition.expressions import BadExpression, feel, is_juel, variable
from bihuan.engine.definition.names import BIHUAN, BPMN, CAMUNDA_LIKE, ZEEBE
from bihuan.engine.definition.reading import Reading, child, children, extension_elements, line_of, text_of
from bihuan.engine.definition.specs import EventSpec, LoopSpec
from bihuan.engine.feel import Expression


def read_loop(activity: etree._Element, reading: Reading) -> LoopSpec | None:
    """The loop characteristics of an activity, None if it runs once."""
    standard = child(activity, BPMN, "standardLoopCharacteristics")
    if standard is not None:
        return _read_standard(activity, standard, reading)
    multi = child(activity, BPMN, "multiInstanceLoopCharacteristics")
    return None if multi is None else _read_multi(activity, multi, reading)


def _read_standard(activity: etree._Element, loop: etree._Element, reading: Reading) -> LoopSpec | None:
    condition = child(loop, BPMN, "loopCondition")
    maximum = loop.get("loopMaximum")
    limit: int | None = None
    if maximum is not None:
        if maximum.isascii() and maximum.isdigit() and len(maximum) < 9:
            limit = int(maximum)
        else:
            reading.refuse(activity, f"循环次数上限「{maximum}」不是整数", "bad-loop", line_of(loop))
    test = reading.expression(activity, text_of(condition), line_of(loop if condition is None else condition))
    if limit is None and not text_of(condition):
        reading.refuse(activity, "循环既没有条件，也没有次数上限", "bad-loop", line_of(loop))
    if limit is None and test is None and reading.drawing:
        return None
    return LoopSpec(standard=True, test_before=loop.get("testBefore") == "true", condition=test, maximum=limit)


def _read_multi(activity: etree._Element, loop: etree._Element, reading: Reading) -> LoopSpec | None:
    line = line_of(loop)
    vendor = _vendor_values(loop)
    cardinality = reading.expression(activity, text_of(child(loop, BPMN, "loopCardinality")), line)
    completion = reading.expression(activity, text_of(child(loop, BPMN, "completionCondition")), line)
    collection = _collection(activity, loop, vendor, reading)
    item = child(loop, BPMN, "inputDataItem")
    item_name = vendor.get("item") or ("" if item is None else name_of_data(item))
    output = vendor.get("output") or reading.data_name(text_of(child(loop, BPMN, "loopDataOutputRef")))
    result_item = child(loop, BPMN, "outputDataItem")
    result = reading.expression(activity, vendor.get("result"), line)
    if result is None and result_item is not None:
        result = _variable(activity, name_of_data(result_item), line, reading)
    if cardinality is None and collection is None and not _has_problem(reading, line):
        reading.refuse(activity, "多实例没有说对哪些东西做（集合），也没有说做几次", "bad-loop", line)
    if cardinality is None and collection is None and reading.drawing:
        return None
    if output and result is None:
        result = _variable(activity, item_name or output, line, reading)
    return LoopSpec(
        sequential=loop.get("isSequential") == "true",
        cardinality=None if collection is not None else cardinality,
        collection=collection,
        item=item_name,
        completion=completion,
        output=output,
        result=result,
        throws=_throws(activity, loop, reading),
        throws_once=loop.get("behavior") == "One",
    )


_THROWN = frozenset({"signal", "message", "escalation", "error"})


def _throws(
    activity: etree._Element, loop: etree._Element, reading: Reading
) -> tuple[tuple[Expression | None, EventSpec], ...]:
    """The events of `behavior`: None throws for every repetition, One for the first, Complex by its conditions."""
    behavior = loop.get("behavior", "All")
    if behavior == "Complex":
        return tuple(_complex_throws(activity, loop, reading))
    if behavior not in ("None", "One"):
        return ()
    reference = loop.get("noneBehaviorEventRef" if behavior == "None" else "oneBehaviorEventRef")
    if reference is not None:
        thrown = _thrown(activity, reading.event_definitions.get(reference.rpartition(":")[2]), loop, reading)
        return () if thrown is None else ((None, thrown),)
    # The standard's default is a signal that the boundary of the activity may catch.
    return ((None, EventSpec("signal")),)


def _complex_throws(
    activity: etree._Element, loop: etree._Element, reading: Reading
) -> Iterator[tuple[Expression | None, EventSpec]]:
    for definition in children(loop, BPMN, "complexBehaviorDefinition"):
        condition, event = child(definition, BPMN, "condition"), child(definition, BPMN, "event")
        inner = None if event is None else next((each for each in event if is_event_definition(each)), None)
        referenced = None if event is None else child(event, BPMN, "eventDefinitionRef")
        if referenced is not None:
            inner = reading.event_definitions.get(text_of(referenced).rpartition(":")[2])
        test = None if condition is None else reading.condition(activity, condition)
        if condition is None:
            reading.refuse(activity, "多实例的 complexBehaviorDefinition 没有条件", "bad-loop", line_of(definition))
        elif event is not None:
            thrown = _thrown(activity, inner, definition, reading)
            if thrown is not None:
                yield test, thrown


def _thrown(
    activity: etree._Element, definition: etree._Element | None, holder: etree._Element, reading: Reading
) -> EventSpec | None:
    kind = "" if definition is None else event_kind(definition)
    if definition is None or kind not in _THROWN:
        reading.refuse(activity, "多实例每次完成时抛出的应是消息、信号、升级或错误", "bad-loop", line_of(holder))
        return None
    return read_reference(activity, definition, kind, reading)


def _has_problem(reading: Reading, line: int) -> bool:
    return any(problem.line == line for problem in reading.problems)


def _vendor_values(loop: etree._Element) -> dict[str, str]:
    values: dict[str, str] = {}
    for namespace in CAMUNDA_LIKE:
        _keep(values, "collection", loop.get(f"{{{namespace}}}collection"))
        _keep(values, "item", loop.get(f"{{{namespace}}}elementVariable"))
    for zeebe in extension_elements(loop, ZEEBE, "loopCharacteristics"):
        _keep(values, "collection", zeebe.get("inputCollection"))
        _keep(values, "item", zeebe.get("inputElement"))
        _keep(values, "output", zeebe.get("outputCollection"))
        _keep(values, "result", zeebe.get("outputElement"))
    for name in ("collection", "item", "output", "result"):
        _keep(values, name, loop.get(f"{{{BIHUAN}}}{name}"))
    return values


def _keep(values: dict[str, str], name: str, value: str | None) -> None:
    if value:
        values[name] = value


def _collection(
    activity: etree._Element, loop: etree._Element, vendor: dict[str, str], reading: Reading
) -> Expression | None:
    text, line = vendor.get("collection"), line_of(loop)
    if text is None:
        reference = text_of(child(loop, BPMN, "loopDataInputRef"))
        return _variable(activity, reading.data_name(reference), line, reading) if reference else None
    if text.startswith(("=", "(", "this.", "item.")) or is_juel(text) or loop.get(f"{{{BIHUAN}}}collection"):
        return reading.expression(activity, text, line)
    return _variable(activity, text, line, reading)


def _variable(activity: etree._Element, name: str, line: int, reading: Reading) -> Expression | None:
    try:
        return variable(name, line) if name else feel("null", line)
    except BadExpression as bad:
        reading.refuse_expression(activity, bad)
        return None
