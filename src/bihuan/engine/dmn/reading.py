"""Reads DMN files (1.1 to 1.5): every problem with file, line and element, nothing skipped in silence."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.problems import DefinitionError, Problem
from bihuan.engine.definition.source import read_xml
from bihuan.engine.dmn.decisions import DecisionModel
from bihuan.engine.dmn.logic import LogicReader
from bihuan.engine.dmn.model import Element
from bihuan.engine.dmn.names import DMN_NAMESPACES, IGNORED, ROOT_ELEMENTS, local_name, namespace_of

MAX_DECISIONS = 500


def parse_dmn(data: bytes | str, *, source: str = "") -> DecisionModel:
    """Read a file. Raises DefinitionError with all its problems."""
    root = read_xml(data, source)
    if local_name(root) != "definitions" or namespace_of(root) not in DMN_NAMESPACES:
        reason = "这不是 DMN 决策文件（根元素应是 DMN 的 definitions）"
        raise DefinitionError([Problem(source, root.sourceline or 0, local_name(root), "", reason, "not-dmn")])
    reader = _FileReader(root, source)
    model = reader.read()
    if reader.problems:
        raise DefinitionError(sorted(reader.problems, key=lambda problem: problem.line))
    return model


def check_dmn(data: bytes | str, *, source: str = "") -> list[Problem]:
    """All problems of a file; empty if it can be used. Never raises."""
    try:
        parse_dmn(data, source=source)
    except DefinitionError as error:
        return list(error.problems)
    return []


class _FileReader:
    """One file being read."""

    def __init__(self, root: etree._Element, source: str) -> None:
        self.root = root
        self.source = source
        self.problems: list[Problem] = []
        self.names: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def read(self) -> DecisionModel:
        """The whole file, as far as it can be read."""
        self._collect_names()
        logic = LogicReader(self.refuse, tuple(sorted(set(self.names.values()) | self._component_names())))
        decisions: dict[str, Element] = {}
        knowledge: dict[str, Element] = {}
        for element in self._drg_elements():
            kind = local_name(element)
            identity = element.get("id", "")
            if kind == "decision" and identity in self.names:
                decisions[identity] = self._element(element, logic)
            elif kind == "businessKnowledgeModel" and identity in self.names:
                knowledge[identity] = self._element(element, logic)
        if not decisions and not self.problems:
            self.refuse(self.root, "文件里没有决策", "no-decision")
        if not self.problems:
            self._refuse_cycles({**decisions, **knowledge})
        inputs = tuple(name for identity, name in self.names.items() if self.kinds[identity] == "inputData")
        return DecisionModel(self.source, self.root.get("name", ""), decisions, knowledge, inputs)

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
        body, decisions, knowledge = None, [], []
        for child in element:
            kind = local_name(child)
            if namespace_of(child) not in DMN_NAMESPACES or kind in IGNORED:
                continue
            if kind == "informationRequirement":
                decisions.extend(self._references(child, "requiredDecision", "decision"))
                self._references(child, "requiredInput", "inputData")
            elif kind == "knowledgeRequirement":
                knowledge.extend(self._references(child, "requiredKnowledge", "businessKnowledgeModel"))
            elif body is None:
                body = child
            else:
                self.refuse(child, "一个决策只能有一种逻辑", "two-logics")
        name = element.get("name", "") or identity
        if body is None:
            self.refuse(element, f"「{name}」没有决策逻辑（决策表或表达式）", "missing-logic")
        logic = reader.read(body, name) if body is not None else reader.nothing()
        variable = self.names[identity]
        return Element(identity, name, element.sourceline or 0, variable, tuple(decisions), tuple(knowledge), logic)

    def _references(self, requirement: etree._Element, tag: str, kind: str) -> list[str]:
        found: list[str] = []
        for reference in requirement.iterchildren(f"{{*}}{tag}"):
            prefix, _, identity = reference.get("href", "").rpartition("#")
            if prefix:
                self.refuse(reference, f"不支持引用别的文件「{prefix[:60]}」", "external-reference")
            elif self.kinds.get(identity) != kind:
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
