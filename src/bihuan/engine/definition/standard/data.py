"""Data inputs, outputs, their sets and declared types (BPMN 2.0, 10.3.2, 10.3.3, 10.3.6 and 10.4)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.names import BPMN, EVENTS, SUB_PROCESSES
from bihuan.engine.definition.reading import child, text_of
from bihuan.engine.definition.standard.file import Breach, File, Rule, called, differ, is_true, kind


def data_belongs_to_sets(file: File) -> Iterator[Breach]:
    """Each input is in an input set, each output in an output set (10.4.1)."""
    for specification in file.all("ioSpecification"):
        for way, group in (("Input", "inputSet"), ("Output", "outputSet")):
            sets = file.inside(specification, group)
            listed = {name for each in sets for name in file.references(each, f"data{way}Refs")}
            for data in file.inside(specification, f"data{way}"):
                if data.get("id") not in listed:
                    yield Breach(data, f"数据「{called(data)}」不在任何 {group} 里", "data-set")


def sets_agree(file: File) -> Iterator[Breach]:
    """What a set calls optional is in it, and sets that belong together say so both (10.4.1)."""
    belonging: set[tuple[str, str]] = set()
    for group in file.all("inputSet", "outputSet"):
        other = "outputSetRefs" if kind(group) == "inputSet" else "inputSetRefs"
        belonging.update((group.get("id", ""), name) for name in file.references(group, other))
    for group in file.all("inputSet", "outputSet"):
        way, other = ("Input", "output") if kind(group) == "inputSet" else ("Output", "input")
        listed = file.references(group, f"data{way}Refs")
        for name in (f"optional{way}Refs", f"whileExecuting{way}Refs"):
            for each in sorted(file.references(group, name) - listed):
                yield Breach(group, f"{name} 里的「{each}」要同时列在 data{way}Refs 里", "data-set")
        for each in sorted(file.references(group, f"{other}SetRefs")):
            if (each, group.get("id", "")) not in belonging:
                yield Breach(group, f"{other}SetRefs 指向的「{each}」没有反过来指向它", "data-set")


def sub_processes_have_no_inputs(file: File) -> Iterator[Breach]:
    """A sub-process sees the data around it; only as multi-instance does it declare inputs and outputs (10.4.1)."""
    for sub in file.all(*SUB_PROCESSES):
        specification = child(sub, BPMN, "ioSpecification")
        if specification is not None and child(sub, BPMN, "multiInstanceLoopCharacteristics") is None:
            yield Breach(
                specification, f"子流程「{called(sub)}」不能声明输入输出（ioSpecification）", "sub-process-data"
            )


def associations_have_one_source(file: File) -> Iterator[Breach]:
    """Several sources need a transformation that makes one value of them (10.4.2)."""
    for association in file.all("dataInputAssociation", "dataOutputAssociation"):
        computed = file.inside(association, "transformation", "assignment")
        if len(file.inside(association, "sourceRef")) > 1 and not computed:
            yield Breach(association, "数据关联有多个来源时要写转换（transformation）", "data-association")


def tasks_take_and_give_one(file: File) -> Iterator[Breach]:
    """Who sends, receives or calls an operation has the data of one message (10.3.3)."""
    for task in file.all("serviceTask", "sendTask", "receiveTask"):
        specification = child(task, BPMN, "ioSpecification")
        limits = _LIMITS[kind(task)]
        if specification is None or not task.get(limits[0]):
            continue
        for part in limits[1:]:
            if len(file.inside(specification, part)) > 1:
                yield Breach(task, f"「{called(task)}」只能有一个 {part}", "data-set")


_LIMITS = {
    "serviceTask": ("operationRef", "inputSet", "outputSet"),
    "sendTask": ("messageRef", "inputSet", "dataInput"),
    "receiveTask": ("messageRef", "outputSet", "dataOutput"),
}


def data_flows_where_it_fits(file: File) -> Iterator[Breach]:
    """Without a transformation an association joins data of one type (10.4.2)."""
    for association in file.all("dataInputAssociation", "dataOutputAssociation"):
        if file.inside(association, "transformation", "assignment"):
            continue
        source, target = (file.get(text_of(child(association, BPMN, end))) for end in ("sourceRef", "targetRef"))
        yield from _compared(file, association, source, target, "数据关联的两头")


def messages_fit_their_data(file: File) -> Iterator[Breach]:
    """What is sent or received has the type of the message (10.3.3, 10.5.1)."""
    for task, data, reference in (("sendTask", "dataInput", "messageRef"), ("receiveTask", "dataOutput", "messageRef")):
        for element in file.all(task):
            specification = child(element, BPMN, "ioSpecification")
            item = None if specification is None else child(specification, BPMN, data)
            yield from _compared(file, element, item, file.get(element.get(reference)), "数据和消息")
    for element in file.all("serviceTask"):
        operation = file.get(element.get("operationRef"))
        specification = child(element, BPMN, "ioSpecification")
        if operation is None or specification is None:
            continue
        for data, message in (("dataInput", "inMessageRef"), ("dataOutput", "outMessageRef")):
            declared = file.get(text_of(child(operation, BPMN, message)))
            yield from _compared(file, element, child(specification, BPMN, data), declared, "数据和操作的消息")
    for element in file.all(*EVENTS):
        items = file.inside(element, "dataInput", "dataOutput")
        for item, definition in zip(items, file.events(element), strict=False):
            kinds = ("messageRef", "signalRef", "errorRef", "escalationRef")
            declared = next((file.get(definition.get(each)) for each in kinds if definition.get(each)), None)
            yield from _compared(file, element, item, declared, "数据和事件")


def items_fit_their_collection(file: File) -> Iterator[Breach]:
    """One item of a multi-instance has the type of what its collection holds (10.3.8)."""
    for loop in file.all("multiInstanceLoopCharacteristics"):
        for whole, item in (("loopDataInputRef", "inputDataItem"), ("loopDataOutputRef", "outputDataItem")):
            collection = file.get(text_of(child(loop, BPMN, whole)))
            yield from _compared(file, loop, collection, child(loop, BPMN, item), "集合和每一项")


def calls_fit_what_they_call(file: File) -> Iterator[Breach]:
    """A call activity that declares data declares that of what it calls (10.3.6)."""
    for call in file.all("callActivity"):
        mine = child(call, BPMN, "ioSpecification")
        other = file.get(call.get("calledElement"))
        if mine is None or other is None:
            continue
        theirs = next(iter(file.inside(other, "ioSpecification")), None)
        for name, word in (("dataInput", "输入"), ("dataOutput", "输出")):
            here = file.inside(mine, name)
            there = [] if theirs is None else file.inside(theirs, name)
            if len(here) != len(there):
                yield Breach(
                    call,
                    f"调用活动的{word}有 {len(here)} 个，被调用的「{called(other)}」有 {len(there)} 个",
                    "call-data",
                )
            elif len(here) == 1:
                yield from _compared(file, call, here[0], there[0], f"调用活动和「{called(other)}」的{word}")


def collections_are_declared_alike(file: File) -> Iterator[Breach]:
    """Data is a collection if its item definition says so (8.3.10, 10.4.1)."""
    for data in file.all("dataObject", "dataInput", "dataOutput"):
        item = file.get(data.get("itemSubjectRef"))
        if item is not None and is_true(data, "isCollection") != is_true(item, "isCollection"):
            yield Breach(data, f"「{called(data)}」的 isCollection 和它的 itemDefinition 不一致", "data-type")


def services_are_bound(file: File) -> Iterator[Breach]:
    """What is offered as a service says which data an operation takes and gives (10.4.1)."""
    for element in file.all("process", "globalTask", "globalUserTask", "globalScriptTask", "globalBusinessRuleTask"):
        if child(element, BPMN, "supportedInterfaceRef") is not None and child(element, BPMN, "ioBinding") is None:
            yield Breach(element, f"「{called(element)}」作为服务提供，要有 ioBinding", "service-binding")


def _compared(
    file: File, where: etree._Element, one: etree._Element | None, other: etree._Element | None, what: str
) -> Iterator[Breach]:
    first, second = file.type_of(one), file.type_of(other)
    if differ(first, second):
        yield Breach(where, f"{what}类型不同：「{first}」和「{second}」", "data-type")


RULES: tuple[Rule, ...] = (
    data_belongs_to_sets,
    sets_agree,
    sub_processes_have_no_inputs,
    associations_have_one_source,
    tasks_take_and_give_one,
    data_flows_where_it_fits,
    messages_fit_their_data,
    items_fit_their_collection,
    calls_fit_what_they_call,
    collections_are_declared_alike,
    services_are_bound,
)
