"""What the steps of a process name must be there: roles, forms, limits, scripts, notes, effects and papers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bihuan.engine.definition import Assignment, Node, Process
from bihuan.engine.definition.specs import CopyRule
from bihuan.forms.models import FormVersion, TextVersion
from bihuan.operations.registry import EFFECTS
from bihuan.org.models import Role
from bihuan.processes.version_limits import limits_in_force
from bihuan.records.models import DocumentKind, KnowledgeNote

PERSON_STEPS = frozenset({"userTask", "manualTask"})
SCRIPT = "script/"


@dataclass(frozen=True, slots=True)
class Known:
    """The keys that steps may name. `papers` is None where any paper may be installed."""

    roles: Collection[str]
    forms: Collection[str]
    limits: Collection[str]
    scripts: Collection[str]
    notes: Collection[str]
    papers: Collection[str] | None = None


def installed() -> Known:
    """What this installation has."""
    texts = TextVersion.objects.filter(key__startswith=SCRIPT).values_list("key", flat=True)
    return Known(
        roles=set(Role.objects.values_list("key", flat=True)),
        forms=set(FormVersion.objects.values_list("key", flat=True)),
        limits=limits_in_force().keys(),
        scripts={key.removeprefix(SCRIPT) for key in texts},
        notes=set(KnowledgeNote.objects.values_list("key", flat=True)),
    )


def missing_at(node: Node, process: Process, known: Known) -> Iterator[str]:
    """What a step names that is not there, a sentence each; and whether people could tell what it is called."""
    extension = node.extension
    if node.kind in PERSON_STEPS:
        role = extension.role or (process.lanes[node.lane].role if node.lane in process.lanes else "")
        if not role.startswith("=") and any(key.strip() not in known.roles for key in role.split(",")):
            yield f"没有角色“{role}”"
        if not node.name:
            yield "人工任务须有名称"
        yield from missing_roles(node.assignment, known)
    wanted: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("表单", extension.form, known.forms),
        ("时限", extension.limit, known.limits),
        ("话术", extension.script, known.scripts),
        ("知识", extension.knowledge, known.notes),
    )
    for what, key, there in wanted:
        if key and key not in there:
            yield f"没有{what}“{key}”"
    for name in (*extension.effects, *([extension.service] if extension.service else [])):
        if name not in EFFECTS:
            yield f"没有动作“{name}”"
    for paper in extension.prints:
        if known.papers is not None and paper not in {*DocumentKind.values, *known.papers}:
            yield f"没有打印单“{paper}”"


def missing_roles(rule: Assignment | None, known: Known) -> Iterator[str]:
    """Roles of a rule for who does it that are not there."""
    if rule is not None:
        asked = rule.argument if rule.source == "role" else ""
        for key in (asked, rule.fallback if rule.nobody == "role" else ""):
            if key and key not in known.roles:
                yield f"没有角色“{key}”"


def missing_for_copy(rule: CopyRule, known: Known) -> Iterator[str]:
    """What a rule for whom to tell (抄送) names that is not there."""
    yield from missing_roles(rule.who, known)
    if rule.escalate_to and rule.escalate_to not in known.roles:
        yield f"没有角色“{rule.escalate_to}”"
    for key in sorted(rule.limits - set(known.limits)):
        yield f"没有时限“{key}”"
