"""Reads DMN files (1.1 to 1.6): every problem with file, line and element, nothing skipped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from bihuan.engine.definition.problems import DefinitionError, Problem
from bihuan.engine.definition.source import read_xml
from bihuan.engine.dmn.decisions import DecisionModel
from bihuan.engine.dmn.logic import LogicReader, read_types
from bihuan.engine.dmn.model import BoxedFunction, Element, Input, Service, Typed
from bihuan.engine.dmn.names import DMN_NAMESPACES, IGNORED, ROOT_ELEMENTS, local_name, namespace_of
from bihuan.engine.dmn.types import Fit, Types
from bihuan.engine.feel import Expression

MAX_DECISIONS = 500
MAX_IMPORT_DEPTH = 3
NOTHING_BESIDE: Mapping[str, bytes] = {}
CALLABLE = ("businessKnowledgeModel", "decisionService")
"""What decisions call as a function."""


def parse_dmn(
    data: bytes | str, *, source: str = "", strict: bool = False, beside: Mapping[str, bytes] = NOTHING_BESIDE
) -> DecisionModel:
    """Read a file. Raises DefinitionError with all its problems.

    What can only give null, such as a call with too few arguments, is null as the standard has it, with a warning when
    it is evaluated; `strict`, for whoever is about to publish the file, refuses it. It may import what is `beside` it,
    by namespace.
    """
    root = read_xml(data, source)
    if local_name(root) != "definitions" or namespace_of(root) not in DMN_NAMESPACES:
        reason = "这不是 DMN 决策文件（根元素应是 DMN 的 definitions）"
        raise DefinitionError([Problem(source, root.sourceline or 0, local_name(root), "", reason, "not-dmn")])
    reader = _FileReader(root, source, strict=strict, beside=beside)
    model = reader.read()
    if not model.decisions and not reader.problems:
        reader.refuse(root, "文件里没有决策", "no-decision")
    if reader.problems:
        raise DefinitionError(sorted(reader.problems, key=lambda problem: problem.line))
    return model


def check_dmn(data: bytes | str, *, source: str = "", beside: Mapping[str, bytes] = NOTHING_BESIDE) -> list[Problem]:
    """All problems of a file; empty if it can be used. Never raises."""
    try:
        parse_dmn(data, source=source, strict=True, beside=beside)
    except DefinitionError as error:
        return list(error.problems)
    return []


def namespace_in(data: bytes) -> str:
    """The namespace under which others may import a file; "" if it is no decision file that can be read."""
    try:
        root = read_xml(data, "")
    except DefinitionError:
        return ""
    return root.get("namespace", "") if namespace_of(root) in DMN_NAMESPACES else ""


class _FileReader:
    """One file being read."""

    def __init__(
        self, root: etree._Element, source: str, *, strict: bool, beside: Mapping[str, bytes], depth: int = 0
    ) -> None:
        self.root = root
        self.beside = beside
        self.depth = depth
        self.imports: dict[str, DecisionModel] = {}
        self.spaces: dict[str, str] = {}
        """By namespace of what is imported, the name it is known as here."""
        self.offered: dict[str, set[str]] = {}
        """By that name, the ids of what it declares."""
        self.types = Types()
        self.known: set[str] = set()
        self.strict = strict
        self.source = source
        self.problems: list[Problem] = []
        self.names: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.data: dict[str, Input] = {}

    def read(self) -> DecisionModel:
        """The whole file, as far as it can be read."""
        self._collect_names()
        self.known |= set(self.names.values()) | self._component_names()
        logic = LogicReader(self.refuse, tuple(sorted(self.known)), self.types, strict=self.strict)
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
        if not self.problems:
            self._refuse_cycles({**decisions, **knowledge})
        inputs = tuple(name for identity, name in self.names.items() if self.kinds[identity] == "inputData")
        types = self.types.tests()
        title = self.root.get("name", "")
        return DecisionModel(self.source, title, decisions, knowledge, inputs, types, self.imports)

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
            if kind == "import" and element.get("namespace") in self.beside:
                self._import(element)
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

    def _import(self, element: etree._Element) -> None:
        """Read a file that this one imports; what it declares is known here behind the name of the import."""
        namespace, name = element.get("namespace", ""), " ".join(element.get("name", "").split())
        if not name or self.depth == MAX_IMPORT_DEPTH:
            reason = f"一层一层引入文件最多 {MAX_IMPORT_DEPTH} 层" if name else "引入文件要写它在这里的名称（name）"
            self.refuse(element, reason, "bad-import")
            return
        others = {other: data for other, data in self.beside.items() if other != namespace}
        root = read_xml(self.beside[namespace], name)
        reader = _FileReader(root, name, strict=self.strict, beside=others, depth=self.depth + 1)
        self.imports[name], self.spaces[namespace] = reader.read(), name
        self.offered[name] = set(reader.names)
        self.types.imported[name] = reader.types
        self.known |= {name} | reader.known
        for problem in reader.problems[:1]:
            where = f"第 {problem.line} 行 {problem.element} {problem.element_id}".rstrip()
            self.refuse(element, f"引入的文件「{name}」有问题：{where}：{problem.reason}", "bad-import")

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
                needed = self._references(child, "requiredInput", "inputData")
                inputs.extend(each for each in needed if each in self.data)
                decisions.extend(each for each in needed if each not in self.data)
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
            where = self.spaces.get(prefix, "")
            if where and identity in self.offered[where]:
                found.append(f"{where}#{identity}")
            elif where:
                self.refuse(reference, f"引用的「{identity}」不在引入的文件「{where}」里", "dangling-reference")
            elif prefix and prefix != self.root.get("namespace"):
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
                elif state.get(following) is None and following in elements:
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
