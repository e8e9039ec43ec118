from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from bihuan.records.exporting import export_xlsx, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0"]
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(export_xlsx(["备注"], [[text]])))
    cell = book.worksheets[0]["A2"]
    assert cell.data_type == "s"
    assert str(cell.value).startswith("'")


def test_values_keep_their_types_and_moments_are_local(tmp_path: object) -> None:
    moment = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    row = ["张伟", Decimal("35.50"), 3, date(2026, 11, 24), moment, None, True, -5]
    content = export_xlsx([str(n) for n in range(8)], [row], title="客户/[全部]", zone=ZoneInfo("Asia/Shanghai"))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert sheet.title == "客户全部"
    assert [cell.value for cell in sheet[2]] == [
        "张伟", 35.5, 3, datetime(2026, 11, 24), datetime(2026, 11, 24, 9, 0), None, "是", -5,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\x0b", "\ufffe", "x" * 100_000])
def test_what_xml_cannot_hold_does_not_break_the_file(text: str) -> None:
    content = export_xlsx(["备注"], [[text]])
    value = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]["A2"].value
    assert value is None or "\x00" not in str(value)
    assert len(str(safe_cell(text))) <= 32_000
