"""Files that are no workbook, or a hostile one: each gets a clear answer, and nothing is stored."""

from __future__ import annotations

import io
import zipfile

import pytest

from bihuan.records.importing import guard
from tests.records.conftest import Shop
from tests.records.test_importing import CUSTOMER, book, run, stored


def bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return target.getvalue()


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """The workbook with one part replaced or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info.filename, old.read(info.filename))
        new.writestr(name, part)
    return target.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
CORNERS = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1"/></row>'
    b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
)
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>'
PLAIN = book({"客户": [CUSTOMER, ["张三", "13900009001"]]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "文件是空的"),
        (b"\x00" * 100, "不是 .xlsx"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe\xfd", "不是 .xlsx"),
        (b"PK\x03\x04 not a zip", "文件损坏"),
        (PLAIN[: len(PLAIN) // 2], "文件损坏"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 512, "旧版 .xls"),
        (b"a" * (guard.MAX_BYTES + 1), "不能超过 20 MB"),
        (bomb(), "解压后太大"),
        (with_part(PLAIN, "xl/vbaProject.bin", b"x"), "带有宏"),
        (with_part(PLAIN, SHEET, CORNERS), "最多 50000 行"),
        (with_part(PLAIN, SHEET, CORNERS.replace(b"1048576", b"9")), "最多 100 列"),
        (with_part(PLAIN, SHEET, ENTITIES), "文件损坏"),
        (with_part(PLAIN, SHEET, b"<worksheet><sheetData><row"), "文件损坏"),
        (with_part(PLAIN, SHEET, PLAIN[:50].decode("latin-1").encode("utf-16")), "文件损坏"),
        (with_part(PLAIN, "xl/workbook.xml", b"not xml"), "文件损坏"),
        ('姓名,电话\n"张三,13900009001'.encode(), "引号没有成对"),
        (("姓名,电话\n" + "张三,1\n" * 50_020).encode(), "最多 50000 行"),
        (("姓名,电话" + ",x" * 200).encode(), "最多 100 列"),
    ],
    ids=[
        "empty", "nulls", "picture", "not a zip", "cut off", "old excel", "too big", "bomb", "macro", "far rows",
        "far columns", "entities", "broken sheet", "other encoding", "broken book", "open quote", "many rows", "wide",
    ],
)  # fmt: skip
def test_a_hostile_or_broken_file_is_refused_in_words(shop: Shop, content: bytes, message: str) -> None:
    before = stored()
    report = run(shop, content, "x.xlsx")
    assert not report.ok
    assert message in report.problems[0].message
    assert stored() == before
