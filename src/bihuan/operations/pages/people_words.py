"""What people did besides completing work, in words for a timeline: who went back where and why, who signed how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bihuan.operations.people.answering import ANSWERS

Words = tuple[str, str, str, str]
"""what, note, tone, icon"""
_ASKED = {"before": "前加签", "after": "后加签", "delegate": "委派", "with": "会签加人"}
_ICON = "arrow-back-up"


def people_words(command: str, detail: Mapping[str, Any]) -> Words | None:
    """The words for a step that people made by something else than completing, None for other steps."""
    teller = _TELLERS.get(command)
    if teller is None:
        return None
    what, tone, icon = teller(detail)
    return what, _reason(detail), tone, icon


def answer_words(name: str, detail: Mapping[str, Any]) -> Words | None:
    """The words for a completed item that holds an answer: of one who signs, or who was asked."""
    answer, how = ANSWERS.get(str(detail.get("answer", "")), ""), str(detail.get("asked_as", ""))
    opinion = f"意见：{detail['opinion']}" if detail.get("opinion") else ""
    if how == "delegate":
        return f"代办“{name}”，交回委派人", opinion, "none", "user-check"
    if not answer:
        return None
    where = f"“{name}”（{_ASKED[how]}）" if how in _ASKED else f"“{name}”"
    return f"{where}：{answer}", opinion, "ok" if answer == ANSWERS["agree"] else "warn", "signature"


def _reason(detail: Mapping[str, Any]) -> str:
    """Why, and what else it took away."""
    reason = f"原因：{detail['reason']}" if detail.get("reason") else ""
    gone = "、".join(f"“{name}”" for name in detail.get("gone", ()))
    return "；".join(filter(None, [reason, f"同时取消{gone}" if gone else ""]))


def _sent_back(detail: Mapping[str, Any]) -> tuple[str, str, str]:
    way = "，办完直接回到这里" if detail.get("straight") else "，之后重新走一遍"
    if detail.get("beside"):
        way = "，那边重新办，自己这一步照常"
    return f"从“{detail.get('name', '')}”退回到“{detail.get('target', '')}”{way}", "warn", _ICON


def _restored(detail: Mapping[str, Any]) -> tuple[str, str, str]:
    if detail.get("how") == "wake":
        return "唤醒流程，从停下的地方继续", "info", "player-play"
    return f"撤回“{detail.get('name', '')}”", "warn", _ICON


def _asked(detail: Mapping[str, Any]) -> tuple[str, str, str]:
    how = _ASKED.get(str(detail.get("mode", "")), "加签")
    turn = f"，{detail['turn']}" if detail.get("turn") else ""
    return f"“{detail.get('name', '')}”{how}：{detail.get('to_name', '')}{turn}", "none", "user-plus"


def _moved(detail: Mapping[str, Any]) -> tuple[str, str, str]:
    target = detail.get("target", "")
    if detail.get("how") == "take_back":
        return f"发起人拿回，回到“{target}”", "warn", _ICON
    others = "，其余分支算办完" if detail.get("others_done") else ""
    return f"管理员跳转到“{target}”{others}", "warn", "arrow-right"


_TELLERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str, str]]] = {
    "SendBack": _sent_back,
    "CallOffRework": lambda detail: (f"撤回退回，“{detail.get('name', '')}”继续办理", "warn", _ICON),
    "Restore": _restored,
    "Ask": _asked,
    "AddSigner": _asked,
    "BeginActivity": lambda detail: (f"开始“{detail.get('name', '')}”", "info", "player-play"),
    "RemoveAssignee": lambda detail: (
        f"“{detail.get('name', '')}”减签：{detail.get('to_name', '')}", "none", "minus",
    ),
    "Jump": _moved,
    "Suspend": lambda _: ("挂起流程", "warn", "player-pause"),
    "Migrate": lambda detail: (
        f"流程从第 {detail.get('from', '')} 版换到第 {detail.get('to', '')} 版", "info", "arrow-right",
    ),
    "Resume": lambda _: ("恢复流程", "info", "player-play"),
    "Withdraw": lambda _: ("发起人撤销流程", "bad", "x"),
    "Terminate": lambda _: ("管理员终止流程", "bad", "x"),
}  # fmt: skip
