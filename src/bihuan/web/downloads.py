"""Workbooks as answers."""

from __future__ import annotations

from django.http import HttpResponse

from bihuan.kernel import clock

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(content: bytes, name: str) -> HttpResponse:
    """A workbook to be saved as `name` with today's date."""
    response = HttpResponse(content, content_type=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{clock.now():%Y%m%d}.xlsx"'
    return response
