"""Several people sign one step: counting votes by the rule on the diagram.

What is counted are variables of the multi-instance scope, visible to its conditions: `signoffVotes` (a list of contexts
with `index`, `agree`, `weight`), `signoffWeights` and `signoffRemoved` (numbers of signers taken out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bihuan.engine.definition.model import Node
from bihuan.engine.definition.specs import SignoffSpec
from bihuan.engine.runtime.run import Run, Trouble
from bihuan.engine.runtime.state import Scope, Token

VOTES, WEIGHTS, REMOVED = "signoffVotes", "signoffWeights", "signoffRemoved"


@dataclass(frozen=True, slots=True)
class Ballot:
    """Where a sign-off stands: its `votes`, the `verdict` once it is certain, and what it would be if it ended now."""

    votes: list[dict[str, Any]]
    verdict: bool | None
    final: bool


def weigh(run: Run, node: Node, token: Token, total: int, items: list[Any] | None) -> list[Any] | None:
    """The weight of each signer, None where all weigh the same. Raises Trouble."""
    spec, loop = node.signoff, node.loop
    if spec is None or spec.weight is None or loop is None:
        return None
    weights: list[Any] = []
    for index in range(1, total + 1):
        names: dict[str, Any] = {"loopCounter": index}
        if loop.item and items is not None:
            names[loop.item] = items[index - 1]
        weight = run.evaluate(spec.weight, token.scope, names)
        if isinstance(weight, bool) or not isinstance(weight, (int, Decimal)) or weight < 0:
            raise Trouble(f"「{node.label}」的权重「{spec.weight.text}」不是零或正数")
        weights.append(weight)
    return weights


def cast_vote(run: Run, node: Node, multi: Scope, each: Scope) -> Ballot:
    """The ballot with the vote of one more signer. Raises Trouble."""
    spec = node.signoff
    assert spec is not None
    index = int(each.variables["loopCounter"])
    agree = each.variables.get(spec.vote) is True
    vote = {"index": index, "agree": agree, "weight": _weight(multi, index)}
    return count(run, node, multi, [*multi.variables.get(VOTES, ()), vote])


def count(run: Run, node: Node, multi: Scope, votes: list[dict[str, Any]], removed: tuple[int, ...] = ()) -> Ballot:
    """Where the sign-off stands with these votes. Raises Trouble."""
    spec = node.signoff
    assert spec is not None
    out = {*(int(index) for index in multi.variables.get(REMOVED, ())), *removed}
    weights = {index: Decimal(_weight(multi, index)) for index in range(1, multi.total + 1) if index not in out}
    cast = {int(vote["index"]): bool(vote["agree"]) for vote in votes}
    threshold = _threshold(run, node, multi) if spec.rule == "ratio" else Decimal(0)
    verdict = decide(spec, weights, cast, threshold)
    agreed = decide(spec, weights, {index: cast.get(index, False) for index in weights}, threshold)
    return Ballot(votes, verdict, bool(agreed if verdict is None else verdict))


def decide(
    spec: SignoffSpec, weights: Mapping[int, Decimal], votes: Mapping[int, bool], threshold: Decimal
) -> bool | None:
    """The verdict if it is certain: what is still out can no longer change it (or everybody has voted)."""
    everybody = all(index in votes for index in weights)
    if not spec.early and not everybody:
        return None
    agree = [index for index in weights if votes.get(index) is True]
    refuse = [index for index in weights if votes.get(index) is False]
    if spec.rule == "all":
        return False if refuse else True if everybody else None
    if spec.rule == "any":
        return True if agree else False if everybody else None
    whole = sum(weights.values(), Decimal(0))
    needed = threshold * whole
    if whole and sum(weights[index] for index in agree) >= needed:
        return True
    return False if everybody or whole - sum(weights[index] for index in refuse) < needed else None


def _weight(multi: Scope, index: int) -> Any:
    weights = multi.variables.get(WEIGHTS)
    return 1 if weights is None else weights[index - 1]


def _threshold(run: Run, node: Node, multi: Scope) -> Decimal:
    spec = node.signoff
    assert spec is not None and spec.threshold is not None
    value = run.evaluate(spec.threshold, multi.parent)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 < value <= 1:
        raise Trouble(f"「{node.label}」的通过比例「{spec.threshold.text}」不在 0 到 100% 之间")
    return Decimal(value)
