"""Budgets that keep files and functions readable. A longer one is cut, not exempted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
REFUSED_FOLDERS = frozenset({"utils", "common", "core", "helpers", "misc"})

SOURCES = sorted(
    file
    for folder in ("src", "tests", "devtools")
    for file in (ROOT / folder).rglob("*.py")
    if "migrations" not in file.parts and "node_modules" not in file.parts
)
SCREENS = sorted(
    file
    for folder, kinds in (("assets/src", {".js", ".css"}), ("src/bihuan/web/templates", {".html"}))
    for file in (ROOT / folder).rglob("*")
    if file.suffix in kinds
)


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file", [ROOT / "dev.py", *SOURCES, *SCREENS], ids=_name)
def test_a_file_fits_its_budget(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{_name(file)} has {lines} lines; cut it at {MAX_FILE_LINES}"


@pytest.mark.parametrize("file", [ROOT / "dev.py", *SOURCES], ids=_name)
def test_a_function_fits_its_budget(file: Path) -> None:
    long = [
        f"{node.name} (line {node.lineno}) has {length} lines"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, f"{_name(file)}: {'; '.join(long)}"


def test_no_folder_has_a_name_that_says_nothing() -> None:
    folders = {file.parent for file in SOURCES}
    assert not [_name(folder) for folder in folders if folder.name in REFUSED_FOLDERS]
