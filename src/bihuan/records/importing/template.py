"""The workbook to fill in: one sheet a kind, with headings, an example row, hints and drop-down choices."""

from __future__ import annotations

import io

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from bihuan.records.importing.run import KINDS
from bihuan.records.importing.sheet import SheetKind

_NOTES = (
    "带 * 的列必须填写；空单元格不会改动已有的资料。",
    "客户按电话识别，车辆按车牌，配件和作业项目按编码，员工按登录名：已有的更新，没有的新增。",
    "车辆的车主电话要先在“客户”表里（或系统里）登记过。",
    "不要合并单元格，不要写公式；日期写成 2026-11-24。",
    "可以先“试导入”，看有没有问题；有一处不对就什么都不会存。",
)
_CHOICES = {"kind": "个人,单位", "salutation": "先生,女士", "active": "是,否", "is_maintenance": "是,否"}


def template_workbook(*, with_examples: bool = True) -> bytes:
    """The template as .xlsx; the example rows import as they are."""
    book = Workbook()
    notes = book.active
    if not isinstance(notes, Worksheet):
        raise TypeError("a new workbook starts with a sheet")
    notes.title = "说明"
    for line in _NOTES:
        notes.append([line])
    notes.column_dimensions["A"].width = 90
    for kind in KINDS:
        _add_sheet(book.create_sheet(kind.name), kind, with_examples)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _add_sheet(sheet: Worksheet, kind: SheetKind, with_examples: bool) -> None:
    for index, column in enumerate(kind.columns, start=1):
        cell = sheet.cell(row=1, column=index, value=column.heading + ("*" if column.required else ""))
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E8EEF7")
        cell.alignment = Alignment(horizontal="center")
        letter = get_column_letter(index)
        sheet.column_dimensions[letter].width = max(12, len(column.heading) * 2 + 4)
        if column.hint:
            cell.comment = Comment(column.hint, "闭环")
        if column.key in _CHOICES:
            choice = DataValidation(type="list", formula1=f'"{_CHOICES[column.key]}"', allow_blank=True)
            sheet.add_data_validation(choice)
            choice.add(f"{letter}2:{letter}5000")
        if with_examples:
            example = sheet.cell(row=2, column=index, value=column.example or None)
            example.number_format = "@" if isinstance(column.example, str) else "General"
    sheet.freeze_panes = "A2"
