"""The task page: what to do, with everything needed to do it at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q

from bihuan.engine.definition import Process
from bihuan.engine.runtime import State
from bihuan.engine.runtime.values import decode
from bihuan.forms import Form, FormContext
from bihuan.forms.drawing import DrawnForm, draw_form
from bihuan.forms.field import PICKER_KINDS
from bihuan.forms.raw import Raw
from bihuan.forms.texts import script_body
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.operations.binding import read_values
from bihuan.operations.cases import why_suspended
from bihuan.operations.customer_notices import calls_to_make
from bihuan.operations.facts import CaseFacts, fill_script, script_words
from bihuan.operations.pages.acting import Entry, Signer, done_steps, entries_of, process_of, signers_of
from bihuan.operations.pages.clock_signs import ClockSign, signs_of_work
from bihuan.operations.pages.sheets import Filled, filled_forms
from bihuan.operations.pages.stages import Stage, stages
from bihuan.operations.pages.story import Told, case_story
from bihuan.operations.people.beginning import Activities, activities_of
from bihuan.operations.people.choosing import Choice, choices_at
from bihuan.operations.picking import names_of
from bihuan.operations.surroundings import CASE
from bihuan.operations.timing.repair_pause import REPAIR_NODE
from bihuan.operations.work import Work, form_context, load_work
from bihuan.org.actor import Actor
from bihuan.org.models import Role
from bihuan.processes.compiled import compiled_process
from bihuan.processes.handling.allowing import allowed
from bihuan.processes.handling.called import rework_for
from bihuan.processes.history import Returned, returned_in
from bihuan.processes.holding import acted_for, holds, local_time, roles_of
from bihuan.processes.models import WorkItem
from bihuan.processes.queries import open_items_of_subject
from bihuan.records.knowledge import read_note
from bihuan.records.models import (
    Case,
    CaseKind,
    CustomerNotice,
    Document,
    DocumentKind,
    KnowledgeNote,
    Settlement,
    WorkLine,
)

STORY_LENGTH = 24
STORY_SHOWN = 6
WIDE_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Money:
    """What the case comes to so far, in yuan and hours; `bill` once it is drawn up."""

    parts_yuan: Decimal
    labour_yuan: Decimal
    hours: Decimal
    lines: list[WorkLine]
    bill: Settlement | None

    @property
    def total_yuan(self) -> Decimal:
        return self.bill.total_yuan if self.bill else self.parts_yuan + self.labour_yuan


@dataclass(frozen=True)
class TaskPage:
    """Everything the page of one work item shows. `closed` says who finished it and when; `who_can` who may do it."""

    work: Work
    actor: Actor
    may_complete: bool
    may_manage: bool
    closed: str
    who_can: str
    drawn: DrawnForm | None
    script: str
    knowledge: KnowledgeNote | None
    stages: list[Stage]
    story: list[Told]
    others: list[WorkItem]
    money: Money
    papers: list[tuple[str, str, Document | None]]
    repair: str
    signs: dict[int, ClockSign]
    choices: list[Choice]
    why: str
    entries: list[Entry]
    signers: list[Signer]
    returns: list[Returned]
    activities: list[Activities]
    may_release: bool
    calls: list[CustomerNotice]
    filled: list[Filled]
    """What was filled in on the way here; a visit to the workshop shows it in its own places."""

    @property
    def item(self) -> WorkItem:
        return self.work.item

    @property
    def case(self) -> Case:
        return self.work.case

    @property
    def sign(self) -> ClockSign:
        """What stands beside the countdown of this step."""
        return self.signs[self.item.pk]

    @property
    def may_claim(self) -> bool:
        """Offered to one's role and nobody's yet."""
        return self.may_complete and self.item.assignee_id is None

    @property
    def votes(self) -> bool:
        """Whether the answer is yes or no: for those who sign together, and those asked before or after."""
        return self.item.asked_as in ("before", "after") or (
            self.work.node.signoff is not None and not self.item.asked_as
        )

    @property
    def only_answers(self) -> bool:
        """Whether the form is the holder's, only to be read."""
        return self.item.asked_as in ("before", "after")

    @property
    def asks_newcomers(self) -> bool:
        """Whether a customer or car may be registered on the way."""
        return self.drawn is not None and self.drawn.uses("vehicle") and self.may_complete

    @property
    def is_wide(self) -> bool:
        """Whether the form's table of work lines needs the whole width; the context then stands below."""
        fields = self.drawn.fields if self.drawn is not None else ()
        return any(one.field.kind == "worklines" and len(one.field.columns) >= WIDE_COLUMNS for one in fields)

    @property
    def shows_status_code(self) -> bool:
        """Whether the step hands the waiting customer the code of the progress page (AUTO-14)."""
        return self.drawn is not None and any(one.name == "status_page" for one in self.drawn.fields)


def task_page(
    item_id: int,
    *,
    actor: Actor,
    raw: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> TaskPage:
    """The page of an item for somebody at its site, in a fixed number of queries.

    `raw` and `errors` draw the form again as it was sent. Raises NotFound for items of other sites.
    """
    work = load_work(item_id, actor=actor)
    item, case, site_id = work.item, work.case, work.item.site_id
    facts = CaseFacts(case, actor)
    names = dict(Role.objects.values_list("key", "name"))
    present = open_items_of_subject(CASE, case.pk)
    may_complete = holds(item, actor)
    may_manage = item.is_open and actor.can("case.manage", site_id)
    signs = signs_of_work([*present, item])
    process, done = process_of(work), done_steps(work.instance.pk)
    may = allowed(process, work.node)
    words = script_words(facts, work.instance.variables) if item.script_key else {}
    note = work.node.extension.knowledge
    return TaskPage(
        work=work,
        actor=actor,
        may_complete=may_complete,
        may_manage=may_manage,
        closed=_closed_words(item, actor),
        who_can=_who_can(item, names),
        drawn=_drawn(work, facts, raw, errors),
        script=fill_script(script_body(item.script_key), words) if item.script_key else "",
        knowledge=_note(note) if note else None,
        stages=_stages(work, process, done, present),
        story=case_story(case.pk, newest=STORY_LENGTH)[:STORY_SHOWN],
        others=[one for one in present if one.pk != item.pk],
        money=Money(facts.parts_yuan, facts.labour_yuan, facts.hours, facts.lines, facts.settlement),
        papers=_papers(work),
        repair=_repair(work, actor, signs[item.pk]),
        signs=signs,
        choices=_choices(work, actor) if may_complete else [],
        why=_why(work, actor, names, may_complete),
        entries=entries_of(work, actor, process, done, may_complete=may_complete),
        signers=signers_of(work, done),
        returns=_returns(work, actor),
        activities=[one for one in activities_of(work.instance, process, actor) if one.may],
        may_release=may_manage or "release" in may,
        calls=calls_to_make(work.case.pk, actor=actor),
        filled=filled_forms(case) if case.kind != CaseKind.SERVICE_VISIT else [],
    )


def _returns(work: Work, actor: Actor) -> list[Returned]:
    """For those who see the diagram."""
    if not actor.can("process.view", work.item.site_id):
        return []
    return returned_in(work.instance.chain).get(work.instance.pk, [])


def _choices(work: Work, actor: Actor) -> list[Choice]:
    instance = work.instance
    process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
    return choices_at(
        process, work.node, instance_id=instance.pk, site_id=instance.site_id, variables=instance.variables,
        user_id=actor.user_id,
    )  # fmt: skip


def _why(work: Work, actor: Actor, names: Mapping[str, str], may_complete: bool) -> str:
    """Why it is with whom it is with, in a sentence (为什么是我)."""
    item = work.item
    if not item.is_open:
        return ""
    lent = acted_for(item, actor) if may_complete else None
    if lent is not None:
        return f"{lent.name}委托您代办"
    if item.unattended_since is not None:
        return item.why or "能办这一步的人现在都不在岗，已告知上级"
    if item.why or not may_complete:
        return item.why
    if item.assignee_id == actor.user_id:
        return "流程指定由您办理" if work.node.assignee is not None else "您领取的"
    mine = [names.get(key, key) for key in sorted(roles_of(item.role) & actor.offered_roles_at(item.site_id))]
    return f"您担任{'、'.join(mine)}" if mine else ""


def next_item(case_id: int, *, actor: Actor) -> tuple[WorkItem | None, list[WorkItem]]:
    """The open item of a case that the person should go on with (their own first), and all that are open."""
    present = open_items_of_subject(CASE, case_id)
    held = [item for item in present if holds(item, actor)]
    own = next((item for item in held if item.assignee_id == actor.user_id), None)
    return own or next(iter(held), None), present


def _drawn(
    work: Work, facts: CaseFacts, raw: Mapping[str, Any] | None, errors: Mapping[str, str] | None
) -> DrawnForm | None:
    if work.form is None:
        return None
    variables = {**work.instance.variables, **_local(work.item)}
    context: FormContext = form_context(work, variables)
    known = read_values(work.case, work.form, facts, variables)
    names = _people_in(work.form, known, raw)
    return draw_form(
        work.form,
        values=known,
        labels=_labels(work, known, names),
        names=names,
        raw=raw,
        errors=errors,
        prefilled=frozenset(known),
        context=context,
    )


def _local(item: WorkItem) -> dict[str, Any]:
    return dict(decode(json.loads(item.local))) if item.local else {}


def _people_in(form: Form, values: Mapping[str, Any], raw: Mapping[str, Any] | None) -> dict[int, str]:
    """The names of the people a form starts with, or was sent with; at most one query."""
    asking = [one for one in form.fields if one.kind in ("person", "people")]
    found = [value for one in asking for value in Raw(values).many(one.key)]
    if raw is not None:
        found += [value for one in asking for value in Raw(raw).many(one.key)[: one.rules.max_items]]
    texts = [str(value) for value in found]
    numbers = {int(text) for text in texts if text.isdecimal() and len(text) <= 18}
    return names_of(numbers) if numbers else {}


def _labels(work: Work, values: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, str]:
    """The readable names of what pickers start with."""
    labels: dict[str, str] = {}
    case = work.case
    for one in work.form.fields if work.form else ():
        value = values.get(one.key)
        if one.kind not in PICKER_KINDS or value in (None, ""):
            continue
        if one.kind == "customer" and case.customer is not None and value == case.customer_id:
            labels[one.key] = f"{case.customer.name} {case.customer.salutation}".strip()
        elif one.kind == "vehicle" and case.vehicle is not None and value == case.vehicle_id:
            labels[one.key] = f"{case.vehicle.plate} {case.vehicle.label}".strip()
        elif one.kind == "person":
            labels[one.key] = names.get(int(value), "")
    return labels


def _stages(work: Work, process: Process, done: list[tuple[str, str, str]], present: list[WorkItem]) -> list[Stage]:
    here = [item for item in present if item.instance_id == work.instance.pk]
    return stages(process, {node for node, _, _ in done}, here, clock.now())


def _closed_words(item: WorkItem, actor: Actor) -> str:
    if item.is_open:
        return ""
    if item.status == WorkItem.Status.WAITING:
        return _waiting_words(item)
    when = local_time(item.completed_at or item.opened_at, item.site_id)
    if item.status == WorkItem.Status.CANCELLED:
        return f"这项工作在 {when} 已随流程变化取消，不必再办。"
    who = item.completed_by.name if item.completed_by else "系统"
    return f"{'您' if item.completed_by_id == actor.user_id else who}在 {when} 已经完成了这项工作。"


def _waiting_words(item: WorkItem) -> str:
    if item.instance.status == "suspended":
        return f"流程已挂起（{why_suspended(item.instance)}），恢复后才能办。"
    rows = WorkItem.unscoped.filter(
        instance_id=item.instance_id, status=WorkItem.Status.OPEN, asked_as__in=("before", "delegate")
    )
    asked = rows.filter(asked_by=item.assignee_id, assignee__isnull=False)
    names = list(asked.order_by("id").values_list("assignee__name", flat=True))
    if names:
        return f"正在等{'、'.join(names)}先办，办完回到您这里。"
    return f"正在等{_redone_words(item) or '前面的步骤'}重办，办完直接回到您这里。"


def _redone_words(item: WorkItem) -> str:
    """What is redone for an item that rests, and by whom."""
    found = rework_for(item)
    if found is None:
        return ""
    instance, rework = found
    state = State.from_json(instance.state)
    redoing = {rework.token}
    for token in sorted(state.tokens.values(), key=lambda one: one.id):
        # One of many is redone by a token inside the whole.
        if token.scope and state.scopes[token.scope].token in redoing:
            redoing.add(token.id)
    waits = {wait.id for wait in state.waits.values() if wait.token in redoing}
    live = WorkItem.unscoped.filter(completed_at__isnull=True).select_related("assignee", "instance")
    # A step itself, or what is open in the process that is called again.
    here = Q(instance_id=instance.pk, wait__in=waits)
    row = live.filter(here | Q(instance__parent_id=instance.pk, instance__parent_wait__in=waits)).first()
    if row is None:
        return ""
    above = "上级流程的" if rework.behind else ""
    return f"{above}“{row.label}”（{row.assignee.name}）" if row.assignee else f"{above}“{row.label}”"


def _who_can(item: WorkItem, names: Mapping[str, str]) -> str:
    if item.assignee is not None:
        return str(item.assignee.name)
    return "、".join(names.get(key, key) for key in sorted(roles_of(item.role))) or "指定人员"


def _note(key: str) -> KnowledgeNote | None:
    try:
        return read_note(key)
    except NotFound:
        return None


def _papers(work: Work) -> list[tuple[str, str, Document | None]]:
    """The papers that the step works with: kind, name, and the newest valid one if it was issued."""
    kinds = work.node.extension.prints
    if not kinds:
        return []
    rows = Document.unscoped.filter(case_id=work.case.pk, kind__in=kinds, voided_at__isnull=True).order_by("pk")
    newest = {paper.kind: paper for paper in rows}
    labels = dict(DocumentKind.choices)
    return [(kind, str(labels.get(kind, kind)), newest.get(kind)) for kind in kinds]


def _repair(work: Work, actor: Actor, sign: ClockSign) -> str:
    """Whether the repair clock can be paused ("running") or taken up again ("paused") here."""
    allowed = actor.user_id == work.case.technician_id or actor.can("case.manage", work.case.site_id)
    if work.item.node_id != REPAIR_NODE or not sign.of_case or not allowed:
        return ""
    return "paused" if sign.paused else "running"
