"""Built-ins on strings. Positions count from 1, from -1 at the end; characters are Unicode code points."""

from __future__ import annotations

from decimal import Decimal

from bihuan.engine.feel import limits
from bihuan.engine.feel.builtins.conversion import whole
from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import FeelError, UnfitError
from bihuan.engine.feel.regex import Pattern, compile_pattern
from bihuan.engine.feel.scope import Run
from bihuan.engine.feel.values import Value


def _bounded(length: int) -> None:
    if length > limits.MAX_STRING:
        raise FeelError("文字太长，已停止")


@builtin("substring(string: string, start position: number, length: number?)")
def _substring(_run: Run, text: str, start: Decimal, length: Decimal | None = None) -> Value:
    position = whole(start, "起始位置")
    if position == 0:
        raise UnfitError("起始位置从 1 开始")
    begin = position - 1 if position > 0 else len(text) + position
    if not 0 <= begin < len(text):
        return ""
    if length is None:
        return text[begin:]
    count = whole(length - length % 1, "长度")
    if count < 1:
        return ""
    return text[begin : begin + count]


@builtin("string length(string: string)")
def _string_length(_run: Run, text: str) -> Value:
    return Decimal(len(text))


@builtin("upper case(string: string)")
def _upper_case(_run: Run, text: str) -> Value:
    return text.upper()


@builtin("lower case(string: string)")
def _lower_case(_run: Run, text: str) -> Value:
    return text.lower()


@builtin("trim(string: string)")
def _trim(_run: Run, text: str) -> Value:
    return text.strip()


@builtin("is blank(string: string)")
def _is_blank(_run: Run, text: str) -> Value:
    return not text.strip()


@builtin("substring before(string: string, match: string)")
def _substring_before(_run: Run, text: str, match: str) -> Value:
    return text.partition(match)[0] if match and match in text else ""


@builtin("substring after(string: string, match: string)")
def _substring_after(_run: Run, text: str, match: str) -> Value:
    return text.partition(match)[2] if match else text


@builtin("substring before last(string: string, match: string)")
def _substring_before_last(_run: Run, text: str, match: str) -> Value:
    return text.rpartition(match)[0] if match else ""


@builtin("substring after last(string: string, match: string)")
def _substring_after_last(_run: Run, text: str, match: str) -> Value:
    return text.rpartition(match)[2] if match and match in text else ""


@builtin("contains(string: string, match: string)")
def _contains(_run: Run, text: str, match: str) -> Value:
    return match in text


@builtin("starts with(string: string, match: string)")
def _starts_with(_run: Run, text: str, match: str) -> Value:
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def _ends_with(_run: Run, text: str, match: str) -> Value:
    return text.endswith(match)


@builtin("string join(list: list, delimiter: string?)")
@builtin("string join(list: list, delimiter: string?, prefix: string, suffix: string)")
def _string_join(
    _run: Run, items: list[Value], delimiter: str | None = None, prefix: str = "", suffix: str = ""
) -> Value:
    texts = [item for item in items if item is not None]
    if any(type(item) is not str for item in texts):
        raise UnfitError("列表里有不是文字的项")
    glue = delimiter or ""
    _bounded(sum(map(len, texts)) + len(glue) * len(texts) + len(prefix) + len(suffix))
    return prefix + glue.join(texts) + suffix


def _pattern(run: Run, pattern: str, flags: str | None) -> Pattern:
    return compile_pattern(pattern, flags or "", run.spend)


@builtin("matches(input: string, pattern: string, flags: string?)")
def _matches(run: Run, text: str, pattern: str, flags: str | None = None) -> Value:
    return _pattern(run, pattern, flags).search(text, 0, run.spend) is not None


@builtin("replace(input: string, pattern: string, replacement: string, flags: string?)")
def _replace(run: Run, text: str, pattern: str, replacement: str, flags: str | None = None) -> Value:
    found = _pattern(run, pattern, flags)
    template = found.template(replacement)
    parts: list[str] = []
    size = 0
    position = 0
    for match in found.all_in(text, run.spend):
        if match.end == match.start:
            raise UnfitError("模式可以匹配空文字")
        piece = text[position : match.start] + match.expand(template)
        parts.append(piece)
        size += len(piece)
        _bounded(size)
        position = match.end
    return "".join(parts) + text[position:]


@builtin("split(string: string, delimiter: string)")
def _split(run: Run, text: str, delimiter: str) -> Value:
    found = _pattern(run, delimiter, None)
    parts: list[Value] = []
    position = 0
    for match in found.all_in(text, run.spend):
        if match.end == match.start:
            raise UnfitError("分隔模式可以匹配空文字")
        parts.append(text[position : match.start])
        position = match.end
        if len(parts) >= limits.MAX_LIST:
            raise FeelError(f"列表太长（超过 {limits.MAX_LIST} 项）")
    parts.append(text[position:])
    return parts


@builtin("extract(string: string, pattern: string)")
def _extract(run: Run, text: str, pattern: str) -> Value:
    found = _pattern(run, pattern, None)
    return [text[match.start : match.end] for match in found.all_in(text, run.spend)]


@builtin("pad left(string: string, length: number, filler: string?)")
def _pad_left(_run: Run, text: str, length: Decimal, filler: str | None = None) -> Value:
    count = whole(length, "长度")
    _bounded(count)
    if filler is not None and len(filler) != 1:
        raise UnfitError("填充字符应是一个字符")
    return text.rjust(count, filler or " ")
