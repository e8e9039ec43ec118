"""Names that occur in DMN files."""

from __future__ import annotations

from lxml import etree

DMN_NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
        "https://www.omg.org/spec/DMN/20240513/MODEL/",
    }
)
"""DMN 1.1 to 1.6."""

ROOT_ELEMENTS = {
    "decision": "",
    "inputData": "",
    "businessKnowledgeModel": "",
    "decisionService": "",
    "import": "引入的文件（import）不在一起，请把决策放在同一个文件里",
}
"""What may stand at the top of a file; a text says why it is refused."""

IGNORED = frozenset(
    {
        "description",
        "extensionElements",
        "question",
        "allowedAnswers",
        "variable",
        "authorityRequirement",
        "supportedObjective",
        "impactedPerformanceIndicator",
        "decisionMaker",
        "decisionOwner",
        "usingProcess",
        "usingTask",
        "itemDefinition",
        "knowledgeSource",
        "textAnnotation",
        "association",
        "group",
        "elementCollection",
        "performanceIndicator",
        "organizationUnit",
        "artifact",
        "DMNDI",
    }
)
"""Elements that document a decision and do not take part in it."""

POLICIES = {
    "UNIQUE": "U",
    "ANY": "A",
    "FIRST": "F",
    "PRIORITY": "P",
    "RULE ORDER": "R",
    "OUTPUT ORDER": "O",
    "COLLECT": "C",
}

AGGREGATIONS = frozenset({"SUM", "MIN", "MAX", "COUNT"})


def local_name(element: etree._Element) -> str:
    """The tag without namespace."""
    return etree.QName(element).localname


def namespace_of(element: etree._Element) -> str:
    """The namespace of the tag, "" if it has none."""
    return etree.QName(element).namespace or ""
