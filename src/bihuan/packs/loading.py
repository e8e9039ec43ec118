"""Reading a pack: a folder of data that is one rule book (docs/packs.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bihuan.kernel.toml import TomlError, read_toml
from bihuan.limits.definition import LimitDefinition
from bihuan.limits.rulebook import LimitDefinitionError, parse_limits

HEADS = {"时限": "[[limit]]", "日历": "[[calendar]]"}
BUILT_IN = Path(__file__).resolve().parent
MAX_FILE_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class PackProblem:
    """One thing wrong with a pack: the file (relative to the pack), the line or 0, the place in it, and the reason."""

    file: str
    reason: str
    line: int = 0
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.place}：{self.reason}" if self.place else f"{where}: {self.reason}"


class PackError(Exception):
    """A pack that cannot be used; `problems` names every reason with file and place."""

    def __init__(self, problems: Iterable[PackProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("；".join(str(problem) for problem in self.problems[:10]))


@dataclass(frozen=True, slots=True)
class PackProcess:
    """One BPMN file of the pack. The key names the process and the kind of case it runs on, unless it runs `beside`
    the process of another kind, on the same case. `number` are the letters in the numbers of a kind of its own."""

    key: str
    name: str
    file: str
    xml: bytes
    beside: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class PackRole:
    """A process role, what its people do, and the actions it is granted when it is first installed."""

    key: str
    name: str
    duties: str
    grants: tuple[str, ...]
    desk: str = ""
    """The desk (前台, 值班室) that whoever is on duty in the role answers for."""
    by_duty: bool = False
    """Whether its open work goes to those on duty."""


@dataclass(frozen=True, slots=True)
class PackNote:
    """Guidance that installs as editable knowledge."""

    key: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A rule book as read from its folder. Nothing in it has been checked against the rest of it yet."""

    path: Path
    key: str
    name: str
    version: str
    summary: str
    processes: tuple[PackProcess, ...] = ()
    roles: Mapping[str, PackRole] = field(default_factory=dict)
    limits: Mapping[str, LimitDefinition] = field(default_factory=dict)
    limits_text: str = ""
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, str] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[PackNote, ...] = ()
    prints: frozenset[str] = frozenset()


def pack_folder(name: str) -> Path:
    """The folder of a pack given by name (of those that come with the product) or by path. Raises PackError."""
    built_in = BUILT_IN / name
    folder = built_in if name.isidentifier() and (built_in / "pack.toml").is_file() else Path(name)
    if not (folder / "pack.toml").is_file():
        raise PackError([PackProblem(name, "没有这个流程包：找不到 pack.toml")])
    return folder


def load_pack(folder: Path) -> Pack:
    """Read every file of a pack. Raises PackError naming each file that cannot be read."""
    return _Reader(folder).pack()


_ENTRY = re.compile(r"(时限|日历) (?:第 (\d+) 个|([^：（]+?))(?:（第 (\d+) 个）)?(?:：| 重复)")


def line_of_entry(text: str, reason: str) -> int:
    """The line of a limits.toml at which the limit or calendar begins that a problem names; 0 if it names none."""
    named = _ENTRY.match(reason)
    if named is None:
        return 0
    kind, number, key, of_same = named.groups()
    heads = [at for at, line in enumerate(text.splitlines(), 1) if line.strip() == HEADS[kind]]
    if key is not None and of_same is None:
        keys = [at for at, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*key\s*=\s*[\"']{key}[\"']", line)]
        return keys[-1] if keys else 0
    place = int(number or of_same) - 1
    return heads[place] if place < len(heads) else 0


def line_of_key(text: str, key: str) -> int:
    """The line of a limits.toml that gives a limit its key; 0 if none does."""
    given = re.compile(rf"""key\s*=\s*["']{re.escape(key)}["']""")
    return next((at for at, line in enumerate(text.splitlines(), 1) if given.match(line.strip())), 0)


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[PackProblem] = []

    def pack(self) -> Pack:
        head = self._toml("pack.toml")
        limits_text = self._text(self.folder / "limits.toml") if (self.folder / "limits.toml").exists() else ""
        pack = Pack(
            path=self.folder,
            key=self._head_text(head, "key"),
            name=self._head_text(head, "name"),
            version=self._head_text(head, "version"),
            summary=str(head.get("summary", "")),
            processes=self._processes(head),
            roles=self._roles(),
            limits=self._limits(limits_text),
            limits_text=limits_text,
            forms=self._forms(),
            scripts={path.stem: self._text(path) for path in self._files("scripts", "*.md")},
            decisions={path.stem: self._text(path) for path in self._files("decisions", "*.dmn")},
            notices={path.stem: self._text(path) for path in self._files("notices", "*.toml")},
            notes=self._notes(head),
            prints=frozenset(path.stem for path in self._files("prints", "*")),
        )
        if self.problems:
            raise PackError(self.problems)
        return pack

    def _head_text(self, head: Mapping[str, Any], name: str) -> str:
        value = head.get(name)
        if not isinstance(value, str) or not value.strip():
            self._problem("pack.toml", f"缺少 {name}")
            return ""
        return value.strip()

    def _processes(self, head: Mapping[str, Any]) -> tuple[PackProcess, ...]:
        found: list[PackProcess] = []
        for entry in self._entries(head, "process"):
            key = str(entry.get("key", ""))
            path = self.folder / "processes" / f"{key}.bpmn"
            if not key.isidentifier() or not path.is_file():
                self._problem("pack.toml", f"流程“{key}”没有文件 processes/{key}.bpmn")
                continue
            name, beside, number = (str(entry.get(part, "")) for part in ("name", "beside", "number"))
            found.append(PackProcess(key, name or key, f"processes/{key}.bpmn", self._bytes(path), beside, number))
        declared = {process.key for process in found}
        for path in self._files("processes", "*.bpmn"):
            if path.stem not in declared:
                self._problem(self._name(path), "没有在 pack.toml 里登记")
        return tuple(found)

    def _roles(self) -> dict[str, PackRole]:
        roles: dict[str, PackRole] = {}
        for key, entry in self._toml("roles.toml").items():
            if not isinstance(entry, dict) or not str(entry.get("name", "")).strip():
                self._problem("roles.toml", "缺少 name", place=key)
                continue
            grants = entry.get("grants", [])
            if not isinstance(grants, list) or not all(isinstance(grant, str) for grant in grants):
                self._problem("roles.toml", "grants 须为文字列表", place=key)
                grants = []
            desk, by_duty = str(entry.get("desk", "")), entry.get("by_duty") is True
            roles[key] = PackRole(key, str(entry["name"]), str(entry.get("duties", "")), tuple(grants), desk, by_duty)
        return roles

    def _limits(self, text: str) -> dict[str, LimitDefinition]:
        try:
            return parse_limits(text)
        except LimitDefinitionError as error:
            for reason in error.problems:
                self._problem("limits.toml", reason, line=line_of_entry(text, reason))
            return {}

    def _forms(self) -> dict[str, Mapping[str, Any]]:
        forms: dict[str, Mapping[str, Any]] = {}
        for path in self._files("forms", "*.json"):
            try:
                schema = json.loads(self._bytes(path))
            except (ValueError, RecursionError) as error:
                self.problems.append(
                    PackProblem(self._name(path), f"不是有效的 JSON：{error}", getattr(error, "lineno", 0))
                )
                continue
            if isinstance(schema, dict):
                forms[path.stem] = schema
            else:
                self._problem(self._name(path), "须为 JSON 对象")
        return forms

    def _notes(self, head: Mapping[str, Any]) -> tuple[PackNote, ...]:
        notes: list[PackNote] = []
        for entry in self._entries(head, "knowledge"):
            key = str(entry.get("key", ""))
            path = self.folder / "knowledge" / f"{key}.md"
            if path.is_file():
                notes.append(PackNote(key, str(entry.get("title", key)), self._text(path).strip()))
            else:
                self._problem("pack.toml", f"知识“{key}”没有文件 knowledge/{key}.md")
        return tuple(notes)

    def _entries(self, head: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        entries = head.get(name, [])
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            return entries
        self._problem("pack.toml", f"请用 [[{name}]] 列出")
        return []

    def _toml(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            self._problem(name, "缺少这个文件")
            return {}
        try:
            return read_toml(self._text(path))
        except TomlError as error:
            self._problem(name, str(error), line=error.line)
            return {}

    def _files(self, folder: str, pattern: str) -> list[Path]:
        return sorted(path for path in (self.folder / folder).glob(pattern) if path.is_file())

    def _text(self, path: Path) -> str:
        try:
            return self._bytes(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            self._problem(self._name(path), "不是 UTF-8 编码")
            return ""

    def _bytes(self, path: Path) -> bytes:
        if path.stat().st_size > MAX_FILE_BYTES:
            self._problem(self._name(path), f"超过 {MAX_FILE_BYTES // 1_000_000} MB")
            return b""
        return path.read_bytes()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _problem(self, file: str, reason: str, *, place: str = "", line: int = 0) -> None:
        self.problems.append(PackProblem(file, reason, line=line, place=place))
