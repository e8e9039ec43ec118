"""Reading TOML that people write by hand, with a reason they can use when it cannot be read."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_REASONS = (
    ("Invalid value", "等号后面的值写法不对；文字要放在英文引号里"),
    ("Illegal character", "引号没有配对，或者有不能用的字符"),
    ("Unterminated string", "引号没有配对"),
    ("Unclosed", "括号没有配对"),
    ("Expected ']", "方括号没有配对"),
    ("Cannot overwrite", "同一项写了两遍"),
    ("Cannot declare", "同一段写了两遍"),
    ("Cannot mutate", "同一段写了两遍"),
    ("Expected newline", "这一行后面多了东西"),
    ("Expected '='", "名称后面要写等号"),
)


class TomlError(ValueError):
    """A text that is no TOML; `line` counts from 1, 0 for its end."""

    def __init__(self, failure: tomllib.TOMLDecodeError) -> None:
        words = str(failure)
        place = _PLACE.search(words)
        self.line = int(place[1]) if place else 0
        self.reason = next((reason for start, reason in _REASONS if words.startswith(start)), "这里的写法不对")
        where = f"第 {place[1]} 行第 {place[2]} 列" if place else "文件末尾"
        super().__init__(f"不是有效的 TOML：{where}，{self.reason}")


def read_toml(text: str) -> dict[str, Any]:
    """The content of a TOML text. Raises TomlError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise TomlError(failure) from None
