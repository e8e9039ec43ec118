"""The kinds of case a rule book brings of its own: one for each process that runs on no other kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from bihuan.engine.definition import DefinitionError, parse_bpmn
from bihuan.kernel.pinyin import spell
from bihuan.packs.loading import Pack, PackProblem, PackProcess
from bihuan.records import cases, documents
from bihuan.records.models import CaseKind, OwnKind

MAX_KEY, MAX_NAME, MAX_LETTERS = 60, 40, 4
_LETTERS = re.compile(rf"[A-Z]{{2,{MAX_LETTERS}}}")
_TAKEN: Mapping[str, str] = MappingProxyType(
    {
        letters: str(kind.label)
        for kinds in (cases.NUMBER_KINDS, documents.NUMBER_KINDS)
        for kind, letters in kinds.items()
    }
)


def kind_of(process: PackProcess) -> str:
    """The kind of case a process of the pack runs on; a file that cannot be read counts as one of its own."""
    try:
        said = parse_bpmn(process.xml, source=process.file).main.extension.properties.get("case", "")
    except DefinitionError:
        said = ""
    return process.beside or said or process.key


def own_kinds(pack: Pack) -> list[OwnKind]:
    """The kinds of case the pack brings, not saved. Their letters are what the pack says, else the name's initials."""
    return [
        OwnKind(key=one.key, name=one.name, letters=one.number or spell(one.name).initials.upper()[:MAX_LETTERS])
        for one in pack.processes
        if kind_of(one) == one.key and one.key not in CaseKind.values
    ]


def kinds_known(pack: Pack) -> frozenset[str]:
    """Every kind of case there is once the pack is installed."""
    return frozenset(CaseKind.values) | {kind.key for kind in own_kinds(pack)}


def check_kinds(pack: Pack) -> Iterator[PackProblem]:
    """Kinds that do not exist, and names or numbers of the pack's own that cannot be told apart."""
    known, taken = kinds_known(pack), dict(_TAKEN)
    for process in pack.processes:
        kind = kind_of(process)
        if kind not in known:
            yield PackProblem("pack.toml", f"没有“{kind}”这种业务单", place=process.key)
    for own in own_kinds(pack):
        for reason in _problems(own, taken):
            yield PackProblem("pack.toml", reason, place=own.key)
        taken[own.letters] = own.name


def _problems(own: OwnKind, taken: Mapping[str, str]) -> Iterator[str]:
    if len(own.key) > MAX_KEY:
        yield f"key 最多 {MAX_KEY} 个字"
    if len(own.name) > MAX_NAME:
        yield f"name 最多 {MAX_NAME} 个字"
    if not _LETTERS.fullmatch(own.letters):
        yield f'单号字母“{own.letters}”应为 2 至 {MAX_LETTERS} 个大写字母，请写 number，例如 number = "BX"'
    elif own.letters in taken:
        yield f"单号字母 {own.letters} 已经用于“{taken[own.letters]}”，请另写 number"
