"""Reads DMN files (1.1 to 1.6): every problem with file, line and element, nothing skipped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from bihuan.engine.definition.problems import DefinitionError, Problem
from bihuan.engine.definition.source import read_xml
from bihuan.engine.dmn.decisions import DecisionModel
from bihuan.engine.dmn.logic import LogicReader, read_types
from bihuan.engine.dmn.model import BoxedFunction, Element, Input, Service, Typed
from bihuan.engine.dmn.names import DMN_NAMESPACES, IGNORED, ROOT_ELEMENTS, local_name, namespace_of
from bihuan.engine.dmn.types import Fit
from bihuan.engine.feel import Expression

MAX_DECISIONS = 500
CALLABLE = ("businessKnowledgeModel", "decisionService")
"""What decisions call as a function."""


def parse_dmn(data: bytes | str, *, source: str = "", strict: bool = False) -> DecisionModel:
    """Read a file. Raises DefinitionError with all its problems.

    What can only give null, such as a call with too few arguments, is null as the standard has it, with a warning when
    it is evaluated; `strict`, for whoever is about to publish the file, refuses it.
    """
    root = read_xml(data, source)
    if local_name(root) != "definitions" or namespace_of(root) not in DMN_NAMESPACES:
        reason = "这不是 DMN 决策文件（根元素应是 DMN 的 definitions）"
        raise DefinitionError([Problem(source, root.sourceline or 0, local_name(root), "", reason, "not-dmn")])
    reader = _FileReader(root, source, strict=strict)
    model = reader.read()
    if reader.problems:
        raise DefinitionError(sorted(reader.problems, key=lambda problem: problem.line))
    return model


def check_dmn(data: bytes | str, *, source: str = "") -> list[Problem]:
    """All problems of a file; empty if it can be used. Never raises."""
    try:
        parse_dmn(data, source=source, strict=True)
    except DefinitionError as error:
        return list(error.problems)
    return []


class _FileReader:
    """One file being read."""

    def __init__(self, root: etree._Element, source: str, *, strict: bool) -> None:
        self.root = root
        self.strict = strict
        self.source = source
        self.problems: list[Problem] = []
        self.names: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.data: dict[str, Input] = {}

    def read(self) -> DecisionModel:
        """The whole file, as far as it can be read."""
        self._collect_names()
        names = tuple(sorted(set(self.names.values()) | self._component_names()))
        logic = LogicReader(self.refuse, names, strict=self.strict)
        read_types(self.root, logic)
        self.data = {
            element.get("id", ""): self._input(element, logic)
            for element in self._drg_elements()
            if local_name(element) == "inputData"
        }
        decisions: dict[str, Element] = {}
        knowledge: dict[str, Element] = {}
        for element in self._drg_elements():
            kind = local_name(element)
            identity = element.get("id", "")
            if kind == "decision" and identity in self.names:
                decisions[identity] = self._element(element, logic)
            elif kind == "businessKnowledgeModel" and identity in self.names:
                knowledge[identity] = self._element(element, logic)
            elif kind == "decisionService" and identity in self.names:
                decisions[identity] = knowledge[identity] = self._service(element, logic)
        if not decisions and not self.problems:
            self.refuse(self.root, "文件里没有决策", "no-decision")
        if not self.problems:
            self._refuse_cycles({**decisions, **knowledge})
        inputs = tuple(name for identity, name in self.names.items() if self.kinds[identity] == "inputData")
        types = logic.types.tests()
        return DecisionModel(self.source, self.root.get("name", ""), decisions, knowledge, inputs, types)

    def refuse(self, element: etree._Element, reason: str, code: str, line: int | None = None) -> None:
        """Note a problem at an element."""
        where = line if line is not None else element.sourceline or 0
        identity = element.get("id", "")
        self.problems.append(Problem(self.source, where, local_name(element), identity, reason, code))

    def _drg_elements(self) -> Iterator[etree._Element]:
        return (child for child in self.root if namespace_of(child) in DMN_NAMESPACES)

    def _collect_names(self) -> None:
        for element in self._drg_elements():
            kind = local_name(element)
            if kind in IGNORED:
                continue
            if kind not in ROOT_ELEMENTS:
                self.refuse(element, ROOT_ELEMENTS.get(kind, "不支持这个元素"), "unknown-element")
                continue
            if ROOT_ELEMENTS[kind]:
                self.refuse(element, ROOT_ELEMENTS[kind], "unsupported-element")
                continue
            identity = element.get("id") or element.get("name", "")
            if not identity:
                self.refuse(element, "缺少 id", "missing-id")
            elif identity in self.names:
                self.refuse(element, f"编号「{identity}」重复", "duplicate-id")
            else:
                element.set("id", identity)
                self.names[identity] = " ".join(_variable_name(element).split())
                self.kinds[identity] = kind
        if len(self.names) > MAX_DECISIONS:
            self.refuse(self.root, f"决策太多，最多 {MAX_DECISIONS} 个", "too-many-elements")

    def _component_names(self) -> set[str]:
        return {
            element.get("name", "")
            for element in self.root.iter("{*}itemComponent", "{*}formalParameter", "{*}column", "{*}variable")
        } - {""}

    def _element(self, element: etree._Element, reader: LogicReader) -> Element:
        identity = element.get("id", "")
        body: etree._Element | None = None
        inputs: list[str] = []
        decisions: list[str] = []
        knowledge: list[str] = []
        for child in element:
            kind = local_name(child)
            if namespace_of(child) not in DMN_NAMESPACES or kind in IGNORED:
                continue
            if kind == "informationRequirement":
                decisions.extend(self._references(child, "requiredDecision", "decision"))
                inputs.extend(self._references(child, "requiredInput", "inputData"))
            elif kind == "knowledgeRequirement":
                found = self._references(child, "requiredKnowledge", *CALLABLE)
                knowledge.extend(each for each in found if each != identity)
            elif body is None:
                body = child
            else:
                self.refuse(child, "一个决策只能有一种逻辑", "two-logics")
        name = element.get("name", "") or identity
        logic = reader.read(body, name) if body is not None else self._without_logic(element, name)
        fit = self._fit(element, reader)
        if fit is not None and isinstance(logic, BoxedFunction):
            # The type of a business knowledge model is that of what a call of it gives.
            logic, fit = replace(logic, body=Typed(logic.body, fit)), None
        return Element(
            identity,
            name,
            element.sourceline or 0,
            self.names[identity],
            tuple(self.data[each] for each in inputs),
            tuple(decisions),
            tuple(knowledge),
            logic,
            fit,
        )

    def _without_logic(self, element: etree._Element, name: str) -> Expression:
        """A drawing may leave out what is decided: its value is null then."""
        reason = f"「{name}」没有决策逻辑（决策表或表达式）"
        if self.strict:
            self.refuse(element, reason, "missing-logic")
        return Expression("null", lambda env: env.run.warn(reason), frozenset())

    def _service(self, element: etree._Element, reader: LogicReader) -> Element:
        identity, name = element.get("id", ""), element.get("name", "")
        outputs = tuple(self._references(element, "outputDecision", "decision"))
        self._references(element, "encapsulatedDecision", "decision")
        if not outputs:
            self.refuse(element, f"决策服务「{name}」没有要给出的决策（outputDecision）", "missing-logic")
        inputs = tuple(self.data[each] for each in self._references(element, "inputData", "inputData"))
        service = Service(outputs, inputs, tuple(self._references(element, "inputDecision", "decision")))
        line, variable = element.sourceline or 0, self.names[identity]
        return Element(identity, name, line, variable, (), outputs, (), service, self._fit(element, reader))

    def _input(self, element: etree._Element, reader: LogicReader) -> Input:
        return Input(self.names.get(element.get("id", ""), ""), self._fit(element, reader))

    def _fit(self, element: etree._Element, reader: LogicReader) -> Fit | None:
        """How the value is made to fit the type of the element's variable; of what is called, the value of a call."""
        variable = next(element.iterchildren("{*}variable"), None)
        reference = "" if variable is None else variable.get("typeRef", "")
        if local_name(element) in CALLABLE:
            reference = reader.types.results.get(reader.types.name_of(reference), reference)
        return reader.types.fit(reference, f"「{element.get('name', '')}」")

    def _references(self, requirement: etree._Element, tag: str, *kinds: str) -> list[str]:
        found: list[str] = []
        for reference in requirement.iterchildren(f"{{*}}{tag}"):
            prefix, _, identity = reference.get("href", "").rpartition("#")
            if prefix and prefix != self.root.get("namespace"):
                self.refuse(reference, f"不支持引用别的文件「{prefix[:60]}」", "external-reference")
            elif self.kinds.get(identity) not in kinds:
                self.refuse(reference, f"引用的「{identity}」不在文件里", "dangling-reference")
            else:
                found.append(identity)
        return found

    def _refuse_cycles(self, elements: dict[str, Element]) -> None:
        state: dict[str, int] = {}
        for start in elements:
            path = [(start, iter((*elements[start].decisions, *elements[start].knowledge)))]
            if state.setdefault(start, 1) == 2:
                continue
            while path:
                current, pending = path[-1]
                following = next(pending, None)
                if following is None:
                    state[current] = 2
                    path.pop()
                elif state.get(following) == 1:
                    self._refuse_cycle(following)
                    return
                elif state.get(following) is None:
                    state[following] = 1
                    other = elements[following]
                    path.append((following, iter((*other.decisions, *other.knowledge))))

    def _refuse_cycle(self, identity: str) -> None:
        element = next(child for child in self.root if child.get("id") == identity)
        self.refuse(element, f"「{self.names[identity]}」直接或间接依赖它自己", "cycle")


def _variable_name(element: etree._Element) -> str:
    variable = next(element.iterchildren("{*}variable"), None)
    own = variable.get("name", "") if variable is not None else ""
    return own or element.get("name", "") or element.get("id", "")
