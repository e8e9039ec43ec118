"""Pinyin keys under which a Chinese name is found by typing letters."""

from __future__ import annotations

from typing import NamedTuple

from pypinyin import Style, lazy_pinyin


class Pinyin(NamedTuple):
    """`full` is the whole spelling without tones and spaces, `initials` the first letters; both lower case."""

    full: str
    initials: str


def spell(name: str) -> Pinyin:
    """张三丰 gives ("zhangsanfeng", "zsf"); letters and digits stay, everything else is dropped."""
    full = "".join(_kept(part) for part in lazy_pinyin(name))
    initials = "".join(_kept(part) for part in lazy_pinyin(name, style=Style.FIRST_LETTER))
    return Pinyin(full, initials)


def _kept(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isascii() and letter.isalnum())
