"""QR codes, drawn as markup so that no picture has to be fetched."""

from __future__ import annotations

import io
from dataclasses import dataclass

import segno
from django.http import HttpRequest
from django.urls import reverse
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class ProgressCode:
    """The code of a progress page and the address it stands for."""

    address: str
    picture: Markup


def progress_code(request: HttpRequest, token: str) -> ProgressCode:
    """The QR code that leads a customer to the progress page of the token."""
    address = request.build_absolute_uri(reverse("cases:progress", args=(token,)))
    return ProgressCode(address, qr_picture(address, "客户进度二维码"))


def qr_picture(text: str, label: str) -> Markup:
    """The text as a QR code in SVG: black on white in either theme."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=4, border=3, light="#fff", xmldecl=False, svgns=True, svgclass="qr", lineclass=None,
        omitsize=True, title=label,
    )  # fmt: skip
    return Markup(out.getvalue().decode())
