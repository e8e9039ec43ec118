"""From the bytes of a file to an XML tree that is safe to walk: no DTD, no entities, no network, bounded in size."""

from __future__ import annotations

import codecs
import re

from lxml import etree

from bihuan.engine.definition.problems import DefinitionError, Problem

MAX_BYTES = 5_000_000
MAX_ELEMENTS = 50_000
MAX_DEPTH = 80

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED = ((b"<\x00?\x00", "utf-16-le"), (b"\x00<\x00?", "utf-16-be"))
_ENCODINGS = frozenset(
    [
        "utf-8",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "us-ascii",
        "ascii",
        "iso8859-1",
        "iso8859-15",
        "cp1252",
        "cp936",
        "gbk",
        "gb2312",
        "gb18030",
        "big5",
        "shift_jis",
        "euc_jp",
        "euc_kr",
    ]
)
_DECLARATION = re.compile(r"<\?xml\s[^>]*?\?>")
_DECLARED = re.compile(r"""(\sencoding\s*=\s*)("[^"]*"|'[^']*')""")
_PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)


def read_xml(data: bytes | str, source: str) -> etree._Element:
    """The root element of a file. Raises DefinitionError for anything that is not harmless, well-formed XML."""
    text = data if isinstance(data, str) else _decoded(data, source)
    if len(text) > MAX_BYTES:
        raise _refused(source, 0, f"文件太大，最多 {MAX_BYTES // 1_000_000} MB", "too-large")
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _refused(source, 1, "文件是空的", "empty")
    text = _without_encoding(text)
    _refuse_doctype(text, source)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise _refused(source, line, f"不是格式正确的 XML：{getattr(error, 'msg', error)}", "not-xml") from None
    if root is None:
        raise _refused(source, 1, "文件里没有 XML 元素", "not-xml")
    _measure(root, source)
    return root


def _decoded(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES * 4:
        raise _refused(source, 0, f"文件太大，最多 {MAX_BYTES // 1_000_000} MB", "too-large")
    encoding = next((name for mark, name in (*_BOMS, *_UNMARKED) if data.startswith(mark)), None)
    if encoding is None:
        encoding = _declared_encoding(data, source)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused(source, line, f"文件的文字不是 {encoding} 编码", "bad-encoding") from None


def _declared_encoding(data: bytes, source: str) -> str:
    head = data[:400].decode("latin-1")
    declaration = _DECLARATION.match(head)
    declared = _DECLARED.search(declaration[0]) if declaration else None
    if declared is None:
        return "utf-8"
    name = declared[2][1:-1]
    try:
        encoding = codecs.lookup(name).name
    except (LookupError, ValueError):
        encoding = ""
    if encoding not in _ENCODINGS:
        raise _refused(source, 1, f"不认识的文字编码「{name[:40]}」，请存成 UTF-8", "bad-encoding")
    # What calls itself UTF-16 but is read byte by byte has no mark and no zero bytes: it is in fact UTF-8.
    return "utf-8" if encoding.startswith(("utf-16", "utf-32")) else encoding


def _without_encoding(text: str) -> str:
    declaration = _DECLARATION.match(text)
    if declaration is None:
        return text
    return _DECLARED.sub("", declaration[0]) + text[declaration.end() :]


def _refuse_doctype(text: str, source: str) -> None:
    prolog = _PROLOG.match(text)
    end = prolog.end() if prolog else 0
    if text.startswith("<!", end):
        line = text.count("\n", 0, end) + 1
        raise _refused(source, line, "不接受带 DOCTYPE（文档类型声明、实体）的文件", "doctype")


def _measure(root: etree._Element, source: str) -> None:
    for count, (_event, element) in enumerate(etree.iterwalk(root, events=("start",)), 1):
        if not isinstance(element.tag, str):
            raise _refused(source, element.sourceline or 0, "不接受 XML 实体引用", "entity")
        if count > MAX_ELEMENTS:
            raise _refused(source, element.sourceline or 0, f"元素太多，最多 {MAX_ELEMENTS} 个", "too-many-elements")
    deepest, element = _depth(root)
    if deepest > MAX_DEPTH:
        raise _refused(source, element.sourceline or 0, f"元素嵌套太深，最多 {MAX_DEPTH} 层", "too-deep")


def _depth(root: etree._Element) -> tuple[int, etree._Element]:
    deepest, where, depth = 0, root, 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > deepest:
            deepest, where = depth, element
    return deepest, where


def _refused(source: str, line: int, reason: str, code: str) -> DefinitionError:
    return DefinitionError([Problem(source, line, "", "", reason, code)])
