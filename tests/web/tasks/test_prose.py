"""Scripts and notes become markup, and nothing in them can run."""

from __future__ import annotations

import pytest

from bihuan.web.tasks.prose import prose


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("一句话", "<p>一句话</p>"),
        ("*动作*", "<p><em>动作</em></p>"),
        ("**要点** 3*4", "<p><strong>要点</strong> 3*4</p>"),
        ("一\n二\n\n三", "<p>一<br>二</p>\n<p>三</p>"),
        ("先说\n- 甲\n- 乙", "<p>先说</p><ul><li>甲</li><li>乙</li></ul>"),
        ("1. 甲\n2. 乙", "<ol><li>甲</li><li>乙</li></ol>"),
        ("## 题\n文", "<h3>题</h3><p>文</p>"),
        ("", ""),
    ],
)
def test_small_markdown_becomes_markup(text: str, markup: str) -> None:
    assert str(prose(text)) == markup


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "**<b onclick=x>**", '*"><img src=x onerror=y>*', "& <"])
def test_nothing_typed_becomes_a_tag(text: str) -> None:
    markup = str(prose(text))
    assert not any(f"<{tag}" in markup for tag in ("script", "b ", "img"))
