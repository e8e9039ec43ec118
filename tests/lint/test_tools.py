"""ruff, mypy, the import contracts, missing migrations and Django's own checks, as tests like all others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SECONDS = 400
COMMANDS = {
    "mypy": [str(BIN / "mypy")],
    "ruff": [str(BIN / "ruff"), "check", "."],
    "formatting": [str(BIN / "ruff"), "format", "--check", "src", "tests", "bench", "devtools", "dev.py"],
    "import contracts": [str(BIN / "lint-imports"), "--no-cache"],
    "migrations": [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
    "system checks": [sys.executable, "-m", "django", "check", "--fail-level", "WARNING"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_tool_finds_nothing(command: list[str]) -> None:
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "bihuan.config.settings"}
    found = subprocess.run(
        command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert found.returncode == 0, f"{found.stdout[-6000:]}\n{found.stderr[-3000:]}"


def test_the_tests_that_documents_point_to_are_there() -> None:
    named = {
        (page.name, path)
        for page in (ROOT / "docs").rglob("*.md")
        for path in re.findall(r"`(tests/[\w/]+\.py)", page.read_text(encoding="utf-8"))
    }
    assert not [pair for pair in sorted(named) if not (ROOT / pair[1]).is_file()]
