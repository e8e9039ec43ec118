"""Our own attributes in a file: one that nobody reads is a slip of the pen, and would change nothing in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from bihuan.engine.definition.extensions import OWN
from bihuan.engine.definition.names import BIHUAN, split
from bihuan.engine.definition.standard.file import Breach, File, Rule

UNKNOWN_SETTING = "unknown-setting"
KNOWN = OWN | {
    "allow", "begin", "case", "cc", "early", "final", "signoff", "sites", "stage", "threshold", "vote", "weight",
}  # fmt: skip


THEIRS: Mapping[str, str] = MappingProxyType(
    {"elementVariable": "item", "inputElement": "item", "inputCollection": "collection", "candidateGroups": "role",
     "candidateUsers": "who", "formKey": "form", "resultVariable": "result"}
)  # fmt: skip
"""What other engines call it."""


def settings_are_known(file: File) -> Iterator[Breach]:
    """Attributes in our namespace have a meaning (docs/packs.md, docs/process-owners.md)."""
    for element in file.root.iter("{*}*"):
        for key in element.attrib:
            namespace, name = split(str(key))
            if namespace == BIHUAN and name not in KNOWN:
                meant = THEIRS.get(name) or next(iter(get_close_matches(name, KNOWN, n=1)), "")
                hint = f"，是不是 bihuan:{meant}？" if meant else ""
                yield Breach(element, f"不认识属性 bihuan:{name[:40]}，它不起作用{hint}", UNKNOWN_SETTING, advice=True)


RULES: tuple[Rule, ...] = (settings_are_known,)
