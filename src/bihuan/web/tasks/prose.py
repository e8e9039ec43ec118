"""Scripts and knowledge notes are small Markdown; here they become markup in which nothing typed can run."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<!\*)\*(?=[^\s*])([^*]+?)(?<=\S)\*(?!\*)")
_BULLET = re.compile(r"^\s*[-*+]\s+")
_NUMBER = re.compile(r"^\s*\d{1,2}[.、)]\s+")
_HEADING = re.compile(r"^(#{1,4})\s+(.*)$")


def prose(text: str) -> Markup:
    """Paragraphs, headings, lists, strong and emphasised words; everything else is plain text."""
    return Markup("\n").join(_block(block) for block in re.split(r"\n\s*\n", text.strip()) if block.strip())


def _block(block: str) -> Markup:
    lines = [line.rstrip() for line in block.splitlines() if line.strip()]
    found: list[Markup] = []
    while lines:
        heading = _HEADING.match(lines[0])
        if heading:
            found.append(Markup("<h3>{}</h3>").format(_inline(heading[2])))
            lines.pop(0)
            continue
        mark, tag = (_BULLET, "ul") if _BULLET.match(lines[0]) else (_NUMBER, "ol")
        run = _taken(lines, mark)
        if run:
            items = Markup("").join(Markup("<li>{}</li>").format(_inline(mark.sub("", line))) for line in run)
            found.append(Markup(f"<{tag}>") + items + Markup(f"</{tag}>"))
        else:
            plain = _plain(lines)
            found.append(Markup("<p>{}</p>").format(Markup("<br>").join(_inline(line) for line in plain)))
    return Markup("").join(found)


def _taken(lines: list[str], mark: re.Pattern[str]) -> list[str]:
    run: list[str] = []
    while lines and mark.match(lines[0]):
        run.append(lines.pop(0))
    return run


def _plain(lines: list[str]) -> list[str]:
    run = [lines.pop(0)]
    while lines and not any(mark.match(lines[0]) for mark in (_BULLET, _NUMBER, _HEADING)):
        run.append(lines.pop(0))
    return run


def _inline(text: str) -> Markup:
    safe = str(escape(text))
    safe = _STRONG.sub(r"<strong>\1</strong>", safe)
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", safe))
