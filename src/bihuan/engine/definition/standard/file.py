"""A BPMN file as the rules of the standard look at it: every element by its id, and the flows between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from lxml import etree

from bihuan.engine.definition.names import BPMN, bpmn, split
from bihuan.engine.definition.reading import children, text_of


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a file breaks the standard. `advice`: it runs all the same, and many tools write it like this."""

    element: etree._Element
    reason: str
    code: str
    advice: bool = False


@dataclass(slots=True)
class File:
    """One file. `incoming` and `outgoing` are the sequence flows by the id of the node, whatever the node lists."""

    root: etree._Element
    by_id: dict[str, etree._Element] = field(default_factory=dict)
    incoming: dict[str, list[etree._Element]] = field(default_factory=dict)
    outgoing: dict[str, list[etree._Element]] = field(default_factory=dict)
    looked_up: dict[tuple[etree._Element, str], list[etree._Element]] = field(default_factory=dict)
    """Children by name: rules ask for them again and again, also in files made to be slow."""
    texts: dict[tuple[etree._Element, str], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: etree._Element) -> File:
        """The file with this root element."""
        file = cls(root)
        for element in root.iter(f"{{{BPMN}}}*"):
            if element.get("id"):
                file.by_id.setdefault(element.get("id", ""), element)
        for flow in file.all("sequenceFlow"):
            file.outgoing.setdefault(flow.get("sourceRef", ""), []).append(flow)
            file.incoming.setdefault(flow.get("targetRef", ""), []).append(flow)
        return file

    def all(self, *locals_: str) -> Iterator[etree._Element]:
        """Every element with one of these names, in the order of the file."""
        return self.root.iter(*map(bpmn, locals_))

    def get(self, reference: str | None) -> etree._Element | None:
        """The element that a reference such as `tns:m1` means."""
        text = (reference or "").strip()
        found = self.by_id.get(text)
        return self.by_id.get(text.rpartition(":")[2]) if found is None else found

    def ins(self, node: etree._Element) -> list[etree._Element]:
        """The sequence flows into a node."""
        return self.incoming.get(node.get("id", ""), [])

    def outs(self, node: etree._Element) -> list[etree._Element]:
        """The sequence flows out of a node."""
        return self.outgoing.get(node.get("id", ""), [])

    def inside(self, element: etree._Element, *locals_: str) -> list[etree._Element]:
        """The direct children with one of these names."""
        key = (element, " ".join(locals_))
        if key not in self.looked_up:
            self.looked_up[key] = list(children(element, BPMN, *locals_))
        return self.looked_up[key]

    def references(self, element: etree._Element, local: str) -> frozenset[str]:
        """The texts of the direct children of this name."""
        if (element, local) not in self.texts:
            self.texts[element, local] = frozenset(text_of(each) for each in children(element, BPMN, local))
        return self.texts[element, local]

    def events(self, node: etree._Element) -> list[etree._Element]:
        """What an event waits for or throws: its own definitions and those it refers to."""
        key = (node, "*EventDefinition")
        if key not in self.looked_up:
            found = [each for each in node if isinstance(each.tag, str) and kind(each).endswith("EventDefinition")]
            referred = (self.get(text_of(each)) for each in children(node, BPMN, "eventDefinitionRef"))
            self.looked_up[key] = found + [each for each in referred if each is not None]
        return self.looked_up[key]

    def has_event(self, node: etree._Element, name: str) -> bool:
        """Whether one of its definitions is of this kind, such as `message`."""
        return any(kind(each) == f"{name}EventDefinition" for each in self.events(node))

    def type_of(self, element: etree._Element | None) -> str:
        """What an item-aware element, message or error is declared to hold: `structureRef` of its item, "" if open."""
        if element is not None and kind(element) in ("dataObjectReference", "dataStoreReference"):
            element = self.get(element.get("dataObjectRef") or element.get("dataStoreRef"))
        if element is None:
            return ""
        reference = element.get("itemSubjectRef") or element.get("itemRef") or element.get("structureRef")
        item = self.get(reference)
        return "" if item is None else item.get("structureRef", "")


Rule: TypeAlias = Callable[[File], Iterator[Breach]]

EXECUTABLE = ("true", "1")


def kind(element: etree._Element) -> str:
    """The BPMN tag without prefix."""
    return split(element.tag)[1]


def called(element: etree._Element) -> str:
    """How to call an element in a message."""
    return " ".join(element.get("name", "").split()) or element.get("id", "") or kind(element)


def process_of(element: etree._Element) -> etree._Element | None:
    """The process an element stands in."""
    here: etree._Element | None = element
    while here is not None and here.tag != bpmn("process"):
        here = here.getparent()
    return here


def is_true(element: etree._Element, name: str, otherwise: str = "false") -> bool:
    """A yes/no attribute."""
    return element.get(name, otherwise).strip() in EXECUTABLE


def differ(one: str, other: str) -> bool:
    """Whether two declared types are surely different: `String`, `xsd:string` and `java.lang.String` are not."""
    names = [name.replace(":", ".").replace("#", ".").rpartition(".")[2].strip().lower() for name in (one, other)]
    return bool(names[0] and names[1]) and names[0] != names[1] and not _ANYTHING.intersection(names)


_ANYTHING = frozenset({"object", "any", "anytype", "undefined"})
