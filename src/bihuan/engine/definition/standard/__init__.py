"""What the standard demands of a file beyond what the engine needs to run it.

A process that says `isExecutable="true"` must keep these rules or is refused; for any other, and for what many tools
write otherwise, they are advice. One function per rule, with the section of BPMN 2.0 (ISO/IEC 19510) it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bihuan.engine.definition.standard import data, events, flows, messages, settings, texts
from bihuan.engine.definition.standard.file import Breach, File, is_true, process_of

RULES = (*flows.RULES, *events.RULES, *messages.RULES, *data.RULES, *texts.RULES, *settings.RULES)


def breaches(root: etree._Element) -> Iterator[Breach]:
    """Every breach of the standard in a file, each marked as advice unless its process claims to be executable."""
    file = File.of(root)
    claimed = any(is_true(process, "isExecutable") for process in file.all("process"))
    for rule in RULES:
        for breach in rule(file):
            process = process_of(breach.element)
            strict = claimed if process is None else is_true(process, "isExecutable")
            yield Breach(breach.element, breach.reason, breach.code, breach.advice or not strict)
