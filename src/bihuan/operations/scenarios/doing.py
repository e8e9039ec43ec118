"""What a step of a scenario can do: a table from `do` to the use case that the screens call too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bihuan.forms import Form
from bihuan.forms.publishing import newest_form
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.operations import bookings, cases, refunds, work
from bihuan.operations.cases import main_instance
from bihuan.operations.desk.answering import let_ring, pick_up, put_down
from bihuan.operations.effects.appointments import appointment_of
from bihuan.operations.effects.estimate import standing_lines
from bihuan.operations.messages import tell_process
from bihuan.operations.people.answering import ANSWER_KEYS
from bihuan.operations.people.choosing import FIELD
from bihuan.operations.scenarios.deliveries import customer_called
from bihuan.operations.scenarios.duty import DUTY_STEPS
from bihuan.operations.scenarios.format import Step, moment
from bihuan.operations.scenarios.samples import sample_file
from bihuan.operations.scenarios.timing import TIME_STEPS
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.operations.starting import begun_by_themselves
from bihuan.operations.surroundings import CASE, surroundings
from bihuan.operations.timing import repair_pause
from bihuan.org.actor import Actor
from bihuan.processes import engine_store
from bihuan.processes.compiled import compiled_process
from bihuan.processes.models import Incident, WorkItem
from bihuan.records import lookup, payments, release, stock
from bihuan.records.models import Case, Document, DocumentKind, Settlement

Doing = Callable[[World, Step], None]


def open_item(world: World, step: Step) -> WorkItem:
    """The open task a step names, in its case; one that is done already is found too, so that it can be refused."""
    if not step.task:
        raise StepProblem("缺少 task（任务名称）")
    case = world.case(step.case)
    items = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk)
    named: list[WorkItem] = [item for item in items.order_by("-pk") if step.task in (item.name, item.node_id)]
    if named:
        me = world.person_id(step.actor)
        lent = {one.user_id for one in world.actor(step.actor).acting_for} if me is not None else set()
        return max(named, key=lambda item: _likely(item, me, lent))
    there = "、".join(items.filter(status=WorkItem.Status.OPEN).values_list("name", flat=True)) or "没有待办"
    raise StepProblem(f"单据 {case.number} 没有任务“{step.task}”；现在的待办：{there}")


def _likely(item: WorkItem, me: int | None, lent: set[int]) -> tuple[bool, bool, bool, bool, int]:
    """Of several of that name: one's own before that of whom one acts for, before others', what can be done before what
    waits, the latest."""
    mine = me is not None and item.assignee_id == me
    return not item.is_over, mine, item.assignee_id in lent, item.is_open, item.pk if item.is_over else -item.pk


def complete(world: World, step: Step) -> None:
    """Complete a task with the values of its form."""
    item = open_item(world, step)
    actor = world.actor(step.actor, item)
    form = newest_form(item.form_key)[1] if item.form_key else None
    values = dict(step.values)
    chosen = values.pop("choose", None)
    raw, files = form_values(world, form, values, actor) if form else (values, {})
    raw.update(_choices(world, item, chosen))
    once_key = str(raw.pop("once_key", ""))
    work.complete_task(item.pk, raw, files, actor=actor, once_key=once_key)


def _choices(world: World, item: WorkItem, chosen: Any) -> dict[str, str]:
    """`choose: {task: person}` as the fields of the task page."""
    if not chosen:
        return {}
    instance = item.instance
    process = compiled_process(instance.version_id, instance.version.sha256, instance.process_id)
    raw: dict[str, str] = {}
    for name, person in dict(chosen).items():
        node = next((one for one in process.nodes.values() if name in (one.id, one.name)), None)
        if node is None:
            raise StepProblem(f"流程里没有任务“{name}”")
        raw[FIELD + node.id] = str(world.user(person).pk)
    return raw


def form_values(
    world: World, form: Form, given: Mapping[str, Any], actor: Actor
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Values by field key: labels are turned into keys, `all` ticks a whole list, `sample` makes a file."""
    by_label = {one.label: one.key for one in form.fields}
    raw: dict[str, Any] = {}
    files: dict[str, list[Any]] = {}
    known = {one.key for one in form.fields} | {"once_key", *ANSWER_KEYS}
    for name, value in given.items():
        key = name if name in known else by_label.get(name, "")
        if not key:
            there = "、".join(sorted(known - {"once_key", *ANSWER_KEYS}))
            raise StepProblem(f"表单“{form.title}”没有字段“{name}”；可用：{there}")

        one = form.field(key)
        if one is None:
            raw[key] = value
        elif one.kind == "checklist" and value in ("all", "全部", True):
            raw[key] = [option.value for option in one.options]
        elif one.kind == "worklines" and value in ("all", "全部", True):
            raw[key] = [
                {"id": line.pk, "description": line.description, "inspected_ok": True, "old_part_present": True}
                for line in standing_lines(world.case(None).pk)
            ]
        elif one.kind == "payments" and isinstance(value, str):
            raw[key] = [{"method": value, "amount_yuan": _owed(world)}]
        elif one.kind == "photos" and value:
            files[key] = [sample_file(str(value))]
        elif one.kind == "datetime" and isinstance(value, str):
            raw[key] = _moment(world, value).astimezone(world.zone).strftime("%Y-%m-%d %H:%M")
        elif isinstance(value, str) and value == "auto":
            raw[key] = _own_number(world, key)
        else:
            raw[key] = value
    return raw, files


def _owed(world: World) -> str:
    bill = Settlement.unscoped.filter(case_id=world.case(None).pk).first()
    return str(bill.balance_yuan) if bill else "0"


def _own_number(world: World, key: str) -> str:
    case_id = world.case(None).pk
    if "gate" in key:
        paper = Document.unscoped.filter(case_id=case_id, kind=DocumentKind.GATE_PASS).order_by("-pk").first()
        return paper.number if paper else ""
    bill = Settlement.unscoped.filter(case_id=case_id).first()
    return bill.number if bill else ""


def _moment(world: World, text: str) -> datetime:
    try:
        return moment(text, clock.now().astimezone(world.zone))
    except ValueError as error:
        raise StepProblem(str(error)) from error


def _columns(world: World, values: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if values.get("plate"):
        vehicle = world.vehicle(values["plate"])
        if vehicle is None:
            raise StepProblem(f"没有车辆“{values['plate']}”")
        columns["vehicle_id"] = vehicle.pk
    if values.get("customer"):
        columns["customer_id"] = world.customer(values["customer"]).pk
    for key in ("phone", "title"):
        if values.get(key):
            columns[key] = str(values[key])
    return columns


def start(world: World, step: Step) -> None:
    """Open a case of a kind; a service visit begins with the arrival of the car."""
    kind = str(step.values.get("process") or "service_visit")
    if kind == "service_visit":
        arrive(world, step)
        return
    case = cases.start_case(kind, actor=acting(world, step), site_id=world.site.pk, **_columns(world, step.values))
    _remember(world, step, case)


def arrive(world: World, step: Step) -> None:
    """A car drives into the pre-check bay."""
    case = cases.receive_vehicle(
        str(step.values.get("plate") or ""),
        actor=acting(world, step),
        site_id=world.site.pk,
        bay=str(step.values.get("bay") or ""),
    )
    _remember(world, step, case)


def _remember(world: World, step: Step, case: Case) -> None:
    world.current = case.pk
    if step.save:
        world.cases[step.save] = case.pk


def acting(world: World, step: Step) -> Actor:
    """Who does the step; it must say so."""
    if step.actor is None:
        raise StepProblem("缺少 as（谁来做）")
    return world.actor(step.actor)


def claim(world: World, step: Step) -> None:
    """Take an offered task."""
    engine_store.claim_item(open_item(world, step).pk, actor=acting(world, step))


def release_task(world: World, step: Step) -> None:
    """Give a task back to its role."""
    engine_store.release_item(open_item(world, step).pk, actor=acting(world, step))


def transfer(world: World, step: Step) -> None:
    """Hand a task to somebody else."""
    item = open_item(world, step)
    receiver = world.user(str(step.values.get("to") or ""))
    engine_store.transfer_item(
        item.pk, receiver.pk, actor=world.actor(step.actor, item), reason=str(step.values.get("reason") or "")
    )


def pause(world: World, step: Step) -> None:
    """Stop the repair clock with a reason."""
    repair_pause.pause_repair(
        world.case(step.case).pk, actor=acting(world, step), reason=str(step.values.get("reason") or "")
    )


def resume(world: World, step: Step) -> None:
    """Let the repair clock go on."""
    repair_pause.resume_repair(world.case(step.case).pk, actor=acting(world, step))


def ring(world: World, step: Step) -> None:
    """The telephone rings."""
    call = let_ring(actor=world.system, phone=str(step.values.get("phone") or ""), site_id=world.site.pk)
    world.call = call.pk


def answer(world: World, step: Step) -> None:
    """Somebody picks up."""
    pick_up(_call(world), actor=acting(world, step))


def hang_up(world: World, step: Step) -> None:
    """The call ends; unanswered it was abandoned."""
    actor = world.actor(step.actor) if step.actor else world.system
    put_down(_call(world), actor=actor)


def _call(world: World) -> int:
    if world.call is None:
        raise StepProblem("还没有来电；先用 do: ring")
    return world.call


def look_up(world: World, step: Step) -> None:
    """Search while talking."""
    world.found = list(lookup.look_up(str(step.values.get("text") or ""), actor=acting(world, step)))


def message(world: World, step: Step) -> None:
    """A message reaches the process of the case; with `keep` it may come before the process waits for it."""
    values = dict(step.values)
    name, keep = str(values.pop("name", "")), str(values.pop("keep", ""))
    actor, case = world.actor(step.actor) if step.actor else world.system, world.case(step.case)
    keep_for = _moment(world, keep) - clock.now() if keep else None
    if not tell_process(name, case.pk, actor=actor, variables=values, keep_for=keep_for) and keep_for is None:
        carrying = main_instance(case.pk)
        sender = None if carrying is None else carrying.pk
        told = sender and engine_store.deliver_message(
            name, "", values, actor=actor, sender_id=sender, around=surroundings()
        )
        if not told:
            raise BusinessError(f"没有流程在等消息“{name}”")


def begun(world: World, step: Step) -> None:
    """The newest case of a process that began by itself at the site is what the next steps are about."""
    key = str(step.values.get("process") or "")
    newest = begun_by_themselves(world.site.pk, key).order_by("-pk").first()
    if newest is None or newest.subject_kind != CASE or newest.subject_id is None:
        raise BusinessError(f"没有自己开始的流程“{key}”")
    _remember(world, step, Case.unscoped.get(pk=newest.subject_id))


def change_appointment(world: World, step: Step) -> None:
    """The customer takes another time."""
    case = world.case(step.case)
    booked = appointment_of(case.pk)
    if booked is None:
        raise StepProblem("这张单据没有预约")
    starts_at = _moment(world, str(step.values.get("starts_at") or ""))
    bookings.change_booking(booked.pk, actor=acting(world, step), starts_at=starts_at)


def cancel_appointment(world: World, step: Step) -> None:
    """The customer does not come."""
    case = world.case(step.case)
    booked = appointment_of(case.pk)
    if booked is None:
        raise StepProblem("这张单据没有预约")
    reason = str(step.values.get("reason") or "")
    bookings.cancel_booking(booked.pk, actor=acting(world, step), reason=reason)


def take_payment(world: World, step: Step) -> None:
    """Money at the cashier's desk, outside a task."""
    payments.take_payment(
        world.case(step.case).pk,
        actor=acting(world, step),
        method=str(step.values.get("method") or "cash"),
        amount_yuan=step.values.get("amount"),
    )


def refund(world: World, step: Step) -> None:
    """Money back under authority."""
    refunds.refund(
        world.case(step.case).pk,
        actor=acting(world, step),
        method=str(step.values.get("method") or "cash"),
        amount_yuan=step.values.get("amount"),
        reason=str(step.values.get("reason") or ""),
        lower_bill=bool(step.values.get("lower_bill")),
    )


def release_key(world: World, step: Step) -> None:
    """Gate pass and settlement at the guard's desk, outside a task."""
    world.case(step.case)
    papers = {
        key: _own_number(world, "gate" if key == "gate_pass" else key)
        if step.values.get(key) == "auto"
        else str(step.values.get(key) or "")
        for key in ("gate_pass", "settlement")
    }
    release.release_key(papers["gate_pass"], papers["settlement"], actor=acting(world, step))


def receive_stock(world: World, step: Step) -> None:
    """Parts arrive at the store."""
    part = world.part(step.values.get("part"))
    quantity = Decimal(str(step.values.get("quantity") or 0))
    stock.receive_stock(part.pk, quantity, actor=acting(world, step), site_id=world.site.pk)


def cancel(world: World, step: Step) -> None:
    """Call the case off."""
    reason = str(step.values.get("reason") or "")
    cases.cancel_case(world.case(step.case).pk, actor=acting(world, step), reason=reason)


def retry_incident(world: World, step: Step) -> None:
    """Try a failed automatic step again."""
    case = world.case(step.case)
    incident = Incident.unscoped.filter(
        instance__subject_kind="case", instance__subject_id=case.pk, resolved_at__isnull=True
    ).first()
    if incident is None:
        raise StepProblem("这张单据没有未处理的异常")
    engine_store.retry_incident(incident.pk, actor=acting(world, step), around=surroundings())


DOING: Mapping[str, Doing] = {
    "complete": complete,
    "start": start,
    "arrive": arrive,
    "claim": claim,
    "release": release_task,
    "transfer": transfer,
    "pause": pause,
    "resume": resume,
    "ring": ring,
    "answer": answer,
    "hang_up": hang_up,
    "look_up": look_up,
    "message": message,
    "begun": begun,
    "change_appointment": change_appointment,
    "cancel_appointment": cancel_appointment,
    "take_payment": take_payment,
    "refund": refund,
    "release_key": release_key,
    "receive_stock": receive_stock,
    "cancel": cancel,
    "retry_incident": retry_incident,
    "customer_called": customer_called,
    **DUTY_STEPS,
    **TIME_STEPS,
}
