"""docs/engine.md names the test that pins each answer; those tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_test_named_in_the_engine_page_exists() -> None:
    named = set(re.findall(r"\b(test_\w+)\b(?!\.py)", (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")))
    folders = [ROOT / "tests" / "engine" / name for name in ("definition", "runtime", "dmn")]
    folders += [ROOT / "tests" / "engine", ROOT / "tests" / "processes"]
    sources = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("test_*.py"))
    missing = {name for name in named if f"def {name}(" not in sources}
    assert not missing
    assert len(named) > 60
