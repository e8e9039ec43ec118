"""Looks into an .xlsx before anything reads it: bombs, far-apart cells, macros, formulas, error values."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from dataclasses import dataclass, field

from bihuan.records.importing.report import UnreadableWorkbookError

MAX_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_RATIO = 200
MAX_PARTS = 1000
MAX_ROWS = 50_000
MAX_COLUMNS = 100
_CHUNK = 1024 * 1024
_OVERLAP = 4096
_CELL = re.compile(rb"<(?:\w+:)?c\b([^<>]*)>(?:\s*(<(?:\w+:)?f\b))?")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^<>]*?\br=[\"'](\d+)[\"']")
_PLACE = re.compile(rb"\br=[\"']([A-Z]+)(\d+)[\"']")
_ERROR = re.compile(rb"\bt=[\"']e[\"']")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b([^<>]*)/?>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b([^<>]*)/?>")
_ATTRIBUTE = re.compile(rb"([\w:]+)=[\"']([^\"']*)[\"']")
_DAMAGED = "文件损坏或不是 Excel 工作簿，请用 Excel 打开后另存为 .xlsx 再试"


@dataclass
class Suspects:
    """Cells (row, column, both from 1) of one sheet that hold a formula or an error value."""

    formulas: set[tuple[int, int]] = field(default_factory=set)
    errors: set[tuple[int, int]] = field(default_factory=set)


def inspect_xlsx(content: bytes) -> dict[str, Suspects]:
    """The suspect cells by sheet name; raises UnreadableWorkbookError for a file that must not be read further."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_parts(archive)
            return {name: _scan(archive, path) for name, path in _sheets(archive).items()}
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise UnreadableWorkbookError(_DAMAGED) from None


def column_number(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters[:4]:
        number = number * 26 + letter - 64
    return number


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise UnreadableWorkbookError("工作簿里的部件太多，不能导入")
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed, 1024):
        raise UnreadableWorkbookError("工作簿解压后太大，不能导入")
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise UnreadableWorkbookError(_DAMAGED)
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise UnreadableWorkbookError("工作簿带有宏，请另存为不带宏的 .xlsx 再导入")
    if any(part.flag_bits & 0x1 for part in parts):
        raise UnreadableWorkbookError("工作簿有密码，请去掉密码再导入")


def _sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name to the part that holds it."""
    targets: dict[bytes, str] = {}
    for match in _RELATION.finditer(_read(archive, "xl/_rels/workbook.xml.rels")):
        attributes = dict(_ATTRIBUTE.findall(match[1]))
        target = attributes.get(b"Target", b"").decode()
        targets[attributes.get(b"Id", b"")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    found: dict[str, str] = {}
    for match in _SHEET.finditer(_read(archive, "xl/workbook.xml")):
        attributes = {key.split(b":")[-1]: value for key, value in _ATTRIBUTE.findall(match[1])}
        path = targets.get(attributes.get(b"id", b""), "")
        if "worksheets/" in path:
            found[html.unescape(attributes.get(b"name", b"").decode())] = path
    return found


def _read(archive: zipfile.ZipFile, path: str) -> bytes:
    with archive.open(path) as part:
        content = part.read(4 * _CHUNK)
    if not content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableWorkbookError(_DAMAGED)
    return content


def _scan(archive: zipfile.ZipFile, path: str) -> Suspects:
    """Read a sheet piece by piece; two cells at opposite corners would make the reader fill all the space between."""
    suspects = Suspects()
    unpacked, tail, first = 0, b"", True
    with archive.open(path) as part:
        while piece := part.read(_CHUNK):
            # The sizes in the directory of the archive may lie; what really comes out is counted here.
            unpacked += len(piece)
            if unpacked > MAX_UNPACKED_BYTES:
                raise UnreadableWorkbookError("工作簿解压后太大，不能导入")
            if first and not piece.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                raise UnreadableWorkbookError(_DAMAGED)
            first = False
            block = tail + piece
            if b"<!DOCTYPE" in block or b"<!ENTITY" in block:
                raise UnreadableWorkbookError(_DAMAGED)
            _scan_block(block, suspects)
            tail = block[-_OVERLAP:]
    return suspects


def _scan_block(block: bytes, suspects: Suspects) -> None:
    for row in _ROW.finditer(block):
        _check_place(int(row[1]), 1)
    for match in _CELL.finditer(block):
        place = _PLACE.search(match[1])
        if place is None:
            continue
        row_number, column = int(place[2]), column_number(place[1])
        _check_place(row_number, column)
        if match[2]:
            suspects.formulas.add((row_number, column))
        elif _ERROR.search(match[1]):
            suspects.errors.add((row_number, column))


def _check_place(row: int, column: int) -> None:
    if row > MAX_ROWS + 10:
        raise UnreadableWorkbookError(f"一张表最多 {MAX_ROWS} 行，请拆成几个文件导入")
    if column > MAX_COLUMNS:
        raise UnreadableWorkbookError(f"一张表最多 {MAX_COLUMNS} 列，请用导入模板")
