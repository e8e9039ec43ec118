"""Keys under which people look customers and vehicles up: pinyin, initials, plate and phone without marks."""

from __future__ import annotations

import re
import unicodedata

from bihuan.kernel.pinyin import spell

# Surnames that are read differently from the same character inside a word.
_SURNAMES = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "区": "ou", "任": "ren", "查": "zha", "朴": "piao",
    "翟": "zhai", "盖": "ge", "缪": "miao", "乐": "yue", "覃": "qin", "冼": "xian", "华": "hua", "尉": "wei",
    "召": "shao", "种": "chong", "秘": "bi", "员": "yun", "繁": "po", "黑": "he", "折": "she", "冯": "feng",
}  # fmt: skip
_DOUBLE_SURNAMES = {"尉迟": ("yu", "chi"), "万俟": ("mo", "qi"), "长孙": ("zhang", "sun"), "单于": ("chan", "yu")}
_PLATE_MARKS = re.compile(r"[\s·•・.。．\-—_]+")
_NOT_DIGIT = re.compile(r"\D+")


def plain(text: str) -> str:
    """Full-width letters and digits become half-width, ends are trimmed: ' Ａ１２３ ' is 'A123'."""
    return unicodedata.normalize("NFKC", text).strip()


def plate_key(plate: str) -> str:
    """The plate as compared: upper case, no spaces, dots or dashes ('示A·123 45' is '示A12345')."""
    return _PLATE_MARKS.sub("", plain(plate)).upper()


def digits(text: str) -> str:
    """Only the digits of a phone number as typed."""
    return _NOT_DIGIT.sub("", plain(text))


def mirrored(text: str) -> str:
    """The text back to front, so that a search for its tail is an indexed prefix search."""
    return text[::-1]


def pinyin_of(name: str) -> tuple[str, str]:
    """Pinyin and initials of a name, lower case without spaces: '张伟' gives ('zhangwei', 'zw')."""
    clean = plain(name)
    head: tuple[str, ...] = ()
    rest = clean
    if clean[:2] in _DOUBLE_SURNAMES:
        head, rest = _DOUBLE_SURNAMES[clean[:2]], clean[2:]
    elif clean[:1] in _SURNAMES and len(clean) <= 4:
        head, rest = (_SURNAMES[clean[0]],), clean[1:]
    spelled = spell(rest)
    full = "".join(head) + spelled.full
    initials = "".join(word[0] for word in head) + spelled.initials
    return full[:120], initials[:40]
