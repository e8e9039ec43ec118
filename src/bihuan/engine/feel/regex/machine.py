"""Runs patterns: a program of small instructions, walked by all alternatives at once (Pike's machine)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.regex.classes import Accepts
from bihuan.engine.feel.regex.reader import Anchor, Char, Choice, PatternReader, Repeat, Sequence, Tree

_MAX_PROGRAM = 3_000

_CHAR, _SPLIT, _JUMP, _SAVE, _ANCHOR, _MATCH = range(6)

Spend = Callable[[int], None]
Slots = tuple[int | None, ...]


@dataclass(slots=True)
class Instruction:
    """One step of a program; `first` and `second` are targets, a slot, or whether an anchor is at the end."""

    kind: int
    accepts: Accepts | None = None
    first: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern was found, with the texts of its groups."""

    start: int
    end: int
    groups: tuple[str, ...]

    def expand(self, template: tuple[str | int, ...]) -> str:
        """A replacement with this match's groups filled in."""
        return "".join(part if isinstance(part, str) else self.groups[part] for part in template)


def _emit(tree: Tree, program: list[Instruction]) -> None:
    if len(program) > _MAX_PROGRAM:
        raise UnfitError("模式太复杂")
    if isinstance(tree, Char):
        program.append(Instruction(_CHAR, tree.accepts))
    elif isinstance(tree, Anchor):
        program.append(Instruction(_ANCHOR, first=tree.at_end))
    elif isinstance(tree, Sequence):
        for part in tree.parts:
            _emit(part, program)
    elif isinstance(tree, Choice):
        _emit_choice(tree, program)
    elif isinstance(tree, Repeat):
        _emit_repeat(tree, program)
    elif tree.number is None:
        _emit(tree.part, program)
    else:
        program.append(Instruction(_SAVE, first=2 * tree.number))
        _emit(tree.part, program)
        program.append(Instruction(_SAVE, first=2 * tree.number + 1))


def _emit_choice(tree: Choice, program: list[Instruction]) -> None:
    exits: list[Instruction] = []
    for option in tree.options[:-1]:
        split = Instruction(_SPLIT, first=len(program) + 1)
        program.append(split)
        _emit(option, program)
        leave = Instruction(_JUMP)
        program.append(leave)
        exits.append(leave)
        split.second = len(program)
    _emit(tree.options[-1], program)
    for leave in exits:
        leave.first = len(program)


def _emit_repeat(tree: Repeat, program: list[Instruction]) -> None:
    for _ in range(tree.least):
        _emit(tree.part, program)
    splits: list[Instruction] = []
    for _ in range(1 if tree.most is None else tree.most - tree.least):
        start = len(program)
        split = Instruction(_SPLIT, first=start + 1)
        program.append(split)
        splits.append(split)
        _emit(tree.part, program)
        if tree.most is None:
            program.append(Instruction(_JUMP, first=start))
    for split in splits:
        split.second = len(program)
        if tree.lazy:
            split.first, split.second = split.second, split.first


class Pattern:
    """A compiled pattern."""

    def __init__(self, pattern: str, flags: str) -> None:
        reader = PatternReader(pattern, flags)
        tree = reader.read()
        self.groups = reader.groups
        self._lines = "m" in flags
        self._literal = _literal_of(tree)
        self._program: list[Instruction] = []
        _emit(tree, self._program)
        self._program.append(Instruction(_MATCH))

    def search(self, text: str, start: int, spend: Spend) -> Match | None:
        """The first match from a position on."""
        if self._literal:
            found = text.find(self._literal, start)
            return None if found < 0 else Match(found, found + len(self._literal), (self._literal,))
        slots = self._walk(text, start, spend)
        if slots is None:
            return None
        texts = []
        for number in range(self.groups + 1):
            begin, end = slots[2 * number], slots[2 * number + 1]
            texts.append("" if begin is None or end is None else text[begin:end])
        return Match(slots[0] or 0, slots[1] or 0, tuple(texts))

    def all_in(self, text: str, spend: Spend) -> Iterator[Match]:
        """All matches, none overlapping."""
        position = 0
        while position <= len(text):
            match = self.search(text, position, spend)
            if match is None:
                return
            yield match
            position = match.end if match.end > match.start else match.end + 1

    def template(self, replacement: str) -> tuple[str | int, ...]:
        """A replacement cut at its group references `$1`; `\\$` and `\\\\` stand for themselves. Raises UnfitError."""
        parts: list[str | int] = []
        at = 0
        while at < len(replacement):
            character = replacement[at]
            following = replacement[at + 1 : at + 2]
            if character == "\\" and following in ("\\", "$"):
                parts.append(following)
                at += 2
            elif character == "$":
                if not (following.isascii() and following.isdigit()):
                    raise UnfitError("替换文字里的 $ 后面要有组号，要写 $ 本身请写 \\$")
                number = int(following)
                parts.append(number if number <= self.groups else "")
                at += 2
            else:
                parts.append(character)
                at += 1
        return tuple(parts)

    def _walk(self, text: str, start: int, spend: Spend) -> Slots | None:
        program = self._program
        empty: Slots = (None,) * (2 * self.groups + 2)
        matched: Slots | None = None
        threads: list[tuple[int, Slots]] = []
        seen: set[int] = set()
        for position in range(start, len(text) + 1):
            if matched is None:
                self._follow(threads, seen, 0, (position, *empty[1:]), position, text)
            spend(len(seen) + 1)
            following: list[tuple[int, Slots]] = []
            seen = set()
            character = text[position] if position < len(text) else ""
            for at, slots in threads:
                instruction = program[at]
                if instruction.accepts is None:
                    # Threads are in order of preference: the ones after a match are worse.
                    matched = (slots[0], position, *slots[2:])
                    break
                if character and instruction.accepts(character):
                    self._follow(following, seen, at + 1, slots, position + 1, text)
            threads = following
            if matched is not None and not threads:
                break
        return matched

    def _follow(
        self, threads: list[tuple[int, Slots]], seen: set[int], at: int, slots: Slots, position: int, text: str
    ) -> None:
        """Add every instruction that is reached from one without reading a character."""
        pending = [(at, slots)]
        while pending:
            at, slots = pending.pop()
            if at in seen:
                continue
            seen.add(at)
            instruction = self._program[at]
            if instruction.kind == _JUMP:
                pending.append((instruction.first, slots))
            elif instruction.kind == _SPLIT:
                pending.append((instruction.second, slots))
                pending.append((instruction.first, slots))
            elif instruction.kind == _SAVE:
                slot = instruction.first
                pending.append((at + 1, (*slots[:slot], position, *slots[slot + 1 :])))
            elif instruction.kind == _ANCHOR:
                if self._anchored(instruction.first == 1, position, text):
                    pending.append((at + 1, slots))
            else:
                threads.append((at, slots))

    def _anchored(self, at_end: bool, position: int, text: str) -> bool:
        if at_end:
            return position == len(text) or (self._lines and text[position] == "\n")
        return position == 0 or (self._lines and text[position - 1] == "\n")


def _literal_of(tree: Tree) -> str | None:
    """The fixed text a pattern is, if it is one."""
    if isinstance(tree, Char):
        return tree.literal
    if not isinstance(tree, Sequence):
        return None
    texts = [_literal_of(part) if isinstance(part, Char) else None for part in tree.parts]
    return None if None in texts else "".join(text for text in texts if text)


@lru_cache(maxsize=512)
def _compiled(pattern: str, flags: str) -> Pattern:
    return Pattern(pattern, flags)


def compile_pattern(pattern: str, flags: str, spend: Spend) -> Pattern:
    """A pattern ready to run. Raises UnfitError with a Chinese reason."""
    spend(len(pattern))
    return _compiled(pattern, flags)
