"""What happened on a case, told in words from its audit chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from bihuan.kernel.money import format_yuan
from bihuan.operations.pages.people_words import answer_words, people_words
from bihuan.org.models import Role
from bihuan.processes.history import HistoryEntry, history
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.starting import BY_CLOCK, BY_CONDITION
from bihuan.records.models import Case, DocumentKind, PaymentMethod, Thing

TOGETHER = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a timeline: who did what and when; `tone` and `icon` as the timeline shows them."""

    at: datetime
    who: str
    what: str
    note: str = ""
    tone: str = "none"
    icon: str = "check"
    state: str = ""
    href: str = ""


Words = tuple[str, str, str, str]
"""what, note, tone, icon"""


def case_story(case_id: int, *, newest: int | None = None) -> list[Told]:
    """The story of a case, newest first; with `newest` only its last so many log entries. Four queries.

    Whoever calls has checked that the case may be seen.
    """
    entries = history(Case.chain_of(case_id), newest_first=True, limit=newest)
    told = _told(entries)
    if newest is None and entries and entries[-1].seq > 1:
        told.append(Told(entries[-1].at, "系统", "更早的经过已按保存期限归档", icon="box"))
    return told


def instance_story(instance: Instance, *, newest: int) -> list[Told]:
    """The steps of one process instance, newest first, from the last so many entries of its chain."""
    entries = history(instance.chain, newest_first=True, limit=newest)
    return _told([entry for entry in entries if entry.instance_id == instance.pk])


def _told(entries: list[HistoryEntry]) -> list[Told]:
    """Entries, newest first, in words."""
    items = {entry.item_id for entry in entries if entry.item_id is not None}
    rows = WorkItem.unscoped.filter(pk__in=items).select_related("instance").defer("instance__state") if items else ()
    names = {row.pk: row.label for row in rows}
    roles = dict(Role.objects.values_list("key", "name"))
    return list(_tell(reversed(entries), names, roles))[::-1]


def _tell(entries: Iterable[HistoryEntry], names: Mapping[int, str], roles: Mapping[str, str]) -> Iterable[Told]:
    small: list[HistoryEntry] = []
    for entry in entries:
        if entry.action in SMALL:
            small.append(entry)
            continue
        if entry.is_step:
            details = [word for one in small if _belongs(one, entry) for word in _small_words(one)]
            yield from (told for one in small if not _belongs(one, entry) for told in _tell_alone(one))
            small = []
            words = _step_words(entry, names, roles, details)
        else:
            teller = WORDS.get(entry.action)
            words = teller(entry.data) if teller is not None else None
        if words is not None:
            what, note, tone, icon = words
            yield Told(entry.at, entry.actor_name, what, note, tone, icon)
    yield from (told for one in small for told in _tell_alone(one))


def _tell_alone(entry: HistoryEntry) -> Iterable[Told]:
    for words in _small_words(entry):
        yield Told(entry.at, entry.actor_name, words, icon="edit")


def _belongs(one: HistoryEntry, step: HistoryEntry) -> bool:
    return one.actor_id == step.actor_id and step.at - one.at <= TOGETHER


def _step_words(
    entry: HistoryEntry, names: Mapping[int, str], roles: Mapping[str, str], details: list[str]
) -> Words | None:
    events = entry.data.get("events", ())
    opened = [event for event in events if event.get("type") == "ItemOpened"]
    after = [f"{event.get('name', '')}（{_roles(event.get('role', ''), roles)}）" for event in opened]
    note = "，".join(dict.fromkeys(details))
    on = f"接下来：{'、'.join(dict.fromkeys(after))}" if after else ""
    on = "。".join(part for part in (on, _copied(entry)) if part)
    both = "。".join(part for part in (note, on) if part)
    command = entry.data.get("command", "")
    # What moves along with what people did tells only what that made of it.
    told = people_words(command, entry.data["detail"]) if "detail" in entry.data else None
    raised = [event for event in events if event.get("type") == "IncidentRaised"]
    if raised:
        return "流程在自动步骤停下，等待处理", str(raised[0].get("reason", "")), "bad", "alert-triangle"
    if told is not None:
        what, why, tone, icon = told
        return what, "。".join(part for part in (why, on) if part), tone, icon
    if entry.item_id is not None:
        answered = answer_words(names.get(entry.item_id, "一项工作"), entry.data.get("detail", {}))
        if answered is not None:
            what, opinion, tone, icon = answered
            return what, "。".join(part for part in (opinion, both) if part), tone, icon
        return f"完成“{names.get(entry.item_id, '一项工作')}”", both, "ok", "check"
    if command == "Start":
        return BEGUN_BY.get(entry.data.get("detail", {}).get("by", ""), "流程开始"), both, "info", "flag"
    if command == "CancelInstance":
        return "流程停止", both, "bad", "x"
    if command == "SetVariables":
        names_set = [name for event in events if event.get("type") == "VariablesSet" for name in event["values"]]
        return "修改流程变量", "、".join(names_set), "warn", "edit"
    if command in ("RetryIncident", "SkipIncident"):
        return "重试停下的环节" if command == "RetryIncident" else "跳过停下的环节", both, "warn", "refresh"
    if command == "FireTimer":
        return ("时间到，系统自动推进", both, "warn", "clock") if on else None
    if any(event.get("type") == "InstanceWoken" for event in events):
        return "子流程重新打开", both, "warn", "arrow-back-up"
    if any(event.get("type") == "InstanceStarted" for event in events):
        return "子流程开始", both, "info", "flag"
    return ("系统自动推进", both, "none", "flow") if on else None


def _copied(entry: HistoryEntry) -> str:
    """Whom the diagram had told of a step, or why nobody."""
    copied = entry.data.get("copied", ())
    names = "、".join(dict.fromkeys(name for one in copied for name in one["names"]))
    return "，".join([f"抄送{names}"] * bool(names) + [f"抄送：{one['why']}" for one in copied if not one["to"]])


def _roles(keys: str, roles: Mapping[str, str]) -> str:
    return "、".join(roles.get(key.strip(), key.strip()) for key in keys.split(",") if key.strip()) or "指定人员"


BEGUN_BY = {BY_CLOCK: "到时，流程自动开始", BY_CONDITION: "条件满足，流程自动开始"}
CASE_COLUMNS = {
    "advisor_id": "服务顾问", "technician_id": "维修技师", "customer_id": "客户", "vehicle_id": "车辆",
    "appointment_id": "关联预约", "phone": "联系电话", "waiting_mode": "等待方式", "agreed_hours": "约定工时",
    "agreed_done_at": "约定完工时间", "arrived_at": "到店时间", "work_started_at": "开工时间",
    "work_done_at": "完工时间", "bay": "工位", "mileage_km": "里程", "fuel": "油量", "title": "标题",
}  # fmt: skip


def _small_words(entry: HistoryEntry) -> list[str]:
    data = entry.data
    if entry.action == "case.changed":
        labels = [CASE_COLUMNS.get(name, "") for name in data.get("after", {})]
        return [f"登记{'、'.join(label for label in labels if label)}"] if any(labels) else []
    if entry.action == "attachment.stored" and str(data.get("kind", "")).startswith("signature."):
        return []
    if entry.action == "checks.ticked":
        return [f"逐项确认 {len(data.get('items', ()))} 项"]
    return [SMALL[entry.action]] if SMALL[entry.action] else []


SMALL: Mapping[str, str] = {
    "case.changed": "",
    "checks.ticked": "",
    "sheet.written": "",
    "line.added": "记录作业项目",
    "line.changed": "修改作业项目",
    "line.removed": "删去作业项目",
    "line.done": "标记项目完工",
    "line.inspected": "逐项检验",
    "line.old_part": "核对旧件",
    "attachment.stored": "上传照片或附件",
}


def _yuan(value: Any) -> str:
    try:
        return format_yuan(Decimal(str(value)))
    except (InvalidOperation, ValueError):
        return ""


def _label(choices: Any, value: Any) -> str:
    return str(dict(choices.choices).get(value, value or ""))


def _reason(data: Mapping[str, Any]) -> str:
    return f"原因：{data['reason']}" if data.get("reason") else ""


def _stamped(data: Mapping[str, Any]) -> Words:
    after = data.get("after", {})
    hours = f"约定 {after.get('agreed_hours')} 小时，实际 {after.get('worked_hours')} 小时"
    note = hours if after.get("agreed_hours") and after.get("worked_hours") else ""
    if after.get("stamp") == "blue":
        return "加盖蓝章：按时完工", note, "info", "stamp"
    return "加盖红章：超时完工", note, "bad", "stamp"


def _custody(data: Mapping[str, Any]) -> Words:
    thing = _label(Thing, data.get("thing"))
    signed = f"签收：{data['signed_by']}" if data.get("signed_by") else ""
    return f"{thing}：{data.get('from', '')} → {data.get('to', '')}", signed, "none", "key"


def _paid(data: Mapping[str, Any]) -> Words:
    left = _yuan(data.get("balance"))
    what = f"收款 {_yuan(data.get('amount'))}（{_label(PaymentMethod, data.get('method'))}）"
    return what, f"余额 {left}" if left else "", "ok", "cash"


def _handed_on(data: Mapping[str, Any]) -> Words:
    return f"转交“{data.get('name', '')}”", _reason(data), "none", "send"


def _verb(
    what: str, icon: str, tone: str = "none", note: Callable[[Mapping[str, Any]], str] = _reason
) -> Callable[[Mapping[str, Any]], Words]:
    return lambda data: (what, note(data), tone, icon)


def _field(name: str, before: str = "") -> Callable[[Mapping[str, Any]], str]:
    return lambda data: f"{before}{data[name]}" if data.get(name) else ""


def _decided(data: Mapping[str, Any]) -> Words:
    applied = [
        f"{table}第 {'、'.join(map(str, rules))} 条" if rules else f"{table}没有适用的规则"
        for table, rules in data.get("rules", {}).items()
    ]
    return f"按决策表判定：{data.get('name', '')}", "，".join(applied), "none", "hierarchy"


WORDS: Mapping[str, Callable[[Mapping[str, Any]], Words]] = {
    "decision.made": _decided,
    "case.opened": _verb("开出单据", "clipboard", "info"),
    "case.work_started": _verb("开始维修计时", "tools", "info"),
    "case.stamped": _stamped,
    "case.closed": _verb("单据完成", "circle-check", "ok"),
    "case.cancelled": _verb("单据取消", "x", "bad"),
    "case.signed": lambda data: (f"{data.get('signer', '')}签字", str(data.get("summary", "")), "ok", "signature"),
    "custody.moved": _custody,
    "key.released": _verb("凭出门证放行", "key", "ok", _field("gate_pass", "出门证 ")),
    "document.issued": lambda data: (
        f"出具{_label(DocumentKind, data.get('kind'))}", str(data.get("number", "")), "none", "file-text",
    ),
    "document.printed": lambda data: (
        f"打印{_label(DocumentKind, data.get('kind'))}", str(data.get("number", "")), "none", "printer",
    ),
    "document.voided": _verb("作废单证", "file-text", "bad"),
    "lines.agreed": _verb("客户同意作业项目", "thumb-up", "ok"),
    "lines.declined": _verb("客户不同意作业项目", "thumb-down", "warn"),
    "line.retired": _verb("撤下一项作业", "minus", "warn"),
    "line.replaced": _verb("换成另一项作业", "repeat", "warn"),
    "stock.issued": _verb("配件发料", "box"),
    "stock.returned": _verb("配件退回", "box"),
    "stock.back_ordered": _verb("缺件订货", "truck-delivery", "warn", _field("expected_on", "预计到货 ")),
    "settlement.built": _verb("生成结算单", "receipt"),
    "settlement.corrected": _verb("更正结算单", "edit", "warn"),
    "settlement.agreed": _verb("客户确认费用", "circle-check", "ok"),
    "settlement.invoice": _verb("登记开票信息", "receipt"),
    "settlement.settled": lambda data: ("费用结清", f"合计 {_yuan(data.get('total'))}", "ok", "cash"),
    "payment.taken": _paid,
    "payment.refunded": lambda data: (f"退款 {_yuan(data.get('amount'))}", _reason(data), "warn", "cash"),
    "voucher.used": _verb("使用折扣券", "ticket", "ok", _field("code", "券号 ")),
    "voucher.granted": _verb("发放折扣券", "ticket", "ok", _field("code", "券号 ")),
    "feedback.recorded": _verb("记录客户反馈", "message"),
    "item.claim": lambda data: (f"领取“{data.get('name', '')}”", "", "none", "user-check"),
    "item.release": lambda data: (f"退回“{data.get('name', '')}”", _reason(data), "none", "arrow-back-up"),
    "item.transfer": _handed_on,
    "item.take_back": lambda data: (f"拿回“{data.get('name', '')}”", "", "none", "arrow-back-up"),
    "item.cc": lambda data: (
        f"抄送“{data.get('name', '')}”给{data.get('names', '')}", str(data.get("reason", "")), "none", "mail",
    ),
    "copy.confirmed": _verb("已阅", "eye", "ok", _field("remark", "意见：")),
    "copy.withdrawn": lambda data: (
        f"收回抄送给{data.get('name', '')}的“{data.get('step', '')}”", _reason(data), "warn", "mail",
    ),
    "copy.handed_over": lambda data: (f"{data.get('name', '')}的待阅抄送已交接", "", "none", "mail"),
    "copy.escalated": lambda data: (
        f"{data.get('name', '')}没有确认已阅“{data.get('step', '')}”，"
        + (f"上报{data['names']}" if data.get("names") else "没有找到可以上报的人"), "", "bad", "flag",
    ),
    "copy.urged": lambda data: (f"催{data.get('name', '')}阅“{data.get('step', '')}”", "", "warn", "bell"),
    "item.urge": lambda data: (f"催办“{data.get('name', '')}”", _reason(data), "warn", "bell"),
    "case.reopened": _verb("单据重新打开", "player-play", "info"),
    "clock.pause": lambda data: (f"暂停计时：{data.get('name', '')}", _reason(data), "warn", "clock-pause"),
    "clock.resume": lambda data: (f"恢复计时：{data.get('name', '')}", "", "none", "player-play"),
    "clock.move_target": lambda data: (f"调整时限：{data.get('name', '')}", _reason(data), "warn", "clock"),
}  # fmt: skip
