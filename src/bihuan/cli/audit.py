"""`bihuan audit verify` and `bihuan audit seal`: prove that the log is whole, and fix its present end."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Sum

from bihuan.audit.archiving import verify_archives
from bihuan.audit.models import Archive, Entry, Segment
from bihuan.audit.sealing import anchor_of, seal, verify_seals
from bihuan.audit.verification import verify
from bihuan.processes.consistency import Damage, check_auto_starts, check_instances
from bihuan.processes.models import Instance


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `audit` with its two commands. Exit codes: 0 whole, 1 broken, 2 not asked properly."""
    audit = subparsers.add_parser("audit", help="check or seal the audit log")
    commands = audit.add_subparsers(dest="audit_command", required=True)
    check = commands.add_parser("verify", help="find any entry that was changed, removed or inserted")
    check.add_argument("--chain", help="check one chain only, for example case:12")
    check.add_argument("--anchor", help="the line printed by `audit seal`, kept outside the database")
    check.add_argument(
        "--deep", action="store_true", help="also check that instances, items, timers and history tell the same story"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=run_verify)
    sealing = commands.add_parser("seal", help="name the present end of every chain and print the anchor to keep")
    sealing.add_argument("--json", action="store_true", help="print one JSON object")
    sealing.set_defaults(run=run_seal)


def run_verify(arguments: argparse.Namespace) -> int:
    """Check every chain and every seal; print the first broken entry of each chain."""
    chain: str | None = arguments.chain
    try:
        sealed = verify_seals(chain, anchor=arguments.anchor)
    except ValueError as failure:
        print(failure, file=sys.stderr)
        return 2
    problems = {problem.chain: problem for problem in [*sealed, *verify_archives(chain), *verify(chain)]}
    deep = _instances_of(chain) if arguments.deep else None
    entries = Entry.objects.all() if chain is None else Entry.objects.filter(chain=chain)
    checked = {"entries": entries.count(), "chains": entries.values("chain").distinct().count()}
    archived = _archived(chain)
    if arguments.json:
        found = [problem.to_json() for problem in problems.values()]
        answer = {"ok": not (problems or (deep and deep.damages)), **checked, "archived": archived, "problems": found}
        if deep is not None:
            answer |= {"instances": deep.checked, "damages": [damage.to_json() for damage in deep.damages]}
        print(json.dumps(answer, ensure_ascii=False))
    else:
        for problem in problems.values():
            where = (
                f"{problem.chain} 第 {problem.seq} 条：" if problem.seq else f"档案 {problem.chain.partition(':')[2]} "
            )
            print(f"{where}{problem.reason}")
        verdict = f"发现 {len(problems)} 条链有问题" if problems else "完整无误"
        print(f"已检查 {checked['chains']} 条链、{checked['entries']} 条记录：{verdict}")
        if archived["archives"]:
            print(f"其中另有 {archived['archives']} 个档案、{archived['entries']} 条归档的记录，已逐条核对")
        if deep is not None:
            for damage in deep.damages:
                print(f"{damage}（{damage.kind}）")
            verdict = f"发现 {len(deep.damages)} 处不一致" if deep.damages else "状态、待办、定时器与记录一致"
            print(f"已检查 {deep.checked} 个流程实例：{verdict}")
    return 1 if problems or (deep and deep.damages) else 0


def _archived(chain: str | None) -> dict[str, int]:
    """How much of what was checked lies in archives."""
    if chain is None:
        sums = Archive.objects.aggregate(archives=Count("pk"), entries=Sum("entries"))
        return {"archives": sums["archives"], "entries": sums["entries"] or 0}
    stretches = list(Segment.objects.filter(chain=chain).values_list("first_seq", "last_seq"))
    return {"archives": len(stretches), "entries": sum(last - first + 1 for first, last in stretches)}


@dataclass(slots=True)
class Deep:
    """What looking into the instances found."""

    checked: int = 0
    damages: list[Damage] = field(default_factory=list)

    def count(self, more: int) -> None:
        self.checked += more


def _instances_of(chain: str | None) -> Deep:
    deep = Deep()
    of_chain = None if chain is None else Instance.unscoped.filter(chain=chain).values_list("pk", flat=True)
    deep.damages = list(check_instances(of_chain, counted=deep.count))
    if chain is None:
        deep.damages += check_auto_starts()
    return deep


def run_seal(arguments: argparse.Namespace) -> int:
    """Seal what grew since the last seal and print the anchor of the newest one."""
    seal()
    newest = Entry.objects.filter(action="audit.seal").order_by("-seq").first()
    anchor = None if newest is None else anchor_of(newest)
    if arguments.json:
        print(json.dumps({"anchor": anchor}))
    else:
        print(anchor or "审计记录为空，无可封存")
    return 0
