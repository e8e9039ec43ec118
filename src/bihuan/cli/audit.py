"""`bihuan audit verify` and `bihuan audit seal`: prove that the log is whole, and fix its present end."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bihuan.audit.models import Entry
from bihuan.audit.sealing import anchor_of, seal, verify_seals
from bihuan.audit.verification import verify


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `audit` with its two commands. Exit codes: 0 whole, 1 broken, 2 not asked properly."""
    audit = subparsers.add_parser("audit", help="check or seal the audit log")
    commands = audit.add_subparsers(dest="audit_command", required=True)
    check = commands.add_parser("verify", help="find any entry that was changed, removed or inserted")
    check.add_argument("--chain", help="check one chain only, for example case:12")
    check.add_argument("--anchor", help="the line printed by `audit seal`, kept outside the database")
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
    problems = {problem.chain: problem for problem in [*sealed, *verify(chain)]}
    entries = Entry.objects.all() if chain is None else Entry.objects.filter(chain=chain)
    checked = {"entries": entries.count(), "chains": entries.values("chain").distinct().count()}
    if arguments.json:
        found = [problem.to_json() for problem in problems.values()]
        print(json.dumps({"ok": not problems, **checked, "problems": found}, ensure_ascii=False))
    else:
        for problem in problems.values():
            print(f"{problem.chain} 第 {problem.seq} 条：{problem.reason}")
        verdict = f"发现 {len(problems)} 条链有问题" if problems else "完整无误"
        print(f"已检查 {checked['chains']} 条链、{checked['entries']} 条记录：{verdict}")
    return 1 if problems else 0


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
