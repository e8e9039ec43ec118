"""Reads what data an activity or event takes in and gives out: ioSpecification and data associations (BPMN 2.0, 10.4).

Data objects, properties, inputs and outputs are variables of their name. An association into a declared input becomes
an input mapping, one out of a declared output an output mapping. Associations of a drawing, whose other end is not
declared, say nothing that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from bihuan.engine.definition.expressions import BadExpression, feel, text_or_feel, variable
from bihuan.engine.definition.names import BPMN
from bihuan.engine.definition.reading import Reading, child, children, line_of, text_of
from bihuan.engine.definition.specs import IoMapping
from bihuan.engine.feel import Expression, feel_text


@dataclass(frozen=True, slots=True)
class Data:
    """`needs`: alternatives of variables that must have a value before the activity begins. `produces`: its outputs."""

    inputs: tuple[IoMapping, ...] = ()
    outputs: tuple[IoMapping, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    produces: tuple[str, ...] = ()


NOTHING = Data()


def read_data(element: etree._Element, reading: Reading) -> Data:
    """The data of an activity or event."""
    holder = child(element, BPMN, "ioSpecification")
    holder = element if holder is None else holder
    taken = {each.get("id", ""): name_of_data(each) for each in children(holder, BPMN, "dataInput")}
    given = {each.get("id", ""): name_of_data(each) for each in children(holder, BPMN, "dataOutput")}
    if not taken and not given:
        return NOTHING
    loop = child(element, BPMN, "multiInstanceLoopCharacteristics")
    whole = {text_of(child(loop, BPMN, ref)) for ref in _LOOP_REFERENCES} if loop is not None else set()
    inputs: list[IoMapping] = []
    sources: dict[str, list[str]] = {}
    for association in children(element, BPMN, "dataInputAssociation"):
        target = text_of(child(association, BPMN, "targetRef"))
        if target in taken and target not in whole:
            value = _value(element, association, taken[target], reading)
            inputs.extend([IoMapping(taken[target], value)] if value is not None else [])
            names = [reading.data_name(text_of(source)) for source in children(association, BPMN, "sourceRef")]
            sources.setdefault(target, []).extend(names)
    outputs: list[IoMapping] = []
    for association in children(element, BPMN, "dataOutputAssociation"):
        source = text_of(child(association, BPMN, "sourceRef"))
        target = reading.data_name(text_of(child(association, BPMN, "targetRef")))
        plain = child(association, BPMN, "transformation") is None and child(association, BPMN, "assignment") is None
        if target and source not in whole and (source in given or not plain):
            value = _value(element, association, target, reading)
            outputs.extend([IoMapping(target, value, if_any=plain)] if value is not None else [])
    needs = tuple(_needs(holder, sources))
    return Data(tuple(inputs), tuple(outputs), needs, tuple(given.values()) if outputs else ())


_LOOP_REFERENCES = ("loopDataInputRef", "loopDataOutputRef")


def name_of_data(element: etree._Element) -> str:
    """The variable that an input, an output or an item of a loop is: a name may be broken into lines in the drawing."""
    return " ".join(str(element.get("name") or element.get("id", "")).split())


def _needs(holder: etree._Element, sources: dict[str, list[str]]) -> Iterator[tuple[str, ...]]:
    """For each input set, the variables that its required inputs come from."""
    for input_set in children(holder, BPMN, "inputSet"):
        optional = {text_of(each) for each in children(input_set, BPMN, "optionalInputRefs", "whileExecutingInputRefs")}
        required = [text_of(each) for each in children(input_set, BPMN, "dataInputRefs")]
        yield tuple(name for each in required if each not in optional for name in sources.get(each, ()))


def _value(element: etree._Element, association: etree._Element, target: str, reading: Reading) -> Expression | None:
    """What an association moves: a transformation's value, what its assignments say, or its source as it stands."""
    transformation = child(association, BPMN, "transformation")
    if transformation is not None and text_of(transformation):
        return reading.condition(element, transformation)
    line = line_of(association)
    found = list(children(association, BPMN, "assignment"))
    assignments = [(text_of(child(each, BPMN, "to")), child(each, BPMN, "from")) for each in found]
    try:
        if len(assignments) == 1:
            return _from(element, assignments[0][1], reading)
        if assignments:
            entries = []
            for to, origin in assignments:
                value = _from(element, origin, reading)
                entries.append(f"{feel_text(_last_step(to) or target)}: {value.text if value else 'null'}")
            return feel("{" + ", ".join(entries) + "}", line)
        source = text_of(child(association, BPMN, "sourceRef"))
        return variable(reading.data_name(source), line) if source else None
    except BadExpression as bad:
        reading.refuse_expression(element, bad)
        return None


def _from(element: etree._Element, source: etree._Element | None, reading: Reading) -> Expression | None:
    """An expression, or the text itself where it is none: some tools write constants without quotes."""
    text, line = text_of(source), line_of(element if source is None else source)
    if text and "mvel" in element.getroottree().getroot().get("expressionLanguage", ""):
        # jBPM takes for a text what is not in #{…}.
        return text_or_feel(text, line)
    if source is not None and not reading.reads(source):
        return reading.condition(element, source)
    try:
        return feel(text or '""', line)
    except BadExpression:
        return text_or_feel(text, line)


def _last_step(path: str) -> str:
    """`order/@customer` and `order.customer` both mean customer."""
    return path.replace("/", ".").rpartition(".")[2].lstrip("@").strip()
