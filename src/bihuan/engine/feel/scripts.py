"""Translates small scripts of other engines into FEEL: what assigns, adds, joins and chooses, and nothing that acts.

Groovy, JavaScript, Java, MVEL and Python share enough for one reader: `x = …`, `x += …`, `x++`, `if`/`else`,
`execution.setVariable`, a list's `add`, printing (left out) and a last value. Everything else is refused, naming it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bihuan.engine.feel.errors import FeelSyntaxError
from bihuan.engine.feel.foreign import translate_juel
from bihuan.engine.feel.limits import MAX_NESTING, MAX_TEXT

MAX_STATEMENTS = 500
VALUE = "_value"
"""Where a bare expression or `return` puts its value."""
_NAME = r"[^\W\d]\w*"
_HOLDER = r"(?:execution|delegateExecution|kcontext|context|processContext)"
_SET = re.compile(rf"""{_HOLDER}\s*\.\s*setVariable\s*\(\s*(["'])({_NAME})\1\s*,(.*)\)""", re.DOTALL)
_DECLARED = re.compile(rf"(?:def|var|let|const|final|[A-Z]\w*(?:<[\w, ]*>)?|int|long|double|boolean|float)\s+({_NAME})")
_ASSIGNED = re.compile(rf"({_NAME})\s*(\+|-|\*|/)?=(?!=)(.*)", re.DOTALL)
_HELD = re.compile(
    r"(?:(?:this\.)?environment\.(?:variables|output)|(?:this|item)\.(?:token\.)?data|(?:this\.)?variables)\."
    rf"(?={_NAME}\s*(?:[-+*/]?=(?!=)|\+\+|--))"
)
"""Where JavaScript engines keep the variable that is assigned."""
_COUNTED = re.compile(rf"(?:({_NAME})\s*(\+\+|--)|(\+\+|--)\s*({_NAME}))")
_ADDED = re.compile(rf"({_NAME})\s*\.\s*(?:add|push|append)\s*\((.*)\)", re.DOTALL)
_PRINTED = re.compile(
    r"(?:System\s*\.\s*out\s*\.\s*)?(?:print|println|printf)\b.*|(?:console\s*\.\s*\w+|(?:this|item)[\w.]*\.log)\s*\(.*",
    re.DOTALL,
)
_ANSWERED = re.compile(r"next\s*\(\s*(?:null\s*)?\)")
"""How a script of a JavaScript engine says that it is done."""
_KEYWORDS = frozenset({"if", "else", "return", "for", "while", "import", "new", "try", "throw", "function", "class"})
_IMPORT = re.compile(r"import\s+[\w.*\s]+|from\s+[\w.]+\s+import\s+[\w.*, ]+|pass|None|null|true|false")


@dataclass(frozen=True, slots=True)
class Statement:
    """`target` becomes the value of the FEEL text `feel`, if `guard` (a target before) is true or not given.

    `kept` says whether it is a process variable; others are known only to the statements that follow. `line` counts
    from 0 within the script.
    """

    target: str
    feel: str
    line: int
    guard: str = ""
    kept: bool = True


@dataclass(slots=True)
class _Script:
    text: str
    position: int = 0
    branches: int = 0
    returned: int = -1
    """The line of a `return`; nothing may follow it."""
    found: list[Statement] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)


def translate_script(text: str, *, indented: bool = False) -> list[Statement]:
    """The assignments a script comes to, in order. `indented`: blocks are told by indentation, as in Python.

    The value of a bare expression or `return` is assigned to `VALUE`. Raises FeelSyntaxError naming the statement.
    """
    if len(text) > MAX_TEXT:
        raise FeelSyntaxError("脚本太长", 1)
    cleaned = _without_comments(text, python=indented)
    script = _Script(_with_braces(cleaned) if indented else cleaned)
    _block(script, "", 0, top=True)
    return script.found


def _without_comments(text: str, *, python: bool) -> str:
    """The script with comments as blanks; lines stay where they are."""
    pattern = r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|""" + (r"(#[^\n]*)" if python else r"(//[^\n]*|/\*.*?\*/)")
    return re.sub(pattern, lambda match: match.group(1) or re.sub(r"[^\n]", " ", match.group(2)), text, flags=re.DOTALL)


def _with_braces(text: str) -> str:
    """Python's blocks with brackets around them, so that one reader does for all; no line is added."""
    lines: list[str] = []
    indents = [-1]
    last = -1
    for line in text.split("\n"):
        body = line.strip()
        if body:
            indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
            if indents == [-1]:
                indents = [indent]
            if indent > indents[-1]:
                indents.append(indent)
            while indent < indents[-1] and last >= 0:
                indents.pop()
                lines[last] += " }"
            heading = re.fullmatch(r"(?:(elif|if)\b(.*)|(else)\s*):(.*)", body)
            if heading is not None:
                word = {"elif": "else if", "if": "if"}.get(heading[1] or "", "else")
                condition = f" ({heading[2]})" if heading[1] else ""
                inline = heading[4].strip()
                body = f"{word}{condition} {{" + (f" {inline} }}" if inline else "")
            elif body.endswith(":"):
                raise FeelSyntaxError(f"脚本里不支持“{body[:40]}”", 1)
            last = len(lines)
            line = body
        lines.append(line)
    if last >= 0:
        lines[last] += " }" * (len(indents) - 1)
    return "\n".join(lines)


def _block(script: _Script, guard: str, depth: int, *, top: bool = False) -> None:
    """Statements up to the closing bracket, or to the end of the script."""
    if depth > MAX_NESTING:
        raise FeelSyntaxError("脚本嵌套太深", 1)
    while True:
        _skip(script, " \t\r\n;")
        if script.position >= len(script.text):
            if not top:
                raise FeelSyntaxError("脚本缺少“}”", len(script.text))
            return
        if script.text[script.position] == "}":
            if top:
                raise FeelSyntaxError("脚本多了一个“}”", script.position + 1)
            script.position += 1
            return
        if re.compile(r"if\s*\(").match(script.text, script.position):
            _choice(script, guard, depth)
        else:
            _statement(script, guard, depth)
        if len(script.found) > MAX_STATEMENTS:
            raise FeelSyntaxError("脚本太长", 1)


def _skip(script: _Script, characters: str) -> None:
    while script.position < len(script.text) and script.text[script.position] in characters:
        script.position += 1


def _choice(script: _Script, guard: str, depth: int) -> None:
    line = _line(script)
    if script.returned >= 0:
        raise FeelSyntaxError(f"第 {line + 1} 行，return 只能是脚本的最后一句", 1)
    start = script.text.index("(", script.position)
    end = _matching(script.text, start)
    script.position = end + 1
    condition = _feel(script.text[start + 1 : end], line)
    name = _branch(script, f"{guard} and ({condition})" if guard else condition, line)
    otherwise = _branch(script, f"{guard} and not({name})" if guard else f"not({name})", line)
    _body(script, name, depth)
    before = script.position
    _skip(script, " \t\r\n;")
    following = re.compile(r"else\b").match(script.text, script.position)
    if following is None:
        script.position = before
        return
    script.position = following.end()
    _body(script, otherwise, depth)


def _branch(script: _Script, condition: str, line: int) -> str:
    script.branches += 1
    name = f"_branch_{script.branches}"
    script.found.append(Statement(name, condition, line, "", kept=False))
    return name


def _body(script: _Script, guard: str, depth: int) -> None:
    _skip(script, " \t\r\n")
    if script.text[script.position : script.position + 1] == "{":
        script.position += 1
        _block(script, guard, depth + 1)
    elif re.compile(r"if\s*\(").match(script.text, script.position):
        if depth > MAX_NESTING:
            raise FeelSyntaxError("脚本嵌套太深", 1)
        _choice(script, guard, depth + 1)
    else:
        _statement(script, guard, depth)


def _matching(text: str, start: int) -> int:
    depth = 0
    for position, character in _outside_strings(text, start):
        depth += character in "([{"
        depth -= character in ")]}"
        if depth == 0:
            return position
    raise FeelSyntaxError("脚本缺少结尾的括号", start + 1)


def _outside_strings(text: str, start: int) -> Iterator[tuple[int, str]]:
    quote, escaped = "", False
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "\"'":
            quote = character
        else:
            yield position, character


def _line(script: _Script) -> int:
    return script.text.count("\n", 0, script.position)


def _statement(script: _Script, guard: str, depth: int) -> None:
    line, start, nested = _line(script), script.position, 0
    end = len(script.text)
    for position, character in _outside_strings(script.text, start):
        nested += character in "([{"
        nested -= character in ")]}"
        if nested < 0 or (nested == 0 and character in ";\n"):
            end = position
            break
    if end == start and start < len(script.text):
        raise FeelSyntaxError(f"第 {line + 1} 行，脚本里多了“{script.text[start]}”", 1)
    script.position = end
    text = script.text[start:end].strip()
    if not text:
        return
    if script.returned >= 0 or (guard and re.match(r"return\b", text)):
        # What stands after a return would have to be left out; only a script that ends with it has one meaning here.
        raise FeelSyntaxError(f"第 {max(script.returned, line) + 1} 行，return 只能是脚本的最后一句", 1)
    if text[0] in "-+" and not _COUNTED.fullmatch(text):
        # In some languages the sentence before would go on here, in others it would not.
        raise FeelSyntaxError(f"第 {line + 1} 行，脚本里不支持以“{text[0]}”开头的一句", 1)
    _read(script, text, guard, line)


def _read(script: _Script, text: str, guard: str, line: int) -> None:
    """One statement. What only prints or imports names is left out."""
    if _PRINTED.fullmatch(text) or _IMPORT.fullmatch(text) or _ANSWERED.fullmatch(text):
        return
    text = _HELD.sub("", text, count=1) if _HELD.match(text) else text
    set_variable = _SET.fullmatch(text)
    if set_variable is not None:
        _assign(script, set_variable[2], _feel(set_variable[3], line), guard, line, kept=True)
        script.inside.discard(set_variable[2])
        return
    counted, added = _COUNTED.fullmatch(text), _ADDED.fullmatch(text)
    if counted is not None:
        name, operator = counted[1] or counted[4], (counted[2] or counted[3])[0]
        _assign(script, name, _feel(f"{name} {operator} 1", line), guard, line)
    elif added is not None:
        _assign(script, added[1], f"append({_feel(added[1], line)}, {_feel(added[2], line)})", guard, line)
    else:
        _read_assignment(script, text, guard, line)


def _read_assignment(script: _Script, text: str, guard: str, line: int) -> None:
    declared = _DECLARED.match(text)
    if declared is not None and declared[1] not in _KEYWORDS:
        script.inside.add(declared[1])
        text = text[declared.start(1) :]
        if text == declared[1]:
            _assign(script, text, "null", guard, line)
            return
    assigned = _ASSIGNED.fullmatch(text)
    if assigned is not None and assigned[1] not in _KEYWORDS:
        value = f"{assigned[1]} {assigned[2]} ({assigned[3]})" if assigned[2] else assigned[3]
        _assign(script, assigned[1], _feel(value, line), guard, line)
        return
    word = re.match(_NAME, text)
    if word is not None and word[0] in _KEYWORDS - {"return"}:
        raise FeelSyntaxError(f"第 {line + 1} 行，脚本里不支持“{' '.join(text.split())[:40]}”", 1)
    value = re.sub(r"^return\b", "", text)
    if value != text:
        script.returned = line
    script.found.append(Statement(VALUE, _feel(value, line) if value.strip() else "null", line, guard, kept=False))


def _assign(script: _Script, name: str, feel: str, guard: str, line: int, *, kept: bool = False) -> None:
    script.found.append(Statement(name, feel, line, guard, kept=kept or name not in script.inside))


def _feel(text: str, line: int) -> str:
    try:
        return translate_juel(text.strip(), joins_texts=True)
    except FeelSyntaxError as error:
        raise FeelSyntaxError(
            f"第 {line + 1} 行“{' '.join(text.split())[:40]}”：{error.message}", error.column
        ) from None
