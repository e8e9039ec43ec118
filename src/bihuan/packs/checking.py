"""Checking a pack before anybody relies on it: every reference resolves, every expression and placeholder is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from django.db.models import Field as DjangoField
from django.db.models import Model as DjangoModel

from bihuan.engine.definition import DefinitionError, Model, Node, Process, parse_bpmn, review_bpmn
from bihuan.engine.definition.standard.settings import UNKNOWN_SETTING
from bihuan.engine.dmn import parse_dmn
from bihuan.forms.field import Field
from bihuan.forms.schema import FormSchemaError, load
from bihuan.forms.texts import MAX_TEXT_LENGTH
from bihuan.limits.definition import LimitDefinition
from bihuan.limits.rulebook import roles_named
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.templates import TemplateError, parse_template
from bihuan.operations.facts import PLACEHOLDER, SCRIPT_WORDS
from bihuan.operations.notice_words import REMINDER, words_for
from bihuan.operations.references import Known, missing_at, missing_for_copy
from bihuan.org.actions import ACTIONS
from bihuan.packs.kinds import check_kinds, kinds_known
from bihuan.packs.loading import Pack, PackError, PackProblem, PackProcess, line_of_key, load_pack
from bihuan.processes.auto_starts import problems_of_start, start_events
from bihuan.processes.handling.allowing import problems_of
from bihuan.processes.rhythm import problems_of_rhythm
from bihuan.records.cases import CHANGEABLE
from bihuan.records.models import Case, Customer, Vehicle

OF_STEPS = ("opened:", "completed:", "cancelled:")
MAX_FORM_KEY = 40
BOUND_RECORDS: Mapping[str, type[DjangoModel]] = {"case": Case, "customer": Customer, "vehicle": Vehicle}


def check_pack(folder: Path) -> list[PackProblem]:
    """Every problem of the pack in that folder, files in order; empty when it can be installed. Never raises."""
    try:
        pack = load_pack(folder)
    except PackError as error:
        return list(error.problems)
    return [
        *_check_roles(pack),
        *_check_limits(pack),
        *_check_forms(pack),
        *_check_scripts(pack),
        *_check_decisions(pack),
        *_check_notices(pack),
        *_check_processes(pack),
        *check_kinds(pack),
    ]


def advice_on(folder: Path) -> list[PackProblem]:
    """What to look at in the processes of a pack although it can be installed."""
    found: list[PackProblem] = []
    with suppress(PackError):
        for declared in load_pack(folder).processes:
            told = (one for one in review_bpmn(declared.xml) if one.advice and one.code != UNKNOWN_SETTING)
            found += [PackProblem(declared.file, one.reason, line=one.line, place=one.element_id) for one in told]
    return found


def _check_roles(pack: Pack) -> Iterator[PackProblem]:
    for role in pack.roles.values():
        for action in role.grants:
            if action not in ACTIONS:
                yield PackProblem("roles.toml", f"没有操作“{action}”", place=role.key)


def _check_limits(pack: Pack) -> Iterator[PackProblem]:
    kinds, keys = kinds_known(pack), {process.key for process in pack.processes}
    for limit in pack.limits.values():
        for role in roles_named(limit):
            if role not in pack.roles:
                yield PackProblem("limits.toml", f"没有角色“{role}”", place=limit.key)
        yield from _check_milestones(limit, pack)
        begun = {str(step.get("start", "")) for step in limit.steps}
        for key in sorted(({limit.process} - kinds - keys) | (begun - kinds)):
            if key:
                yield PackProblem("limits.toml", f"没有流程“{key}”", place=limit.key)


def _check_milestones(limit: LimitDefinition, pack: Pack) -> Iterator[PackProblem]:
    """Steps at which a limit starts, stops or stands still must be drawn in the process it is of, or in any."""
    named = [text.partition(":")[2] for text in (*limit.start, *limit.stop, *limit.cancel) if text.startswith(OF_STEPS)]
    named += [rule.condition.partition(":")[2] for rule in limit.pauses if rule.condition.startswith("open:")]
    drawn = _drawn_steps(pack, limit.process) if named else None
    for name in dict.fromkeys(named):
        if drawn is not None and name not in drawn:
            yield PackProblem("limits.toml", f"没有环节“{name}”", line_of_key(pack.limits_text, limit.key), limit.key)


def _drawn_steps(pack: Pack, key: str) -> frozenset[str] | None:
    """Ids and names of what is drawn in a process (all of the pack without a key); None where that cannot be told."""
    names: set[str] = set()
    declared_here = [one for one in pack.processes if key in ("", one.key)]
    if not declared_here:
        return None
    for declared in declared_here:
        try:
            processes = parse_bpmn(declared.xml, source=declared.file).processes.values()
        except DefinitionError:
            return None
        names |= {name for process in processes for node in process.nodes.values() for name in (node.id, node.name)}
    return frozenset(names)


def _check_forms(pack: Pack) -> Iterator[PackProblem]:
    for key, schema in pack.forms.items():
        file = f"forms/{key}.json"
        try:
            form = load(schema)
        except FormSchemaError as error:
            yield from (PackProblem(file, problem.reason, place=problem.component) for problem in error.problems)
            continue
        if len(key) > MAX_FORM_KEY:
            yield PackProblem(file, f"文件名最多 {MAX_FORM_KEY} 个字")
        if form.key != key:
            yield PackProblem(file, f"id 是“{form.key}”，应与文件名相同")
        for field in form.fields:
            reason = _field_problem(field, pack)
            if reason:
                yield PackProblem(file, reason, place=field.key)


def _field_problem(field: Field, pack: Pack) -> str:
    asks = field.kind == "person" or (field.kind == "people" and field.role)
    if asks and field.role not in pack.roles:
        return f"没有角色“{field.role}”"
    record, _, name = field.bind.partition(".")
    if record in BOUND_RECORDS and name not in _columns(BOUND_RECORDS[record]):
        return f"bind “{field.bind}” 没有对应的栏目"
    return ""


def _columns(model: type[DjangoModel]) -> frozenset[str]:
    columns = [field for field in model._meta.get_fields() if isinstance(field, DjangoField)]
    return frozenset(field.name for field in columns if model is not Case or field.attname in CHANGEABLE)


def _check_scripts(pack: Pack) -> Iterator[PackProblem]:
    for key, body in pack.scripts.items():
        for number, line in enumerate(body.splitlines(), 1):
            for word in PLACEHOLDER.findall(line):
                if word not in SCRIPT_WORDS:
                    yield PackProblem(f"scripts/{key}.md", f"没有占位词 {{{word}}}", line=number)


def _check_decisions(pack: Pack) -> Iterator[PackProblem]:
    homes: dict[str, str] = {}
    for key, text in pack.decisions.items():
        file = f"decisions/{key}.dmn"
        if len(text) > MAX_TEXT_LENGTH:
            yield PackProblem(file, f"超过 {MAX_TEXT_LENGTH // 10_000} 万字")
            continue
        try:
            model = parse_dmn(text, source=file, strict=True)
        except DefinitionError as error:
            yield from (PackProblem(file, one.reason, line=one.line, place=one.element_id) for one in error.problems)
            continue
        for decision in model.decisions.values():
            for name in {decision.id, decision.name}:
                if homes.setdefault(name, file) != file:
                    yield PackProblem(file, f"决策“{name}”在 {homes[name]} 里也有", line=decision.line)


def _decision_names(pack: Pack) -> Mapping[str, str]:
    """The file of each decision by its id and by its name; files with problems count for nothing."""
    homes: dict[str, str] = {}
    for key, text in pack.decisions.items():
        with suppress(DefinitionError):
            for decision in parse_dmn(text).decisions.values():
                homes.update({decision.id: key, decision.name: key})
    return homes


def _check_processes(pack: Pack) -> Iterator[PackProblem]:
    used_forms: set[str] = set()
    used_scripts: set[str] = set()
    used_decisions: set[str] = set()
    decisions = _decision_names(pack)
    known = _known(pack)
    complete = True
    for declared in pack.processes:
        try:
            model = parse_bpmn(declared.xml, source=declared.file)
        except DefinitionError as error:
            complete = False
            for problem in error.problems:
                yield PackProblem(declared.file, problem.reason, line=problem.line, place=problem.element_id)
            continue
        process = model.main
        for slip in model.advice:
            if slip.code == UNKNOWN_SETTING:
                yield PackProblem(declared.file, slip.reason, line=slip.line, place=slip.element_id)
        yield from _check_key(declared, process)
        yield from _check_start(declared, model)
        yield from _check_rhythm(declared, model)
        holders: list[Process | Node] = [process, *process.nodes.values()]
        for holder in holders:
            for reason in problems_of(holder.extension):
                yield PackProblem(declared.file, reason, line=holder.line, place=holder.id)
            for copy in holder.copies:
                for reason in missing_for_copy(copy, known):
                    yield PackProblem(declared.file, reason, line=copy.line, place=holder.id)
        for node in process.nodes.values():
            used_forms.add(node.extension.form)
            used_scripts.add(node.extension.script)
            if node.kind == "businessRuleTask" and not node.extension.service:
                wanted = node.decision or node.label
                used_decisions.add(decisions.get(wanted, ""))
                if wanted not in decisions:
                    yield PackProblem(declared.file, f"没有决策“{wanted}”", line=node.line, place=node.label)
            for reason in missing_at(node, process, known):
                yield PackProblem(declared.file, reason, line=node.line, place=node.label)
    if complete:
        yield from _unused("forms", ".json", pack.forms, used_forms)
        yield from _unused("scripts", ".md", pack.scripts, used_scripts)
        yield from _unused("decisions", ".dmn", pack.decisions, used_decisions)


def _check_notices(pack: Pack) -> Iterator[PackProblem]:
    for key, text in pack.notices.items():
        file = f"notices/{key}.toml"
        try:
            template = parse_template(text, channels=frozenset(KINDS))
        except TemplateError as error:
            yield from (PackProblem(file, reason) for reason in error.problems)
            continue
        for word in sorted(template.words() - words_for(key)):
            yield PackProblem(file, f"没有占位词 {{{word}}}")
        if template.ahead is not None and key != REMINDER:
            yield PackProblem(file, f"这条通知没有提前量，ahead 只写在 {REMINDER} 里")


def _known(pack: Pack) -> Known:
    notes = [note.key for note in pack.notes]
    return Known(pack.roles, pack.forms, pack.limits, pack.scripts, notes, pack.prints)


def _check_key(declared: PackProcess, process: Process) -> Iterator[PackProblem]:
    if process.id != declared.key:
        yield PackProblem(declared.file, f"流程的 id 是“{process.id}”，应为“{declared.key}”", line=process.line)


def _check_rhythm(declared: PackProcess, model: Model) -> Iterator[PackProblem]:
    for problem in problems_of_rhythm(model):
        yield PackProblem(declared.file, problem.reason, line=problem.line, place=problem.element_id)


def _check_start(declared: PackProcess, model: Model) -> Iterator[PackProblem]:
    """Whether a process that says so can begin by itself; which sites there are is known only where it is installed."""
    for event in start_events(model, model.main):
        reasons = list(problems_of_start(event))
        if declared.beside:
            reasons.append("和别的业务单同办的流程不能自动发起：没有人说是哪一张单据")
        for reason in reasons:
            yield PackProblem(declared.file, reason, line=event.node.line, place=event.node.label)


def _unused(folder: str, ending: str, there: Iterable[str], used: set[str]) -> Iterator[PackProblem]:
    for key in there:
        if key not in used:
            yield PackProblem(f"{folder}/{key}{ending}", "没有任何流程用到")
