"""Yes or no: what those answer who sign a step together, and those whom its holder has asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bihuan.engine.runtime.state import Asked
from bihuan.kernel.errors import BusinessError
from bihuan.processes.engine_store import Held
from bihuan.processes.models import WorkItem
from bihuan.records.access import optional_text

AGREE, REFUSE = "agree", "refuse"
ANSWERS = {AGREE: "同意", REFUSE: "不同意"}
_WORDS: Mapping[str, str] = {
    AGREE: AGREE, "同意": AGREE, "true": AGREE, "是": AGREE, "通过": AGREE,
    REFUSE: REFUSE, "不同意": REFUSE, "false": REFUSE, "否": REFUSE, "驳回": REFUSE,
}  # fmt: skip
ANSWER_KEYS = frozenset({"answer", "opinion"})
OPINION_MAX = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered, as variables of the step and for its history."""

    variables: Mapping[str, Any]
    detail: Mapping[str, Any]


def asked_with(held: Held) -> Asked | None:
    """The asking that this item is for, None for the holder's own item."""
    asks = held.instance.state.asks
    return next((ask for ask in asks.values() if ask.item == held.wait), None) if asks else None


def read_answer(held: Held, raw: Mapping[str, Any], asked: Asked | None) -> Answer:
    """The answer in what was sent: 同意 or 不同意, with an opinion, which a refusal must give. Delegates give none."""
    opinion = optional_text(str(raw.get("opinion") or ""), label="意见", field="opinion", limit=OPINION_MAX)
    if asked is not None and asked.mode == "delegate":
        return Answer({}, {"asked_as": asked.mode, "opinion": opinion})
    given = raw.get("answer")
    spec = held.node.signoff
    if given is None and spec is not None and asked is None:
        given = raw.get(spec.vote)
    answer = _WORDS.get(str(given).strip().lower() if given is not None else "", "")
    if not answer:
        raise BusinessError("请选择同意或不同意", "answer")
    if answer == REFUSE and not opinion:
        raise BusinessError("不同意时请写明意见", "opinion")
    name = "agree" if asked is not None or spec is None else spec.vote
    detail = {"answer": answer, "opinion": opinion, **({"asked_as": asked.mode} if asked is not None else {})}
    return Answer({name: answer == AGREE}, detail)


def keep_answer(item_id: int, detail: Mapping[str, Any]) -> None:
    """The answer beside the item, for lists of who signed and how."""
    WorkItem.unscoped.filter(pk=item_id).update(answer=detail.get("answer", ""), opinion=detail.get("opinion", ""))
