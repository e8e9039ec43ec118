"""What a scenario may expect after a step: a table from the key to a check that answers what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bihuan.audit.models import Entry
from bihuan.forms.texts import script_body
from bihuan.kernel import clock
from bihuan.limits.models import Clock
from bihuan.limits.report import share_in_time
from bihuan.notify.models import Notice
from bihuan.operations.cases import main_instance
from bihuan.operations.desk.answering import CALL_ANSWER
from bihuan.operations.effects.appointments import appointment_of
from bihuan.operations.facts import CaseFacts, fill_script, script_words
from bihuan.operations.pages.story import case_story
from bihuan.operations.people.answering import ANSWERS
from bihuan.operations.scenarios.copying import COPY_CHECKS
from bihuan.operations.scenarios.deliveries import check_customer_told, check_delivered
from bihuan.operations.scenarios.duty import DUTY_CHECKS
from bihuan.operations.scenarios.format import Expectation, moment
from bihuan.operations.scenarios.timing import TIME_CHECKS, newest_clock
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.operations.starting import begun_by_themselves
from bihuan.org.models import Role
from bihuan.org.roles import people_with_role
from bihuan.processes.models import Incident, Instance, WorkItem
from bihuan.records.calls import answer_report
from bihuan.records.models import Custody, Document, Settlement, Stock

Check = Callable[[World, str | None, Any], str]


def check(world: World, case_name: str | None, expectation: Expectation) -> str:
    """What is wrong with one expectation, "" when it holds. Raises StepProblem for one that cannot be understood."""
    function = CHECKS.get(expectation.kind)
    if function is None:
        raise StepProblem(f"不认识的检查“{expectation.kind}”；可用：{'、'.join(sorted(CHECKS))}")
    return function(world, case_name, expectation.value)


def _names(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]


def _items(world: World, case_name: str | None) -> list[WorkItem]:
    case = world.case(case_name)
    rows = WorkItem.unscoped.filter(instance__subject_kind="case", instance__subject_id=case.pk)
    return list(rows.select_related("assignee", "completed_by").order_by("pk"))


def _open_names(world: World, case_name: str | None) -> list[WorkItem]:
    return [item for item in _items(world, case_name) if item.is_open]


def _said(items: Iterable[WorkItem]) -> str:
    return "、".join(item.name for item in items) or "没有待办"


def _open(world: World, case_name: str | None, value: Any) -> str:
    items = _open_names(world, case_name)
    missing = [name for name in _names(value) if not any(name in (item.name, item.node_id) for item in items)]
    return f"应有待办“{'、'.join(missing)}”，实际：{_said(items)}" if missing else ""


def _not_open(world: World, case_name: str | None, value: Any) -> str:
    items = _open_names(world, case_name)
    there = [name for name in _names(value) if any(name in (item.name, item.node_id) for item in items)]
    return f"不应有待办“{'、'.join(there)}”" if there else ""


def _only_open(world: World, case_name: str | None, value: Any) -> str:
    items = _open_names(world, case_name)
    wrong = _open(world, case_name, value)
    extra = [item for item in items if not {item.name, item.node_id} & set(_names(value))]
    return wrong or (f"多出待办“{_said(extra)}”" if extra else "")


def _assignee(world: World, case_name: str | None, value: Any) -> str:
    items = {item.name: item for item in _open_names(world, case_name)}
    for name, person in dict(value).items():
        item = items.get(name)
        found = item.assignee.name if item and item.assignee else ""
        if item is None or found != str(person or ""):
            return f"“{name}”应由“{person}”办理，实际：{found or '未指定'}"
    return ""


def _waiting(world: World, case_name: str | None, value: Any) -> str:
    resting = [item for item in _items(world, case_name) if item.status == WorkItem.Status.WAITING]
    missing = [name for name in _names(value) if not any(name in (item.name, item.node_id) for item in resting)]
    return f"应在等待“{'、'.join(missing)}”，实际等待的：{_said(resting)}" if missing else ""


def _holders(world: World, case_name: str | None, value: Any) -> str:
    items = [item for item in _items(world, case_name) if item.is_open]
    for name, people in dict(value).items():
        found = sorted(item.assignee.name for item in items if item.assignee and name in (item.name, item.node_id))
        if found != sorted(_names(people)):
            return f"“{name}”应由“{'、'.join(_names(people))}”办理，实际：{'、'.join(found) or '没有人'}"
    return ""


def _answers(world: World, case_name: str | None, value: Any) -> str:
    given = [item for item in _items(world, case_name) if item.answer in ANSWERS]
    last = {item.completed_by.name: ANSWERS[item.answer] for item in given if item.completed_by}
    for person, wanted in dict(value).items():
        words = {True: "同意", False: "不同意"}.get(wanted, str(wanted))
        if last.get(str(person)) != ANSWERS.get(words, words):
            return f"{person}应答复“{words}”，实际：{last.get(str(person), '没有答复')}"
    return ""


def _process(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    instance = main_instance(case.pk)
    found = (instance.status, instance.get_status_display()) if instance else ("没有流程",)
    return "" if str(value) in found else f"流程应为“{value}”，实际：{found[-1]}"


def _ended(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    running = Instance.unscoped.filter(subject_kind="case", subject_id=case.pk, ended_at__isnull=True).exists()
    over = case.status != "open" and not running
    return (
        "" if over == bool(value) else f"单据{'应已结束' if value else '不应结束'}，实际：{case.get_status_display()}"
    )


def _columns(record: Any, value: Any, what: str) -> str:
    for name, wanted in dict(value).items():
        if not hasattr(record, name):
            raise StepProblem(f"{what}没有字段“{name}”")
        found = getattr(record, name)
        if not same(found, wanted):
            return f"{what}的 {name} 应为“{wanted}”，实际：“{_shown(found)}”"
    return ""


def _case(world: World, case_name: str | None, value: Any) -> str:
    return _columns(world.case(case_name), value, "单据")


def _of_case(name: str, what: str) -> Check:
    def function(world: World, case_name: str | None, value: Any) -> str:
        record = getattr(world.case(case_name), name)
        return _columns(record, value, what) if record is not None else f"单据没有{what}"

    return function


def _appointment(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    record = case.appointment or appointment_of(case.pk)
    return _columns(record, value, "预约") if record is not None else "单据没有预约"


def _settlement(world: World, case_name: str | None, value: Any) -> str:
    record = Settlement.unscoped.filter(case_id=world.case(case_name).pk).first()
    return _columns(record, value, "结算单") if record is not None else "单据没有结算单"


def _variables(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    instance = Instance.unscoped.filter(subject_kind="case", subject_id=case.pk).order_by("pk").first()
    found = instance.variables if instance else {}
    for name, wanted in dict(value).items():
        if not same(found.get(name), wanted):
            return f"变量 {name} 应为“{wanted}”，实际：“{_shown(found.get(name))}”"
    return ""


def _documents(world: World, case_name: str | None, value: Any) -> str:
    papers = Document.unscoped.filter(case_id=world.case(case_name).pk, voided_at__isnull=True)
    there = set(papers.values_list("kind", flat=True))
    missing = [kind for kind in _names(value) if kind not in there]
    return f"应已开具 {'、'.join(missing)}，实际：{'、'.join(sorted(there)) or '没有单证'}" if missing else ""


def _quantities(column: str) -> Check:
    def function(world: World, case_name: str | None, value: Any) -> str:
        for code, wanted in dict(value).items():
            row = Stock.objects.at(world.site.pk).filter(part=world.part(code)).first()
            found = getattr(row, column) if row else Decimal(0)
            if not same(found, wanted):
                return f"配件 {code} 的{'库存' if column == 'on_hand' else '预留'}应为 {wanted}，实际：{_shown(found)}"
        return ""

    return function


def _custody(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    for thing, wanted in dict(value).items():
        row = Custody.unscoped.filter(case=case, thing=thing).first()
        holder = row.holder_name if row else "没有保管"
        kinds = {row.holder_kind, row.holder} if row else set()
        if str(wanted) != holder and str(wanted) not in kinds:
            return f"{thing} 应在“{wanted}”处，实际：{holder}"
    return ""


def _clock(world: World, case_name: str | None, value: Any) -> str:
    for key, wanted in dict(value).items():
        held = newest_clock(world, case_name, key)
        found = clock_state(held) if held else "没有计时"
        if found != str(wanted):
            return f"时限 {key} 应为 {wanted}，实际：{found}"
    return ""


def clock_state(held: Clock) -> str:
    """met, breached, stopped (dropped undecided), paused or running."""
    if held.stopped_at is not None:
        return "stopped" if held.met is None else "met" if held.met else "breached"
    if held.breached_at is not None or (held.due_at is not None and held.due_at < clock.now()):
        return "breached"
    return "paused" if held.paused_at is not None else "running"


def _cases(world: World, case_name: str | None, value: Any) -> str:
    children = world.children(world.case(case_name).pk)
    for kind, wanted in dict(value).items():
        found = children.filter(kind=kind).count()
        if found != int(wanted):
            return f"应产生 {wanted} 张 {kind} 单据，实际：{found}"
    return ""


def _notices(world: World, case_name: str | None, value: Any) -> str:
    for name, text in dict(value).items():
        role = Role.objects.filter(name=name).first() or Role.objects.filter(key=name).first()
        people = list(people_with_role(role.key, world.site.pk)) if role else [world.user(name)]
        told = Notice.objects.filter(user__in=people)
        if not any(str(text) in f"{notice.title} {notice.body}" for notice in told):
            last = told.order_by("-pk").first()
            return f"“{name}”应收到含“{text}”的通知，最近一条：{last.title if last else '没有通知'}"
    return ""


def _says(world: World, case_name: str | None, value: Any) -> str:
    items = [item for item in _open_names(world, case_name) if item.script_key]
    if not items:
        return "现在没有带话术的待办"
    case = world.case(case_name)
    spoken = []
    for item in items:
        actor = world.actor(None, item)
        words = script_words(CaseFacts(case, actor), item.instance.variables)
        spoken.append(fill_script(script_body(item.script_key), words))
    missing = [text for text in _names(value) if not any(text in words for words in spoken)]
    return f"话术里应有“{'、'.join(missing)}”，实际：{spoken[-1][:300]}" if missing else ""


def _history(world: World, case_name: str | None, value: Any) -> str:
    case = world.case(case_name)
    entries = Entry.objects.filter(chain=case.chain)
    told = "\n".join(f"{entry.action} {entry.data}" for entry in entries)
    # What the log holds, or what the timeline says of it.
    told += "\n".join(f"{line.who} {line.what} {line.note}" for line in case_story(case.pk))
    missing = [text for text in _names(value) if text not in told]
    return f"单据历史里应有“{'、'.join(missing)}”" if missing else ""


def _due(world: World, case_name: str | None, value: Any) -> str:
    items = {item.name: item for item in _open_names(world, case_name)}
    for name, text in dict(value).items():
        item = items.get(name)
        if item is None:
            return f"没有待办“{name}”"
        try:
            wanted = moment(str(text), item.opened_at.astimezone(world.zone))
        except ValueError as error:
            raise StepProblem(str(error)) from error
        if item.due_at != wanted:
            return f"“{name}”应在 {wanted} 到期，实际：{item.due_at and item.due_at.astimezone(world.zone)}"
    return ""


def _found(world: World, case_name: str | None, value: Any) -> str:
    if isinstance(value, int):
        return "" if len(world.found) == value else f"应查到 {value} 条，实际：{len(world.found)}"
    told = [
        f"{hit.customer.name} {hit.customer.phone} {hit.vehicle.plate if hit.vehicle else ''}" for hit in world.found
    ]
    return "" if any(str(value) in line for line in told) else f"应查到“{value}”，实际：{'；'.join(told) or '没有结果'}"


def _incidents(world: World, case_name: str | None, value: Any) -> str:
    rows = Incident.unscoped.filter(instance__subject_id=world.case(case_name).pk, resolved_at__isnull=True)
    reasons = list(rows.values_list("reason", flat=True))
    return "" if len(reasons) == int(value) else f"应有 {value} 个异常，实际 {len(reasons)} 个：{'；'.join(reasons)}"


def _begun(world: World, case_name: str | None, value: Any) -> str:
    for key, wanted in dict(value).items():
        found = begun_by_themselves(world.site.pk, key).count()
        if found != int(wanted):
            return f"流程 {key} 应自己开始过 {wanted} 次，实际 {found} 次"
    return ""


def _share(world: World, case_name: str | None, value: Any) -> str:
    for key, wanted in dict(value).items():
        percent = _calls_in_time(world) if key == CALL_ANSWER else _clocks_in_time(world, key)
        found = "没有数据" if percent is None else f"{percent.normalize():f}%"
        if found != str(wanted):
            return f"时限 {key} 的及时率应为 {wanted}，实际：{found}"
    return ""


def _clocks_in_time(world: World, key: str) -> Decimal | None:
    now = clock.now()
    year = timedelta(days=365)
    return share_in_time(key, site_ids=[world.site.pk], since=now - year, until=now + year).percent


def _calls_in_time(world: World) -> Decimal | None:
    """Calls carry their own moments: the share comes from the call log (AUTO-02)."""
    today = clock.now().astimezone(world.zone).date()
    rows = answer_report(today - timedelta(days=365), today, actor=world.system, site_id=world.site.pk)
    rang = sum(row.rang for row in rows)
    return Decimal(100 * sum(row.in_time for row in rows)) / rang if rang else None


def same(found: Any, wanted: Any) -> bool:
    """Whether a stored value is what the file says; numbers by value, people and records by name, moments by text."""
    if isinstance(wanted, bool) or wanted is None:
        return bool(found) == bool(wanted) if wanted is not None else found in (None, "")
    if isinstance(found, Decimal | int) and not isinstance(found, bool):
        try:
            return Decimal(found) == Decimal(str(wanted))
        except InvalidOperation:
            return False
    return _shown(found) == str(wanted)


def _shown(found: Any) -> str:
    if isinstance(found, datetime):
        return f"{found:%Y-%m-%d %H:%M}"
    if isinstance(found, date):
        return found.isoformat()
    if isinstance(found, Decimal):
        return f"{found.normalize():f}"
    return str(getattr(found, "name", found))


CHECKS: Mapping[str, Check] = {
    "waiting": _waiting,
    "holders": _holders,
    "answers": _answers,
    "process": _process,
    "open": _open,
    "not_open": _not_open,
    "only_open": _only_open,
    "assignee": _assignee,
    "ended": _ended,
    "case": _case,
    "customer": _of_case("customer", "客户"),
    "vehicle": _of_case("vehicle", "车辆"),
    "appointment": _appointment,
    "settlement": _settlement,
    "variables": _variables,
    "documents": _documents,
    "stock": _quantities("on_hand"),
    "reserved": _quantities("reserved"),
    "custody": _custody,
    "clock": _clock,
    "cases": _cases,
    "notices": _notices,
    "delivered": check_delivered,
    "customer_told": check_customer_told,
    "says": _says,
    "history": _history,
    "due": _due,
    "found": _found,
    "incidents": _incidents,
    "share": _share,
    "begun": _begun,
    **COPY_CHECKS,
    **DUTY_CHECKS,
    **TIME_CHECKS,
}
