"""Which of several people: the first, the one with least to do, the next in turn, or one drawn by lot."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count

from bihuan.processes.assigning.sources import Question
from bihuan.processes.models import Turn, WorkItem


def pick(question: Question, how: str, people: Sequence[int]) -> tuple[int, str, dict[str, Any]]:
    """The person, why in words, and what the record keeps so that anybody can follow the choice."""
    if how == "least_load":
        return _least_load(question, people)
    if how == "round_robin":
        return _next_in_turn(question, sorted(people))
    if how == "random":
        return _drawn(sorted(people))
    return people[0], "", {}


def drawn_index(seed: str, candidates: Iterable[int]) -> int:
    """Which of the candidates (ids in order) a seed draws: SHA-256 of `seed|id,id,…` as a number, modulo their number.

    Anybody can work it out again from the audit entry, which the chain protects against later change.
    """
    numbers = list(candidates)
    text = f"{seed}|{','.join(str(number) for number in numbers)}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()) % len(numbers)


def _least_load(question: Question, people: Sequence[int]) -> tuple[int, str, dict[str, Any]]:
    rows = WorkItem.unscoped.filter(status=WorkItem.Status.OPEN, assignee_id__in=people, site_id=question.staff.site_id)
    load = dict(rows.values_list("assignee_id").annotate(held=Count("pk")))
    # Items of this very transaction are not rows yet, and count all the same: a repetition opens many at once.
    for decided in question.unit.decided():
        if decided.assignee_id in people:
            load[decided.assignee_id] = load.get(decided.assignee_id, 0) + 1
    chosen = min(people, key=lambda user: (load.get(user, 0), people.index(user)))
    return chosen, f"手上待办最少（{load.get(chosen, 0)} 项）", {"load": [load.get(user, 0) for user in people]}


def _next_in_turn(question: Question, people: Sequence[int]) -> tuple[int, str, dict[str, Any]]:
    place = {
        "site_id": question.staff.site_id, "process_id": question.instance.facts.process_id,
        "node_id": question.event.node,
    }  # fmt: skip
    turn, _ = Turn.objects.select_for_update().get_or_create(**place, defaults={"user_id": people[-1]})
    chosen = next((user for user in people if user > turn.user_id), people[0])
    Turn.objects.filter(pk=turn.pk).update(user_id=chosen)
    return chosen, "按次序轮到", {"after": turn.user_id}


def _drawn(people: Sequence[int]) -> tuple[int, str, dict[str, Any]]:
    seed = secrets.token_hex(16)
    return people[drawn_index(seed, people)], f"从 {len(people)} 人中随机抽取", {"seed": seed}
