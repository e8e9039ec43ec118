"""Workbook import: a real centre starts with its own customers, vehicles, parts, jobs and staff.

`run.import_workbook` is the use case; one file per kind of sheet; `template.template_workbook` makes the form to fill.
"""
