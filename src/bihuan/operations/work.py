"""Doing the work: completing a step is one use case for screens, API and scenarios alike."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from msgspec import Struct

from bihuan.engine.definition import Node
from bihuan.engine.runtime.state import Asked
from bihuan.forms import Form, FormContext
from bihuan.forms.publishing import NO_FORM, loaded_form, newest_form
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.kernel.sql import whole_transaction
from bihuan.operations.binding import sort_values, write_sheets, write_values
from bihuan.operations.facts import case_facts
from bihuan.operations.people.answering import ANSWER_KEYS, asked_with, keep_answer, read_answer
from bihuan.operations.people.choosing import FIELD, choices_of_submission
from bihuan.operations.picking import misplaced_people, resolver
from bihuan.operations.registry import EffectContext, run_effects
from bihuan.operations.surroundings import CASE, IN_FACTS, load_case, surroundings
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.compiled import compiled_process
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.unit import LazyNames
from bihuan.processes.version_limits import limits_of
from bihuan.records.models import Case

NOT_HERE = "没有这项工作，或者它不属于您的门店"


class FormRefused(BusinessError):
    """A submission with mistakes: `errors` by field; nothing was stored."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        first = next(iter(errors.items()))
        super().__init__(first[1], first[0])
        self.errors = dict(errors)


class Work(Struct, frozen=True):
    """An item with its instance, case, node and form."""

    item: WorkItem
    instance: Instance
    case: Case
    node: Node
    form: Form | None


class Outcome(Struct, frozen=True):
    """What completing a step led to: the next items of the case (ids), and whether the process ended."""

    case_id: int
    opened: tuple[int, ...]
    ended: bool
    repeated: bool = False


def load_work(item_id: int, *, actor: Actor) -> Work:
    """The item for somebody at its site; NotFound looks the same for a missing and a forbidden one."""
    rows = WorkItem.unscoped.select_related("instance", "instance__version", "completed_by", "assignee")
    # The drawing is large and compiled already.
    rows = rows.defer("instance__version__xml")
    item = rows.filter(pk=item_id).first()
    if item is None or not (actor.is_system or item.site_id in actor.site_ids):
        raise NotFound(NOT_HERE)
    actor.require("case.view", item.site_id)
    instance = item.instance
    version = instance.version
    process = compiled_process(version.pk, version.sha256, instance.process_id)
    # Whoever was asked sees the holder's form, without filling it in.
    key = item.form_key or (process.nodes[item.node_id].extension.form if item.asked_as else "")
    form = newest_form(key)[1] if key else None
    if instance.subject_kind != CASE:
        raise NotFound("这项工作没有业务单")
    return Work(item, instance, load_case(instance.subject_id), process.nodes[item.node_id], form)


def form_context(work: Work, variables: Mapping[str, Any]) -> FormContext:
    """What the form's conditions and pickers need."""
    return FormContext(
        variables={**case_facts(work.case), **variables},
        timezone=work.case.site.timezone,
        now=clock.now(),
        resolve=resolver(work.case.site_id),
    )


@whole_transaction()
def complete_task(
    item_id: int,
    raw: Mapping[str, Any],
    files: Mapping[str, Any] | None = None,
    *,
    actor: Actor,
    once_key: str = "",
) -> Outcome:
    """Complete a step: check the form, write its fields, run its effects, move the process; all or nothing.

    Raises FormRefused with a message at each field, NotAllowed for work that is not one's own, Conflict when
    somebody else was faster. Repeating a request with its one-time key answers the first outcome.
    """
    # This is the hot path of the product: the item is read once, locked, and before anything of its case is written.
    held = hold_work(item_id, actor=actor)
    first = engine_store.repeated_result(held, once_key, actor=actor)
    if first is not None:
        return _outcome(first)
    engine_store.require_completable(held, actor)
    lent = engine_store.acted_for(held, actor)
    if lent is not None:
        actor = actor.lent(lent)
    asked = asked_with(held)
    if asked is not None and asked.mode != "delegate":
        return _answer_only(held, asked, raw, actor, once_key)
    # Many steps only route: their case is not read at all.
    case = cache(partial(load_case, held.instance.facts.subject_id, IN_FACTS))
    answer = read_answer(held, raw, asked) if asked is not None or held.node.signoff is not None else None
    picked = choices_of_submission(held, raw, actor)
    sent = _take(held, case, raw, files, actor)
    variables = {**sent.variables, **picked, **(answer.variables if answer is not None else {})}
    # Who does the step for somebody else does not finish it: its effects wait for who confirms.
    if asked is None:
        variables.update(_run(held, sent.values, {**held.variables, **variables}, actor))
    done = engine_store.complete_held(
        held,
        variables,
        actor=actor,
        around=surroundings(),
        once_key=once_key,
        alone=not (sent.goes_beyond_sheets or held.node.extension.effects),
        data_for_history=answer.detail if answer is not None else None,
    )
    if answer is not None:
        keep_answer(held.item_id, answer.detail)
    return _outcome(done)


def _answer_only(held: engine_store.Held, asked: Asked, raw: Mapping[str, Any], actor: Actor, once_key: str) -> Outcome:
    """Whoever was asked before or after says yes or no; the form and its effects are the holder's."""
    answer = read_answer(held, raw, asked)
    done = engine_store.complete_held(
        held,
        answer.variables,
        actor=actor,
        around=surroundings(),
        once_key=once_key,
        data_for_history=answer.detail,
    )
    keep_answer(held.item_id, answer.detail)
    return _outcome(done)


class Sent(Struct, frozen=True):
    """What a submission comes to once it is checked and written: form values, variables, and how far it reached."""

    values: dict[str, Any]
    variables: dict[str, Any]
    goes_beyond_sheets: bool = False


def _take(
    held: engine_store.Held,
    case: Callable[[], Case],
    raw: Mapping[str, Any],
    files: Mapping[str, Any] | None,
    actor: Actor,
) -> Sent:
    """Check what was sent against the step's form and write its fields. Raises FormRefused."""
    plain = not hasattr(raw, "getlist")
    if not held.form_key:
        kept = raw.items() if plain else ()
        return Sent({}, {key: value for key, value in kept if key not in ANSWER_KEYS and not key.startswith(FIELD)})
    if held.form_version is None:
        raise NotFound(NO_FORM.format(key=held.form_key))
    facts = held.instance.facts
    form = loaded_form(*held.form_version)
    known: ChainMap[str, Any] = ChainMap(held.variables, LazyNames(lambda _: case_facts(case()), facts))  # type: ignore[arg-type]
    context = FormContext(known, facts.timezone, clock.now(), resolver(facts.site_id))
    cleaned = form.clean(raw, files, context=context)
    errors = cleaned.errors or misplaced_people(form, cleaned.values, facts.site_id)
    if errors:
        raise FormRefused(errors)
    bound = sort_values(form, cleaned.values)
    if bound.goes_beyond_sheets:
        write_values(bound, case(), cleaned.values, actor=actor, plain=plain)
    elif bound.sheets:
        assert facts.subject_id is not None
        last = held.instance.last
        held.instance.last = write_sheets(bound, facts.subject_id, site_id=facts.site_id, actor=actor, last=last)
    return Sent(cleaned.values, dict(bound.variables), bound.goes_beyond_sheets)


def hold_work(item_id: int, *, actor: Actor) -> engine_store.Held:
    """The item, locked, for somebody at its site; NotFound looks the same for a missing and a forbidden one."""
    try:
        held = engine_store.hold_item(item_id)
    except NotFound:
        raise NotFound(NOT_HERE) from None
    facts = held.instance.facts
    if not (actor.is_system or facts.site_id in actor.site_ids):
        raise NotFound(NOT_HERE)
    actor.require("case.view", facts.site_id)
    if facts.subject_kind != CASE:
        raise NotFound("这项工作没有业务单")
    return held


def _outcome(result: engine_store.StepResult) -> Outcome:
    case_id = result.instance.subject_id
    assert case_id is not None
    return Outcome(case_id, tuple(item.id for item in result.opened), bool(result.ended), result.repeated)


def _run(held: engine_store.Held, values: dict[str, Any], variables: dict[str, Any], actor: Actor) -> dict[str, Any]:
    effects = held.node.extension.effects
    if not effects or (held.node.extension.properties.get("again") == "once" and _done_before(held)):
        return {}
    context = EffectContext(
        actor=actor,
        case=load_case(held.instance.facts.subject_id),
        now=clock.now(),
        values=values,
        variables=variables,
        limits=limits_of(held.instance.facts),
        item=WorkItem.unscoped.get(pk=held.item_id),
    )
    return run_effects(effects, context)


def _done_before(held: engine_store.Held) -> bool:
    """Whether the step was completed before in this instance: then `bihuan:again="once"` leaves its effects out."""
    rows = WorkItem.unscoped.filter(instance_id=held.instance.id, node_id=held.node_id, asked_as="")
    return bool(rows.filter(status=WorkItem.Status.DONE).exists())
