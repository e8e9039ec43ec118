"""Templates compile, run nothing inline, fetch nothing from elsewhere and use icons that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import nodes

from bihuan.web.jinja import environment

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "src" / "bihuan" / "web" / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))

# The strict content security policy refuses these in the browser; here they fail with a line number.
REFUSED = {
    "inline style": re.compile(r"<[^>]*\sstyle\s*="),
    "inline style sheet": re.compile(r"<style[\s>]"),
    "inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=\s*[\"']"),
    "htmx handler run by eval": re.compile(r"\shx-on[:-]"),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*type=[\"']application/json)[^>]*>"),
    "javascript address": re.compile(r"[\"']\s*javascript:", re.IGNORECASE),
    "address of another host": re.compile(r"(?:src|href|action|hx-get|hx-post)\s*=\s*[\"'](?:https?:)?//"),
}


def _name(file: Path) -> str:
    return file.relative_to(TEMPLATES).as_posix()


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_template_compiles(file: Path) -> None:
    environment(autoescape=True).compile(file.read_text(encoding="utf-8"), _name(file), str(file))


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_template_runs_nothing_inline_and_fetches_nothing_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = [
        f"{_name(file)}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match.group(0)[:80]}"
        for what, pattern in REFUSED.items()
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join(found)


# Where the due moment stands in words too, with the sign beside it.
IN_WORDS = {"limits/clock.html", "reports/clocks.html"}


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_due_moment_is_shown_by_the_countdown_and_never_without_its_sign(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tree = environment(autoescape=True).parse(text)
    calls = [call for call in tree.find_all(nodes.Call) if getattr(call.node, "attr", "") == "countdown"]
    unsigned = [call.lineno for call in calls if len(call.args) < 2]
    assert not unsigned, f"{_name(file)}: a countdown without its sign (operations/pages/clock_signs.py): {unsigned}"
    if _name(file) not in IN_WORDS | {"ui.html"}:
        assert "data-due=" not in text, "a countdown of its own"
        bare = [one for one in tree.find_all(nodes.Filter) if getattr(one.node, "attr", "") in ("due_at", "warn_at")]
        assert not bare, f"{_name(file)}: a due moment without its sign: {[one.lineno for one in bare]}"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_what_a_template_includes_exists(file: Path) -> None:
    tree = environment(autoescape=True).parse(file.read_text(encoding="utf-8"))
    wanted = [
        node.template.value
        for node in tree.find_all(nodes.Stmt)
        if isinstance(node, nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport)
        if isinstance(node.template, nodes.Const) and not getattr(node, "ignore_missing", False)
    ]
    assert not [name for name in wanted if not (TEMPLATES / str(name)).is_file()]


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_every_icon_is_in_the_sprite(file: Path) -> None:
    known = json.loads((ROOT / "assets" / "src" / "icons.json").read_text(encoding="utf-8"))
    tree = environment(autoescape=True).parse(file.read_text(encoding="utf-8"))
    wanted = {
        call.args[0].value
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name == "icon"
        if call.args and isinstance(call.args[0], nodes.Const)
    }
    assert wanted <= set(known), f"not in assets/src/icons.json: {sorted(wanted - set(known))}"
